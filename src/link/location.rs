//! Where a redirect leads, and whether a cache may keep it.
//!
//! **Invariant:** an answer that no browser follows (a 3xx without a `Location`, or one that
//! is no URL) leads nowhere.

use url::Url;

use super::address::{Plain, as_asked, is_plain};
use crate::trace::Hop;

/// The [location URL](https://fetch.spec.whatwg.org/#concept-response-location-url) of an answer, as it will be asked for: normalised, without fragment and userinfo.
pub(crate) fn redirect_target(
    hop: &Hop,
    status: u16,
    location: Option<&[u8]>,
    client: Client,
) -> Option<String> {
    // A redirect status: 300 and 304 are none.
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = location?;
    // Chromium and curl take an empty Location for a final answer; the standard, and Firefox,
    // ask for the same URL again.
    if location.trim_ascii().is_empty() && client == Client::Other {
        return None;
    }
    if let Some(next) = plain_path(&hop.request.url, location) {
        return Some(next);
    }
    let base = Url::parse(&hop.request.url).ok()?;
    Some(as_asked(base.join(&as_text(location)).ok()?))
}

/// The common case without a parser: an absolute path on a URL in its normal form.
fn plain_path(base: &str, location: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(location).ok()?;
    if !path.starts_with('/') || path.starts_with("//") || !is_plain(path.as_bytes()) {
        return None;
    }
    let origin = Plain::parse(base)?.origin;
    Some([origin, path].concat())
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
    let control = String::from_utf8_lossy(control).to_ascii_lowercase();
    let says = |word: &str| control.split(',').any(|it| it.trim().starts_with(word));
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
    use crate::trace::Request;

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
            (300, "/x", None),
            (201, "/x", None),
        ] {
            let request =
                Request { url: "http://gw.test/prod/items".to_owned(), ..Request::default() };
            let hop = Hop { request, ..super::super::testing::blank() };
            let found = redirect_target(&hop, status, Some(location.as_bytes()), Client::Other);
            assert_eq!(found.as_deref(), next, "{status} {location}");
        }
    }
}
