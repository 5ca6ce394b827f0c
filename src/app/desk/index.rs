//! The chains of a recording, in order, linked as it grows.
//!
//! **Invariant:** per hop only its place is kept, per chain only its row. Header blocks are
//! read from the source for one chain at a time.

mod gone;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use self::gone::Gone;
use super::search::Search;
use super::{Source, row_of};
use crate::app::Error;
use crate::app::analyst::Analyst;
use crate::diagnose::{Analysis, Servers};
use crate::link::{Change, HopFacts, Interner, Linker, Places};
use crate::trace::{ByHop, Chain, Hop, HopId, Tap, TapId, Time};
use crate::tui::{Badge, ChainRow, Totals};

/// Where a chain stands in the list: outer taps before inner ones, then by time.
pub(super) type Key = (TapId, Time, HopId);

/// The chains of a recording.
pub(crate) struct Index {
    taps: Vec<Tap>,
    analyst: Analyst,
    servers: Servers,
    interner: Interner,
    linker: Linker,
    places: Places,
    hops: ByHop<Member>,
    /// Further sightings of a hop.
    sightings: HashMap<HopId, BTreeSet<HopId>>,
    chains: HashMap<u64, Slot>,
    order: Vec<(Key, u64)>,
    /// What the list shows of them, where it has a filter.
    search: Option<Search>,
    /// Chains whose row is missing or stale.
    unread: VecDeque<u64>,
    gone: Gone,
    blocked: u64,
    failed: u64,
}

/// What is kept of a hop.
struct Member {
    key: Key,
    home: Home,
}

/// Where a hop belongs.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Home {
    /// Not linked yet.
    None,
    /// A step of this chain.
    Chain(u64),
    /// Another sighting of this hop, which is further out.
    Sighting(HopId),
}

/// What is kept of a chain.
#[derive(Default)]
struct Slot {
    steps: BTreeSet<HopId>,
    key: Option<Key>,
    row: Option<ChainRow>,
    waiting: bool,
}

impl Index {
    pub(crate) fn new(taps: &[Tap], analyst: Analyst) -> Index {
        Index {
            taps: taps.to_vec(),
            analyst,
            servers: Servers::default(),
            interner: Interner::default(),
            linker: Linker::new(Tap::innermost(taps)),
            places: Places::default(),
            hops: ByHop::default(),
            sightings: HashMap::new(),
            chains: HashMap::new(),
            order: Vec::new(),
            search: None,
            unread: VecDeque::new(),
            gone: Gone::default(),
            blocked: 0,
            failed: 0,
        }
    }

    /// Link hops that are new or have grown, in the order in which they are given. Gives every hop of every chain that changed.
    pub(crate) fn take_in(&mut self, hops: &[Arc<Hop>]) -> HashSet<HopId> {
        let mut touched = HashSet::new();
        for hop in hops {
            let key = (hop.tap, hop.started, hop.id);
            if self.hops.get(hop.id).is_none() {
                self.hops.insert(hop.id, Member { key, home: Home::None });
            }
            let changes = self.linker.push(&HopFacts::of(hop, &mut self.interner)).to_vec();
            touched.extend(self.chain_of(hop.id));
            for change in &changes {
                touched.extend(self.chain_of(change.hop));
                self.move_to(change.hop, home(change));
                touched.extend(self.chain_of(change.hop));
            }
            self.places.apply(changes);
        }
        let mut members = HashSet::new();
        for chain in touched {
            self.refresh(chain);
            members.extend(self.members(chain));
        }
        members
    }

    fn move_to(&mut self, id: HopId, to: Home) {
        let Some(member) = self.hops.get_mut(id) else { return };
        match std::mem::replace(&mut member.home, to) {
            Home::Chain(chain) => {
                if let Some(slot) = self.chains.get_mut(&chain) {
                    slot.steps.remove(&id);
                }
            }
            Home::Sighting(outer) => {
                if let Some(inner) = self.sightings.get_mut(&outer) {
                    inner.remove(&id);
                }
            }
            Home::None => {}
        }
        match to {
            Home::Chain(chain) => {
                self.chains.entry(chain).or_default().steps.insert(id);
            }
            Home::Sighting(outer) => {
                self.sightings.entry(outer).or_default().insert(id);
            }
            Home::None => {}
        }
    }

    /// The chain of a hop, or of the step that it is a sighting of.
    fn chain_of(&self, id: HopId) -> Option<u64> {
        let mut at = id;
        // Every sighting leads one tap outwards; the bound is for broken recordings.
        for _ in 0..=self.taps.len() {
            match self.hops.get(at)?.home {
                Home::Chain(chain) => return Some(chain),
                Home::Sighting(outer) => at = outer,
                Home::None => return None,
            }
        }
        None
    }

    /// Every hop of a chain, with its further sightings.
    fn members(&self, chain: u64) -> BTreeSet<HopId> {
        let mut members = BTreeSet::new();
        let mut waiting: Vec<HopId> =
            self.chains.get(&chain).into_iter().flat_map(|it| it.steps.iter().copied()).collect();
        while let Some(id) = waiting.pop() {
            if members.insert(id) {
                waiting.extend(self.sightings.get(&id).into_iter().flatten());
            }
        }
        members
    }

    /// Give a changed chain its place in the order, and mark its row as stale.
    fn refresh(&mut self, chain: u64) {
        let Some(slot) = self.chains.get_mut(&chain) else { return };
        let key = slot.steps.iter().filter_map(|it| self.hops.get(*it)).map(|it| it.key).min();
        let before = std::mem::replace(&mut slot.key, key);
        if before != key {
            if let Some(at) = before.and_then(|it| self.order.binary_search(&(it, chain)).ok()) {
                self.order.remove(at);
            }
            if let Some(key) = key {
                let at = self.order.partition_point(|it| *it < (key, chain));
                self.order.insert(at, (key, chain));
            }
        }
        if let Some(search) = &mut self.search {
            search.changed(before, chain);
        }
        if let Some(row) = slot.row.take() {
            count(&mut self.blocked, &mut self.failed, row.badge, u64::wrapping_sub);
        }
        if key.is_none() {
            self.chains.remove(&chain);
        } else if !std::mem::replace(&mut slot.waiting, true) {
            self.unread.push_back(chain);
        }
    }

    /// Counts over everything that was taken in; verdicts as far as they are known.
    pub(crate) fn totals(&self) -> Totals {
        let size = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        Totals {
            hops: size(self.hops.len()),
            chains: size(self.order.len()),
            blocked: self.blocked,
            failed: self.failed,
        }
    }

    /// Whether there is something to do in spare time.
    pub(crate) fn has_work(&self) -> bool {
        self.has_unread() || self.has_suspects()
    }

    /// Whether there are chains that nobody has looked at.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Analyse one chain that nobody has looked at. `false` when there is none.
    pub(crate) fn read_one(&mut self, source: &Source) -> bool {
        let Some(chain) = self.unread.pop_front() else { return false };
        if let Some(slot) = self.chains.get_mut(&chain) {
            slot.waiting = false;
            if slot.row.is_none() {
                self.read(chain, source);
            }
        }
        true
    }

    /// Let the list show what `filter` lets through. What that is has to be looked for.
    pub(crate) fn filter(&mut self, filter: &str) {
        let (text, before) = (filter.trim(), self.search.take());
        if !text.is_empty() {
            let all = self.order.iter().map(|(_, chain)| *chain);
            self.search = Some(Search::for_text(text, before, all));
        }
    }

    /// Whether there are chains that the filter has not seen.
    pub(crate) fn is_searching(&self) -> bool {
        self.search.as_ref().is_some_and(Search::goes_on)
    }

    /// Look at one chain that the filter has not seen. `false` when there is none.
    pub(crate) fn search_one(&mut self, source: &Source) -> bool {
        let Some(chain) = self.search.as_mut().and_then(Search::next) else { return false };
        let Some(key) = self.chains.get(&chain).and_then(|it| it.key) else { return true };
        let row = self.order.binary_search(&(key, chain)).ok();
        let row = row.and_then(|at| self.row(at, chain, source));
        if let (Some(row), Some(search)) = (row, &mut self.search)
            && row.passes(search.filter())
        {
            search.take(key, chain);
        }
        true
    }

    /// How many chains the list shows.
    pub(crate) fn shown(&self) -> usize {
        self.search.as_ref().map_or(self.order.len(), |it| it.found().len())
    }

    /// The rows at `range` of the list: first position, how many there are, rows.
    pub(crate) fn rows(&mut self, range: Range<u64>, source: &Source) -> (u64, u64, Vec<ChainRow>) {
        let list = self.list();
        let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(list.len());
        let end = usize::try_from(range.end).unwrap_or(usize::MAX).clamp(start, list.len());
        let wanted: Vec<(Key, u64)> = list.get(start..end).unwrap_or_default().to_vec();
        let size = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        let (first, of) = (size(start), size(list.len()));
        let rows = wanted.into_iter().filter_map(|it| {
            let at = self.order.binary_search(&it).ok()?;
            self.row(at, it.1, source)
        });
        (first, of, rows.collect())
    }

    /// What the list shows, in its order.
    fn list(&self) -> &[(Key, u64)] {
        self.search.as_ref().map_or(self.order.as_slice(), Search::found)
    }

    fn row(&mut self, at: usize, chain: u64, source: &Source) -> Option<ChainRow> {
        if self.chains.get(&chain)?.row.is_none() {
            self.read(chain, source);
        }
        let row = self.chains.get(&chain)?.row.as_ref()?;
        let number = u64::try_from(self.gone.left + at + 1).unwrap_or(u64::MAX);
        Some(ChainRow { number, ..row.clone() })
    }

    fn read(&mut self, chain: u64, source: &Source) {
        // A hop that cannot be read now leaves its chain without a row; opening it says why.
        let Ok(Some(analysis)) = self.analyse(chain, source) else { return };
        self.servers.learn(&analysis.chain);
        let row = row_of(0, &analysis);
        if let (Some(slot), Some(row)) = (self.chains.get_mut(&chain), row) {
            count(&mut self.blocked, &mut self.failed, row.badge, u64::wrapping_add);
            if let Some(before) = slot.row.replace(row) {
                count(&mut self.blocked, &mut self.failed, before.badge, u64::wrapping_sub);
            }
        }
    }

    /// The chain that has this hop, analysed.
    pub(crate) fn analyse_chain_of(
        &self,
        id: HopId,
        source: &Source,
    ) -> Result<Option<Analysis>, Error> {
        match self.chain_of(id) {
            Some(chain) => self.analyse(chain, source),
            None => Ok(None),
        }
    }

    fn analyse(&self, chain: u64, source: &Source) -> Result<Option<Analysis>, Error> {
        let Some(chain) = self.assemble(chain, source)? else { return Ok(None) };
        Ok(Some(self.analyst.analyse(Arc::new(chain), &self.taps, &self.servers)))
    }

    /// Load the hops of a chain, and those of others that it leans on.
    fn assemble(&self, chain: u64, source: &Source) -> Result<Option<Chain>, Error> {
        let members = self.members(chain);
        let mut hops = Vec::with_capacity(members.len());
        for id in &members {
            hops.extend(source.hop(*id)?);
            for other in self.places.leans_on(*id).filter(|it| !members.contains(it)) {
                hops.extend(source.hop(other)?);
            }
        }
        let chains = self.places.chains(&hops);
        let is_it = |it: &Chain| it.hops.first().is_some_and(|it| members.contains(&it.hop.id));
        Ok(chains.into_iter().find(is_it))
    }
}

/// Where a change puts a hop.
fn home(change: &Change) -> Home {
    match (change.place.kind, change.place.link) {
        (None, Some(link)) => Home::Sighting(link.to),
        _ => Home::Chain(change.place.chain),
    }
}

fn count(blocked: &mut u64, failed: &mut u64, badge: Badge, step: fn(u64, u64) -> u64) {
    match badge {
        Badge::Blocked { .. } => *blocked = step(*blocked, 1),
        Badge::Failed(_) => *failed = step(*failed, 1),
        Badge::Allowed { .. } | Badge::Depends | Badge::Open => {}
    }
}
