//! From what was driven to what is printed: the driver's own verdict with its hops.

use std::sync::Arc;

use crate::diagnose::{self, Analysis, Servers};
use crate::drive::DrivenChain;
use crate::trace::{Chain, ChainHop, Clue, Exchange, Hop, HopId, HopKind, Link, LinkWhy, Tap};

/// One analysis per request of the page, in page order, also for one that left no hop.
pub(crate) fn analyse(chains: Vec<DrivenChain>, taps: &[Tap]) -> Vec<Analysis> {
    let chains: Vec<_> =
        chains.into_iter().map(|it| (Arc::new(chain_of(it.hops)), it.judgement)).collect();
    let mut servers = Servers::default();
    for (chain, _) in &chains {
        servers.learn(chain);
    }
    let analyses = chains
        .into_iter()
        .map(|(chain, judgement)| diagnose::analyse(chain, taps, judgement, &servers));
    analyses.collect()
}

/// The hops of one fetch as a chain. Nothing is inferred: the driver knows what it sent and why.
fn chain_of(hops: Vec<Hop>) -> Chain {
    let hops: Vec<Arc<Hop>> = hops.into_iter().map(Arc::new).collect();
    let steps = hops.iter().enumerate().map(|(idx, hop)| ChainHop {
        hop: Arc::clone(hop),
        kind: kind(hop),
        link: link(&hops, idx),
        sightings: Vec::new(),
    });
    Chain { hops: steps.collect(), outside: Vec::new() }
}

fn kind(hop: &Hop) -> HopKind {
    match hop.exchange {
        Exchange::Tunnel => HopKind::Tunnel,
        Exchange::WebSocket => HopKind::WebSocket,
        Exchange::Http if hop.is_preflight() => HopKind::Preflight,
        Exchange::Http => HopKind::Request,
    }
}

/// Why the hop at `idx` was sent.
fn link(hops: &[Arc<Hop>], idx: usize) -> Option<Link> {
    let hop = hops.get(idx)?;
    if hop.is_preflight() {
        let request = hops.get(idx + 1..)?.iter().find(|it| !it.is_preflight());
        if let Some(request) = request.filter(|it| it.request.url == hop.request.url) {
            return Some(driven(LinkWhy::PreflightOf, request.id, "sent before it"));
        }
    }
    let before = hops.get(..idx)?.iter().rev().find(|it| !it.is_preflight())?;
    if before.response().is_some() {
        return Some(driven(LinkWhy::RedirectOf, before.id, "its Location was followed"));
    }
    Some(driven(LinkWhy::RetryOf, before.id, "sent again after the connection closed"))
}

fn driven(why: LinkWhy, to: HopId, text: &str) -> Link {
    Link { why, to, clue: Clue { text: text.to_owned(), certain: true } }
}
