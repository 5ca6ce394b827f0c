//! The chains that a filter lets through, found a portion at a time: among a million hops that
//! takes longer than a frame.
//!
//! **Invariant:** what was found stands in the order of the list. A chain that changed is looked
//! at again.

use std::collections::{HashSet, VecDeque};

use super::index::Key;
use crate::trace::Filter;

/// One filter, and what it was found to let through.
pub(super) struct Search {
    text: String,
    filter: Filter,
    found: Vec<(Key, u64)>,
    waiting: VecDeque<u64>,
}

impl Search {
    /// The search for `text` among all chains, given in their order. What an earlier search has
    /// sorted out stays out when `text` only goes on from it.
    pub(super) fn for_text(
        text: &str,
        before: Option<Search>,
        all: impl Iterator<Item = u64>,
    ) -> Search {
        let waiting = match before {
            Some(before) if before.text == text => return before,
            Some(before) if text.starts_with(&before.text) => {
                before.found.into_iter().map(|it| it.1).chain(before.waiting).collect()
            }
            _ => all.collect(),
        };
        Search { text: text.to_owned(), filter: Filter::new(text), found: Vec::new(), waiting }
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What was found so far, in order.
    pub(super) fn found(&self) -> &[(Key, u64)] {
        &self.found
    }

    /// Whether there are chains to look at.
    pub(super) fn goes_on(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next chain to look at.
    pub(super) fn next(&mut self) -> Option<u64> {
        self.waiting.pop_front()
    }

    /// It is let through.
    pub(super) fn take(&mut self, key: Key, chain: u64) {
        if let Err(at) = self.found.binary_search(&(key, chain)) {
            self.found.insert(at, (key, chain));
        }
    }

    /// These chains are no more.
    pub(super) fn forget(&mut self, gone: &HashSet<u64>) {
        self.found.retain(|it| !gone.contains(&it.1));
        self.waiting.retain(|it| !gone.contains(it));
    }

    /// A chain that stood at `before` has changed, or is no more.
    pub(super) fn changed(&mut self, before: Option<Key>, chain: u64) {
        if let Some(at) = before.and_then(|it| self.found.binary_search(&(it, chain)).ok()) {
            self.found.remove(at);
        }
        self.waiting.push_back(chain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{HopId, TapId, Time};

    fn key(chain: u64) -> Key {
        (TapId(0), Time(i64::try_from(chain).unwrap()), HopId { recorder: 0, sequence: chain })
    }

    /// Look at every chain that waits; those that are multiples are let through.
    fn run(search: &mut Search, of: u64) -> Vec<u64> {
        let mut looked = Vec::new();
        while let Some(chain) = search.next() {
            looked.push(chain);
            if chain.is_multiple_of(of) {
                search.take(key(chain), chain);
            }
        }
        looked
    }

    fn found(search: &Search) -> Vec<u64> {
        search.found().iter().map(|it| it.1).collect()
    }

    #[test]
    fn what_goes_on_looks_only_at_what_is_left() {
        let mut search = Search::for_text("po", None, 0..10);
        assert_eq!(run(&mut search, 2).len(), 10);
        assert_eq!(found(&search), [0, 2, 4, 6, 8]);
        let mut search = Search::for_text("post it", Some(search), 0..10);
        assert_eq!(run(&mut search, 4), [0, 2, 4, 6, 8]);
        assert_eq!(found(&search), [0, 4, 8]);
        let search = Search::for_text("post it", Some(search), 0..10);
        assert!(!search.goes_on() && search.found().len() == 3);
        let search = Search::for_text("get", Some(search), 0..10);
        assert!(search.goes_on() && search.found().is_empty());
    }

    #[test]
    fn what_changed_is_looked_at_again_and_stands_once() {
        let mut search = Search::for_text("x", None, 0..4);
        run(&mut search, 1);
        search.changed(Some(key(2)), 2);
        search.changed(None, 2);
        assert_eq!(found(&search), [0, 1, 3]);
        assert_eq!(run(&mut search, 1), [2, 2]);
        assert_eq!(found(&search), [0, 1, 2, 3]);
    }
}
