//! Headers: what of a value survives, by the header's name.
//!
//! **Invariant:** a cookie keeps its name and its attributes, a credential its scheme; nothing
//! else of either survives.

use super::{Redactor, names, url};

pub(super) fn redact(redactor: &Redactor, name: &str, value: &[u8]) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "cookie" => cookie(redactor, value),
        _ if lower.ends_with("set-cookie") => set_cookie(redactor, value),
        _ if lower.ends_with("authorization") => credentials(redactor, value),
        _ if names::header(&lower) => redactor.token(value).into_bytes(),
        _ if lower.starts_with("access-control-") => value.to_vec(),
        // Where scripts cannot set `Authorization`, they send tokens as the name of a protocol.
        "sec-websocket-protocol" => as_text(value, |it| words(redactor, &redactor.text(it))),
        _ if URLS.contains(&lower.as_str()) => as_text(value, |it| redactor.url(it)),
        _ => as_text(value, |it| redactor.text(it)),
    }
}

/// Headers whose value is one URL, absolute or relative.
const URLS: &[&str] = &[
    "location",
    "content-location",
    "referer",
    "x-original-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-rewrite-url",
    "x-envoy-original-path",
    "sourcemap",
];

fn cookie(redactor: &Redactor, value: &[u8]) -> Vec<u8> {
    let pairs = value.split(|it| *it == b';').map(|it| pair(redactor, it));
    pairs.collect::<Vec<_>>().join(&b';')
}

fn set_cookie(redactor: &Redactor, value: &[u8]) -> Vec<u8> {
    let end = value.iter().position(|it| *it == b';').unwrap_or(value.len());
    let (first, attributes) = value.split_at(end);
    [pair(redactor, first).as_slice(), attributes].concat()
}

/// `name=value` keeps its name; a cookie without a name is all value.
fn pair(redactor: &Redactor, pair: &[u8]) -> Vec<u8> {
    let start = pair.iter().take_while(|it| it.is_ascii_whitespace()).count();
    let (blank, pair) = pair.split_at(start);
    let name = pair.iter().position(|it| *it == b'=').map_or(0, |it| it + 1);
    let (name, value) = pair.split_at(name);
    let value = value.trim_ascii();
    [blank, name, redactor.token(value).as_bytes()].concat()
}

fn credentials(redactor: &Redactor, value: &[u8]) -> Vec<u8> {
    let scheme = value.iter().position(|it| *it == b' ').map_or(0, |it| it + 1);
    let (scheme, rest) = value.split_at(scheme);
    [scheme, redactor.token(rest.trim_ascii()).as_bytes()].concat()
}

/// The words of a value, those replaced that look like a key.
fn words(redactor: &Redactor, text: &str) -> String {
    let words = text.split_inclusive([',', ' ', '.']).map(|it| {
        let word = it.trim_end_matches([',', ' ', '.']);
        let end = it.get(word.len()..).unwrap_or_default();
        let word =
            if url::is_opaque(word) { redactor.token(word.as_bytes()) } else { word.to_owned() };
        word + end
    });
    words.collect()
}

/// Change the text of a value; bytes in which nothing is found stay as they are.
fn as_text(value: &[u8], redact: impl Fn(&str) -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    let redacted = redact(&text);
    if redacted == text { value.to_vec() } else { redacted.into_bytes() }
}
