//! What else each server was seen to do: what one chain alone cannot tell.
//!
//! **Invariant:** it only grows, one chain at a time, and a chain is diagnosed the same with
//! an empty one, only with fewer words.

use std::collections::HashMap;

use crate::lineage::{Mapping, Route, RouteClue, path};
use crate::trace::{Chain, Hop};

/// A summary of every public server (scheme, host, port) seen so far.
#[derive(Clone, Debug, Default)]
pub struct Servers(HashMap<String, Server>);

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
}

impl Servers {
    /// Take in what a chain shows.
    pub fn learn(&mut self, chain: &Chain) {
        for hop in &chain.hops {
            let server = self.0.entry(path::server_of(&hop.hop.request.url)).or_default();
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
        if let Some(Route { mapping, clue: RouteClue::Taps }) = Route::learn(chain, None) {
            let server = self.0.entry(path::server_of(&first.hop.request.url)).or_default();
            server.mapping = Some(mapping);
        }
    }

    /// What is known of a server, by [`path::server_of`].
    pub fn get(&self, server: &str) -> Option<&Server> {
        self.0.get(server)
    }
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
    let allowed = response.headers.text("access-control-allow-origin");
    if let Some(origin) =
        allowed.filter(|it| hop.request.headers.text("origin").as_ref() == Some(it))
        && server.echoed.len() < 2
        && !server.echoed.contains(&origin)
    {
        server.echoed.push(origin);
    }
    let tally = if response.status < 400 { &mut server.fine } else { &mut server.errors };
    if response.headers.has("access-control-allow-origin") {
        tally.with += 1;
    } else {
        tally.without += 1;
    }
}
