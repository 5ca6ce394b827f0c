//! HTTP for those who send: drives the `fetch` machine over real sockets, as a browser would.

use std::net::SocketAddr;

use crate::fetch::{Browser, Judgement, Page};
use crate::trace::Hop;

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
