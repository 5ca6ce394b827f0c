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

use super::clue::{Clues, Edge};
use super::facts::HopFacts;
use super::fit::{Fit, fit};
use super::flags::Flags;
use super::interner::{Ageing, Symbol};
use super::memory::Memory;
use super::sight::{Agreement, agreement};
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
    waiting: Ageing<Symbol, Vec<Order>>,
    /// First steps, by URL.
    heads: Ageing<Symbol, Vec<Order>>,
    /// By method and end of path, for inner taps.
    outers: Ageing<u64, Vec<Order>>,
    /// Inner hops without an outer one, by method: the answer of an outer hop may tell.
    lost: Ageing<u64, Vec<Order>>,
    memory: Memory,
    changed: Vec<Order>,
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
            lost: Ageing::new(KEYS),
            memory: Memory::default(),
            changed: Vec::new(),
            innermost,
        }
    }

    /// Take in one hop, or what has become of one. Gives every hop whose place is new.
    pub fn push(&mut self, facts: &HopFacts) -> Vec<Change> {
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
        self.report()
    }

    fn revise(&mut self, order: Order, facts: &HopFacts) {
        let Some(slot) = self.window.get_mut(order) else { return };
        slot.facts = *facts;
        // What was attached to it while it was open may not hold any more.
        if let Some(child) = slot.child {
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

    // ── steps ────────────────────────────────────────────────────────────────────────────

    /// Give `order` the best step to follow, and those whom it displaced theirs.
    fn find_parent(&mut self, order: Order) {
        let mut asking = Vec::new();
        let mut next = Some(order);
        for _ in 0..ROUNDS {
            let Some(child) = next.take().or_else(|| asking.pop()) else { return };
            let Some(offer) = self.best_parent(child) else { continue };
            let mut fit = offer.fit;
            fit.clues.note(Clues::RIVAL, offer.rival);
            if let Some(holder) = self.window.get(offer.parent).and_then(|it| it.child) {
                self.detach(holder);
                asking.push(holder);
            }
            self.attach(offer.parent, child, fit);
        }
    }

    fn best_parent(&mut self, child: Order) -> Option<Offer> {
        let slot = self.window.get(child)?;
        if slot.parent.is_some() || slot.outer.is_some() {
            return None;
        }
        let (facts, chain) = (slot.facts, slot.chain);
        let mut best: Option<(Order, Fit)> = None;
        let mut rival = false;
        let mut doubted = Vec::new();
        for parent in self.waiting.get(&facts.url)? {
            let Some(slot) = self.window.get(*parent) else { continue };
            if *parent == child || slot.chain == chain || slot.outer.is_some() {
                continue;
            }
            let Some(fit) = fit(&slot.facts, &facts) else { continue };
            let holder = slot.child.and_then(|it| self.window.get(it));
            if let Some((_, held)) = holder.and_then(|it| it.parent) {
                // Who comes after the other was answered is too late to be meant.
                let over = holder.and_then(|it| it.facts.answered_at());
                let late = over.is_some_and(|it| it <= facts.started);
                if (held.score - fit.score).abs() < MARGIN && !late {
                    doubted.push(*parent);
                }
                if fit.score <= held.score {
                    continue;
                }
            }
            match &best {
                Some((_, it)) if fit.score <= it.score => rival |= it.score < fit.score + MARGIN,
                _ => {
                    rival = best.is_some_and(|(_, it)| fit.score < it.score + MARGIN);
                    best = Some((*parent, fit));
                }
            }
        }
        // Who holds one of those now might not be the one, unless it is a step of the chain that
        // is going on here.
        let own = best.and_then(|(it, _)| self.window.get(it)).map(|it| it.chain);
        doubted.retain(|it| self.window.get(*it).map(|it| it.chain) != own);
        rival |= !doubted.is_empty();
        for parent in doubted {
            if let Some(holder) = self.window.get(parent).and_then(|it| it.child) {
                if let Some((_, fit)) =
                    self.window.get_mut(holder).and_then(|it| it.parent.as_mut())
                {
                    fit.clues.add(Clues::RIVAL);
                }
                self.touch_around(holder);
            }
        }
        best.map(|(parent, fit)| Offer { parent, fit, rival })
    }

    fn attach(&mut self, parent: Order, child: Order, fit: Fit) {
        let Some(above) = self.window.get_mut(parent) else { return };
        above.child = Some(child);
        let (chain, step) = (above.chain, above.step + 1);
        if let Some(slot) = self.window.get_mut(child) {
            slot.parent = Some((parent, fit));
        }
        self.renumber(child, chain, step);
        self.touch_around(child);
    }

    /// Make `child` the first step of a chain of its own.
    fn detach(&mut self, child: Order) {
        let Some(slot) = self.window.get_mut(child) else { return };
        let Some((parent, _)) = slot.parent.take() else { return };
        if let Some(above) = self.window.get_mut(parent) {
            above.child = None;
        }
        let chain = self.new_chain();
        self.renumber(child, chain, 0);
        self.touch_around(child);
        self.touch_around(parent);
    }

    /// Number `first` and all that follow it.
    fn renumber(&mut self, first: Order, chain: u64, mut step: u32) {
        let mut next = Some(first);
        while let Some(order) = next {
            let Some(slot) = self.window.get_mut(order) else { return };
            slot.chain = chain;
            slot.step = step;
            step += 1;
            next = slot.child;
            self.touch(order);
        }
    }

    /// Let others follow `order`, if its outcome (or that it is still open) allows it.
    fn list_as_parent(&mut self, order: Order) {
        let Some(slot) = self.window.get_mut(order) else { return };
        let facts = slot.facts;
        let url = if facts.next.is_some() { facts.next } else { facts.url };
        let flags = facts.flags;
        let may_lead = facts.next.is_some()
            || facts.is_preflight()
            || flags.has(Flags::CLOSED)
            || flags.has(Flags::CHALLENGED);
        if may_lead && !slot.listed {
            // An open preflight is listed under its own URL, where it stays.
            slot.listed = true;
            add(self.waiting.entry(url), order);
        }
        let head =
            self.window.get(order).is_some_and(|it| it.parent.is_none() && it.outer.is_none());
        if head {
            add(self.heads.entry(facts.url), order);
        }
        if may_lead {
            self.adopt(order, url);
        }
    }

    /// Offer `parent` to first steps that came before their turn (clock ties, late answers).
    fn adopt(&mut self, parent: Order, url: Symbol) {
        let Some(started) = self.window.get(parent).map(|it| it.facts.started) else { return };
        let heads = self.heads.entry(url);
        let early = heads.iter().rev().copied().filter(|it| *it != parent);
        let early: Vec<Order> = early
            .take_while(|it| self.window.get(*it).is_some_and(|it| started <= it.facts.started))
            .collect();
        for head in early {
            self.find_parent(head);
        }
    }

    // ── sightings ────────────────────────────────────────────────────────────────────────

    fn list_as_outer(&mut self, order: Order) {
        let Some(slot) = self.window.get(order) else { return };
        let facts = slot.facts;
        if self.innermost <= facts.tap {
            return;
        }
        add(self.outers.entry(end_key(&facts)), order);
        if facts.tails == 0 && facts.tail != 0 {
            add(self.outers.entry(root_key(&facts)), order);
        }
        add(self.outers.entry(any_key(&facts)), order);
    }

    fn list_as_lost(&mut self, order: Order) {
        let Some(slot) = self.window.get(order) else { return };
        if slot.facts.tap != TapId(0) && slot.outer.is_none() {
            add(self.lost.entry(any_key(&slot.facts)), order);
        }
    }

    /// Now that more is known of `outer`, it may be what an inner hop lacked.
    fn ask_the_lost(&mut self, outer: Order) {
        let Some(slot) = self.window.get(outer) else { return };
        if self.innermost <= slot.facts.tap || !slot.inner.is_empty() {
            return;
        }
        let facts = slot.facts;
        let lost = self.lost.entry(any_key(&facts));
        let within = lost.iter().rev().copied().take_while(|it| {
            self.window.get(*it).is_some_and(|it| facts.started <= it.facts.started)
        });
        let within: Vec<Order> = within.collect();
        for inner in within.into_iter().rev() {
            self.find_outer(inner);
        }
    }

    /// Find the outer hop that `order` is a sighting of, and another for whom it displaced.
    fn find_outer(&mut self, order: Order) {
        let mut asking = Vec::new();
        let mut next = Some(order);
        for _ in 0..ROUNDS {
            let Some(inner) = next.take().or_else(|| asking.pop()) else { return };
            let Some((outer, agreement)) = self.best_outer(inner) else { continue };
            let holder = holder(&self.window, outer, inner);
            if let Some((holder, _)) = holder.filter(|_| !agreement.clues.has(Clues::AGAIN)) {
                self.part(holder);
                asking.push(holder);
            }
            self.join(outer, inner, agreement);
        }
        // Whoever lost its outer hop in the last round is a step again.
        for left in asking {
            self.find_parent(left);
        }
    }

    fn best_outer(&mut self, inner: Order) -> Option<(Order, Agreement)> {
        let slot = self.window.get(inner)?;
        let facts = slot.facts;
        if slot.outer.is_some() || facts.tap == TapId(0) {
            return None;
        }
        let mut keys = vec![end_key(&facts)];
        if facts.tails == 0 {
            keys.push(root_key(&facts));
        }
        keys.push(any_key(&facts));
        let mut best: Option<(Order, Agreement)> = None;
        let mut rival = false;
        for key in keys {
            for outer in self.outers.get(&key).into_iter().flatten() {
                let Some(slot) = self.window.get(*outer) else { continue };
                let Some(mut found) = agreement(&slot.facts, &facts) else { continue };
                if best.is_some_and(|(it, _)| it == *outer) {
                    continue;
                }
                if let Some((holder, held)) = holder(&self.window, *outer, inner) {
                    if is_again(&self.window, holder, &facts) {
                        found.clues.add(Clues::AGAIN);
                        found.score -= 5;
                    } else if found.score <= held.score {
                        continue;
                    }
                }
                match &best {
                    Some((_, it)) if found.score <= it.score => {
                        rival |= it.score < found.score + MARGIN;
                    }
                    _ => {
                        rival = best.is_some_and(|(_, it)| found.score < it.score + MARGIN);
                        best = Some((*outer, found));
                    }
                }
            }
            if best.is_some() {
                break;
            }
        }
        best.map(|(outer, mut found)| {
            found.clues.note(Clues::RIVAL, rival);
            (outer, found)
        })
    }

    fn join(&mut self, outer: Order, inner: Order, agreement: Agreement) {
        // A sighting is no step: nobody follows it, and it follows nobody.
        self.detach(inner);
        let child = self.window.get(inner).and_then(|it| it.child);
        if let Some(child) = child {
            self.detach(child);
        }
        if let Some(slot) = self.window.get_mut(outer) {
            slot.inner.push(inner);
        }
        if let Some(slot) = self.window.get_mut(inner) {
            slot.outer = Some((outer, agreement));
        }
        self.touch(inner);
        if let Some(child) = child {
            self.find_parent(child);
        }
    }

    fn part(&mut self, inner: Order) {
        let Some(slot) = self.window.get_mut(inner) else { return };
        let Some((outer, _)) = slot.outer.take() else { return };
        if let Some(slot) = self.window.get_mut(outer) {
            slot.inner.retain(|it| *it != inner);
        }
        self.touch(inner);
    }

    // ── what comes out ───────────────────────────────────────────────────────────────────

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
            slot.outside = [covered, cached, page];
        }
        self.memory.keep(&facts);
    }

    /// The places of all hops that were touched.
    fn report(&mut self) -> Vec<Change> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let places = changed.iter().filter_map(|it| self.change(*it)).collect();
        // Its room is used again.
        changed.clear();
        self.changed = changed;
        places
    }

    fn change(&self, order: Order) -> Option<Change> {
        let slot = self.window.get(order)?;
        let hop = slot.facts.id;
        if let Some((outer, agreement)) = slot.outer {
            let to = self.window.get(outer).map_or(hop, |it| it.facts.id);
            let link = Some(Edge { why: LinkWhy::SameRequestAt, to, clues: agreement.clues });
            let place = Place { chain: slot.chain, step: 0, kind: None, link, outside: [None; 3] };
            return Some(Change { hop, place });
        }
        let kind = Some(kind_of(&slot.facts));
        let (link, outside) = (self.link(order), slot.outside);
        Some(Change {
            hop,
            place: Place { chain: slot.chain, step: slot.step, kind, link, outside },
        })
    }

    /// Why a step is part of its chain.
    fn link(&self, order: Order) -> Option<Edge> {
        let slot = self.window.get(order)?;
        let back = self.back_link(order);
        if !slot.facts.is_preflight() || back.is_some_and(|it| it.why == LinkWhy::RetryOf) {
            return back;
        }
        self.request_of(order).or(back)
    }

    /// The redirect or broken try that led to this step, looking through its own preflight.
    fn back_link(&self, order: Order) -> Option<Edge> {
        let mut at = order;
        loop {
            let (parent, fit) = self.window.get(at)?.parent?;
            if fit.why != LinkWhy::PreflightOf {
                let to = self.window.get(parent)?.facts.id;
                let retried_preflight = at != order && fit.why == LinkWhy::RetryOf;
                if !retried_preflight {
                    return Some(Edge { why: fit.why, to, clues: fit.clues });
                }
            }
            at = parent;
        }
    }

    /// The request that a preflight, or its repetition, is for.
    fn request_of(&self, preflight: Order) -> Option<Edge> {
        let mut next = self.window.get(preflight)?.child;
        while let Some(order) = next {
            let slot = self.window.get(order)?;
            let (_, fit) = slot.parent?;
            if fit.why == LinkWhy::PreflightOf {
                return Some(Edge { why: fit.why, to: slot.facts.id, clues: fit.clues });
            }
            if !slot.facts.is_preflight() || fit.why != LinkWhy::RetryOf {
                return None;
            }
            next = slot.child;
        }
        None
    }

    fn touch(&mut self, order: Order) {
        self.changed.push(order);
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

/// A candidate that would have `child`.
struct Offer {
    parent: Order,
    fit: Fit,
    /// Another candidate is about as good.
    rival: bool,
}

/// The sighting that `outer` has at the tap of `inner`, and how well they agree.
fn holder(window: &Window, outer: Order, inner: Order) -> Option<(Order, Agreement)> {
    let tap = window.get(inner)?.facts.tap;
    let mut held = window.get(outer)?.inner.iter().rev().filter_map(|it| {
        let slot = window.get(*it)?;
        (*it != inner && slot.facts.tap == tap).then_some((*it, slot.outer?.1))
    });
    held.next()
}

/// Whether a gateway that had `earlier` as its answer would ask once more: it broke, or it
/// redirected and the gateway followed.
fn is_again(window: &Window, earlier: Order, inner: &HopFacts) -> bool {
    window.get(earlier).is_some_and(|it| {
        let facts = &it.facts;
        let over = facts.answered_at().is_some_and(|at| at <= inner.started);
        let asked = facts.flags.has(Flags::FAILED)
            || 502 <= facts.status
            || (facts.next.is_some() && facts.next == inner.url);
        over && asked
    })
}

fn kind_of(facts: &HopFacts) -> HopKind {
    if facts.flags.has(Flags::TUNNEL) {
        HopKind::Tunnel
    } else if facts.flags.has(Flags::WEBSOCKET) {
        HopKind::WebSocket
    } else if facts.is_preflight() {
        HopKind::Preflight
    } else {
        HopKind::Request
    }
}

/// `OPTIONS` counts as one method, whatever it asks for: a broken preflight may have been
/// recorded without its headers.
fn wire_method(facts: &HopFacts) -> u64 {
    if facts.flags.has(Flags::OPTIONS) { 0 } else { facts.method.key() << 20 }
}

fn end_key(facts: &HopFacts) -> u64 {
    wire_method(facts) | u64::from(facts.tail)
}

fn root_key(facts: &HopFacts) -> u64 {
    wire_method(facts)
}

fn any_key(facts: &HopFacts) -> u64 {
    wire_method(facts) | 1 << 17
}

/// Append to a candidate list, dropping the oldest when it is full.
fn add(list: &mut Vec<Order>, order: Order) {
    if list.contains(&order) {
        return;
    }
    if CANDIDATES <= list.len() {
        list.remove(0);
    }
    list.push(order);
}

/// How many candidates a list has at most.
const CANDIDATES: usize = 64;
/// How many hops may ask in turn because one came.
const ROUNDS: usize = 64;
/// A difference in score below which two readings are about as good.
const MARGIN: i32 = 3;
/// How many keys a generation of an index has.
const KEYS: usize = 1 << 15;
