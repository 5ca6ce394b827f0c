//! The header fields that linking looks at, picked in one pass.
//!
//! **Invariant:** the first value of a name counts; judging repeats is not linking's business.

use super::fields::{Fields, What};
use super::names::Names;
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
        let mut needed = fields.room();
        for (name, value) in headers.pairs() {
            let field = fields.field(name);
            asked.names.all |= field.bit();
            if field.asking.holds(value) {
                needed.push(field.print);
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
        fields.give_back(needed);
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
