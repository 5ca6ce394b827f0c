//! From hops to what is concluded of them: chains, one analysis after the other.
//!
//! ```text
//! hops ──▶ facts ──▶ places ──▶ rows ──▶ what servers do ──▶ one analysis at a time
//!   └─────────── read again, in order ───────┴───────────────────┘
//! ```
//!
//! **Invariant:** per hop only its place is kept. Heads and bodies are read again for the chains
//! whose turn it is, so that no recording is too large.

mod rows;
mod walk;

use std::sync::Arc;

use super::Error;
use super::analyst::Analyst;
use super::desk::Source;
use super::progress::Progress;
use crate::cli::{Assume, AssumeKey};
use crate::diagnose::{Analysis, Servers};
use crate::fetch::{Browser, Known};
use crate::formats::json::Place;
use crate::link::{self, HopFacts, Interner, Places};
use crate::store::Load;
use crate::trace::{ByHop, Chain, Hop, Tap};
use rows::Rows;
use walk::Walk;

/// A recording, linked. Chains are analysed one at a time.
pub(crate) struct Study {
    pub(crate) taps: Vec<Tap>,
    source: Source,
    links: Places,
    rows: Rows,
    servers: Servers,
    analyst: Analyst,
}

impl Study {
    /// Link the hops of `source`.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub(crate) fn of(
        source: Source,
        taps: &[Tap],
        analyst: Analyst,
        progress: &mut Progress,
    ) -> Result<Study, Error> {
        let mut interner = Interner::default();
        let (mut facts, mut seen) = (Vec::new(), Vec::new());
        // Bodies are clues, too.
        for hop in source.scan(Load::Bodies) {
            let hop = hop?;
            seen.push((hop.id, hop.tap, hop.started));
            facts.push(HopFacts::of(&hop, &mut interner));
            progress.add(1);
        }
        let links = link::places(facts, taps);
        let rows = Rows::of(&links, seen);
        let servers = Servers::default();
        let mut study = Study { taps: taps.to_vec(), source, links, rows, servers, analyst };
        study.servers = study.learn(progress)?;
        Ok(study)
    }

    /// How many chains there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Where every hop stands, for links that leave a chain.
    pub(crate) fn places(&self) -> &ByHop<Place> {
        self.rows.places()
    }

    /// Tell of every chain by its number (from 1), or of the only one that is wanted.
    ///
    /// # Errors
    ///
    /// When hops cannot be read, and what `tell` says.
    pub(crate) fn each(
        &self,
        wanted: Option<usize>,
        mut tell: impl FnMut(usize, &Analysis) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut walk = match wanted {
            None => Walk::along(&self.source, Load::Bodies),
            Some(_) => Walk::to_and_fro(&self.source),
        };
        let numbers = wanted.map_or(1..=self.len(), |it| it..=it);
        for number in numbers {
            let Some(chain) = self.chain(number, &mut walk)? else { continue };
            tell(number, &self.analyst.analyse(Arc::new(chain), &self.taps, &self.servers))?;
        }
        Ok(())
    }

    /// What all chains show of the servers.
    fn learn(&self, progress: &mut Progress) -> Result<Servers, Error> {
        progress.part("looking at servers, chains", self.len() as u64);
        let mut servers = Servers::default();
        let mut walk = Walk::along(&self.source, Load::Heads);
        for number in 1..=self.len() {
            let hops = self.members(number, &mut walk)?;
            for chain in self.links.chains(&hops) {
                servers.learn(&chain);
            }
            progress.add(1);
        }
        Ok(servers)
    }

    fn members(&self, number: usize, walk: &mut Walk<'_>) -> Result<Vec<Arc<Hop>>, Error> {
        let mut hops = Vec::new();
        for id in self.rows.members(number) {
            hops.extend(walk.take(*id, |it| self.rows.is_in_turn(it))?);
        }
        Ok(hops)
    }

    /// The chain of this number, with the hops of others that it leans on.
    fn chain(&self, number: usize, walk: &mut Walk<'_>) -> Result<Option<Chain>, Error> {
        let members = self.rows.members(number);
        let mut hops = self.members(number, walk)?;
        for id in members {
            for other in self.links.leans_on(*id).filter(|it| !members.contains(it)) {
                hops.extend(walk.visit(other)?);
            }
        }
        let is_it = |it: &Chain| it.hops.first().is_some_and(|it| members.contains(&it.hop.id));
        Ok(self.links.chains(&hops).into_iter().find(is_it))
    }
}

/// What `--assume` and `--as` say.
pub(crate) fn known(assume: &[Assume], browser: Option<Browser>) -> Known {
    let mut known = Known { browser, ..Known::default() };
    for it in assume {
        match &it.key {
            AssumeKey::Api(api) => known.api = Some(*api),
            AssumeKey::Mode(mode) => known.mode = Some(*mode),
            AssumeKey::Credentials(credentials) => known.credentials = Some(*credentials),
            AssumeKey::Redirect(redirect) => known.redirect = Some(*redirect),
            AssumeKey::Crossorigin(value) => known.crossorigin = Some(value.clone()),
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Console;
    use crate::store::Store;
    use crate::trace::{
        Exchange, HopId, Outcome, Request, Response, TapId, TapKind, Testimony, Time, Timing,
    };

    /// What is read a piece at a time is linked as a whole: the same chains, in the same order.
    #[test]
    fn chains_are_those_of_the_whole_recording() {
        let tap = |name: &str| Tap {
            name: name.to_owned(),
            kind: TapKind::Reverse,
            address: String::new(),
            upstream: None,
        };
        let taps = [tap("edge"), tap("origin")];
        let mut hops = Vec::new();
        for at in 0..200_u64 {
            let path = format!("{}/items/{at}", if at % 7 == 0 { "" } else { "/prod" });
            hops.push(hop(&hops, 0, format!("http://gw.test{path}"), at));
            if at % 3 == 0 {
                hops.push(hop(&hops, 1, format!("http://app.test/items/{at}"), at));
            }
            if at % 5 == 0 {
                hops.push(hop(&hops, 1, "http://app.test/health".to_owned(), at));
            }
        }
        let whole: Vec<Arc<Hop>> = hops.iter().cloned().map(Arc::new).collect();
        let whole = link::chains(&whole, &taps);
        let mut console = Console {
            out: Box::new(std::io::sink()),
            err: Box::new(std::io::sink()),
            terminal: false,
            progress: None,
        };
        let analyst = Analyst::new(Known::default(), &mut console);
        let source = Source::trace(Store::in_memory(&taps, hops).unwrap());
        let mut progress = Progress::on(&mut console);
        let study = Study::of(source, &taps, analyst, &mut progress).unwrap();
        let mut told = Vec::new();
        let take = |number: usize, it: &Analysis| {
            assert_eq!(Some(number), study.places().get(it.chain.hops[0].hop.id).map(|it| it.0));
            told.push(Chain::clone(&it.chain));
            Ok(())
        };
        study.each(None, take).unwrap();
        assert_eq!(told, whole);
        assert!(whole.iter().any(|it| it.hops.len() > 1) && whole.len() == study.len());
        for number in [1, 100, whole.len()] {
            let mut told = Vec::new();
            let take = |_: usize, it: &Analysis| {
                told.push(Chain::clone(&it.chain));
                Ok(())
            };
            study.each(Some(number), take).unwrap();
            assert_eq!(told, whole[number - 1..number]);
        }
    }

    fn hop(before: &[Hop], tap: u16, url: String, at: u64) -> Hop {
        let moved = (tap == 0 && at % 10 == 8).then(|| format!("/prod/items/{}", at + 1));
        let mut response = Response { status: 200, ..Response::default() };
        if let Some(to) = moved {
            response.status = 302;
            response.headers.push("location", to);
        }
        let started = Time(i64::try_from(at).unwrap() * 10_000 + i64::from(tap) * 1000);
        Hop {
            id: HopId { recorder: 1, sequence: before.len() as u64 + 1 },
            tap: TapId(tap),
            exchange: Exchange::Http,
            connection: None,
            started,
            ended: Some(started.plus(if tap == 0 { 5000 } else { 2000 })),
            request: Request { method: "GET".to_owned(), url, ..Request::default() },
            outcome: Outcome::Answered(response),
            timing: Timing::default(),
            own_changes: Vec::new(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: <_>::default(),
            testimony: Testimony::default(),
        }
    }
}
