//! The fold: facts of one hop in, the changed places of hops out.
//!
//! A chain is a row of steps; every step but the first has one step before it (its preflight,
//! the redirect or the broken try it follows), and no step has two after it. Who follows whom
//! is settled as a stable matching: a hop asks the best candidate first, and a candidate keeps
//! the best that asked. A hop that an outer tap saw too is a sighting and no step.
//!
//! **Invariant:** the work for one hop is bounded, whatever came before: a candidate list has
//! at most [`CANDIDATES`] entries, and a hop that lost its place asks again at most
//! [`ROUNDS`] times.

mod candidate;
mod report;
mod sightings;
mod steps;

#[cfg(test)]
mod shortcuts;

use candidate::Candidate;

use super::clue::Edge;
use super::facts::HopFacts;
use super::interner::{Ageing, Symbol};
use super::memory::Memory;
use super::window::{Order, Window};
use crate::trace::{HopId, HopKind, LinkWhy, TapId};

/// Where a hop belongs, as far as is known. A later [`Change`] of the same hop replaces it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// A number within this linker; equal for the hops of one chain.
    pub chain: u64,
    /// The step's position in its chain; meaningless for a sighting.
    pub step: u32,
    /// `None` for a sighting of a step, which its link names.
    pub kind: Option<HopKind>,
    pub link: Option<Edge>,
    /// Links that leave the chain.
    pub outside: [Option<Edge>; 3],
}

/// What a fact changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    pub hop: HopId,
    pub place: Place,
}

/// Links hops as they come. Push them in the order of their start; pushing a hop again
/// revises it (its answer came).
#[derive(Debug)]
pub struct Linker {
    window: Window,
    chains: u64,
    /// By the URL that a follower would have.
    waiting: Ageing<Symbol, Vec<Candidate>>,
    /// First steps, by URL.
    heads: Ageing<Symbol, Vec<Order>>,
    /// By method and end of path, for inner taps.
    outers: Ageing<u64, Vec<Order>>,
    /// The same, by the query too.
    alike: Ageing<u64, Vec<Order>>,
    /// Inner hops without an outer one, by method: the answer of an outer hop may tell.
    lost: Ageing<u64, Vec<Order>>,
    memory: Memory,
    touched: Vec<Order>,
    changes: Vec<Change>,
    innermost: TapId,
}

impl Linker {
    /// A linker for a trace whose innermost tap is `innermost` (0 with a single tap).
    pub fn new(innermost: TapId) -> Linker {
        Linker {
            window: Window::default(),
            chains: 0,
            waiting: Ageing::new(KEYS),
            heads: Ageing::new(KEYS),
            outers: Ageing::new(KEYS),
            alike: Ageing::new(KEYS),
            lost: Ageing::new(KEYS),
            memory: Memory::default(),
            touched: Vec::new(),
            changes: Vec::new(),
            innermost,
        }
    }

    /// Take in one hop, or what has become of one. Gives every hop whose place is new.
    pub fn push(&mut self, facts: &HopFacts) -> &[Change] {
        let order = if let Some(order) = self.window.find(facts.id) {
            self.revise(order, facts);
            order
        } else {
            let chain = self.new_chain();
            let order = self.window.push(*facts, chain);
            self.touch(order);
            self.list_as_outer(order);
            order
        };
        self.find_outer(order);
        self.list_as_lost(order);
        self.find_parent(order);
        self.list_as_parent(order);
        self.remember(order);
        self.report();
        &self.changes
    }

    fn revise(&mut self, order: Order, facts: &HopFacts) {
        let Some(slot) = self.window.get_mut(order) else { return };
        slot.facts = *facts;
        let parent = slot.parent.map(|(it, _)| it);
        let child = slot.child;
        self.note(order);
        if let Some(parent) = parent {
            self.note(parent);
        }
        // What was attached to it while it was open may not hold any more.
        if let Some(child) = child {
            self.detach(child);
            self.find_parent(child);
        }
        let inner = self.window.get(order).map(|it| it.inner.clone()).unwrap_or_default();
        for inner in inner {
            self.part(inner);
            self.find_outer(inner);
            self.find_parent(inner);
        }
        if self.window.get(order).is_some_and(|it| it.outer.is_some()) {
            self.part(order);
        }
        self.ask_the_lost(order);
        self.touch(order);
    }

    /// Links that leave the chain, and what later chains may lean on.
    fn remember(&mut self, order: Order) {
        let Some(slot) = self.window.get(order) else { return };
        let facts = slot.facts;
        let why = slot.parent.map(|(_, fit)| fit.why);
        let covered = match why {
            Some(LinkWhy::PreflightOf) => None,
            _ => self.memory.covered_by(&facts),
        };
        let (mut cached, mut page) = (self.memory.validated(&facts), None);
        if why.is_none() && slot.outer.is_none() {
            cached = cached.or_else(|| self.memory.cached_from(&facts));
            page = self.memory.page_of(&facts);
        }
        if let Some(slot) = self.window.get_mut(order) {
            slot.set_outside([covered, cached, page]);
        }
        self.memory.keep(&facts);
    }

    fn touch(&mut self, order: Order) {
        self.touched.push(order);
    }

    /// Touch `order` and its neighbours, whose links name it.
    fn touch_around(&mut self, order: Order) {
        self.touch(order);
        let mut back = self.window.get(order).and_then(|it| it.parent);
        while let Some((parent, fit)) = back {
            self.touch(parent);
            back = match fit.why {
                LinkWhy::RedirectOf => None,
                _ => self.window.get(parent).and_then(|it| it.parent),
            };
        }
        if let Some(child) = self.window.get(order).and_then(|it| it.child) {
            self.touch(child);
        }
    }

    fn new_chain(&mut self) -> u64 {
        self.chains += 1;
        self.chains
    }
}

/// Append to a candidate list, dropping those that have left, and the oldest when it is full.
fn add<T>(list: &mut Vec<T>, it: T, is_gone: impl Fn(&T) -> bool) {
    if list.len() == list.capacity() {
        list.retain(|it| !is_gone(it));
    }
    if CANDIDATES <= list.len() {
        list.remove(0);
    }
    list.push(it);
}

/// [`add`], once.
fn add_new(list: &mut Vec<Order>, order: Order, window: &Window) {
    if !list.contains(&order) {
        add(list, order, |it| window.is_gone(*it));
    }
}

/// How many candidates a list has at most.
const CANDIDATES: usize = 64;
/// How many hops may ask in turn because one came.
const ROUNDS: usize = 64;
/// A difference in score below which two readings are about as good.
const MARGIN: i32 = 3;
/// How many keys a generation of an index has.
const KEYS: usize = 1 << 15;
