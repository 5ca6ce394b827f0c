//! What hopscope itself says to a client: one sentence, and that it was hopscope.
//!
//! **Invariant:** nothing of the request is quoted as markup, and nothing is said to a browser
//! whose upstream failed.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, PROXY_AUTHENTICATE, SERVER};
use http::{HeaderValue, Response, StatusCode};

use super::body::Passing;
use crate::trace::{Failure, FailureKind, Recorder};

/// The upstream failed; said to a client that is no browser.
pub(super) fn failed<R: Recorder>(
    tap: &str,
    upstream: &str,
    failure: &Failure,
) -> Response<Passing<R>> {
    let status = match failure.kind {
        FailureKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        FailureKind::RefusedByTap if failure.detail == LEADS_BACK => StatusCode::LOOP_DETECTED,
        _ => StatusCode::BAD_GATEWAY,
    };
    let what = match failure.kind {
        FailureKind::Refused => "the connection was refused",
        FailureKind::Unreachable => "it cannot be reached",
        FailureKind::Dns => "its name cannot be resolved",
        FailureKind::Reset => "the connection was reset before an answer",
        FailureKind::Closed => "the connection was closed before an answer",
        FailureKind::Timeout => "no answer came in time",
        FailureKind::Tls => "the TLS handshake failed",
        FailureKind::Malformed => "the answer is not HTTP",
        FailureKind::Aborted => "the request was broken off",
        FailureKind::RefusedByTap => "the tap refused it",
    };
    let detail = if failure.detail.is_empty() { "" } else { &format!(" ({})", failure.detail) };
    say(status, &format!("no answer from {upstream} at tap {tap}: {what}{detail}"))
}

/// The request itself cannot be passed on.
pub(super) fn refused<R: Recorder>(why: &str) -> Response<Passing<R>> {
    say(StatusCode::BAD_REQUEST, why)
}

/// The client has to say who it is.
pub(super) fn wants_password<R: Recorder>() -> Response<Passing<R>> {
    let mut response = say(StatusCode::PROXY_AUTHENTICATION_REQUIRED, NO_PASSWORD);
    let scheme = HeaderValue::from_static("Basic realm=\"hopscope\", charset=\"UTF-8\"");
    response.headers_mut().insert(PROXY_AUTHENTICATE, scheme);
    response
}

pub(super) const NO_PASSWORD: &str = "this tap wants a proxy password, and got none or a wrong one";

/// For who took a proxy for a server.
pub(super) fn not_a_server(address: &str) -> String {
    format!(
        "this is a forward tap, a proxy: make it your client's HTTP proxy (curl --proxy \
         http://{address} URL), or use a reverse tap"
    )
}

/// Why a tap does not ask itself.
pub(super) const LEADS_BACK: &str = "the request would have come back to the tap it came through";

fn say<R: Recorder>(status: StatusCode, sentence: &str) -> Response<Passing<R>> {
    let sentence: String = sentence.chars().filter(|it| !it.is_control()).collect();
    let mut response = Response::new(Passing::own(Bytes::from(format!("hopscope: {sentence}\n"))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(SERVER, HeaderValue::from_static("hopscope"));
    response
}
