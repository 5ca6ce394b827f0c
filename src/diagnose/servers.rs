//! What else each server was seen to do: what one chain alone cannot tell.
//!
//! **Invariant:** it only grows, one chain at a time, and a chain is diagnosed the same with
//! an empty one, only with fewer words.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use foldhash::fast::{FixedState, RandomState};

use super::fingerprint::Fingerprints;
use super::shape::has_ids;
use crate::lineage::{Mapping, Route, RouteClue, path};
use crate::trace::packed::{put, put_number, take, take_number};
use crate::trace::{Chain, ChainHop, Hop, Response, Target};

/// A summary of every public server (scheme, host, port) seen so far.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    all: Vec<Server>,
    /// By [`path::server_of`].
    names: HashMap<String, usize, RandomState>,
    /// By the beginning of URLs as they were written: of a few there are many.
    heads: HashMap<String, usize, RandomState>,
}

/// What one server was seen to do.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Answers below 400 to a request with an `Origin`: with and without allow-origin.
    pub fine: Tally,
    /// Answers of 400 and above to a request with an `Origin`.
    pub errors: Tally,
    /// The last prefix that two taps showed.
    pub mapping: Option<Mapping>,
    /// Answers whose allow-origin was put on between the taps.
    pub added_on_the_way: u64,
    /// Origins that asked and were named in the answer; two are enough to know.
    echoed: Vec<String>,
    /// Values of `X-Powered-By` on what an app server of another make answered.
    handed_on: Vec<String>,
    /// Requests that were also seen at an inner tap.
    arrived: u64,
    /// What preflights asked for lately, as numbers, and how often such a request came.
    asked: VecDeque<u64>,
    preflighted: u64,
}

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// What counts of a request's header fields, read in one go.
#[derive(Clone, Copy, Debug, Default)]
struct Asked<'a> {
    origin: bool,
    /// What a preflight asks leave for; the first of several lines.
    method: Option<&'a [u8]>,
}

impl Asked<'_> {
    fn of(hop: &Hop) -> Asked<'_> {
        let mut asked = Asked::default();
        for (name, value) in hop.request.headers.pairs() {
            asked.origin |= name.eq_ignore_ascii_case(b"origin");
            if name.eq_ignore_ascii_case(b"access-control-request-method") {
                asked.method = asked.method.or(Some(value));
            }
        }
        asked
    }
}

/// How often an allow-origin was there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub with: u64,
    pub without: u64,
}

impl Server {
    /// Whether its traffic passes an inner tap.
    pub fn arrives_inside(&self) -> bool {
        self.arrived > 0
    }

    /// Whether pages got past the preflight, whoever answered it.
    pub fn lets_preflights_pass(&self) -> bool {
        self.preflighted > 0
    }

    /// Whether it allows whichever origin asks, rather than a fixed one.
    pub fn echoes_origins(&self) -> bool {
        self.echoed.len() > 1
    }

    /// Whether what leaves this mark (a value of `X-Powered-By`) was seen to hand on what
    /// another answered.
    pub fn hands_on(&self, mark: &str) -> bool {
        self.handed_on.iter().any(|it| it == mark)
    }

    /// Take in what one step of a chain shows.
    fn take_in(&mut self, step: &ChainHop) {
        let hop = &*step.hop;
        let inner = step.sightings.last();
        self.arrived += u64::from(inner.is_some());
        let asked = Asked::of(hop);
        self.note_preflight(hop, &asked);
        let Some(response) = hop.response() else { return };
        let allows = |it: &Response| it.headers.has(ALLOW_ORIGIN);
        let allowed = allows(response);
        let inside = inner.filter(|_| allowed).and_then(|it| it.hop.response());
        self.added_on_the_way += u64::from(inside.is_some_and(|it| !allows(it)));
        if asked.origin {
            self.tally(hop, response, allowed);
        }
        if let Some(mark) = response.headers.text("x-powered-by") {
            self.note_mark(&mark, response);
        }
    }

    /// Note who leaves a mark on an answer that names another server.
    fn note_mark(&mut self, mark: &str, response: &Response) {
        if self.handed_on.len() == MARKS || self.hands_on(mark) {
            return;
        }
        let server = response.headers.text("server");
        if server.is_some_and(|it| Fingerprints::names_app_server(&it)) {
            self.handed_on.push(mark.to_owned());
        }
    }

    /// Note what a preflight asks for, and whether it came.
    fn note_preflight(&mut self, hop: &Hop, asked: &Asked<'_>) {
        match asked.method.filter(|_| hop.is_preflight()) {
            Some(method) => {
                if self.asked.len() == ASKED {
                    self.asked.pop_front();
                }
                self.asked.push_back(question(method, &hop.request.url));
            }
            None if asked.origin && !self.asked.is_empty() => {
                let it = question(hop.request.method.as_bytes(), &hop.request.url);
                self.preflighted += u64::from(self.asked.contains(&it));
            }
            None => {}
        }
    }

    /// Count the answer to a request with an `Origin`.
    fn tally(&mut self, hop: &Hop, response: &Response, allowed: bool) {
        if self.echoed.len() < 2 && allowed {
            let origin = response.headers.text(ALLOW_ORIGIN);
            if let Some(origin) =
                origin.filter(|it| hop.request.headers.text("origin").as_ref() == Some(it))
                && !self.echoed.contains(&origin)
            {
                self.echoed.push(origin);
            }
        }
        let tally = if response.status < 400 { &mut self.fine } else { &mut self.errors };
        *(if allowed { &mut tally.with } else { &mut tally.without }) += 1;
    }

    /// What diagnosis asks of it, as bytes: of every count only whether it is 0.
    pub(super) fn pack(&self, out: &mut Vec<u8>) {
        for count in self.counts() {
            put_number(out, usize::from(count > 0));
        }
        put_number(out, usize::from(self.echoes_origins()));
        put_number(out, self.handed_on.len());
        self.handed_on.iter().for_each(|it| put(out, it.as_bytes()));
        put_number(out, usize::from(self.mapping.is_some()));
        if let Some(Mapping { outer, inner }) = &self.mapping {
            put(out, outer.as_bytes());
            put(out, inner.as_bytes());
        }
    }

    /// A server of which the same can be said.
    pub(super) fn unpack(rest: &mut &[u8]) -> Option<Server> {
        let mut server = Server::default();
        for count in server.counts_mut() {
            *count = take_number(rest)? as u64;
        }
        if take_number(rest)? == 1 {
            server.echoed = vec!["one".to_owned(), "another".to_owned()];
        }
        for _ in 0..take_number(rest)? {
            server.handed_on.push(String::from_utf8_lossy(take(rest)?).into_owned());
        }
        if take_number(rest)? == 1 {
            let mut text = || Some(String::from_utf8_lossy(take(rest)?).into_owned());
            server.mapping = Some(Mapping { outer: text()?, inner: text()? });
        }
        Some(server)
    }

    /// Whether its prefix has segments that could be taken for ids.
    pub(super) fn has_ids(&self) -> bool {
        let ids = |it: &Mapping| has_ids(&it.outer) || has_ids(&it.inner);
        self.mapping.as_ref().is_some_and(ids)
    }

    fn counts(&self) -> [u64; 7] {
        let Server {
            fine,
            errors,
            added_on_the_way,
            arrived,
            preflighted,
            mapping: _,
            echoed: _,
            handed_on: _,
            asked: _,
        } = self;
        let added = *added_on_the_way;
        [fine.with, fine.without, errors.with, errors.without, added, *arrived, *preflighted]
    }

    fn counts_mut(&mut self) -> [&mut u64; 7] {
        let Server {
            fine,
            errors,
            added_on_the_way,
            arrived,
            preflighted,
            mapping: _,
            echoed: _,
            handed_on: _,
            asked: _,
        } = self;
        [
            &mut fine.with,
            &mut fine.without,
            &mut errors.with,
            &mut errors.without,
            added_on_the_way,
            arrived,
            preflighted,
        ]
    }
}

impl Servers {
    /// Take in what a chain shows.
    pub fn learn(&mut self, chain: &Chain) {
        for hop in &chain.hops {
            self.of_mut(&hop.hop.request.url).take_in(hop);
        }
        // What only one tap saw shows no mapping.
        let Some(twice) = chain.hops.iter().find(|it| !it.sightings.is_empty()) else { return };
        let Some(first) = chain.hops.first() else { return };
        let server = self.of_mut(&first.hop.request.url);
        if shows_again(server, twice) {
            return;
        }
        if let Some(Route { mapping, clue: RouteClue::Taps }) = Route::learn(chain, None) {
            server.mapping = Some(mapping);
        }
    }

    /// Put in what is known of a server.
    pub(super) fn put(&mut self, name: String, server: Server) {
        self.names.insert(name, self.all.len());
        self.all.push(server);
    }

    /// What is known of a server, by [`path::server_of`].
    pub fn get(&self, server: &str) -> Option<&Server> {
        self.all.get(*self.names.get(server)?)
    }

    /// What is known of the server of `url`.
    pub fn of(&self, url: &str) -> Option<&Server> {
        match self.heads.get(path::head(url)) {
            Some(idx) => self.all.get(*idx),
            None => self.get(&path::server_of(url)),
        }
    }

    fn of_mut(&mut self, url: &str) -> &mut Server {
        let head = path::head(url);
        let idx = self.heads.get(head).copied().unwrap_or_else(|| {
            let next = self.all.len();
            let idx = *self.names.entry(path::server_of(url)).or_insert(next);
            if idx == next {
                self.all.push(Server::default());
            }
            if !head.is_empty() && self.heads.len() < MANY {
                self.heads.insert(head.to_owned(), idx);
            }
            idx
        });
        &mut self.all[idx]
    }
}

/// Whether two taps show what they showed before: as they do all day long.
fn shows_again(server: &Server, twice: &ChainHop) -> bool {
    let outer = Target::parse(&twice.hop.request.url).path;
    let inner = Target::parse(&twice.innermost().request.url).path;
    server.mapping.as_ref().is_some_and(|it| !it.outer.is_empty() && it.is_between(outer, inner))
}

/// What a request is, for whoever asks whether it came.
fn question(method: &[u8], url: &str) -> u64 {
    FixedState::default().hash_one((method, url))
}

/// A server has no more marks that count.
const MARKS: usize = 4;

/// How many questions of preflights are remembered for a server.
const ASKED: usize = 32;

/// More ways to write servers than a recording has.
const MANY: usize = 10_000;
