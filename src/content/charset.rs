//! Characters, by the `charset` of `Content-Type`
//! ([Encoding](https://encoding.spec.whatwg.org/)).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use crate::trace::Headers;

/// The encoding that `Content-Type` names, if it names one that exists.
pub(super) fn named(headers: &Headers) -> Option<&'static Encoding> {
    let kind = headers.text("content-type")?;
    let mut parameters = kind.split(';').skip(1);
    let charset = parameters.find_map(|it| {
        let (name, value) = it.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value.trim())
    })?;
    Encoding::for_label(charset.trim_matches('"').as_bytes())
}

/// The bytes as text. A byte order mark is believed before all else.
pub(super) fn text<'a>(bytes: &'a [u8], encoding: Option<&'static Encoding>) -> Cow<'a, str> {
    encoding.unwrap_or(UTF_8).decode(bytes).0
}

/// The bytes as text, if they are text.
pub(super) fn strict<'a>(
    bytes: &'a [u8],
    encoding: Option<&'static Encoding>,
) -> Option<Cow<'a, str>> {
    let encoding = Encoding::for_bom(bytes).map(|(it, _)| it).or(encoding).unwrap_or(UTF_8);
    let bytes = if encoding == UTF_8 { whole_characters(bytes) } else { bytes };
    let (text, _, malformed) = encoding.decode(bytes);
    (!malformed && looks_like_text(&text)).then_some(text)
}

/// Without a last character that was cut in two.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).unwrap_or_default()
        }
        _ => bytes,
    }
}

/// Text has next to no control characters besides its line breaks.
fn looks_like_text(text: &str) -> bool {
    let odd = |it: &char| it.is_control() && !matches!(it, '\n' | '\r' | '\t' | '\x1b' | '\x0c');
    let controls = text.chars().take(SAMPLE).filter(odd).count();
    controls * 20 <= text.len().min(SAMPLE)
}

/// Characters that are looked at to tell text from bytes.
const SAMPLE: usize = 4096;
