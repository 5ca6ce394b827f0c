//! Sightings: the same request at an inner tap.
//!
//! **Invariant:** a sighting is no step. Nobody follows it, and it follows nobody.

use super::{Linker, MARGIN, ROUNDS, add_new};
use crate::link::clue::Clues;
use crate::link::facts::HopFacts;
use crate::link::flags::Flags;
use crate::link::interner::mixed;
use crate::link::sight::{Agreement, agreement, best_otherwise};
use crate::link::window::{Order, Window};
use crate::trace::TapId;

impl Linker {
    pub(super) fn list_as_outer(&mut self, order: Order) {
        let Some(slot) = self.window.get(order) else { return };
        let facts = slot.facts;
        if self.innermost <= facts.tap {
            return;
        }
        let mut list = |key: u64| {
            add_new(self.alike.entry(alike_key(key, &facts)), order, &self.window);
            add_new(self.outers.entry(key), order, &self.window);
        };
        list(end_key(&facts));
        if facts.tails == 0 && facts.tail != 0 {
            list(root_key(&facts));
        }
        add_new(self.outers.entry(any_key(&facts)), order, &self.window);
    }

    pub(super) fn list_as_lost(&mut self, order: Order) {
        let Some(slot) = self.window.get(order) else { return };
        if slot.facts.tap != TapId(0) && slot.outer.is_none() {
            add_new(self.lost.entry(any_key(&slot.facts)), order, &self.window);
        }
    }

    /// Now that more is known of `outer`, it may be what an inner hop lacked.
    pub(super) fn ask_the_lost(&mut self, outer: Order) {
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
    pub(super) fn find_outer(&mut self, order: Order) {
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
        let alike = self.best_alike(inner, &facts);
        // Nobody with another query can be better, or as good.
        let ceiling = best_otherwise(&facts, true) + MARGIN;
        let best = alike.as_ref().map(|it| it.agreement.score);
        let alike = alike.filter(|it| ceiling <= it.agreement.score);
        let best = alike.or_else(|| self.best_by_end(inner, &facts, best)).or_else(|| {
            let at_root = (facts.tails == 0).then(|| root_key(&facts));
            let keys = at_root.into_iter().chain([any_key(&facts)]);
            let mut found = keys.filter_map(|key| {
                let list = self.outers.get(&key)?;
                best_of(list.iter().copied(), &self.window, inner, &facts, |_| true)
            });
            found.next()
        });
        best.map(|it| {
            let mut agreement = it.agreement;
            agreement.clues.note(Clues::RIVAL, it.rival);
            (it.outer, agreement)
        })
    }

    /// Among those with the same end of the path and the same query.
    fn best_alike(&mut self, inner: Order, facts: &HopFacts) -> Option<Sighted> {
        let alike = self.alike.get(&alike_key(end_key(facts), facts))?;
        best_of(alike.iter().copied(), &self.window, inner, facts, |_| true)
    }

    /// Among those with the same end of the path, the oldest first. The best with the same query
    /// has the score `best`.
    fn best_by_end(
        &mut self,
        inner: Order,
        facts: &HopFacts,
        best: Option<i32>,
    ) -> Option<Sighted> {
        let alike =
            self.alike.get(&alike_key(end_key(facts), facts)).map_or(&[][..], Vec::as_slice);
        let others = self.outers.get(&end_key(facts)).map_or(&[][..], Vec::as_slice);
        let older = alike.iter().take_while(|it| others.first().is_none_or(|first| *it < first));
        let ceiling = best_otherwise(facts, false) + MARGIN;
        let hopeless = best.is_some_and(|it| ceiling <= it);
        let may_win = |outer: &HopFacts| {
            !hopeless || outer.query == facts.query || outer.answer == facts.answer
        };
        best_of(older.chain(others).copied(), &self.window, inner, facts, may_win)
    }

    fn join(&mut self, outer: Order, inner: Order, agreement: Agreement) {
        // A sighting is no step: nobody follows it, and it follows nobody.
        self.detach(inner);
        let child = self.window.get(inner).and_then(|it| it.child);
        if let Some(child) = child {
            self.detach(child);
        }
        if let Some(slot) = self.window.get_mut(outer) {
            // Most have one.
            slot.inner.reserve_exact(1);
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

    pub(super) fn part(&mut self, inner: Order) {
        let Some(slot) = self.window.get_mut(inner) else { return };
        let Some((outer, _)) = slot.outer.take() else { return };
        if let Some(slot) = self.window.get_mut(outer) {
            slot.inner.retain(|it| *it != inner);
        }
        self.touch(inner);
    }
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

/// The best reading of a sighting.
struct Sighted {
    outer: Order,
    agreement: Agreement,
    /// Another outer hop is about as good.
    rival: bool,
}

/// The outer hop of `outers` that `inner` is a sighting of, among those that `may_win`.
fn best_of(
    outers: impl Iterator<Item = Order>,
    window: &Window,
    inner: Order,
    facts: &HopFacts,
    may_win: impl Fn(&HopFacts) -> bool,
) -> Option<Sighted> {
    let mut best: Option<Sighted> = None;
    for outer in outers {
        let Some(slot) = window.get(outer).filter(|it| may_win(&it.facts)) else { continue };
        let Some(mut found) = agreement(&slot.facts, facts) else { continue };
        if let Some((holder, held)) = holder(window, outer, inner) {
            if is_again(window, holder, facts) {
                found.clues.add(Clues::AGAIN);
                found.score -= 5;
            } else if found.score <= held.score {
                continue;
            }
        }
        match &mut best {
            Some(it) if found.score <= it.agreement.score => {
                it.rival |= it.agreement.score < found.score + MARGIN;
            }
            _ => {
                let near = |it: &Sighted| found.score < it.agreement.score + MARGIN;
                let rival = best.as_ref().is_some_and(near);
                best = Some(Sighted { outer, agreement: found, rival });
            }
        }
    }
    best
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

/// `OPTIONS` counts as one method, whatever it asks for: a broken preflight may have been
/// recorded without its headers.
fn wire_method(facts: &HopFacts) -> u64 {
    if facts.flags.has(Flags::OPTIONS) { 0 } else { facts.method.key() << 20 }
}

fn end_key(facts: &HopFacts) -> u64 {
    wire_method(facts) | u64::from(facts.tail)
}

/// `key`, and the query.
fn alike_key(key: u64, facts: &HopFacts) -> u64 {
    mixed(key, facts.query.into())
}

fn root_key(facts: &HopFacts) -> u64 {
    wire_method(facts)
}

fn any_key(facts: &HopFacts) -> u64 {
    wire_method(facts) | 1 << 17
}
