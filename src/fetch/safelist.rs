//! Which request headers a script may send without asking first.
//!
//! **Invariant:** values are bytes; nothing is trimmed but what HTTP itself trims.

use crate::trace::{Header, Headers};

use super::Browser;

/// [CORS-safelisted request-header](https://fetch.spec.whatwg.org/#cors-safelisted-request-header)
///
/// Chromium also lets client hints pass, which the standard does not know; Firefox follows
/// the standard.
pub fn is_safelisted_request_header(name: &str, value: &[u8], browser: Browser) -> bool {
    // Step 1: no safelisted value is longer than 128 bytes.
    if value.len() > 128 {
        return false;
    }
    // Step 2: by name.
    match name.to_ascii_lowercase().as_str() {
        "accept" => !value.iter().any(|it| is_unsafe_byte(*it)),
        "accept-language" | "content-language" => value.iter().all(|it| is_language_byte(*it)),
        "content-type" => is_safelisted_content_type(value),
        "range" => is_simple_range(value),
        hint => browser == Browser::Chromium && is_client_hint(hint, value),
    }
}

/// Client hints that Chromium counts as safelisted
/// (`services/network/public/cpp/cors/cors.cc`, `IsCorsSafelistedHeader`).
fn is_client_hint(name: &str, value: &[u8]) -> bool {
    match name {
        "save-data" => value.eq_ignore_ascii_case(b"on"),
        "ect" => [&b"slow-2g"[..], b"2g", b"3g", b"4g"].contains(&value),
        "device-memory" | "dpr" | "downlink" => is_decimal(value),
        "width" | "viewport-width" | "rtt" => value.iter().all(u8::is_ascii_digit),
        "intervention" => true,
        _ => false,
    }
}

/// `1*DIGIT [ "." 1*DIGIT ]`
fn is_decimal(value: &[u8]) -> bool {
    let digits = |it: &[u8]| !it.is_empty() && it.iter().all(u8::is_ascii_digit);
    value.splitn(2, |it| *it == b'.').all(digits)
}

/// The `Content-Type` arm of the safelist: one of the three types a form can send.
pub fn is_safelisted_content_type(value: &[u8]) -> bool {
    // Step 1: an unsafe byte anywhere, even in a parameter.
    if value.iter().any(|it| is_unsafe_byte(*it)) {
        return false;
    }
    // Steps 2-4: the essence decides, parameters do not.
    let essence = value.split(|it| *it == b';').next().unwrap_or_default().trim_ascii();
    [&b"application/x-www-form-urlencoded"[..], b"multipart/form-data", b"text/plain"]
        .iter()
        .any(|it| essence.eq_ignore_ascii_case(it))
}

/// [Simple range header value](https://fetch.spec.whatwg.org/#simple-range-header-value) that
/// has a start: `bytes=0-99`, `bytes=100-`, but not `bytes=-99`.
fn is_simple_range(value: &[u8]) -> bool {
    let Some((start, end)) = std::str::from_utf8(value)
        .ok()
        .and_then(|it| it.strip_prefix("bytes="))
        .and_then(|it| it.split_once('-'))
    else {
        return false;
    };
    let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if start.is_empty() || !digits(start) || !digits(end) {
        return false;
    }
    match (start.parse::<u64>(), end.parse::<u64>()) {
        (Ok(start), Ok(end)) => start <= end,
        (Ok(_), Err(_)) => end.is_empty(),
        (Err(_), _) => false,
    }
}

/// [CORS-unsafe request-header byte](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte)
fn is_unsafe_byte(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || br#""():<>?@[\]{}"#.contains(&byte) || byte == 0x7F
}

fn is_language_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" *,-.;=".contains(&byte)
}

/// [CORS-unsafe request-header names](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names):
/// sorted, lower case, without repeats.
pub fn unsafe_request_header_names(headers: &Headers, browser: Browser) -> Vec<String> {
    // Steps 1-4: names of unsafe headers, and the size of all safelisted ones together.
    let (safe, not): (Vec<&Header>, Vec<&Header>) =
        headers.iter().partition(|it| is_safelisted_request_header(&it.name, &it.value, browser));
    let size: usize = safe.iter().map(|it| it.value.len()).sum();
    let mut names: Vec<String> = not.iter().map(|it| it.name.to_ascii_lowercase()).collect();
    // Step 5: safelisted ones of more than 1,024 bytes together are unsafe after all.
    if size > 1024 {
        names.extend(safe.iter().map(|it| it.name.to_ascii_lowercase()));
    }
    // Step 6: sorted and lower-cased.
    names.sort();
    names.dedup();
    names
}

/// [Forbidden request-header](https://fetch.spec.whatwg.org/#forbidden-request-header): a
/// script's attempt to set it is dropped silently.
pub fn is_forbidden_request_header(name: &str, value: &[u8], browser: Browser) -> bool {
    const NAMES: &[&str] = &[
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    const OVERRIDES: &[&str] = &["x-http-method", "x-http-method-override", "x-method-override"];
    let name = name.to_ascii_lowercase();
    if NAMES.contains(&name.as_str()) || name.starts_with("proxy-") || name.starts_with("sec-") {
        return true;
    }
    // Chromium keeps its own `User-Agent`; the standard and Firefox let scripts set it.
    if browser == Browser::Chromium && name == "user-agent" {
        return true;
    }
    OVERRIDES.contains(&name.as_str())
        && value.split(|it| *it == b',').any(|it| super::method::is_forbidden(it.trim_ascii()))
}

/// [No-CORS-safelisted request-header](https://fetch.spec.whatwg.org/#no-cors-safelisted-request-header):
/// in `no-cors` every other header of the script is dropped.
pub fn is_no_cors_safelisted(name: &str, value: &[u8], browser: Browser) -> bool {
    ["accept", "accept-language", "content-language", "content-type"]
        .iter()
        .any(|it| name.eq_ignore_ascii_case(it))
        && is_safelisted_request_header(name, value, browser)
}
