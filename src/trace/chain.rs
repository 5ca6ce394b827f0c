//! A chain: everything that one browser fetch caused.

use std::sync::Arc;

use super::{Hop, HopId};

/// The hops of one fetch, in order, as seen at the outermost tap that saw them: preflights,
/// the request, its redirects, their preflights. Built by `link`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chain {
    pub hops: Vec<ChainHop>,
    /// Hops of other chains that this one leans on.
    pub outside: Vec<Outside>,
}

impl Chain {
    /// Index and value of the hops that are no preflight.
    pub fn requests(&self) -> impl Iterator<Item = (usize, &ChainHop)> {
        self.hops.iter().enumerate().filter(|(_, it)| it.kind != HopKind::Preflight)
    }

    /// The `Origin` header that the chain's first hop with one carried: the page.
    pub fn origin(&self) -> Option<String> {
        self.hops.iter().find_map(|it| it.hop.request.headers.text("origin"))
    }
}

/// One step of a chain, with every other sighting of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChainHop {
    pub hop: Arc<Hop>,
    pub kind: HopKind,
    /// Why it is part of this chain. `None` for the hop the chain is about.
    pub link: Option<Link>,
    /// The same request seen further in, outermost first. They have no number of their own.
    pub sightings: Vec<Sighting>,
}

impl ChainHop {
    /// Outermost and further sightings, outermost first.
    pub fn seen(&self) -> impl DoubleEndedIterator<Item = &Arc<Hop>> {
        std::iter::once(&self.hop).chain(self.sightings.iter().map(|it| &it.hop))
    }

    /// The innermost sighting: nearest to the app.
    pub fn innermost(&self) -> &Hop {
        self.sightings.last().map_or(&self.hop, |it| &it.hop)
    }
}

/// The same request at another tap.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    pub hop: Arc<Hop>,
    pub link: Link,
}

/// A link that leaves the chain (`covered-by`, `cached-from`, `page-of`), with the hop it
/// leads to, so that a verdict needs nothing but its chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outside {
    /// Index of the hop that has the link; the chain's length for a step after its last hop.
    pub at: usize,
    pub link: Link,
    pub hop: Arc<Hop>,
}

/// What a hop is to its chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HopKind {
    Preflight,
    Request,
    Tunnel,
    WebSocket,
}

impl HopKind {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            HopKind::Preflight => "preflight",
            HopKind::Request => "request",
            HopKind::Tunnel => "tunnel",
            HopKind::WebSocket => "websocket",
        }
    }
}

/// Why two hops belong together. From the hop that has it to [`Link::to`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    pub why: LinkWhy,
    pub to: HopId,
    pub clue: Clue,
}

/// The kinds of link.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LinkWhy {
    /// This is the preflight of that request.
    PreflightOf,
    /// This was asked because that answered with a redirect.
    RedirectOf,
    /// This is that request, seen at another tap.
    SameRequestAt,
    /// This is that request, sent again.
    RetryOf,
    /// No preflight here, because that one's answer was still cached.
    CoveredBy,
    /// Answered from what that one had put into the cache.
    CachedFrom,
    /// That is the document of the page which made this request.
    PageOf,
}

impl LinkWhy {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkWhy::PreflightOf => "preflight-of",
            LinkWhy::RedirectOf => "redirect-of",
            LinkWhy::SameRequestAt => "same-request-at",
            LinkWhy::RetryOf => "retry-of",
            LinkWhy::CoveredBy => "covered-by",
            LinkWhy::CachedFrom => "cached-from",
            LinkWhy::PageOf => "page-of",
        }
    }
}

/// What told us that two hops belong together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Clue {
    /// For a person: `same URL, Access-Control-Request-Method GET, same connection`.
    pub text: String,
    /// Whether nothing else on record could be meant.
    pub certain: bool,
}
