//! What each api makes of an answer that was let through.
//!
//! **Invariant:** what cannot be told without the body (whether an image decodes) is only held
//! against an answer whose body is there and plainly is something else.

use std::borrow::Cow;

use crate::content;
use crate::trace::{FailureKind, Headers, Response};

use super::end::{Ended, Failing, Readable, Tainting};
use super::refusal::FirefoxCode;
use super::{Api, Browser, Credentials, FailedBy, mime, orb};

/// An answer, and who waits for it.
pub(super) struct Loading<'a> {
    pub api: Api,
    pub browser: Browser,
    pub tainting: Tainting,
    pub credentials: Credentials,
    pub url: &'a str,
    /// The URL first asked for.
    pub first_url: &'a str,
    pub answer: &'a Response,
}

/// [Handle fetch response](https://fetch.spec.whatwg.org/#fetch-finale), and what the element or
/// object does with it.
pub(super) fn loaded(it: &Loading<'_>) -> Ended {
    let broken = body_error(it.answer);
    let failed_body = |error: &str| {
        let failing = Failing::new(FailedBy::Network, "The answer's body broke off or is garbled.")
            .net(error);
        Ended::Failed(match it.tainting {
            Tainting::Cors => failing.firefox(FirefoxCode::CORSDidNotSucceed2),
            _ => failing,
        })
    };
    let failing = match it.api {
        Api::Fetch => {
            // Firefox finds a garbled chunk before it hands out the head.
            if it.browser == Browser::Firefox && broken == Some("INVALID_CHUNKED_ENCODING") {
                return failed_body("INVALID_CHUNKED_ENCODING");
            }
            None
        }
        Api::EventSource => event_stream(it),
        Api::Style if withheld(it).is_some() => withheld(it),
        Api::Style if mime::is_nosniff(&it.answer.headers) && stylesheet(it).is_some() => {
            stylesheet(it)
        }
        // What an element takes no notice of, it does not read.
        Api::Module | Api::Style | Api::Font if not_ok(it).is_some() => not_ok(it),
        _ if broken.is_some() => return failed_body(broken.unwrap_or_default()),
        Api::Xhr | Api::Beacon => None,
        Api::Style => stylesheet(it),
        Api::Img => image(it),
        Api::Script => withheld(it).or_else(|| not_ok(it)).or_else(|| classic_script(it)),
        Api::Module => module_script(it),
        Api::Font => font(it),
    };
    match failing {
        Some(failing) => Ended::Failed(failing),
        None => Ended::Allowed(readable(it, broken)),
    }
}

fn readable(it: &Loading<'_>, broken: Option<&'static str>) -> Readable {
    let hidden = it.tainting == Tainting::Opaque;
    // A script's own no-cors fetch gets an opaque answer even of what no element may have, but an
    // empty one; and of an empty one it is told nothing more.
    let empty = it.answer.body.complete && it.answer.body.is_empty();
    let withheld = it.api == Api::Fetch
        && it.browser == Browser::Chromium
        && it.tainting == Tainting::Opaque
        && (empty || is_withheld(it));
    Readable {
        tainting: it.tainting,
        status: if hidden { 0 } else { it.answer.status },
        exposed: exposed(it),
        net_error: broken.or(withheld.then_some("ABORTED")).map(|it| format!("net::ERR_{it}")),
        console: match broken {
            Some(error) => Some(format!("Failed to load resource: net::ERR_{error}")),
            None => (400 <= it.answer.status).then(|| status_sentence(it.answer)),
        },
    }
}

/// [CORS filtered response](https://fetch.spec.whatwg.org/#concept-filtered-response-cors) and
/// its siblings: which headers the script sees.
fn exposed(it: &Loading<'_>) -> Vec<String> {
    let all = it.answer.headers.iter().map(|it| it.name.to_ascii_lowercase());
    let visible = |name: &String| !matches!(name.as_str(), "set-cookie" | "set-cookie2");
    let mut names: Vec<String> = match it.tainting {
        Tainting::Opaque | Tainting::OpaqueRedirect | Tainting::Queued => Vec::new(),
        Tainting::Basic => all.filter(visible).collect(),
        Tainting::Cors => {
            let listed = expose_headers(&it.answer.headers);
            let star = it.credentials != Credentials::Include && listed.iter().any(|it| it == "*");
            all.filter(visible)
                .filter(|name| star || SAFELISTED.contains(&name.as_str()) || listed.contains(name))
                .collect()
        }
    };
    names.sort();
    names.dedup();
    names
}

/// [CORS-safelisted response-header names](https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name)
const SAFELISTED: &[&str] = &[
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

fn expose_headers(headers: &Headers) -> Vec<String> {
    headers
        .text("access-control-expose-headers")
        .unwrap_or_default()
        .split(',')
        .map(|it| it.trim().to_ascii_lowercase())
        .filter(|it| !it.is_empty())
        .collect()
}

/// Chromium's name for how a body broke.
fn body_error(answer: &Response) -> Option<&'static str> {
    let failure = answer.truncated.as_ref()?;
    let chunked = answer
        .headers
        .text("transfer-encoding")
        .is_some_and(|it| it.to_ascii_lowercase().contains("chunked"));
    Some(match (failure.kind, chunked) {
        (FailureKind::Reset, _) => "CONNECTION_RESET",
        (FailureKind::Timeout | FailureKind::Aborted, _) => "ABORTED",
        (FailureKind::Malformed, true) => "INVALID_CHUNKED_ENCODING",
        (FailureKind::Malformed, false) => "CONTENT_DECODING_FAILED",
        (_, true) => "INCOMPLETE_CHUNKED_ENCODING",
        (_, false) => "CONTENT_LENGTH_MISMATCH",
    })
}

/// Firefox takes what the standard takes, Chromium all but errors.
fn not_ok(it: &Loading<'_>) -> Option<Failing> {
    let status = it.answer.status;
    let taken = match it.browser {
        Browser::Chromium => status < 400,
        Browser::Firefox => (200..300).contains(&status),
    };
    (!taken).then(|| {
        Failing::new(FailedBy::Api, format!("The element takes no answer of status {status}."))
            .net("ABORTED")
            .console(status_sentence(it.answer))
    })
}

/// What Chromium's console says of an answer of status 400 and above.
pub(super) fn status_sentence(answer: &Response) -> String {
    let reason = String::from_utf8_lossy(&answer.reason);
    format!(
        "Failed to load resource: the server responded with a status of {} ({})",
        answer.status, reason
    )
}

/// [Opaque-response blocking](https://fetch.spec.whatwg.org/#orb), for what a page's own elements
/// ask in `no-cors`.
fn withheld(it: &Loading<'_>) -> Option<Failing> {
    is_withheld(it).then(|| {
        Failing::new(
            FailedBy::Api,
            format!(
                "The browser withholds an answer of type {} from an element.",
                mime::essence(&it.answer.headers)
            ),
        )
        .net("BLOCKED_BY_ORB")
    })
}

fn is_withheld(it: &Loading<'_>) -> bool {
    it.tainting == Tainting::Opaque && it.browser == Browser::Chromium && orb::blocks(it.answer)
}

/// The first bytes of a body, decoded.
fn beginning(answer: &Response) -> Cow<'_, [u8]> {
    content::decode(&answer.body, &answer.headers, LOOKED_AT).bytes
}

/// As much as is looked at to tell what a body is.
const LOOKED_AT: usize = 64 * 1024;

/// An image must be one; its status does not matter.
fn image(it: &Loading<'_>) -> Option<Failing> {
    if let Some(failing) = withheld(it) {
        return Some(failing);
    }
    let body = &it.answer.body;
    let empty = body.complete && body.is_empty();
    let bytes = beginning(it.answer);
    let known = |magic: &[u8]| bytes.starts_with(magic);
    let svg = mime::essence(&it.answer.headers) == "image/svg+xml";
    // It is a document to Firefox, and an error page is none.
    if svg && it.browser == Browser::Firefox && !(200..300).contains(&it.answer.status) {
        return Some(Failing::new(FailedBy::Api, "Firefox shows no SVG of such a status."));
    }
    let decodes = if svg {
        bytes.windows(4).any(|it| it == b"<svg")
    } else {
        known(b"\x89PNG")
            || known(b"GIF8")
            || known(b"\xFF\xD8")
            || known(b"RIFF")
            || known(b"BM")
            || known(b"\0\0")
            || known(b"\xFF\x0A")
    };
    (empty || (!bytes.is_empty() && !decodes)).then(|| {
        let failing = Failing::new(FailedBy::Api, "What came is no image.");
        if 400 <= it.answer.status { failing.console(status_sentence(it.answer)) } else { failing }
    })
}

/// Whose server forbids guessing must say what it is; Firefox never guesses.
fn stylesheet(it: &Loading<'_>) -> Option<Failing> {
    let kind = mime::essence(&it.answer.headers);
    let strict = match it.browser {
        Browser::Chromium => mime::is_nosniff(&it.answer.headers),
        Browser::Firefox => !kind.is_empty(),
    };
    (strict && kind != "text/css").then(|| {
        Failing::new(FailedBy::Api, format!("{kind} is no stylesheet.")).net("ABORTED").console(
            format!(
                "Refused to apply style from '{}' because its MIME type ('{kind}') is not a \
                 supported stylesheet MIME type, and strict MIME checking is enabled.",
                it.url
            ),
        )
    })
}

fn classic_script(it: &Loading<'_>) -> Option<Failing> {
    let kind = mime::essence(&it.answer.headers);
    let refused = kind.starts_with("image/")
        || kind.starts_with("audio/")
        || kind.starts_with("video/")
        || kind == "text/csv";
    let strict = mime::is_nosniff(&it.answer.headers) && !mime::is_javascript(&kind);
    (refused || strict).then(|| {
        let why = if strict { ", and strict MIME type checking is enabled" } else { "" };
        Failing::new(FailedBy::Api, format!("{kind} is not executed.")).console(format!(
            "Refused to execute script from '{}' because its MIME type ('{kind}') is not \
             executable{why}.",
            it.url
        ))
    })
}

fn module_script(it: &Loading<'_>) -> Option<Failing> {
    if !(200..300).contains(&it.answer.status) {
        return Some(Failing::new(FailedBy::Api, "A module takes no such status."));
    }
    let kind = mime::essence(&it.answer.headers);
    (!mime::is_javascript(&kind) && kind != "application/wasm").then(|| {
        Failing::new(FailedBy::Api, "A module must have a JavaScript type.").console(format!(
            "Failed to load module script: Expected a JavaScript-or-Wasm module script but the \
             server responded with a MIME type of \"{kind}\". Strict MIME type checking is enforced \
             for module scripts per HTML spec."
        ))
    })
}

fn font(it: &Loading<'_>) -> Option<Failing> {
    let body = &*beginning(it.answer);
    let magics: [&[u8]; 6] = [b"wOFF", b"wOF2", b"OTTO", b"\0\x01\0\0", b"true", b"ttcf"];
    let is_there = !body.is_empty() || it.answer.body.complete && !it.answer.body.is_cut();
    (is_there && !magics.iter().any(|it| body.starts_with(it))).then(|| {
        Failing::new(FailedBy::Api, "What came is no font.")
            .console(format!("Failed to decode downloaded font: {}", it.first_url))
    })
}

fn event_stream(it: &Loading<'_>) -> Option<Failing> {
    if it.answer.status != 200 {
        let failing = Failing::new(
            FailedBy::Api,
            format!("An EventSource takes no status {}.", it.answer.status),
        );
        return Some(if 400 <= it.answer.status {
            failing.console(status_sentence(it.answer))
        } else {
            failing
        });
    }
    let charset = mime::charset(&it.answer.headers);
    if let Some(charset) = charset.filter(|it| !it.eq_ignore_ascii_case("utf-8")) {
        let failing = Failing::new(FailedBy::Api, "An EventSource takes only UTF-8.");
        return Some(failing.console(format!(
            "EventSource's response has a charset (\"{charset}\") that is not UTF-8. Aborting the \
             connection."
        )));
    }
    let said = mime::essence(&it.answer.headers);
    // Without a type, it is guessed.
    let kind = if said.is_empty() { "text/plain" } else { &said };
    (kind != "text/event-stream").then(|| {
        Failing::new(FailedBy::Api, "An EventSource takes only text/event-stream.").console(format!(
            "EventSource's response has a MIME type (\"{kind}\") that is not \"text/event-stream\". \
             Aborting the connection."
        ))
    })
}

/// What Chromium calls the thing in its mixed content sentence.
pub(super) fn mixed_content_word(api: Api) -> &'static str {
    match api {
        Api::Fetch | Api::Beacon => "resource",
        Api::Xhr => "XMLHttpRequest endpoint",
        Api::Img => "element",
        Api::Script | Api::Module => "script",
        Api::Style => "stylesheet",
        Api::Font => "font",
        Api::EventSource => "EventSource endpoint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Body;

    #[test]
    fn looks_behind_a_content_coding() {
        // `<svg/>`, as gzip writes it.
        let gzip: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\xb3\x29\x2e\x4b\xd7\xb7\x03\0\xa0\xb4\xeb\xde\x06\0\0\0";
        for (coding, body, is_image) in [
            ("gzip", gzip, true),
            ("identity", b"<svg/>", true),
            ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\x02\xff", true),
            ("identity", gzip, false),
        ] {
            let headers = Headers::from_iter([
                ("content-type", "image/svg+xml"),
                ("content-encoding", coding),
            ]);
            let answer =
                Response { status: 200, headers, body: Body::full(body), ..Response::default() };
            assert_eq!(load(Api::Img, Browser::Chromium, &answer).is_none(), is_image, "{coding}");
        }
    }
    fn load(api: Api, browser: Browser, answer: &Response) -> Option<Failing> {
        let loading = Loading {
            api,
            browser,
            tainting: Tainting::Opaque,
            credentials: Credentials::Include,
            url: "http://a.test/a",
            first_url: "http://a.test/a",
            answer,
        };
        if api == Api::Font { font(&loading) } else { image(&loading) }
    }

    #[test]
    fn a_font_that_nobody_kept_is_not_held_against_it() {
        let of = |length, bytes: &[u8]| {
            let body = Body { bytes: bytes.to_vec(), length, complete: true };
            let answer = Response { status: 200, body, ..Response::default() };
            load(Api::Font, Browser::Chromium, &answer).is_none()
        };
        assert!(of(1234, b"") && of(1234, b"wOF2") && of(4, b"wOF2"));
        assert!(!of(0, b"") && !of(5, b"<html"));
    }

    #[test]
    fn firefox_shows_no_svg_of_an_error() {
        let headers = Headers::from_iter([("content-type", "image/svg+xml")]);
        for (status, browser, shown) in [
            (404, Browser::Firefox, false),
            (404, Browser::Chromium, true),
            (200, Browser::Firefox, true),
        ] {
            let body = Body::full(b"<svg/>".as_slice());
            let answer = Response { status, headers: headers.clone(), body, ..<_>::default() };
            assert_eq!(load(Api::Img, browser, &answer).is_none(), shown, "{status} {browser:?}");
        }
    }
}
