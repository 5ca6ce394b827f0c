//! Where a redirect leads, and whether a cache may keep it.
//!
//! **Invariant:** an answer that no browser follows (a 3xx without a `Location`, or one that
//! is no URL) leads nowhere.

use url::Url;

use super::address::{Plain, as_asked, is_plain};
use super::interner::{Interner, Symbol};

/// The [location URL](https://fetch.spec.whatwg.org/#concept-response-location-url) of an answer, as it will be asked for: normalised, without fragment and userinfo.
pub(crate) fn next_url(
    base: &str,
    status: u16,
    location: Option<&[u8]>,
    client: Client,
    interner: &mut Interner,
) -> Symbol {
    // A redirect status: 300 and 304 are none.
    let Some(location) = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
        return Symbol::NONE;
    };
    // Chromium and curl take an empty Location for a final answer; the standard, and Firefox,
    // ask for the same URL again.
    if location.trim_ascii().is_empty() && client == Client::Other {
        return Symbol::NONE;
    }
    if let Some((origin, path)) = plain_path(base, location) {
        return interner.joined(&[origin.as_bytes(), path.as_bytes()]);
    }
    if let Some(whole) = whole(location).filter(|_| interner.address(base).origin.is_some()) {
        // The base does not matter to it, and it may have been seen before.
        let next = interner.address(whole);
        return next.origin.map_or(Symbol::NONE, |_| next.url);
    }
    let next = Url::parse(base).and_then(|it| it.join(&as_text(location)));
    next.map_or(Symbol::NONE, |it| interner.symbol(as_asked(it).as_bytes()))
}

/// A URL with scheme and authority.
fn whole(location: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(location).ok()?;
    (text.starts_with("http://") || text.starts_with("https://")).then_some(text)
}

/// The common case without a parser: an absolute path on a URL in its normal form.
fn plain_path<'a>(base: &'a str, location: &'a [u8]) -> Option<(&'a str, &'a str)> {
    let path = std::str::from_utf8(location).ok()?;
    if !path.starts_with('/') || path.starts_with("//") || !is_plain(path.as_bytes()) {
        return None;
    }
    Some((Plain::parse(base)?.origin, path))
}

/// Who follows the redirect, where that matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Client {
    Firefox,
    Other,
}

/// Whether a browser's cache may keep this redirect
/// ([RFC 9111, 3](https://www.rfc-editor.org/rfc/rfc9111#section-3)): a permanent one unless
/// forbidden, another only with an explicit lifetime.
pub(crate) fn is_stored(status: u16, control: &[u8], expires: Option<&[u8]>) -> bool {
    let says = |word: &str| {
        let mut directives = control.split(|it| *it == b',').map(<[u8]>::trim_ascii);
        directives.any(|it| {
            it.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if says("no-store") || says("no-cache") || says("max-age=0") {
        return false;
    }
    matches!(status, 301 | 308) || says("max-age") || expires.is_some()
}

/// UTF-8 as it is; any other byte percent-encoded, as Chromium does.
fn as_text(location: &[u8]) -> String {
    match std::str::from_utf8(location) {
        Ok(text) => text.to_owned(),
        Err(_) => location
            .iter()
            .map(
                |it| if it.is_ascii() { char::from(*it).to_string() } else { format!("%{it:02X}") },
            )
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_as_a_browser_does() {
        for (status, location, next) in [
            (301, "/items/", Some("http://gw.test/items/")),
            (302, "../x?y#z", Some("http://gw.test/x?y")),
            (307, "//other.test:80/a", Some("http://other.test/a")),
            (308, "https://gw.test", Some("https://gw.test/")),
            (303, "\\a\\b", Some("http://gw.test/a/b")),
            (302, "", None),
            (302, "http://u:p@gw.test/x", Some("http://gw.test/x")),
            (302, "http://[", None),
            (302, "http:x", Some("http://gw.test/prod/x")),
            (302, "http:///other.test/x", Some("http://other.test/x")),
            (302, "https://OTHER.test/a b#c", Some("https://other.test/a%20b")),
            (302, "https:/\tx", Some("https://x/")),
            (300, "/x", None),
            (201, "/x", None),
        ] {
            let mut interner = Interner::default();
            let base = "http://gw.test/prod/items";
            let location = location.as_bytes();
            let found = next_url(base, status, Some(location), Client::Other, &mut interner);
            let next = interner.maybe(next.map(str::as_bytes));
            assert_eq!(found, next, "{status} {}", location.escape_ascii());
        }
    }

    #[test]
    fn without_a_base_there_is_no_next() {
        for location in ["http://a.test/", "/a"] {
            let next = |base| {
                let location = Some(location.as_bytes());
                next_url(base, 301, location, Client::Other, &mut Interner::default())
            };
            assert!(next("").is_none() && next("http://gw.test").is_some(), "{location}");
        }
    }
}
