//! A hop that others may follow, as it is listed: with just enough to see that it has what it
//! waited for.
//!
//! **Invariant:** only a shortcut. Who is passed over would not have been chosen.

use crate::link::fit;
use crate::link::window::{Order, Window};
use crate::trace::Time;

/// An entry of a candidate list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) order: Order,
    /// Whoever is sent later than this gets it no more.
    until: Time,
}

impl Candidate {
    /// As it stands now; `None` when it has left.
    pub(crate) fn of(order: Order, window: &Window) -> Option<Candidate> {
        let slot = window.get(order)?;
        let answered = slot.facts.answered_at();
        let mut until = answered.unwrap_or(slot.facts.started).plus(fit::LONGEST);
        let child = slot.child.and_then(|it| window.get(it));
        if let Some((_, held)) = child.and_then(|it| it.parent) {
            // From then on only a better follower would get it.
            let over = child.and_then(|it| it.facts.answered_at());
            if let Some(over) = over.filter(|it| fit::best_late(&slot.facts, *it) <= held.score) {
                until = until.min(over.plus(-1));
            }
        }
        Some(Candidate { order, until })
    }

    /// Whether a hop that was sent at `started` is too late for it.
    pub(crate) fn is_over_for(&self, started: Time) -> bool {
        self.until < started
    }

    #[cfg(test)]
    pub(crate) fn wait_forever(&mut self) {
        self.until = Time(i64::MAX);
    }
}
