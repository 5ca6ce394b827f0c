//! Free text: URLs, headers, parameters and tokens found where they stand.
//!
//! **Invariant:** the words around a secret stay, byte for byte.

use super::names::{Secrecy, parameter};
use super::{Redactor, header, json, url};

pub(super) fn redact(redactor: &Redactor, text: &str) -> String {
    within(redactor, text, url::DEPTH)
}

/// [`redact`], where a text stands in a URL, which may stand in a text.
pub(super) fn within(redactor: &Redactor, text: &str, depth: usize) -> String {
    // Every place to look at has one of these, but for a token that stands by itself.
    let is_prose = |it: &str| !it.contains([':', '=']) && !SCHEMES.iter().any(|s| it.contains(s));
    if is_prose(text) {
        return signatures(redactor, text);
    }
    let lines: Vec<String> = text.split('\n').map(|it| line(redactor, it, depth)).collect();
    lines.join("\n")
}

/// Drop the signature of every [JWT](https://www.rfc-editor.org/rfc/rfc7519) in `text`; its
/// header and claims stay.
pub(super) fn signatures(redactor: &Redactor, text: &str) -> String {
    if !text.contains("ey") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("ey") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let token = if out.ends_with(is_base64url) { None } else { jwt(from) };
        if let Some((kept, signature)) = token {
            out.push_str(kept);
            out.push_str(&redactor.token(signature.as_bytes()));
            rest = from.get(kept.len() + signature.len()..).unwrap_or_default();
        } else {
            out.push_str("ey");
            rest = from.get(2..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

/// `header.claims.` and the signature of the JWT that `text` begins with. The five parts of an
/// encrypted one are all signature after the first.
fn jwt(text: &str) -> Option<(&str, &str)> {
    let mut parts: Vec<&str> = Vec::with_capacity(6);
    let mut rest = text;
    // A token has five parts at most; a longer row of them is not looked at to its end.
    while parts.len() < 6 {
        let end = rest.find(|it| !is_base64url(it)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(part);
        let Some(after) = after.strip_prefix('.') else { break };
        rest = after;
    }
    while parts.last().is_some_and(|it| it.is_empty()) {
        parts.pop();
    }
    let length = parts.iter().map(|it| it.len()).sum::<usize>() + parts.len().saturating_sub(1);
    let token = text.get(..length)?;
    let kept = match parts.as_slice() {
        [head, claims, signature] if claims.starts_with("ey") && !signature.is_empty() => {
            head.len() + claims.len() + 2
        }
        [head, _, _, _, _] if head.len() > 8 => head.len() + 1,
        _ => return None,
    };
    Some(token.split_at(kept)).filter(|(_, it)| !super::is_token(it))
}

fn is_base64url(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '_' || it == '-'
}

fn line(redactor: &Redactor, text: &str, depth: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut blank = true;
    while !rest.is_empty() {
        let starts = blank || out.ends_with(['"', '\'', '`']);
        let (piece, redacted) = url_here(redactor, rest, depth)
            .or_else(|| if starts { header_here(redactor, &out, rest) } else { None })
            .or_else(|| scheme_here(redactor, &out, rest))
            .or_else(|| json::value_here(redactor, rest))
            .or_else(|| parameter_here(redactor, &out, rest))
            .unwrap_or_else(|| plain(rest));
        out.push_str(&redacted);
        blank = blank && redacted.bytes().all(|it| it == b' ');
        rest = rest.get(piece..).unwrap_or_default();
    }
    signatures(redactor, &out)
}

/// How many bytes of the text were taken, and what stands for them.
pub(super) type Piece = (usize, String);

/// A word, or one character, that is nothing special.
fn plain(text: &str) -> Piece {
    let word = text.find(|it| !is_name(it)).unwrap_or(text.len());
    let len = if word == 0 { text.chars().next().map_or(1, char::len_utf8) } else { word };
    (len, text.get(..len).unwrap_or_default().to_owned())
}

fn url_here(redactor: &Redactor, text: &str, depth: usize) -> Option<Piece> {
    let scheme =
        ["https://", "http://", "wss://", "ws://"].iter().find(|it| text.starts_with(**it))?;
    let end = text.find(|it: char| it.is_whitespace() || "\"'<>`\\‘’“”".contains(it));
    let found = text.get(..end.unwrap_or(text.len()))?;
    let found = found.trim_end_matches(['.', ',', ';', ')', ']', '}']);
    (found.len() > scheme.len()).then(|| (found.len(), url::within(redactor, found, depth)))
}

/// `Cookie: a=b`, which stands at the start of a line or of a quotation.
fn header_here(redactor: &Redactor, before: &str, text: &str) -> Option<Piece> {
    let is_one = ["cookie", "set-cookie", "authorization", "proxy-authorization", "x-api-key"];
    let lower = is_one.iter().find(|it| {
        let name = text.get(..it.len()).filter(|name| name.eq_ignore_ascii_case(it));
        name.is_some() && text[it.len()..].starts_with(':')
    })?;
    let (name, value) = text.split_once(':')?;
    let quote = before.chars().next_back().filter(|it| !it.is_whitespace());
    let value = quote.and_then(|it| value.split(it).next()).unwrap_or(value);
    let blank = value.len() - value.trim_start().len();
    let (blank, value) = value.split_at(blank);
    let redacted = header::redact(redactor, lower, value.as_bytes());
    let redacted = String::from_utf8_lossy(&redacted);
    let taken = name.len() + 1 + blank.len() + value.len();
    Some((taken, format!("{name}:{blank}{redacted}")))
}

/// `Bearer abc`, `Basic abc`.
fn scheme_here(redactor: &Redactor, before: &str, text: &str) -> Option<Piece> {
    let scheme = SCHEMES.iter().find(|it| text.starts_with(**it))?;
    let secret = text.get(scheme.len()..)?;
    let end = secret.find(|it: char| !(it.is_ascii_alphanumeric() || "-._~+/=".contains(it)));
    let secret = secret.get(..end.unwrap_or(secret.len()))?.trim_end_matches('.');
    // Prose: "Basic auth", "bearer of news".
    let is_secret = secret.len() >= 8 && secret.bytes().any(|it| !it.is_ascii_lowercase());
    let is_word = before.ends_with(is_name);
    (is_secret && !is_word).then(|| {
        (scheme.len() + secret.len(), format!("{scheme}{}", redactor.token(secret.as_bytes())))
    })
}

/// `name=value`, or `name: value` for names that are secret wherever they stand.
fn parameter_here(redactor: &Redactor, before: &str, text: &str) -> Option<Piece> {
    if before.ends_with(is_name) {
        return None;
    }
    let end = text.find(|it| !is_name(it)).filter(|it| *it > 0)?;
    let (name, rest) = text.split_at(end);
    let blanks = rest.len() - rest.trim_start_matches(' ').len();
    let sign = rest.get(blanks..)?.chars().next().filter(|it| matches!(it, '=' | ':'))?;
    let secrecy = parameter(name)?;
    let is_pair = match sign {
        '=' => blanks == 0 || secrecy == Secrecy::Always,
        _ => secrecy == Secrecy::Always && rest.get(blanks + 1..)?.starts_with([' ', '"', '\'']),
    };
    if !is_pair {
        return None;
    }
    let after = rest.get(blanks + 1..)?;
    let skipped = after.len() - after.trim_start_matches([' ', '"', '\'']).len();
    let (open, value) = after.split_at(skipped);
    let quote = open.chars().next_back().filter(|it| matches!(it, '"' | '\''));
    let end = match quote {
        Some(quote) => value.find(quote),
        None => value.find(|it: char| it.is_whitespace() || "&;,\"'<>)]}\\".contains(it)),
    };
    let value = value.get(..end.unwrap_or(value.len()))?;
    let token = redactor.token(value.as_bytes());
    let length = name.len() + blanks + 1 + open.len() + value.len();
    let kept = text.get(..length - value.len())?;
    Some((length, format!("{kept}{token}")))
}

/// What stands before the secret of an `Authorization`.
const SCHEMES: [&str; 4] = ["Bearer ", "bearer ", "Basic ", "basic "];

fn is_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || "_-[]%".contains(it)
}
