//! Django's `CommonMiddleware` with `APPEND_SLASH`.
//!
//! **Invariant:** the redirect's path is the app's own; what a gateway cut off in front of it
//! is not known here and never appears.

use super::{Answer, Session, items, pages};
use crate::lab::knobs::{Knobs, Switch};
use crate::lab::message::{Request, Response};

/// A 404 for a path that would be found with a slash becomes a redirect, or, for a write in
/// DEBUG, a `RuntimeError`: a redirected write would lose its body.
pub(super) fn around(knobs: &Knobs, request: &Request, inner: impl FnOnce() -> Answer) -> Answer {
    let mut answer = inner();
    if answer.response.status == 404 && found_with_slash(request) {
        let write = matches!(request.method.as_str(), "DELETE" | "POST" | "PUT" | "PATCH");
        return if knobs.debug == Switch::On && write {
            Answer::new(pages::append_slash_error(request), Session::Accessed)
        } else {
            Answer::new(redirect(request), Session::Untouched)
        };
    }
    if !answer.response.headers.has("content-length") {
        let length = answer.response.body.len().to_string();
        answer.response.headers.push("Content-Length", length);
    }
    answer
}

fn found_with_slash(request: &Request) -> bool {
    format!("{}/", path_info(request)) == items::PATH
}

fn redirect(request: &Request) -> Response {
    let mut response = Response::new(301, "text/html; charset=utf-8", "");
    response.headers.push("Location", format!("{}{}", items::PATH, request.query_suffix()));
    if request.method != "HEAD" {
        response.headers.push("Connection", "close");
    }
    response
}

/// The path as Django matches it: decoded, and never more than one slash in front.
pub(super) fn path_info(request: &Request) -> String {
    let mut decoded = Vec::with_capacity(request.path.len());
    let mut bytes = request.path.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high * 16 + low);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    let path = String::from_utf8_lossy(&decoded);
    format!("/{}", path.trim_start_matches('/'))
}
