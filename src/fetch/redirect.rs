//! Redirects: which answers are one, where they lead, and what they change.
//!
//! **Invariant:** a status alone is no redirect; without a `Location` that says something the
//! answer is final.

use url::Url;

use crate::trace::{Headers, Response};

use super::Browser;
use super::resolve::resolve;

/// How many redirects are followed: the 21st is one too many.
pub const LIMIT: u32 = 20;

/// [Redirect status](https://fetch.spec.whatwg.org/#redirect-status) with a `Location`.
pub fn is_redirect(answer: &Response) -> bool {
    is_redirect_status(answer.status) && location(&answer.headers).is_some()
}

/// [Redirect status](https://fetch.spec.whatwg.org/#redirect-status)
pub fn is_redirect_status(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The first `Location` that is not empty, as Chromium reads it. (The standard and Firefox
/// resolve an empty one, too, to the same URL.)
fn location(headers: &Headers) -> Option<&[u8]> {
    headers.all("location").find(|it| !it.is_empty())
}

/// Where a redirect leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Location {
    /// The answer is no redirect.
    None,
    Url(Url),
    /// A `Location` that is no URL.
    Invalid,
}

/// [Location URL](https://fetch.spec.whatwg.org/#concept-response-location-url)
pub fn location_url(current: &Url, answer: &Response, browser: Browser) -> Location {
    if !is_redirect_status(answer.status) {
        return Location::None;
    }
    let value = match browser {
        Browser::Chromium => location(&answer.headers),
        Browser::Firefox => answer.headers.all("location").next(),
    };
    let Some(value) = value else { return Location::None };
    // Bytes outside ASCII are escaped as they are, whatever they mean.
    let escaped: String = value
        .iter()
        .map(|it| if it.is_ascii() { char::from(*it).to_string() } else { format!("%{it:02X}") })
        .collect();
    let Some(mut url) = resolve(current, &escaped, browser) else { return Location::Invalid };
    // The request's fragment survives when the location has none of its own.
    if url.fragment().is_none() {
        url.set_fragment(current.fragment());
    }
    Location::Url(url)
}

/// [HTTP-redirect fetch](https://fetch.spec.whatwg.org/#http-redirect-fetch), the step that may
/// change the method: `POST` becomes `GET` at 301 and 302, anything but `GET` and `HEAD` at 303.
/// `None`: method and body stay.
pub fn new_method(status: u16, method: &str) -> Option<&'static str> {
    match (status, method) {
        (301 | 302, "POST") => Some("GET"),
        (303, method) if method != "GET" && method != "HEAD" => Some("GET"),
        _ => None,
    }
}

/// [Request-body-header names](https://fetch.spec.whatwg.org/#request-body-header-name), which
/// go with the body.
pub const BODY_HEADERS: &[&str] =
    &["content-encoding", "content-language", "content-location", "content-type"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_resolve_as_urls_do() {
        let current = Url::parse("http://a.test/p/q?x#mine").unwrap();
        for (value, leads) in [
            ("/x", "http://a.test/x#mine"),
            ("x?y=1", "http://a.test/p/x?y=1#mine"),
            ("../x#f", "http://a.test/x#f"),
            ("//b.test/", "http://b.test/#mine"),
            ("\\x\\y", "http://a.test/x/y#mine"),
            ("/a b", "http://a.test/a%20b#mine"),
            ("myapp://x", "myapp://x#mine"),
        ] {
            let mut answer = Response { status: 302, ..Response::default() };
            answer.headers.push("Location", value);
            let Location::Url(url) = location_url(&current, &answer, Browser::Chromium) else {
                panic!("{value}")
            };
            assert_eq!(url.as_str(), leads);
        }
    }

    #[test]
    fn an_empty_location_is_none_in_chromium() {
        let current = Url::parse("http://a.test/").unwrap();
        let mut answer = Response { status: 302, ..Response::default() };
        answer.headers.push("Location", "");
        assert_eq!(location_url(&current, &answer, Browser::Chromium), Location::None);
        assert!(matches!(location_url(&current, &answer, Browser::Firefox), Location::Url(_)));
        answer.headers.push("Location", "http://");
        assert_eq!(location_url(&current, &answer, Browser::Chromium), Location::Invalid);
    }

    #[test]
    fn methods_change_where_the_standard_says() {
        for (status, method, new) in [
            (301, "POST", Some("GET")),
            (302, "PUT", None),
            (303, "PUT", Some("GET")),
            (303, "HEAD", None),
            (307, "POST", None),
            (308, "POST", None),
        ] {
            assert_eq!(new_method(status, method), new, "{status} {method}");
        }
    }
}
