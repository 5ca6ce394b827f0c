//! What else each server was seen to do: what one chain alone cannot tell.
//!
//! **Invariant:** it only grows, one chain at a time, and a chain is diagnosed the same with
//! an empty one, only with fewer words.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::shape::has_ids;
use crate::lineage::{Mapping, Route, RouteClue, path};
use crate::trace::packed::{put, put_number, take, take_number};
use crate::trace::{Chain, Hop, Target};

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
    /// Requests that were also seen at an inner tap.
    arrived: u64,
    /// What preflights asked for lately, and how often such a request came.
    asked: Vec<(String, String)>,
    preflighted: u64,
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

    /// What diagnosis asks of it, as bytes: of every count only whether it is 0.
    pub(super) fn pack(&self, out: &mut Vec<u8>) {
        for count in self.counts() {
            put_number(out, usize::from(count > 0));
        }
        put_number(out, usize::from(self.echoes_origins()));
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
            let server = self.of_mut(&hop.hop.request.url);
            server.arrived += u64::from(!hop.sightings.is_empty());
            preflights(server, &hop.hop);
            tally(server, &hop.hop);
            let has = |it: &Hop| {
                it.response().is_some_and(|it| it.headers.has("access-control-allow-origin"))
            };
            let inner = hop.sightings.last().filter(|it| it.hop.response().is_some());
            let added = inner.is_some_and(|it| has(&hop.hop) && !has(&it.hop));
            server.added_on_the_way += u64::from(added);
        }
        let Some(first) = chain.hops.first() else { return };
        let server = self.of_mut(&first.hop.request.url);
        if shows_again(server, chain) {
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

/// Whether two taps show in `chain` what they showed before: as they do all day long.
fn shows_again(server: &Server, chain: &Chain) -> bool {
    let Some(twice) = chain.hops.iter().find(|it| !it.sightings.is_empty()) else {
        // What only one tap saw shows no mapping.
        return true;
    };
    let outer = Target::parse(&twice.hop.request.url).path;
    let inner = Target::parse(&twice.innermost().request.url).path;
    server.mapping.as_ref().is_some_and(|it| !it.outer.is_empty() && it.is_between(outer, inner))
}

/// Note what a preflight asks for, and whether it came.
fn preflights(server: &mut Server, hop: &Hop) {
    let headers = &hop.request.headers;
    let url = || hop.request.url.clone();
    match headers.text("access-control-request-method").filter(|_| hop.is_preflight()) {
        Some(method) => {
            if server.asked.len() == ASKED {
                server.asked.remove(0);
            }
            server.asked.push((method, url()));
        }
        None if headers.has("origin") => {
            let asked =
                |it: &(String, String)| it.0 == hop.request.method && it.1 == hop.request.url;
            server.preflighted += u64::from(server.asked.iter().any(asked));
        }
        None => {}
    }
}

/// How many questions of preflights are remembered for a server.
const ASKED: usize = 32;

fn tally(server: &mut Server, hop: &Hop) {
    let Some(response) = hop.response().filter(|_| hop.request.headers.has("origin")) else {
        return;
    };
    if server.echoed.len() < 2 {
        let allowed = response.headers.text("access-control-allow-origin");
        if let Some(origin) =
            allowed.filter(|it| hop.request.headers.text("origin").as_ref() == Some(it))
            && !server.echoed.contains(&origin)
        {
            server.echoed.push(origin);
        }
    }
    let tally = if response.status < 400 { &mut server.fine } else { &mut server.errors };
    if response.headers.has("access-control-allow-origin") {
        tally.with += 1;
    } else {
        tally.without += 1;
    }
}

/// More ways to write servers than a recording has.
const MANY: usize = 10_000;
