//! Bodies, decoded to be shown and read. What is recorded stays as it was sent.
//!
//! **Invariant:** what could be decoded before a cut, a break or the limit is given, with the
//! reason why it ends there.
//!
//! **Invariant:** decoding takes bounded memory, whatever a body claims to be.

mod brotli;
mod charset;
mod coding;
mod deflate;
mod messages;
mod zstd;

use std::borrow::Cow;

pub use coding::Coding;
pub use messages::{Latest, Message, Said, latest, messages};

use crate::trace::{Body, Headers, Request, Response};

/// A body without its content codings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Content<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// The codings that were undone, in the order in which they had been applied.
    pub codings: Vec<Coding>,
    pub end: End,
}

/// Where decoding ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// At the end of what was recorded.
    Whole,
    /// In the middle: the coded bytes stop short.
    Cut,
    /// At the limit: there is more.
    Limit,
    /// At bytes that this coding does not have.
    Broken(Coding),
    /// Before anything was decoded: the bytes are not this. They are given as they are.
    Unreadable(Coding),
    /// Before a coding that nobody here knows, by its name. The bytes are still coded.
    Unknown(String),
    /// Before it began: whoever recorded the body had decoded it already, as browsers do when
    /// they write a HAR.
    DecodedBefore,
}

impl Content<'_> {
    /// The same without a borrow.
    pub fn into_owned(self) -> Content<'static> {
        Content { bytes: Cow::Owned(self.bytes.into_owned()), codings: self.codings, end: self.end }
    }

    /// What a person should know beside the bytes: `decoded from gzip, cut off`. Nothing for a
    /// body without codings.
    pub fn note(&self) -> Option<String> {
        let names: Vec<&str> = self.codings.iter().map(|it| it.as_str()).collect();
        let names = names.join(" and ");
        let decoded =
            if names.is_empty() { String::new() } else { format!("decoded from {names}") };
        let end = match &self.end {
            End::Whole => return Some(decoded).filter(|it| !it.is_empty()),
            End::DecodedBefore => return Some("decoded before it was recorded".to_owned()),
            End::Cut => "the rest is missing".to_owned(),
            End::Limit => "there is more".to_owned(),
            End::Broken(coding) => format!("broken as {}", coding.as_str()),
            End::Unreadable(coding) => format!("not readable as {}", coding.as_str()),
            End::Unknown(name) => format!("still encoded as {name}"),
        };
        Some(if decoded.is_empty() { end } else { format!("{decoded}, {end}") })
    }

    /// Whether the bytes are what the sender meant, not coded any more.
    pub fn is_decoded(&self) -> bool {
        !matches!(self.end, End::Unknown(_) | End::Unreadable(_))
    }
}

/// Undo what `Content-Encoding` names, giving at most `limit` bytes
/// ([RFC 9110 §8.4](https://www.rfc-editor.org/rfc/rfc9110#section-8.4)).
pub fn decode<'a>(body: &'a Body, headers: &Headers, limit: usize) -> Content<'a> {
    let raw = body.bytes.as_slice();
    let mut content = Content { bytes: raw.into(), codings: Vec::new(), end: End::Whole };
    let named = if raw.is_empty() { Vec::new() } else { coding::named(headers) };
    for name in named.into_iter().rev() {
        let Some(coding) = Coding::parse(&name) else {
            content.end = End::Unknown(name);
            break;
        };
        let (bytes, end) = coding.undo(&content.bytes, limit);
        if bytes.is_empty() && matches!(end, End::Broken(_)) {
            content.end = End::Unreadable(coding);
            break;
        }
        content.codings.insert(0, coding);
        content.bytes = bytes.into();
        // What ends early still gives the next one something to begin with.
        if end != End::Whole {
            content.end = end;
        }
    }
    if !matches!(content.end, End::Whole | End::Limit) && reads_as_text(raw) {
        content = Content { bytes: raw.into(), codings: Vec::new(), end: End::DecodedBefore };
    }
    if content.bytes.len() > limit {
        content.bytes = match content.bytes {
            Cow::Borrowed(bytes) => bytes.get(..limit).unwrap_or_default().into(),
            Cow::Owned(mut bytes) => {
                bytes.truncate(limit);
                bytes.into()
            }
        };
        content.end = End::Limit;
    }
    content
}

/// A body as text, decoded, in the characters that its type names; what cannot be read becomes
/// U+FFFD. For searching, not for showing: at most [`READ`] bytes of it.
pub fn text<'a>(body: &'a Body, headers: &Headers) -> Cow<'a, str> {
    if body.bytes.is_empty() {
        return Cow::Borrowed("");
    }
    let content = decode(body, headers, READ);
    if !content.is_decoded() {
        return Cow::Borrowed("");
    }
    let charset = charset::named(headers);
    match content.bytes {
        Cow::Borrowed(bytes) => charset::text(bytes, charset),
        Cow::Owned(bytes) => Cow::Owned(charset::text(&bytes, charset).into_owned()),
    }
}

/// [`text`] of a request's body.
pub fn of_request(request: &Request) -> Cow<'_, str> {
    text(&request.body, &request.headers)
}

/// [`text`] of a response's body.
pub fn of_response(response: &Response) -> Cow<'_, str> {
    text(&response.body, &response.headers)
}

/// Decoded bytes as text, if they are text in the characters that the headers name: no binary
/// format, and next to no control characters besides line breaks. A last character that was cut
/// in two is left out.
pub fn as_text<'a>(bytes: &'a [u8], headers: &Headers) -> Option<Cow<'a, str>> {
    charset::strict(bytes, charset::named(headers))
}

/// Whether coded bytes are no coded bytes at all. Compression leaves no text behind: of 40 bytes
/// not one in 2^40 is all readable.
fn reads_as_text(raw: &[u8]) -> bool {
    let Some(text) = charset::strict(raw, None) else { return false };
    !text.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\r' | '\t'))
}

/// Decoded bytes that are read to diagnose something.
pub const READ: usize = 1 << 20;

#[cfg(test)]
mod tests;
