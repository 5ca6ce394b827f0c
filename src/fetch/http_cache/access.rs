//! What a request may do with the cache, by its method, cache mode and headers.
//!
//! **Invariant:** nothing that is stored is looked at here, but to cut a range from it.

use crate::trace::{Body, Headers, Response};

use super::super::{CacheMode, Origin};
use super::CacheKey;
use super::freshness::has_token;

/// The mode of a transaction with the cache
/// (`HttpCache::Transaction::DoGetBackendComplete`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// The cache is passed by.
    None,
    /// Only what is stored may be used.
    Read,
    ReadWrite,
    /// Nothing stored is used.
    Write,
    /// The script asked for a validation itself.
    Update,
    /// Only what is stored may be used, and for such a request nothing ever is.
    Impossible,
}

impl Access {
    pub(super) fn of(key: &CacheKey<'_>) -> Access {
        let only = key.mode == CacheMode::OnlyIfCached;
        let none = if only { Access::Impossible } else { Access::None };
        let stores = match key.method {
            "GET" | "HEAD" | "DELETE" | "PATCH" => true,
            "PUT" => key.has_body,
            _ => false,
        };
        if !stores || is_disabled(key) {
            return none;
        }
        let invalidates = matches!(key.method, "PUT" | "DELETE" | "PATCH");
        if only {
            let read = !is_bypassed(key) && !is_conditional(key.request) && !invalidates;
            return if read { Access::Read } else { none };
        }
        match key.method {
            _ if is_conditional(key.request) && invalidates => Access::None,
            _ if is_conditional(key.request) => Access::Update,
            "HEAD" if is_bypassed(key) => Access::None,
            _ if is_bypassed(key) => Access::Write,
            _ => Access::ReadWrite,
        }
    }
}

/// `LOAD_DISABLE_CACHE`: neither read nor written.
pub(super) fn is_disabled(key: &CacheKey<'_>) -> bool {
    let has = |name: &str| key.request.has(name);
    let asked_twice = has("if-none-match") && has("if-modified-since");
    let empty = ["if-none-match", "if-modified-since"]
        .iter()
        .any(|it| key.request.text(it).is_some_and(|it| it.is_empty()));
    let part = key.request.text("range").is_some_and(|it| {
        is_conditional(key.request) || key.method != "GET" || bounds(&it).is_none()
    });
    key.mode == CacheMode::NoStore
        || matches!(key.page, Origin::Opaque)
        || passes_through(key.request)
        || asked_twice
        || empty
        || part
}

fn passes_through(request: &Headers) -> bool {
    ["if-unmodified-since", "if-match", "if-range"].iter().any(|it| request.has(it))
}

/// `LOAD_BYPASS_CACHE`: not read.
fn is_bypassed(key: &CacheKey<'_>) -> bool {
    key.mode == CacheMode::Reload
        || has_token(key.request, "cache-control", "no-cache")
        || has_token(key.request, "pragma", "no-cache")
}

/// `LOAD_VALIDATE_CACHE`: read only once the server has said that it still holds.
pub(super) fn is_validated(key: &CacheKey<'_>) -> bool {
    key.mode == CacheMode::NoCache
        || has_token(key.request, "cache-control", "max-age=0")
        || matches!(key.method, "PUT" | "DELETE" | "PATCH")
}

fn is_conditional(request: &Headers) -> bool {
    request.has("if-none-match") || request.has("if-modified-since")
}

/// First and last byte of a range, as far as they are given; `None` for several ranges, or none.
fn bounds(range: &str) -> Option<(Option<usize>, Option<usize>)> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.split_once('-')?;
    let number = |it: &str| match it.trim() {
        "" => Some(None),
        it => it.parse().ok().map(Some),
    };
    let (first, last) = (number(first)?, number(last)?);
    let ordered = match (first, last) {
        (None, None) => false,
        (Some(first), Some(last)) => first <= last,
        _ => true,
    };
    (unit.trim().eq_ignore_ascii_case("bytes") && ordered).then_some((first, last))
}

/// The part of a stored answer that a range asks for, where it has such a part.
pub(super) fn part(stored: &Response, range: &str) -> Option<Response> {
    let (first, last) = bounds(range)?;
    let all = &stored.body.bytes;
    let end = all.len().checked_sub(1)?;
    let (first, last) = match (first, last) {
        (Some(first), last) => (first, last.unwrap_or(end).min(end)),
        (None, last) => ((end + 1).saturating_sub(last?), end),
    };
    let body = all.get(first..=last).filter(|it| !it.is_empty())?;
    let mut answer = Response { status: 206, body: Body::full(body.to_vec()), ..stored.clone() };
    answer.reason = b"Partial Content".to_vec();
    answer.headers.set("Content-Length", body.len().to_string());
    answer.headers.set("Content-Range", format!("bytes {first}-{last}/{}", all.len()));
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_from_what_is_stored() {
        let stored =
            Response { status: 200, body: Body::full("0123456789"), ..Response::default() };
        for (range, cut) in [
            ("bytes=2-3", Some("23")),
            ("bytes=8-99", Some("89")),
            ("bytes=-2", Some("89")),
            ("bytes=10-", None),
            ("bytes=3-2", None),
            ("bytes=0-1,3-4", None),
            ("items=0-1", None),
        ] {
            let text = part(&stored, range).map(|it| it.body.text().into_owned());
            assert_eq!(text.as_deref(), cut, "{range}");
        }
    }
}
