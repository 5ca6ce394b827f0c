//! The CORS check: may this page read this answer?
//!
//! **Invariant:** header values are compared as bytes, repeats joined as the standard joins
//! them. A browser only says yes or no; we also say what refused, and quote it.

use crate::trace::{Header, Headers};

use super::refusal::{CorsError, FirefoxCode, Refusal};
use super::{Browser, Credentials};

/// What the check compares an answer with.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The `Origin` that was sent, serialised.
    pub origin: &'a str,
    pub credentials: Credentials,
    pub browser: Browser,
}

/// [CORS check](https://fetch.spec.whatwg.org/#concept-cors-check)
///
/// # Errors
/// What refused, in the browser's own words.
pub fn cors_check(asked: &Asked<'_>, answer: &Headers) -> Result<(), Refusal> {
    let with_credentials = asked.credentials == Credentials::Include;
    let fields = allow_origin_fields(answer);
    // Steps 1-2: no `Access-Control-Allow-Origin`, no access.
    let Some(got) = value(asked.browser, answer, ALLOW_ORIGIN) else {
        return Err(missing(asked.browser));
    };
    if asked.browser == Browser::Firefox && 1 < fields {
        let code = FirefoxCode::CORSMultipleAllowOriginNotAllowed;
        return Err(Refusal::firefox(code, latin1(&got)));
    }
    // Step 3: `*` is enough, but only without credentials.
    if got == b"*" {
        return if with_credentials { Err(wildcard(asked.browser)) } else { Ok(()) };
    }
    // Step 4: otherwise it must be the origin, byte for byte.
    if got != asked.origin.as_bytes() {
        return Err(not_the_origin(asked.browser, &got));
    }
    // Step 5: without credentials that is all.
    if !with_credentials {
        return Ok(());
    }
    // Steps 6-8: with credentials, also a literal, lower-case `true`.
    let got = value(asked.browser, answer, ALLOW_CREDENTIALS);
    if got.as_deref() == Some(b"true") {
        return Ok(());
    }
    let got = got.map(|it| latin1(&it)).unwrap_or_default();
    Err(match asked.browser {
        Browser::Chromium => Refusal::chromium(CorsError::InvalidAllowCredentials, got),
        Browser::Firefox => Refusal::firefox(FirefoxCode::CORSMissingAllowCredentials, got),
    })
}

/// How many fields Firefox counts: those of the very name. Where all names are in lower case, that
/// is what recording made of them.
fn allow_origin_fields(answer: &Headers) -> usize {
    let is_cased = answer.iter().any(|it| it.name.bytes().any(|it| it.is_ascii_uppercase()));
    let is_it = |it: &&Header| !is_cased || it.name == "Access-Control-Allow-Origin";
    answer.iter().filter(|it| it.name.eq_ignore_ascii_case(ALLOW_ORIGIN)).filter(is_it).count()
}

/// A header's value, repeats joined. Firefox leaves out the empty ones.
fn value(browser: Browser, answer: &Headers, name: &str) -> Option<Vec<u8>> {
    let said: Vec<&[u8]> = answer.all(name).filter(|it| !it.is_empty()).collect();
    match (browser, said.is_empty()) {
        (Browser::Firefox, false) => Some(said.join(&b", "[..])),
        _ => answer.get(name),
    }
}

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";

fn missing(browser: Browser) -> Refusal {
    match browser {
        Browser::Chromium => Refusal::chromium(CorsError::MissingAllowOriginHeader, ""),
        Browser::Firefox => Refusal::firefox(FirefoxCode::CORSMissingAllowOrigin2, ""),
    }
}

fn wildcard(browser: Browser) -> Refusal {
    match browser {
        Browser::Chromium => Refusal::chromium(CorsError::WildcardOriginNotAllowed, ""),
        Browser::Firefox => Refusal::firefox(FirefoxCode::CORSNotSupportingCredentials, ""),
    }
}

/// The standard has one failure here. Chromium tells three apart by the look of the value
/// (`services/network/public/cpp/cors/cors.cc`, `CheckAccess`).
fn not_the_origin(browser: Browser, got: &[u8]) -> Refusal {
    let text = latin1(got);
    match browser {
        Browser::Firefox => Refusal::firefox(FirefoxCode::CORSAllowOriginNotMatchingOrigin, text),
        Browser::Chromium => {
            let code = if text == "null" {
                CorsError::AllowOriginMismatch
            } else if text.contains([' ', ',']) {
                CorsError::MultipleAllowOriginValues
            } else if !is_valid_url(got) {
                CorsError::InvalidAllowOriginValue
            } else {
                CorsError::AllowOriginMismatch
            };
            Refusal::chromium(code, text)
        }
    }
}

fn is_valid_url(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|it| url::Url::parse(it).is_ok())
}

/// Header bytes as Chromium's console shows them: one character a byte.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|it| char::from(*it)).collect()
}

/// What [`latin1`] was made of, where it is UTF-8: `DevTools` hands on nothing else.
pub fn as_utf8(latin1: &str) -> Option<String> {
    let bytes: Result<Vec<u8>, _> = latin1.chars().map(|it| u8::try_from(u32::from(it))).collect();
    String::from_utf8(bytes.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_as_chromium_names_it() {
        use Credentials::{Include, SameOrigin};
        for (sent, credentials, code) in [
            (vec![], SameOrigin, Some("MissingAllowOriginHeader")),
            (vec![("Origin", "*")], SameOrigin, None),
            (vec![("Origin", "*")], Include, Some("WildcardOriginNotAllowed")),
            (vec![("Origin", "https://a.test")], SameOrigin, None),
            (vec![("Origin", "https://a.test/")], SameOrigin, Some("AllowOriginMismatch")),
            (vec![("Origin", "a.test")], SameOrigin, Some("InvalidAllowOriginValue")),
            (vec![("Origin", "")], SameOrigin, Some("InvalidAllowOriginValue")),
            (vec![("Origin", "null")], SameOrigin, Some("AllowOriginMismatch")),
            (
                vec![("Origin", "https://a.test"), ("Origin", "https://a.test")],
                SameOrigin,
                Some("MultipleAllowOriginValues"),
            ),
            (vec![("Origin", "https://a.test")], Include, Some("InvalidAllowCredentials")),
            (
                vec![("Origin", "https://a.test"), ("Credentials", "True")],
                Include,
                Some("InvalidAllowCredentials"),
            ),
            (vec![("Origin", "https://a.test"), ("Credentials", "true")], Include, None),
        ] {
            let answer: Headers =
                sent.iter().map(|(n, v)| (format!("Access-Control-Allow-{n}"), *v)).collect();
            let asked = Asked { origin: "https://a.test", credentials, browser: Browser::Chromium };
            let refused = cors_check(&asked, &answer).err();
            assert_eq!(refused.map(|it| it.code()), code, "{credentials:?} {sent:?}");
        }
    }

    /// Taps hand on names in lower case, so what Firefox would have counted is counted.
    #[test]
    fn firefox_counts_fields() {
        let twice = |name: &str| -> Headers { [(name, "https://a.test"); 2].into_iter().collect() };
        let cased = |name: &str| {
            let mut answer = twice(name);
            answer.push("Content-Type", "text/plain");
            answer
        };
        let asked = Asked {
            origin: "https://a.test",
            credentials: Credentials::SameOrigin,
            browser: Browser::Firefox,
        };
        for (answer, code) in [
            (twice("access-control-allow-origin"), "CORSMultipleAllowOriginNotAllowed"),
            (cased("Access-Control-Allow-Origin"), "CORSMultipleAllowOriginNotAllowed"),
            (cased("access-control-allow-origin"), "CORSAllowOriginNotMatchingOrigin"),
        ] {
            assert_eq!(cors_check(&asked, &answer).unwrap_err().code(), code, "{answer:?}");
        }
    }
}
