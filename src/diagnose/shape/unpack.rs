//! From a shape to the chain that is concluded upon in the place of all that have it.
//!
//! Times are all the same, hops are named by their position, and nothing is there that the
//! shape does not have.
//!
//! **Invariant:** what comes out is a function of the shape alone.

use std::sync::Arc;

use super::super::Servers;
use super::super::rules::{AT_ONCE, PATIENCE};
use super::super::servers::Server;
use crate::lineage::path;
use crate::trace::packed::{take, take_number};
use crate::trace::{
    Body, Chain, ChainHop, Clue, Exchange, Failure, FailureKind, Headers, Hop, HopId, HopKind,
    Link, LinkWhy, Outcome, Outside, Request, Response, Sighting, TapId, Testimony, Time, Timing,
    Version,
};

/// What a shape says.
#[derive(Debug, Default)]
pub(in crate::diagnose) struct Unpacked {
    pub(in crate::diagnose) chain: Chain,
    pub(in crate::diagnose) servers: Servers,
    /// For each hop, the numbers of the fingerprints that fit it outside and inside.
    pub(in crate::diagnose) prints: Vec<[Vec<usize>; 2]>,
}

/// Take `shape` apart. `None` for what is none.
pub(in crate::diagnose) fn unpack(shape: &[u8]) -> Option<Unpacked> {
    let mut reading = Reading { rest: shape, hops: 0 };
    let mut it = Unpacked::default();
    for _ in 0..reading.number()? {
        reading.step(&mut it)?;
    }
    for _ in 0..reading.number()? {
        let at = reading.number()?;
        let why = why(reading.number()?)?;
        let certain = reading.number()? == 1;
        let hop = Arc::new(reading.hop()?);
        let clue = Clue { text: String::new(), certain };
        it.chain.outside.push(Outside { at, link: Link { why, to: hop.id, clue }, hop });
    }
    reading.rest.is_empty().then_some(it)
}

/// The hops of `chain` in the order in which [`unpack`] numbers them, from 1.
pub(in crate::diagnose) fn in_order(chain: &Chain) -> impl Iterator<Item = &Arc<Hop>> {
    let outside = chain.outside.iter().map(|it| &it.hop);
    chain.hops.iter().flat_map(ChainHop::seen).chain(outside)
}

struct Reading<'a> {
    rest: &'a [u8],
    hops: u64,
}

impl Reading<'_> {
    fn number(&mut self) -> Option<usize> {
        take_number(&mut self.rest)
    }

    fn text(&mut self) -> Option<String> {
        take(&mut self.rest).map(|it| String::from_utf8_lossy(it).into_owned())
    }

    /// Put the text that may be there into `text`.
    fn maybe(&mut self, text: &mut Option<String>) -> Option<()> {
        let there = self.number()? == 1;
        *text = Some(self.text()?).filter(|_| there);
        Some(())
    }

    fn step(&mut self, into: &mut Unpacked) -> Option<()> {
        let kind = match self.number()? {
            0 => HopKind::Preflight,
            1 => HopKind::Request,
            2 => HopKind::Tunnel,
            _ => HopKind::WebSocket,
        };
        let linked = match self.number()? {
            0 => None,
            number => Some(link(why(number - 1)?)),
        };
        let server = match self.number()? {
            0 => None,
            _ => Some(Server::unpack(&mut self.rest)?),
        };
        let n_sightings = self.number()?;
        let hop = Arc::new(self.hop()?);
        if let Some(server) = server {
            into.servers.put(path::server_of(&hop.request.url), server);
        }
        let outer = self.prints()?;
        let mut sightings = Vec::new();
        for _ in 0..n_sightings {
            let hop = Arc::new(self.hop()?);
            sightings.push(Sighting { hop, link: link(LinkWhy::SameRequestAt) });
        }
        let inner = if n_sightings == 0 { Vec::new() } else { self.prints()? };
        into.prints.push([outer, inner]);
        into.chain.hops.push(ChainHop { hop, kind, link: linked, sightings });
        Some(())
    }

    fn prints(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        loop {
            match self.number()? {
                0 => return Some(numbers),
                number => numbers.push(number - 1),
            }
        }
    }

    fn hop(&mut self) -> Option<Hop> {
        self.hops += 1;
        let tap = TapId(u16::try_from(self.number()?).ok()?);
        let exchange = match self.number()? {
            0 => Exchange::Http,
            1 => Exchange::Tunnel,
            _ => Exchange::WebSocket,
        };
        let method = self.text()?;
        let url = self.text()?;
        let version = version(self.number()?);
        let headers = Headers::from_packed(take(&mut self.rest)?);
        let length = self.number()? as u64;
        let body = Body { bytes: Vec::new(), length, complete: self.number()? == 1 };
        let testimony = self.testimony()?;
        let wait = match self.number()? {
            0 => None,
            1 => Some(0),
            2 => Some(AT_ONCE),
            3 => Some(PATIENCE),
            _ => Some(3 * PATIENCE),
        };
        let outcome = match self.number()? {
            0 => Outcome::Pending,
            1 => Outcome::Failed(self.failure()?),
            _ => Outcome::Answered(self.answer()?),
        };
        Some(Hop {
            id: HopId { recorder: 0, sequence: self.hops },
            tap,
            exchange,
            connection: None,
            started: Time::default(),
            ended: None,
            request: Request { method, url, version, headers, body },
            outcome,
            timing: Timing { wait, ..Timing::default() },
            own_changes: Vec::new(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: None,
            testimony,
        })
    }

    fn testimony(&mut self) -> Option<Testimony> {
        if self.number()? == 0 {
            return Some(Testimony::default());
        }
        let mut it = Testimony { from_cache: self.number()? == 1, ..Testimony::default() };
        let Testimony { api, mode, credentials, redirect, error, from_cache: _, initiator: _ } =
            &mut it;
        for text in [api, mode, credentials, redirect, error] {
            self.maybe(text)?;
        }
        Some(it)
    }

    fn failure(&mut self) -> Option<Failure> {
        Some(Failure { kind: FailureKind::parse(&self.text()?)?, detail: self.text()? })
    }

    fn answer(&mut self) -> Option<Response> {
        let status = u16::try_from(self.number()?).ok()?;
        let reason = take(&mut self.rest)?.to_vec();
        let version = version(self.number()?);
        let headers = Headers::from_packed(take(&mut self.rest)?);
        let truncated = match self.number()? {
            0 => None,
            _ => Some(self.failure()?),
        };
        let (complete, cut) = (self.number()? == 1, self.number()? == 1);
        let bytes = take(&mut self.rest)?.to_vec();
        let length = bytes.len() as u64 + u64::from(cut);
        let body = Body { bytes, length, complete };
        Some(Response { status, reason, version, headers, body, truncated })
    }
}

/// A link of which only the kind is told.
fn link(why: LinkWhy) -> Link {
    Link { why, to: HopId::default(), clue: Clue { text: String::new(), certain: true } }
}

fn why(number: usize) -> Option<LinkWhy> {
    Some(match number {
        0 => LinkWhy::PreflightOf,
        1 => LinkWhy::RedirectOf,
        2 => LinkWhy::SameRequestAt,
        3 => LinkWhy::RetryOf,
        4 => LinkWhy::CoveredBy,
        5 => LinkWhy::CachedFrom,
        6 => LinkWhy::PageOf,
        _ => return None,
    })
}

fn version(number: usize) -> Version {
    match number {
        0 => Version::Http10,
        1 => Version::Http11,
        2 => Version::Http2,
        _ => Version::Http3,
    }
}
