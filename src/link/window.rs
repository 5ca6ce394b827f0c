//! The hops that may still gain a link.
//!
//! **Invariant:** bounded. A hop leaves after [`SPAN`], or when [`ROOM`] newer ones came; its
//! place is settled then.

use std::collections::{HashMap, VecDeque};

use super::clue::Edge;
use super::facts::HopFacts;
use super::fit::Fit;
use super::interner::Symbol;
use super::serial::Serial;
use super::sight::Agreement;
use crate::trace::HopId;

/// A hop's number in order of arrival, never used twice.
pub(crate) type Order = u64;

/// One open hop.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) facts: HopFacts,
    pub(crate) chain: u64,
    /// How many steps of the chain come before.
    pub(crate) step: u32,
    /// The step before this one, and why.
    pub(crate) parent: Option<(Order, Fit)>,
    pub(crate) child: Option<Order>,
    /// The same request at an outer tap.
    pub(crate) outer: Option<(Order, Agreement)>,
    /// The same request at inner taps.
    pub(crate) inner: Vec<Order>,
    /// Few have any.
    outside: Option<Box<[Option<Edge>; 3]>>,
    /// The URL under which it is listed among those that others may follow.
    pub(crate) listed: Symbol,
}

impl Slot {
    /// Links that leave the chain.
    pub(crate) fn outside(&self) -> [Option<Edge>; 3] {
        self.outside.as_deref().copied().unwrap_or_default()
    }

    pub(crate) fn set_outside(&mut self, edges: [Option<Edge>; 3]) {
        self.outside = edges.iter().any(Option::is_some).then(|| Box::new(edges));
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Window {
    slots: VecDeque<Slot>,
    first: Order,
    by_id: HashMap<HopId, Order, Serial>,
}

impl Window {
    /// Let in a hop, and out what is too old.
    pub(crate) fn push(&mut self, facts: HopFacts, chain: u64) -> Order {
        while self.slots.front().is_some_and(|it| {
            ROOM <= self.slots.len() || SPAN < facts.started.since(it.facts.started)
        }) {
            if let Some(gone) = self.slots.pop_front() {
                self.by_id.remove(&gone.facts.id);
                self.first += 1;
            }
        }
        let order = self.first + self.slots.len() as u64;
        self.by_id.insert(facts.id, order);
        self.slots.push_back(Slot {
            facts,
            chain,
            step: 0,
            parent: None,
            child: None,
            outer: None,
            inner: Vec::new(),
            outside: None,
            listed: Symbol::NONE,
        });
        order
    }

    pub(crate) fn find(&self, id: HopId) -> Option<Order> {
        self.by_id.get(&id).copied()
    }

    /// Whether it has left.
    pub(crate) fn is_gone(&self, order: Order) -> bool {
        order < self.first
    }

    /// `None` when it has left.
    pub(crate) fn get(&self, order: Order) -> Option<&Slot> {
        self.slots.get(usize::try_from(order.checked_sub(self.first)?).ok()?)
    }

    pub(crate) fn get_mut(&mut self, order: Order) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(order.checked_sub(self.first)?).ok()?)
    }
}

/// Microseconds after which no link is looked for any more.
const SPAN: i64 = 120_000_000;
/// At most so many hops: about 30 MB.
const ROOM: usize = 1 << 17;
