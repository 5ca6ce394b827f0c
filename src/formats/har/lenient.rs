//! JSON as tools really write it: byte order marks, UTF-16, half surrogates, numbers as text.
//!
//! **Invariant:** asking for what is not there, or is of another type, gives `None`.

use std::borrow::Cow;

use serde_json::Value;

/// The text of a file in UTF-8 or UTF-16, without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'_, str> {
    let units = bytes
        .chunks_exact(2)
        .map(|it| unit([it.first().copied().unwrap_or(0), it.last().copied().unwrap_or(0)]));
    char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// One JSON value, or `None` when it is broken beyond what is known to happen.
pub(super) fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&mend(text)).ok())
}

/// Replace `\ud800` to `\udfff` that have no partner (JavaScript writes those when it cuts a
/// text), and control characters in strings, which are not JSON.
fn mend(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|it: char| it == '\\' || it < ' ') {
        let (before, after) = rest.split_at(at);
        mended.push_str(before);
        let unit = escaped_unit(after);
        let (keep, length) = match unit {
            Some(0xd800..=0xdbff) => match escaped_unit(after.get(6..).unwrap_or_default()) {
                Some(0xdc00..=0xdfff) => (true, 12),
                _ => (false, 6),
            },
            Some(0xdc00..=0xdfff) => (false, 6),
            Some(_) => (true, 6),
            None if after.starts_with('\\') => (true, 2),
            None => (false, 1),
        };
        let length =
            (length..=after.len()).find(|it| after.is_char_boundary(*it)).unwrap_or(after.len());
        let (piece, tail) = after.split_at(length);
        if keep {
            mended.push_str(piece);
        } else {
            mended.push_str(if unit.is_some() { "\\ufffd" } else { " " });
        }
        rest = tail;
    }
    mended.push_str(rest);
    mended
}

/// The code unit of a `\uXXXX` at the start of `text`.
fn escaped_unit(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// Member `key` as text; numbers and truth values are written out.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<Cow<'a, str>> {
    match value.get(key)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(it) => Some(Cow::Owned(it.to_string())),
        _ => None,
    }
}

/// Member `key` as text that is not empty.
pub(super) fn some_text<'a>(value: &'a Value, key: &str) -> Option<Cow<'a, str>> {
    text(value, key).filter(|it| !it.is_empty())
}

/// Member `key` as a finite number that is not negative; HAR says -1 for "not known".
pub(super) fn number(value: &Value, key: &str) -> Option<f64> {
    let number = match value.get(key)? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (number.is_finite() && 0.0 <= number).then_some(number)
}

/// Member `key` as a count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked; saturates")]
pub(super) fn count(value: &Value, key: &str) -> Option<u64> {
    number(value, key).map(|it| it as u64)
}

/// Member `key`, milliseconds, in microseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked; saturates")]
pub(super) fn micros(value: &Value, key: &str) -> Option<u64> {
    number(value, key).map(|it| (it * 1000.0).round().min(1e15) as u64)
}

/// Member `key` as a list; anything else is an empty one.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mends_what_javascript_writes() {
        for (broken, mended) in [
            (r#"{"a":"x\ud83d"}"#, Some("x\u{fffd}")),
            (r#"{"a":"\ude00 \ud83d\ude00"}"#, Some("\u{fffd} \u{1f600}")),
            ("{\"a\":\"\u{1}\\\\ud800\"}", Some(" \\ud800")),
            ("{\"a\":\"\\ü\"}", None),
            (r#"{"a":"#, None),
        ] {
            let value = parse(broken);
            assert_eq!(value.as_ref().and_then(|it| it["a"].as_str()), mended, "{broken}");
        }
    }

    #[test]
    fn decodes_utf16() {
        assert_eq!(decode(b"\xff\xfe{\0}\0"), "{}");
        assert_eq!(decode(b"\xfe\xff\0{\0}"), "{}");
        assert_eq!(decode(b"\xef\xbb\xbf{}"), "{}");
    }
}
