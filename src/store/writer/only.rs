//! `--only`: which hops a recorder keeps, and which others belong to them.
//!
//! A hop is kept when all words of the filter stand in its method, URL, status or failure. That is
//! known when it ends; by then its partners may be over. So the latest that were not kept wait
//! for a while, and come along with the hop that they belong to:
//!
//! * its preflight: the same URL and origin, before it;
//! * the redirect that led to it, with that one's own partners;
//! * its sightings at other taps: the same method, within its time or around it, and a path that
//!   ends as its own does, which is what gateways leave of one.
//!
//! What follows a redirect that was kept is kept, too.
//!
//! **Invariant:** memory is bounded: what waits is forgotten by number, by bytes and by age.

use std::collections::VecDeque;

use url::Url;

use super::ledger::Entry;
use crate::trace::{Filter, Hop, HopId, Target, Time};

/// What was chosen, and what may still be.
#[derive(Debug, Default)]
pub(super) struct Only {
    filter: Filter,
    /// The latest that were not kept, oldest first.
    aside: VecDeque<Waiting>,
    /// Bytes of heads and bodies in `aside`, and of what was read in them.
    weight: usize,
    /// Where redirects that were kept lead.
    expected: VecDeque<(String, Time)>,
    /// The latest that were kept, for sightings that end after them.
    kept: VecDeque<Traits>,
    /// How many were passed over for good.
    skipped: u64,
}

/// A hop that may come along with another. It is asked about with each that is kept, so what tells
/// is read once.
#[derive(Debug)]
struct Waiting {
    traits: Traits,
    entry: Box<Entry>,
}

impl Waiting {
    fn bytes(&self) -> usize {
        let led = self.traits.leads_to.as_ref().map_or(0, String::len);
        self.entry.bytes() + self.traits.url.len() + led
    }
}

/// What tells whether hops belong together.
#[derive(Clone, Debug)]
struct Traits {
    tap: u16,
    method: String,
    url: String,
    origin: Option<Vec<u8>>,
    started: Time,
    ended: Time,
    preflight: bool,
    /// Where it redirects to.
    leads_to: Option<String>,
}

impl Only {
    pub(super) fn new(filter: Filter) -> Only {
        Only { filter, ..Only::default() }
    }

    /// Everything is kept.
    pub(super) fn is_all(&self) -> bool {
        self.filter.is_empty()
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether it is known to be kept by what is there of it now.
    pub(super) fn wants(&self, hop: &Hop) -> bool {
        self.is_all() || self.matches(hop) || self.expects(hop)
    }

    /// Whether a redirect that was kept leads here.
    fn expects(&self, hop: &Hop) -> bool {
        if self.expected.is_empty() {
            return false;
        }
        let url = normal(&hop.request.url);
        self.expected.iter().any(|it| it.0 == url)
    }

    /// A hop is over: what is kept now, itself and those that it brings along, oldest first.
    pub(super) fn over(&mut self, entry: Box<Entry>) -> VecDeque<Box<Entry>> {
        if self.is_all() {
            return VecDeque::from([entry]);
        }
        let traits = Traits::of(&entry.hop);
        let chosen = entry.written || self.wants(&entry.hop) || self.is_sighting_of_kept(&traits);
        self.forget(traits.ended);
        if !chosen {
            let waiting = Waiting { traits, entry };
            self.weight += waiting.bytes();
            self.aside.push_back(waiting);
            return VecDeque::new();
        }
        let mut all = VecDeque::from([entry]);
        self.bring(traits, &mut all);
        all.make_contiguous().sort_by_key(|it| it.hop.id.sequence);
        all
    }

    /// Take the partners of a chosen hop from those that wait, and their partners.
    fn bring(&mut self, chosen: Traits, all: &mut VecDeque<Box<Entry>>) {
        let mut of = vec![chosen];
        while let Some(chosen) = of.pop() {
            let mut at = 0;
            while let Some(waiting) = self.aside.get(at) {
                if !waiting.traits.belongs_to(&chosen) {
                    at += 1;
                } else if let Some(waiting) = self.aside.remove(at) {
                    self.weight = self.weight.saturating_sub(waiting.bytes());
                    all.push_back(waiting.entry);
                    of.push(waiting.traits);
                }
            }
            if let Some(target) = &chosen.leads_to {
                self.expected.push_back((target.clone(), chosen.ended));
            }
            self.kept.push_back(chosen);
        }
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
        while self.expected.len() > KEPT {
            self.expected.pop_front();
        }
    }

    fn matches(&self, hop: &Hop) -> bool {
        // A preflight speaks for the method that it asks for.
        let asked = hop.request.headers.text("access-control-request-method");
        let status = hop.status().map(|it| it.to_string()).unwrap_or_default();
        let failure = hop.failure().map(|it| it.kind.as_str()).unwrap_or_default();
        let (method, url) = (&hop.request.method, &hop.request.url);
        let asked = asked.unwrap_or_default();
        self.filter.lets_through(&format!("{method} {asked} {url} {status} {failure}"))
    }

    fn is_sighting_of_kept(&self, traits: &Traits) -> bool {
        self.kept.iter().any(|it| it.is_sighting_of(traits))
    }

    fn forget(&mut self, now: Time) {
        while let Some((_, at)) = self.expected.front()
            && now.since(*at) > PATIENCE
        {
            self.expected.pop_front();
        }
        while let Some(oldest) = self.aside.front()
            && (self.aside.len() > ASIDE
                || self.weight > BYTES
                || now.since(oldest.traits.started) > PATIENCE)
        {
            self.weight = self.weight.saturating_sub(oldest.bytes());
            self.aside.pop_front();
            self.skipped += 1;
        }
    }

    /// A part of this hop was lost.
    pub(super) fn lose(&mut self, id: HopId) {
        self.aside.retain(|it| it.entry.hop.id != id);
        self.weight = self.aside.iter().map(Waiting::bytes).sum();
    }

    /// How many would have been passed over if this were the end.
    pub(super) fn passed_over(&self) -> u64 {
        self.skipped + self.aside.len() as u64
    }
}

impl Traits {
    fn of(hop: &Hop) -> Traits {
        let location = hop
            .response()
            .filter(|it| (300..400).contains(&it.status))
            .and_then(|it| it.headers.text("location"));
        let leads_to = location.and_then(|it| {
            let base = Url::parse(&hop.request.url).ok()?;
            Some(without_fragment(base.join(&it).ok()?))
        });
        Traits {
            tap: hop.tap.0,
            method: hop.request.method.clone(),
            url: normal(&hop.request.url),
            origin: hop.request.headers.get("origin"),
            started: hop.started,
            ended: hop.ended.unwrap_or(hop.started),
            preflight: hop.is_preflight(),
            leads_to,
        }
    }

    fn belongs_to(&self, chosen: &Traits) -> bool {
        if self.tap != chosen.tap {
            return self.is_sighting_of(chosen);
        }
        let before = self.started <= chosen.started;
        let preflight = self.preflight && self.url == chosen.url && self.origin == chosen.origin;
        let redirect = self.leads_to.as_ref() == Some(&chosen.url);
        before && (preflight || redirect)
    }

    fn is_sighting_of(&self, other: &Traits) -> bool {
        let within =
            |it: &Traits, outer: &Traits| outer.started <= it.started && it.ended <= outer.ended;
        let (one, two) = (path(&self.url), path(&other.url));
        self.tap != other.tap
            && self.method == other.method
            && (within(self, other) || within(other, self))
            && (is_end(one, two) || is_end(two, one))
    }
}

/// Whether `end` is what a gateway may leave of `path`: its last segments, and of a stage alone
/// nothing.
fn is_end(path: &str, end: &str) -> bool {
    if end.is_empty() { path.matches('/').count() <= 1 } else { path.ends_with(end) }
}

fn path(url: &str) -> &str {
    Target::parse(url).path.trim_end_matches('/')
}

/// The URL as a redirect would name it.
fn normal(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), without_fragment)
}

fn without_fragment(mut url: Url) -> String {
    url.set_fragment(None);
    url.into()
}

/// How long a hop waits for one that it belongs to: a minute.
const PATIENCE: i64 = 60_000_000;
const ASIDE: usize = 2048;
const BYTES: usize = 8 << 20;
const KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_a_gateway_leaves_of_a_path() {
        for (one, two, same) in [
            ("/prod/items", "/items", true),
            ("/prod/items", "/prod/items", true),
            ("/prod/items", "/tems", false),
            ("/prod", "", true),
            ("", "", true),
            ("/prod/items", "", false),
        ] {
            assert_eq!(is_end(one, two), same, "{one} {two}");
        }
    }
}
