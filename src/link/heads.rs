//! The header fields that linking looks at, picked in one pass.
//!
//! **Invariant:** the first value of a name counts; judging repeats is not linking's business.

use super::names::{LONGEST, Names, lower};
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
    pub(crate) fn of(headers: &'a Headers) -> Asked<'a> {
        let mut asked = Asked::default();
        let mut needed = Vec::new();
        for header in headers.iter() {
            let mut buf = [0; LONGEST];
            let name = lower(&header.name, &mut buf);
            asked.names.sent(name, &header.value, &mut needed);
            let place = match name {
                "access-control-request-method" => &mut asked.method,
                "access-control-request-headers" => &mut asked.headers,
                "origin" => &mut asked.origin,
                "referer" => &mut asked.referer,
                "user-agent" => &mut asked.agent,
                "authorization" => &mut asked.authorization,
                "sec-fetch-mode" => &mut asked.mode,
                "sec-fetch-dest" => &mut asked.dest,
                "traceparent" => &mut asked.parent,
                "x-request-id" | "x-correlation-id" => &mut asked.number,
                super::facts::MARK => &mut asked.mark,
                _ => continue,
            };
            place.get_or_insert(header.value.as_slice());
        }
        asked.names.need(needed);
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
    pub(crate) fn of(headers: &'a Headers) -> Answered<'a> {
        let mut answered = Answered::default();
        for header in headers.iter() {
            let mut buf = [0; LONGEST];
            let place = match lower(&header.name, &mut buf) {
                "location" => &mut answered.location,
                "access-control-allow-origin" => &mut answered.allow_origin,
                "access-control-allow-methods" => &mut answered.allow_methods,
                "access-control-allow-headers" => &mut answered.allow_headers,
                "access-control-max-age" => &mut answered.max_age,
                "cache-control" => &mut answered.cache_control,
                "expires" => &mut answered.expires,
                "etag" | "last-modified" => &mut answered.validator,
                "content-type" => &mut answered.content_type,
                _ => continue,
            };
            place.get_or_insert(header.value.as_slice());
        }
        answered
    }
}
