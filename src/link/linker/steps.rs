//! Steps: who follows whom.
//!
//! **Invariant:** a step has one step before it and one after it at most, and both say so.

use super::candidate::Candidate;
use super::{Linker, MARGIN, ROUNDS, add, add_new};
use crate::link::clue::Clues;
use crate::link::fit::{Fit, fit};
use crate::link::flags::Flags;
use crate::link::interner::Symbol;
use crate::link::window::Order;
use crate::trace::LinkWhy;

impl Linker {
    /// Give `order` the best step to follow, and those whom it displaced theirs.
    pub(super) fn find_parent(&mut self, order: Order) {
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
        for candidate in self.waiting.get(&facts.url)? {
            if candidate.is_over_for(facts.started) {
                continue;
            }
            let parent = &candidate.order;
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
                // A request follows its preflight at once, however well a later one fits.
                if fit.score <= held.score || (late && fit.why == LinkWhy::PreflightOf) {
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
        self.note(parent);
        self.renumber(child, chain, step);
        self.touch_around(child);
    }

    /// Make `child` the first step of a chain of its own.
    pub(super) fn detach(&mut self, child: Order) {
        let Some(slot) = self.window.get_mut(child) else { return };
        let Some((parent, _)) = slot.parent.take() else { return };
        if let Some(above) = self.window.get_mut(parent) {
            above.child = None;
        }
        self.note(parent);
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
    pub(super) fn list_as_parent(&mut self, order: Order) {
        let Some(slot) = self.window.get_mut(order) else { return };
        let facts = slot.facts;
        let url = if facts.next.is_some() { facts.next } else { facts.url };
        let flags = facts.flags;
        let may_lead = facts.next.is_some()
            || facts.is_preflight()
            || flags.has(Flags::CLOSED)
            || flags.has(Flags::CHALLENGED);
        if may_lead && slot.listed.is_none() {
            // An open preflight is listed under its own URL, where it stays.
            slot.listed = url;
            self.list(order, url);
        }
        let head =
            self.window.get(order).is_some_and(|it| it.parent.is_none() && it.outer.is_none());
        if head {
            add_new(self.heads.entry(facts.url), order, &self.window);
        }
        if may_lead {
            self.adopt(order, url);
        }
    }

    fn list(&mut self, order: Order, url: Symbol) {
        let Some(candidate) = Candidate::of(order, &self.window) else { return };
        add(self.waiting.entry(url), candidate, |it| self.window.is_gone(it.order));
    }

    /// Something has changed with `order` or with who follows it.
    pub(super) fn note(&mut self, order: Order) {
        let url = self.window.get(order).map_or(Symbol::NONE, |it| it.listed);
        if url.is_none() {
            return;
        }
        let Some(candidate) = Candidate::of(order, &self.window) else { return };
        let list = self.waiting.get_mut(&url).into_iter().flatten();
        if let Some(it) = list.rev().find(|it| it.order == order) {
            *it = candidate;
        }
    }

    /// Offer `parent` to first steps that came before their turn (clock ties, late answers).
    fn adopt(&mut self, parent: Order, url: Symbol) {
        let Some(started) = self.window.get(parent).map(|it| it.facts.started) else { return };
        let Some(heads) = self.heads.get(&url) else { return };
        let early = heads.iter().rev().copied().filter(|it| *it != parent);
        let early: Vec<Order> = early
            .take_while(|it| self.window.get(*it).is_some_and(|it| started <= it.facts.started))
            .collect();
        for head in early {
            self.find_parent(head);
        }
    }
}

/// A candidate that would have `child`.
struct Offer {
    parent: Order,
    fit: Fit,
    /// Another candidate is about as good.
    rival: bool,
}
