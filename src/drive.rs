//! HTTP for those who send: drives the `fetch` machine over real sockets, as a browser would.
//!
//! [`run`] does one page: its requests one after another, with one memory and one set of sockets.
//! What was on the wire comes back as chains, with the machine's own conclusion.
//!
//! **Invariant:** only what was on a wire is a hop of a chain. A connection that was refused carried
//! no request, so it is in the verdict and stands beside the hops.

mod client;
mod clock;
mod connect;
mod http2;
pub mod page_file;
mod sockets;
pub mod wire;

use std::time::Duration;

use tokio::time::Instant;

use crate::fetch::judge::{Driven, conclude};
use crate::fetch::{Answer, Api, Ask, Browser, Fetch, Judgement, Memory, Page, PageRequest};
use crate::tls::Tls;
use crate::trace::{
    Chain, ChainHop, Clue, Failure, FailureKind, Hop, HopKind, Link, LinkWhy, Response, Testimony,
};

use client::Client;
pub use connect::Via;
pub use sockets::{Sockets, documents, is_resent};

/// How to drive.
#[derive(Clone)]
pub struct Options {
    /// The browser to behave as.
    pub browser: Browser,
    /// Send through this forward proxy (a tap) instead of directly.
    pub via: Option<Via>,
    /// Cookies that the browser already has, each `(host, "name=value")`.
    pub cookies: Vec<(String, String)>,
    /// How long to wait for an answer when the script itself sets no limit.
    pub patience: Duration,
    /// Who is trusted; `None`: the platform's roots.
    pub tls: Option<Tls>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            browser: Browser::Chromium,
            via: None,
            cookies: Vec::new(),
            patience: Duration::from_secs(300),
            tls: None,
        }
    }
}

/// One request of the page, done.
#[derive(Clone, Debug)]
pub struct DrivenChain {
    /// What was on the wire, in order, linked, with testimony.
    pub chain: Chain,
    /// Requests that found no connection, with what went wrong: for who keeps a trace.
    pub unsent: Vec<Hop>,
    /// The machine's own conclusion.
    pub judgement: Judgement,
}

impl DrivenChain {
    /// What was on the wire, in order.
    pub fn hops(&self) -> impl Iterator<Item = &Hop> {
        self.chain.hops.iter().map(|it| it.hop.as_ref())
    }
}

/// Do what a browser would do for `page`: one chain per request, in page order; caches,
/// cookies and sockets carry over.
pub async fn run(page: &Page, options: &Options) -> Vec<DrivenChain> {
    let mut client = Client::new(options, page);
    let mut memory = Memory::default();
    for (host, pair) in &options.cookies {
        memory.cookies.put(host, pair);
    }
    let mut done = Vec::new();
    for request in &page.requests {
        if 0 < request.wait_ms_before {
            tokio::time::sleep(Duration::from_millis(request.wait_ms_before)).await;
        }
        done.push(drive(page, request, options, &mut client, &mut memory).await);
    }
    done
}

async fn drive(
    page: &Page,
    request: &PageRequest,
    options: &Options,
    client: &mut Client,
    memory: &mut Memory,
) -> DrivenChain {
    let wait = request.timeout_ms.map_or(options.patience, Duration::from_millis);
    let deadline = Instant::now() + wait;
    client.begin(testimony(request), request.as_made().api == Api::EventSource, deadline);
    let now = client.now();
    let (mut fetch, mut ask) = Fetch::start(page, request, options.browser, memory, now);
    let mut chain = Chain::default();
    let mut hops_after = vec![0];
    let end = loop {
        let (out, kind) = match ask {
            Ask::Done(end) => break end,
            Ask::Connect(out) => {
                let reached = client.reach(&out).await;
                let now = client.now();
                ask = match &reached {
                    Ok(()) => fetch.answer(Answer::Connected, memory, now),
                    Err(failure) => fetch.answer(Answer::Failed(failure), memory, now),
                };
                hops_after.push(chain.hops.len());
                continue;
            }
            Ask::Preflight(out) => (out, HopKind::Preflight),
            Ask::Send(out) => (out, HopKind::Request),
        };
        let sent = client.send(&out).await;
        for (at, hop) in sent.hops.into_iter().enumerate() {
            let link =
                (0 < at).then(|| chain.hops.last().map(|it| link(LinkWhy::RetryOf, &it.hop)));
            chain.hops.push(ChainHop {
                hop: hop.into(),
                kind,
                link: link.flatten(),
                sightings: Vec::new(),
            });
        }
        hops_after.push(chain.hops.len());
        let hop = chain.hops.last().map(|it| it.hop.id);
        let now = client.now();
        ask = match &sent.outcome {
            Ok(response) => fetch.answer(Answer::Response { response, hop }, memory, now),
            Err(failure) => fetch.answer(Answer::Failed(failure), memory, now),
        };
    };
    link_up(&mut chain);
    let judgement = conclude(&Driven {
        page,
        request,
        browser: options.browser,
        chain: &chain,
        fetch: &fetch,
        end: &end,
        hops_after: &hops_after,
    });
    DrivenChain { chain, unsent: client.take_unsent(), judgement }
}

fn testimony(request: &PageRequest) -> Testimony {
    let made = request.as_made();
    Testimony {
        api: Some(made.api.as_str().to_owned()),
        mode: Some(made.mode.as_str().to_owned()),
        credentials: Some(made.credentials.as_str().to_owned()),
        redirect: Some(made.redirect.as_str().to_owned()),
        initiator: Some("hopscope fetch".to_owned()),
        ..Testimony::default()
    }
}

/// Preflights belong to the request after them, requests to the redirect before them.
fn link_up(chain: &mut Chain) {
    let mut before: Option<std::sync::Arc<Hop>> = None;
    for at in 0..chain.hops.len() {
        let next = chain.hops.iter().skip(at).find(|it| it.kind == HopKind::Request);
        let next = next.map(|it| it.hop.clone());
        let Some(it) = chain.hops.get_mut(at) else { continue };
        let linked = match it.kind {
            _ if it.link.is_some() => None,
            HopKind::Preflight => next.map(|to| link(LinkWhy::PreflightOf, &to)),
            _ => before.as_ref().map(|to| link(LinkWhy::RedirectOf, to)),
        };
        it.link = it.link.take().or(linked);
        if it.kind == HopKind::Request {
            before = Some(it.hop.clone());
        }
    }
}

fn link(why: LinkWhy, to: &Hop) -> Link {
    let clue = Clue { text: "hopscope sent it".to_owned(), certain: true };
    Link { why, to: to.id, clue }
}

/// Whether a content coding is garbled: the answer's head stands, its body does not.
#[must_use]
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
