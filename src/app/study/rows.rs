//! Which hops belong to which chain, and in which order chains are told.
//!
//! **Invariant:** chains are ordered by their first hop, those of inner taps after those of
//! outer ones; a chain's number is its ordinal, from 1.

use std::ops::Range;

use crate::formats::json::Place;
use crate::link::Places;
use crate::trace::{ByHop, HopId, TapId, Time};

/// The chains of a recording, as lists of hops.
pub(super) struct Rows {
    /// The hops of all chains, chain by chain.
    members: Vec<HopId>,
    chains: Vec<Range<usize>>,
    places: ByHop<Place>,
    /// How many chains begin at the outermost tap: their hops come about in turn.
    in_turn: usize,
}

/// One step of a chain, in the order of chains and steps.
type Step = (u64, u32, Time, HopId, TapId);

impl Rows {
    /// From the places of all hops, and when and where each was seen.
    pub(super) fn of(links: &Places, mut seen: Vec<(HopId, TapId, Time)>) -> Rows {
        // Of a hop that is told twice, the last word counts.
        seen.reverse();
        seen.sort_by_key(|it| it.0);
        seen.dedup_by_key(|it| it.0);
        let step = |(id, tap, started): &(HopId, TapId, Time)| -> Option<Step> {
            let (chain, step) = links.step(*id)?;
            Some((chain, step, *started, *id, *tap))
        };
        let mut steps: Vec<Step> = seen.iter().filter_map(step).collect();
        steps.sort_unstable();
        let mut chains: Vec<&[Step]> = steps.chunk_by(|a, b| a.0 == b.0).collect();
        chains.sort_by_key(|it| it.first().map(|(_, _, started, id, tap)| (*tap, *started, *id)));
        let outermost = chains.first().and_then(|it| it.first()).map(|it| it.4);
        let is_outer = |it: &&&[Step]| it.first().map(|it| it.4) == outermost;
        let in_turn = chains.iter().filter(is_outer).count();
        let mut places = ByHop::default();
        for (chain, row) in chains.iter().enumerate() {
            let steps = row.iter().enumerate();
            places.extend(steps.map(|(hop, it)| (it.3, (chain + 1, hop + 1))));
        }
        for (id, _, _) in &seen {
            if links.is_sighting(*id)
                && let Some(place) = places.get(links.outermost(*id)).copied()
            {
                places.insert(*id, place);
            }
        }
        let count = chains.len();
        drop(chains);
        drop(steps);
        drop(seen);
        let mut all: Vec<(usize, HopId)> = places.iter().map(|(id, it)| (it.0, id)).collect();
        all.sort_unstable();
        let mut rows = Vec::with_capacity(count);
        let mut from = 0;
        for row in all.chunk_by(|a, b| a.0 == b.0) {
            rows.push(from..from + row.len());
            from += row.len();
        }
        let members = all.into_iter().map(|(_, id)| id).collect();
        Rows { members, chains: rows, places, in_turn }
    }

    pub(super) fn len(&self) -> usize {
        self.chains.len()
    }

    /// Every hop of a chain, its other sightings included.
    pub(super) fn members(&self, number: usize) -> &[HopId] {
        let row = number.checked_sub(1).and_then(|it| self.chains.get(it).cloned());
        row.and_then(|it| self.members.get(it)).unwrap_or_default()
    }

    /// Where every hop stands.
    pub(super) fn places(&self) -> &ByHop<Place> {
        &self.places
    }

    /// Whether this hop is told about when it comes, not after all others.
    pub(super) fn is_in_turn(&self, id: HopId) -> bool {
        self.places.get(id).is_some_and(|(chain, _)| *chain <= self.in_turn)
    }
}
