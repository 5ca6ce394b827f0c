//! What the names of header fields mean to linking.
//!
//! **Invariant:** case does not matter.

use super::interner::fingerprint;
use super::names::{Asking, asking};
use super::recent::Recent;

/// What a field's name means to linking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) what: What,
    /// The fingerprint of the name in lower case.
    pub(crate) print: u64,
    pub(crate) asking: Asking,
}

impl Field {
    fn of(name: &[u8]) -> Field {
        let name = name.to_ascii_lowercase();
        Field { what: What::of(&name), print: fingerprint(&name), asking: asking(&name) }
    }

    /// The name in a set of names.
    pub(crate) fn bit(self) -> u64 {
        bit64(self.print)
    }

    /// The name in a smaller set.
    pub(crate) fn bit32(self) -> u32 {
        bit32(self.print)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum What {
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
#[derive(Debug, Default)]
pub(crate) struct Fields {
    known: Recent<Field>,
    /// Room for the names of one hop.
    room: Vec<u64>,
}

impl Fields {
    pub(crate) fn field(&mut self, name: &[u8]) -> Field {
        self.known.get(fingerprint(name), || Field::of(name))
    }

    /// An empty list, to be given back.
    pub(crate) fn room(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.room)
    }

    /// Keep the room of `list` for the next hop, unless somebody sent a great many names.
    pub(crate) fn give_back(&mut self, mut list: Vec<u64>) {
        list.clear();
        list.shrink_to(MANY);
        self.room = list;
    }
}

/// Of the name whose fingerprint is `print`.
pub(crate) fn bit64(print: u64) -> u64 {
    1 << (print % 64)
}

/// The same in a smaller set.
pub(crate) fn bit32(print: u64) -> u32 {
    1 << (print % 32)
}

/// More names than a browser asks for.
const MANY: usize = 1 << 10;
