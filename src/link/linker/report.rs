//! What comes out: the places of the hops that were touched.
//!
//! **Invariant:** reads the window and changes nothing in it.

use super::{Change, Linker, Place};
use crate::link::clue::Edge;
use crate::link::facts::HopFacts;
use crate::link::flags::Flags;
use crate::link::window::Order;
use crate::trace::{HopKind, LinkWhy};

impl Linker {
    /// Note the places of all hops that were touched.
    pub(super) fn report(&mut self) {
        // Their room is used again and again.
        let mut touched = std::mem::take(&mut self.touched);
        let mut changes = std::mem::take(&mut self.changes);
        touched.sort_unstable();
        touched.dedup();
        changes.clear();
        changes.extend(touched.iter().filter_map(|it| self.change(*it)));
        touched.clear();
        self.touched = touched;
        self.changes = changes;
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
        let (link, outside) = (self.link(order), slot.outside());
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
