//! Redaction: what must not leave the machine.
//!
//! A secret is replaced by a keyed hash: the same secret gives the same token inside one
//! trace, so that "the cookie changed at hop 3" survives. Names of headers, CORS headers and
//! the structure of a `Location` survive.
//!
//! What counts as a secret is the list of [`names`], in every place where a name can stand
//! beside a value: headers, cookies, queries, forms, JSON, plain text. Signatures of tokens
//! (JWT) and credentials in URLs are found without a name.
//!
//! **Invariant:** there are no options to forget: a redactor always applies the whole list.
//! What cannot be read (compressed, binary) is left out, never passed on unread.

mod body;
mod frames;
mod header;
mod json;
mod names;
mod text;
mod url;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::trace::{
    Body, Failure, Headers, Hop, Interim, Outcome, OwnChange, Request, Response, Testimony,
    Trailers,
};

/// Replaces secrets by tokens. One key a trace: with another key, the same secret gives
/// another token.
#[derive(Clone)]
pub struct Redactor {
    key: [u8; 32],
}

impl Redactor {
    pub fn new(key: [u8; 32]) -> Redactor {
        Redactor { key }
    }

    /// The token that stands for `secret`: `redacted-3f9a1c20`, the first 32 bits of
    /// [HMAC](https://www.rfc-editor.org/rfc/rfc2104)-SHA-256. Safe in URLs, cookies and
    /// headers. Nothing stays nothing, and a token stays itself, so that redacting twice
    /// changes no more.
    pub fn token(&self, secret: &[u8]) -> String {
        if secret.is_empty() {
            return String::new();
        }
        if let Some(token) = std::str::from_utf8(secret).ok().filter(|it| is_token(it)) {
            return token.to_owned();
        }
        // HMAC takes keys of any length, so there is always a hash.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return TOKEN.to_owned();
        };
        mac.update(secret);
        let hash = mac.finalize().into_bytes();
        let short = hash.iter().take(4).fold(0_u32, |all, it| all << 8 | u32::from(*it));
        format!("{TOKEN}{short:08x}")
    }

    /// A header's value, by the header's name.
    pub fn header(&self, name: &str, value: &[u8]) -> Vec<u8> {
        header::redact(self, name, value)
    }

    /// Every header of a list; names and order stay.
    pub fn headers(&self, headers: &Headers) -> Headers {
        headers.iter().map(|it| (it.name.clone(), self.header(&it.name, &it.value))).collect()
    }

    /// A URL, absolute or not: credentials, secret parameters, signatures.
    pub fn url(&self, url: &str) -> String {
        url::redact(self, url)
    }

    /// Free text: a console message, an evidence's quotation, an error's detail.
    pub fn text(&self, text: &str) -> String {
        text::redact(self, text)
    }

    /// Advice: our own words, in which only addresses are recorded. [`Redactor::text`] would
    /// take `CORS_ALLOW_CREDENTIALS = True` for a secret.
    pub fn advice(&self, text: &str) -> String {
        let is_address = |it: &str| it.contains("://") || it.contains('?') || it.starts_with('/');
        let words =
            text.split(' ').map(|it| if is_address(it) { self.url(it) } else { it.to_owned() });
        words.collect::<Vec<_>>().join(" ")
    }

    /// A request's body.
    pub fn request_body(&self, headers: &Headers, body: &Body) -> Body {
        body::redact(self, headers, body, body::Side::Request)
    }

    /// A response's body.
    pub fn response_body(&self, status: u16, headers: &Headers, body: &Body) -> Body {
        body::redact(self, headers, body, body::Side::Response { status })
    }

    /// The text of a WebSocket message.
    pub fn message(&self, text: &str) -> String {
        String::from_utf8_lossy(&frames::message(self, text.as_bytes())).into_owned()
    }

    /// A quotation, by the place it was taken from (`response location`, `request line`,
    /// `response body`), as evidence and own changes name it.
    pub fn quoted(&self, place: &str, text: &str) -> String {
        match place.split_once(' ') {
            Some(("request", "line")) => match text.split_once(' ') {
                Some((method, url)) => format!("{method} {}", self.url(url)),
                None => self.text(text),
            },
            Some((_, "line" | "body" | "status" | "reason")) | None => self.text(text),
            Some(("request" | "response", name)) => {
                String::from_utf8_lossy(&self.header(name, text.as_bytes())).into_owned()
            }
            Some(_) => self.text(text),
        }
    }

    /// A whole hop.
    pub fn hop(&self, hop: &Hop) -> Hop {
        Hop {
            request: self.request(&hop.request),
            outcome: self.outcome(&hop.outcome),
            interim: hop.interim.iter().map(|it| self.interim(it)).collect(),
            frames: frames::redact(self, hop),
            own_changes: hop.own_changes.iter().map(|it| self.own_change(it)).collect(),
            testimony: self.testimony(&hop.testimony),
            trailers: hop.trailers.as_deref().map(|it| Box::new(self.trailers(it))),
            ..hop.clone()
        }
    }

    fn trailers(&self, trailers: &Trailers) -> Trailers {
        let Trailers { request, response } = trailers;
        Trailers { request: self.headers(request), response: self.headers(response) }
    }

    fn request(&self, request: &Request) -> Request {
        Request {
            url: self.url(&request.url),
            headers: self.headers(&request.headers),
            body: self.request_body(&request.headers, &request.body),
            method: request.method.clone(),
            version: request.version,
        }
    }

    fn outcome(&self, outcome: &Outcome) -> Outcome {
        match outcome {
            Outcome::Pending => Outcome::Pending,
            Outcome::Failed(failure) => Outcome::Failed(self.failure(failure)),
            Outcome::Answered(response) => Outcome::Answered(Response {
                reason: self.text(&String::from_utf8_lossy(&response.reason)).into_bytes(),
                headers: self.headers(&response.headers),
                body: self.response_body(response.status, &response.headers, &response.body),
                truncated: response.truncated.as_ref().map(|it| self.failure(it)),
                status: response.status,
                version: response.version,
            }),
        }
    }

    fn interim(&self, interim: &Interim) -> Interim {
        Interim { headers: self.headers(&interim.headers), ..interim.clone() }
    }

    fn failure(&self, failure: &Failure) -> Failure {
        Failure { kind: failure.kind, detail: self.text(&failure.detail) }
    }

    fn own_change(&self, change: &OwnChange) -> OwnChange {
        let quoted = |it: &String| self.quoted(&change.place, it);
        OwnChange {
            place: change.place.clone(),
            from: change.from.as_ref().map(quoted),
            to: change.to.as_ref().map(quoted),
        }
    }

    fn testimony(&self, testimony: &Testimony) -> Testimony {
        let text = |it: &Option<String>| it.as_ref().map(|it| self.text(it));
        Testimony {
            error: text(&testimony.error),
            initiator: text(&testimony.initiator),
            ..testimony.clone()
        }
    }
}

/// Shows no key.
impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

const TOKEN: &str = "redacted-";

fn is_token(text: &str) -> bool {
    text.strip_prefix(TOKEN).is_some_and(|it| {
        it.len() == 8 && it.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests;
