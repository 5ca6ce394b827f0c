//! HTTP for those who send: drives the `fetch` machine over real sockets, as a browser would.

pub mod page_file;
mod sockets;
pub mod wire;

pub use sockets::{Sockets, documents, is_resent};

use std::net::SocketAddr;

use crate::fetch::{Browser, Judgement, Page};
use crate::trace::{Failure, FailureKind, Hop, Response};

/// How to drive.
#[derive(Clone, Debug)]
pub struct Options {
    /// The browser to behave as.
    pub browser: Browser,
    /// Send through this forward proxy (a tap) instead of directly.
    pub via: Option<SocketAddr>,
    /// Cookies that the browser already has, each `(host, "name=value")`.
    pub cookies: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Options {
        Options { browser: Browser::Chromium, via: None, cookies: Vec::new() }
    }
}

/// One request of the page, done.
#[derive(Clone, Debug)]
pub struct DrivenChain {
    /// What was on the wire, in order, with testimony.
    pub hops: Vec<Hop>,
    /// The machine's own conclusion.
    pub judgement: Judgement,
}

/// Do what a browser would do for `page`: one chain per request, in page order; caches,
/// cookies and sockets carry over.
#[expect(clippy::unused_async, reason = "the sockets are still to come")]
pub async fn run(page: &Page, options: &Options) -> Vec<DrivenChain> {
    let _ = (page, options);
    Vec::new()
}

/// Whether a content coding is garbled: the answer's head stands, its body does not.
pub fn decoded(mut response: Response) -> Response {
    let coding = response.headers.text("content-encoding").unwrap_or_default();
    let gzip = matches!(coding.trim().to_ascii_lowercase().as_str(), "gzip" | "x-gzip");
    let body = &response.body.bytes;
    if gzip && response.truncated.is_none() && !body.is_empty() && !body.starts_with(b"\x1f\x8b") {
        let detail = "the body is not gzip, though its Content-Encoding says so".to_owned();
        response.truncated = Some(Failure { kind: FailureKind::Malformed, detail });
    }
    response
}
