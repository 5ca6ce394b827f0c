//! The header fields that linking looks at, picked in one pass.
//!
//! **Invariant:** the first value of a name counts; judging repeats is not linking's business.

use super::interner::{Ageing, fingerprint};
use super::names::{Asking, Names, asking, bit};
use crate::trace::Headers;

/// Of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    pub(crate) method: Option<&'a [u8]>,
    pub(crate) headers: Option<&'a [u8]>,
    pub(crate) origin: Option<&'a [u8]>,
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) agent: Option<&'a [u8]>,
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) mode: Option<&'a [u8]>,
    pub(crate) dest: Option<&'a [u8]>,
    pub(crate) parent: Option<&'a [u8]>,
    pub(crate) number: Option<&'a [u8]>,
    pub(crate) mark: Option<&'a [u8]>,
    pub(crate) names: Names,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(headers: &'a Headers, fields: &mut Fields) -> Asked<'a> {
        let mut asked = Asked::default();
        let mut needed: Vec<Vec<u8>> = Vec::new();
        for (name, value) in headers.pairs() {
            let field = fields.field(name);
            asked.names.all |= field.bit;
            if field.asking.holds(value) {
                needed.push(name.to_ascii_lowercase());
            }
            let place = match field.what {
                What::RequestMethod => &mut asked.method,
                What::RequestHeaders => &mut asked.headers,
                What::Origin => &mut asked.origin,
                What::Referer => &mut asked.referer,
                What::Agent => &mut asked.agent,
                What::Authorization => &mut asked.authorization,
                What::Mode => &mut asked.mode,
                What::Dest => &mut asked.dest,
                What::Parent => &mut asked.parent,
                What::Number => &mut asked.number,
                What::Mark => &mut asked.mark,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        asked.names.need(&mut needed);
        asked
    }
}

/// Of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answered<'a> {
    pub(crate) location: Option<&'a [u8]>,
    pub(crate) allow_origin: Option<&'a [u8]>,
    pub(crate) allow_methods: Option<&'a [u8]>,
    pub(crate) allow_headers: Option<&'a [u8]>,
    pub(crate) max_age: Option<&'a [u8]>,
    pub(crate) cache_control: Option<&'a [u8]>,
    pub(crate) expires: Option<&'a [u8]>,
    /// `ETag` or `Last-Modified`.
    pub(crate) validator: Option<&'a [u8]>,
    pub(crate) content_type: Option<&'a [u8]>,
}

impl<'a> Answered<'a> {
    pub(crate) fn of(headers: &'a Headers, fields: &mut Fields) -> Answered<'a> {
        let mut answered = Answered::default();
        for (name, value) in headers.pairs() {
            let place = match fields.field(name).what {
                What::Location => &mut answered.location,
                What::AllowOrigin => &mut answered.allow_origin,
                What::AllowMethods => &mut answered.allow_methods,
                What::AllowHeaders => &mut answered.allow_headers,
                What::MaxAge => &mut answered.max_age,
                What::CacheControl => &mut answered.cache_control,
                What::Expires => &mut answered.expires,
                What::Validator => &mut answered.validator,
                What::ContentType => &mut answered.content_type,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        answered
    }
}

/// What a field's name means to linking.
#[derive(Clone, Copy, Debug)]
struct Field {
    what: What,
    /// The name in a set of names.
    bit: u64,
    asking: Asking,
}

impl Field {
    fn of(name: &[u8]) -> Field {
        let name = name.to_ascii_lowercase();
        Field { what: What::of(&name), bit: bit(&name), asking: asking(&name) }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Other,
    RequestMethod,
    RequestHeaders,
    Origin,
    Referer,
    Agent,
    Authorization,
    Mode,
    Dest,
    Parent,
    Number,
    Mark,
    Location,
    AllowOrigin,
    AllowMethods,
    AllowHeaders,
    MaxAge,
    CacheControl,
    Expires,
    Validator,
    ContentType,
}

impl What {
    /// By its name in lower case.
    fn of(name: &[u8]) -> What {
        match name {
            b"access-control-request-method" => What::RequestMethod,
            b"access-control-request-headers" => What::RequestHeaders,
            b"origin" => What::Origin,
            b"referer" => What::Referer,
            b"user-agent" => What::Agent,
            b"authorization" => What::Authorization,
            b"sec-fetch-mode" => What::Mode,
            b"sec-fetch-dest" => What::Dest,
            b"traceparent" => What::Parent,
            b"x-request-id" | b"x-correlation-id" => What::Number,
            b"location" => What::Location,
            b"access-control-allow-origin" => What::AllowOrigin,
            b"access-control-allow-methods" => What::AllowMethods,
            b"access-control-allow-headers" => What::AllowHeaders,
            b"access-control-max-age" => What::MaxAge,
            b"cache-control" => What::CacheControl,
            b"expires" => What::Expires,
            b"etag" | b"last-modified" => What::Validator,
            b"content-type" => What::ContentType,
            name if name == super::facts::MARK.as_bytes() => What::Mark,
            _ => What::Other,
        }
    }
}

/// The names seen lately, as they are written: the same ones come with every hop, so that none
/// is spelled out twice.
#[derive(Debug)]
pub(crate) struct Fields(Ageing<u64, Field>);

impl Default for Fields {
    fn default() -> Fields {
        Fields(Ageing::new(LATELY))
    }
}

impl Fields {
    fn field(&mut self, name: &[u8]) -> Field {
        let key = fingerprint(name);
        if let Some(known) = self.0.copied(&key) {
            return known;
        }
        let field = Field::of(name);
        self.0.insert(key, field);
        field
    }
}

/// How many names a generation has.
const LATELY: usize = 1 << 10;
