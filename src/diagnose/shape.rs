//! The shape of a chain: all that diagnosis reads of it, as one string of bytes.
//!
//! A million hops are a few thousand shapes: what differs between them are times, dates, request
//! ids, and values that are only compared and quoted (queries, ids in paths, cookies). Those are
//! left out, or stand as tokens: the same text the same [`Tokens`] entry, another text another.
//!
//! A shape can be taken apart again ([`unpack`]): what is concluded of a shape is concluded of
//! the chain that comes out, so equal shapes cannot end differently.
//!
//! **Invariant:** of header fields all names are there, of their values only those that
//! [`names`] lists. A rule that reads another one finds it empty, and its own tests say so,
//! because they compare with what is concluded of the whole chain.

mod address;
mod body;
mod head;
pub(super) mod names;
mod tokens;
pub(super) mod unpack;

use std::sync::Arc;

use super::Servers;
use super::fingerprint::Fingerprints;
use super::rules::{AT_ONCE, PATIENCE, is_late};
use crate::trace::packed::{put, put_number};
use crate::trace::{
    Body, Chain, ChainHop, Exchange, Failure, Hop, HopKind, LinkWhy, Outcome, Response, Testimony,
    Version,
};
pub(super) use address::has_ids;
pub(super) use tokens::{Tokens, has_token};

/// Why a chain has no shape.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Misfit {
    /// It has one if ids in paths are left as they are.
    Paths,
    /// Something about it is too rare to be worth the trouble.
    Rare,
}

/// Makes shapes, and keeps the room for it between calls.
#[derive(Debug, Default)]
pub(super) struct Packer {
    out: Vec<u8>,
    field: Vec<u8>,
    text: Vec<u8>,
}

/// One chain on its way into a shape.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
struct Packing<'a, 'c> {
    packer: &'a mut Packer,
    tokens: Tokens<'c>,
    /// Ids in paths become tokens.
    paths: bool,
    /// An element may look into the bodies.
    element: bool,
    /// Bodies stay as they are coded.
    coded: bool,
    /// Somebody computes with the lengths of requests.
    lengths: bool,
    /// Several lines of one field have tokens; what is read is all of them, joined.
    joined: bool,
    /// A value with a token looks like several that were joined.
    looks_joined: bool,
}

impl Packer {
    /// The shape of `chain`, with what its tokens stand for. `None` when it has none.
    pub(super) fn pack<'c>(
        &mut self,
        chain: &'c Chain,
        servers: &Servers,
        prints: &Fingerprints,
    ) -> Option<(&[u8], Tokens<'c>)> {
        let mut done = self.try_pack(chain, servers, prints, true);
        if done.as_ref().err() == Some(&Misfit::Paths) {
            done = self.try_pack(chain, servers, prints, false);
        }
        let tokens = done.ok()?;
        tokens.are_all(&self.out).then_some((self.out.as_slice(), tokens))
    }

    fn try_pack<'c>(
        &mut self,
        chain: &'c Chain,
        servers: &Servers,
        prints: &Fingerprints,
        paths: bool,
    ) -> Result<Tokens<'c>, Misfit> {
        self.out.clear();
        let mut seen = chain.hops.iter().flat_map(ChainHop::seen);
        let mut packing = Packing {
            packer: self,
            tokens: Tokens::default(),
            paths,
            element: false,
            coded: false,
            lengths: seen.any(|it| it.status() == Some(413)),
            joined: false,
            looks_joined: false,
        };
        packing.number(chain.hops.len());
        for step in &chain.hops {
            packing.step(step, servers, prints)?;
        }
        packing.number(chain.outside.len());
        for outside in &chain.outside {
            packing.number(outside.at);
            packing.number(why_number(outside.link.why));
            packing.number(usize::from(outside.link.clue.certain));
            // Of a page's document only the head counts.
            let body = outside.link.why != LinkWhy::PageOf;
            let look = Look { body, words: true, links: false };
            packing.hop(&outside.hop, look, wait_number(&outside.hop))?;
        }
        // One line could be the same as several lines, and its token is another.
        if packing.joined && packing.looks_joined {
            return Err(Misfit::Rare);
        }
        Ok(packing.tokens)
    }
}

impl<'c> Packing<'_, 'c> {
    fn number(&mut self, number: usize) {
        put_number(&mut self.packer.out, number);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        put(&mut self.packer.out, bytes);
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.number(usize::from(text.is_some()));
        self.bytes(text.unwrap_or_default().as_bytes());
    }

    fn step(
        &mut self,
        step: &'c ChainHop,
        servers: &Servers,
        prints: &Fingerprints,
    ) -> Result<(), Misfit> {
        self.number(kind_number(step.kind));
        self.number(step.link.as_ref().map_or(0, |it| why_number(it.why) + 1));
        match servers.of(&step.hop.request.url) {
            Some(server) => {
                if self.paths && server.has_ids() {
                    return Err(Misfit::Paths);
                }
                self.number(1);
                server.pack(&mut self.packer.out);
            }
            None => self.number(0),
        }
        self.number(step.sightings.len());
        let is_error = |it: &Arc<Hop>| it.status().is_none_or(|it| it >= 400);
        let (words, links) = (step.seen().any(is_error), !step.sightings.is_empty());
        let look = Look { body: true, words, links };
        self.hop(&step.hop, look, wait_number(&step.hop))?;
        self.prints(&step.hop, prints);
        for sighting in &step.sightings {
            let late = is_late(&step.hop, &sighting.hop);
            let wait = if late { LATE } else { wait_number(&sighting.hop) };
            self.hop(&sighting.hop, look, wait)?;
        }
        if let Some(inner) = step.sightings.last() {
            self.prints(&inner.hop, prints);
        }
        Ok(())
    }

    /// What its answer is recognised by: so that a shape need not have what fingerprints read.
    fn prints(&mut self, hop: &Hop, prints: &Fingerprints) {
        prints.recognise_numbers(hop, |it| put_number(&mut self.packer.out, it + 1));
        self.number(0);
    }

    fn hop(&mut self, hop: &'c Hop, look: Look, wait: usize) -> Result<(), Misfit> {
        self.number(usize::from(hop.tap.0));
        self.number(match hop.exchange {
            Exchange::Http => 0,
            Exchange::Tunnel => 1,
            Exchange::WebSocket => 2,
        });
        self.bytes(hop.request.method.as_bytes());
        self.url(&hop.request.url)?;
        self.number(version_number(hop.request.version));
        let head = self.headers(&hop.request.headers, names::of_request)?;
        self.element |= head.element;
        self.asked(&hop.request.body)?;
        self.testimony(&hop.testimony);
        self.number(wait);
        match &hop.outcome {
            Outcome::Pending => self.number(0),
            Outcome::Failed(failure) => {
                self.number(1);
                self.failure(failure);
            }
            Outcome::Answered(response) => {
                self.number(2);
                self.answer(response, look)?;
            }
        }
        Ok(())
    }

    /// Of a request's body only the length counts.
    fn asked(&mut self, body: &Body) -> Result<(), Misfit> {
        let length = if self.lengths {
            usize::try_from(body.length).map_err(|_| Misfit::Rare)?
        } else if body.length == 0 {
            0
        } else {
            self.tokens.number(body.length).ok_or(Misfit::Rare)?
        };
        self.number(length);
        self.number(usize::from(body.complete));
        Ok(())
    }

    fn testimony(&mut self, it: &Testimony) {
        let Testimony { api, mode, credentials, redirect, error, from_cache, initiator: _ } = it;
        let texts = [api, mode, credentials, redirect, error];
        let any = *from_cache || texts.iter().any(|it| it.is_some());
        self.number(usize::from(any));
        if any {
            self.element |= api.as_ref().is_some_and(|it| it != "fetch" && it != "xhr");
            self.number(usize::from(*from_cache));
            for text in texts {
                self.maybe(text.as_deref());
            }
        }
    }

    fn failure(&mut self, failure: &Failure) {
        self.bytes(failure.kind.as_str().as_bytes());
        self.bytes(failure.detail.as_bytes());
    }

    fn answer(&mut self, response: &'c Response, look: Look) -> Result<(), Misfit> {
        self.number(usize::from(response.status));
        self.bytes(&response.reason);
        self.number(version_number(response.version));
        // A gateway's word for an error, whatever the status says.
        let words = look.words || self.element || response.headers.has("x-amzn-errortype");
        self.coded = words;
        let head = self.headers(&response.headers, names::of_response)?;
        match &response.truncated {
            Some(failure) => {
                self.number(1);
                self.failure(failure);
            }
            None => self.number(0),
        }
        let look = Look { words, links: look.links && head.json, ..look };
        self.body(response, look, head.coded)
    }

    fn url(&mut self, url: &'c str) -> Result<(), Misfit> {
        self.address(url)?;
        put(&mut self.packer.out, &self.packer.text);
        Ok(())
    }

    /// The shape of a URL, in the room for texts.
    fn address(&mut self, url: &'c str) -> Result<(), Misfit> {
        self.packer.text.clear();
        address::shape(url, self.paths, |it| self.tokens.text(it), &mut self.packer.text)
    }

    fn text(&mut self, value: &'c [u8]) -> Result<tokens::Token, Misfit> {
        let text = std::str::from_utf8(value).map_err(|_| Misfit::Rare)?;
        self.tokens.text(text).ok_or(Misfit::Rare)
    }
}

/// How somebody looks into a body.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// At all.
    body: bool,
    /// For words.
    words: bool,
    /// For links.
    links: bool,
}

/// How long it took, as far as anybody asks.
fn wait_number(hop: &Hop) -> usize {
    // Between the two only what a gateway says of it counts.
    let is_quick = |it: u64| it < AT_ONCE || hop.status().is_none_or(|it| it < 500);
    hop.timing.wait.map_or(0, |it| match it {
        PATIENCE.. => 3,
        it if is_quick(it) => 1,
        _ => 2,
    })
}

/// Longer than the outer hop waited.
const LATE: usize = 4;

fn kind_number(kind: HopKind) -> usize {
    match kind {
        HopKind::Preflight => 0,
        HopKind::Request => 1,
        HopKind::Tunnel => 2,
        HopKind::WebSocket => 3,
    }
}

fn why_number(why: LinkWhy) -> usize {
    match why {
        LinkWhy::PreflightOf => 0,
        LinkWhy::RedirectOf => 1,
        LinkWhy::SameRequestAt => 2,
        LinkWhy::RetryOf => 3,
        LinkWhy::CoveredBy => 4,
        LinkWhy::CachedFrom => 5,
        LinkWhy::PageOf => 6,
    }
}

fn version_number(version: Version) -> usize {
    match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
        Version::Http2 => 2,
        Version::Http3 => 3,
    }
}
