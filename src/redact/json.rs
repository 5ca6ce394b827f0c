//! JSON, also broken or cut off: the values of secret keys.
//!
//! The text is walked, not parsed: what is no JSON is passed on as it is, and white space,
//! order and repeats stay.
//!
//! **Invariant:** a secret key's value is replaced whole, also when it is a list or an object.

use super::Redactor;
use super::names::parameter;
use super::text::{self, Piece};

/// All of a text that should be JSON.
pub(super) fn redact(redactor: &Redactor, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with('"') && literal(rest).is_none() {
            // A string that never ends has none within it that does.
            out.push_str(rest);
            break;
        }
        let (taken, redacted) = value_here(redactor, rest)
            .or_else(|| string_here(redactor, rest))
            .unwrap_or_else(|| up_to_quote(rest));
        out.push_str(&redacted);
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// `"password": …` at the start of `text`, with its value replaced.
pub(super) fn value_here(redactor: &Redactor, text: &str) -> Option<Piece> {
    let key = literal_within(text, LONGEST_KEY)?;
    let blanks = blanks(text.get(key.len()..)?);
    let after = text.get(key.len() + blanks..)?.strip_prefix(':')?;
    let name = unescaped(key);
    // A text with a pair of its own is no name, and loses its secret as a text.
    parameter(&name).filter(|_| !name.contains(['=', ':', '&']))?;
    let blanks = blanks + 1 + self::blanks(after);
    let start = key.len() + blanks;
    let value = value(text.get(start..)?);
    if matches!(value, "" | "null" | "true" | "false" | "\"\"") {
        return None;
    }
    let secret = literal(value).map_or_else(|| value.to_owned(), unescaped);
    let token = redactor.token(secret.as_bytes());
    Some((start + value.len(), format!("{}\"{token}\"", text.get(..start)?)))
}

/// A string that is no secret key: its own text may hold secrets.
fn string_here(redactor: &Redactor, text: &str) -> Option<Piece> {
    let literal = literal(text)?;
    let plain = unescaped(literal);
    let redacted = text::redact(redactor, &plain);
    let out = if redacted == plain {
        literal.to_owned()
    } else {
        serde_json::Value::String(redacted).to_string()
    };
    Some((literal.len(), out))
}

fn up_to_quote(text: &str) -> Piece {
    let first = text.chars().next().map_or(1, char::len_utf8);
    let end = text.get(first..).and_then(|it| it.find('"')).map_or(text.len(), |it| it + first);
    (end, text.get(..end).unwrap_or_default().to_owned())
}

/// The value that `text` begins with, also when it is cut off.
fn value(text: &str) -> &str {
    match text.bytes().next() {
        Some(b'"') => literal(text).unwrap_or(text),
        Some(b'{' | b'[') => nested(text),
        _ => {
            let end = text.find([',', '}', ']', '\n', '\r']).unwrap_or(text.len());
            text.get(..end).unwrap_or_default().trim_end()
        }
    }
}

fn nested(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|it| !it.is_empty()) {
        match rest.bytes().next() {
            Some(b'"') => {
                at += literal(rest).map_or(rest.len(), str::len);
                continue;
            }
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
        if depth == 0 {
            break;
        }
    }
    text.get(..at).unwrap_or(text)
}

/// The string literal that `text` begins with, quotes included.
fn literal(text: &str) -> Option<&str> {
    literal_within(text, text.len())
}

/// The same, if it is no longer than `limit` bytes.
fn literal_within(text: &str, limit: usize) -> Option<&str> {
    let mut escaped = false;
    for (at, it) in text.bytes().take(limit).enumerate() {
        match it {
            b'"' if at == 0 => {}
            _ if at == 0 => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return text.get(..=at),
            _ => {}
        }
    }
    None
}

/// Bytes; longer strings are no names.
const LONGEST_KEY: usize = 1024;

fn unescaped(literal: &str) -> String {
    serde_json::from_str(literal).unwrap_or_else(|_| literal.trim_matches('"').to_owned())
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}
