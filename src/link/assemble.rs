//! From places to chains: the hops of every chain in order, their sightings, and what the
//! chain leans on, each link in words.
//!
//! **Invariant:** every hop stands in exactly one chain, and a link leads to a hop that is
//! there.

use std::collections::HashMap;
use std::sync::Arc;

use super::clue::Edge;
use super::linker::{Change, Place};
use crate::trace::{ByHop, Chain, ChainHop, Hop, HopId, HopKind, Link, Outside, Sighting};

/// Collects the changes of a [`super::Linker`] and puts chains together.
#[derive(Debug, Default)]
pub struct Places(ByHop<Kept>);

/// A [`Place`] among a million: few have links that leave the chain.
#[derive(Debug)]
struct Kept {
    chain: u64,
    step: u32,
    kind: Option<HopKind>,
    link: Option<Edge>,
    outside: Option<Box<[Edge]>>,
}

impl Kept {
    fn of(place: &Place) -> Kept {
        let Place { chain, step, kind, link, outside } = *place;
        let is_any = outside.iter().any(Option::is_some);
        let outside = is_any.then(|| outside.into_iter().flatten().collect());
        Kept { chain, step, kind, link, outside }
    }

    fn outside(&self) -> impl Iterator<Item = &Edge> {
        self.outside.iter().flatten()
    }
}

impl Places {
    /// Take in what [`super::Linker::push`] gave.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.0.extend(changes.into_iter().map(|it| (it.hop, Kept::of(&it.place))));
    }

    /// The chains of `hops`: by their first hop, those of inner taps after those of outer ones.
    pub fn chains(&self, hops: &[Arc<Hop>]) -> Vec<Chain> {
        let by_id: HashMap<HopId, &Arc<Hop>> = hops.iter().map(|it| (it.id, it)).collect();
        let mut steps: HashMap<u64, Vec<(u32, &Arc<Hop>)>> = HashMap::new();
        let mut sightings: HashMap<HopId, Vec<&Arc<Hop>>> = HashMap::new();
        for hop in by_id.values() {
            let Some(place) = self.0.get(hop.id) else { continue };
            match (place.kind, place.link) {
                (Some(_), _) => steps.entry(place.chain).or_default().push((place.step, hop)),
                (None, Some(_)) => {
                    sightings.entry(self.outermost(hop.id)).or_default().push(hop);
                }
                (None, None) => {}
            }
        }
        let mut rows: Vec<Vec<&Arc<Hop>>> = steps.into_values().map(in_order).collect();
        rows.sort_by_key(|row| row.first().map(|it| (it.tap, it.started, it.id)));
        for list in sightings.values_mut() {
            list.sort_by_key(|it| (it.tap, it.started, it.id));
        }
        rows.iter().map(|row| self.chain(row, &by_id, &sightings)).collect()
    }

    /// The number of a hop's chain, and its step in it; `None` for one that is not a step.
    pub fn step(&self, hop: HopId) -> Option<(u64, u32)> {
        self.0.get(hop).filter(|it| it.kind.is_some()).map(|it| (it.chain, it.step))
    }

    /// Whether it is another sighting of a step.
    pub fn is_sighting(&self, hop: HopId) -> bool {
        self.0.get(hop).is_some_and(|it| it.kind.is_none())
    }

    /// Hops of other chains that this one leans on.
    pub fn leans_on(&self, hop: HopId) -> impl Iterator<Item = HopId> {
        self.0.get(hop).into_iter().flat_map(Kept::outside).map(|it| it.to)
    }

    fn chain(
        &self,
        row: &[&Arc<Hop>],
        by_id: &HashMap<HopId, &Arc<Hop>>,
        sightings: &HashMap<HopId, Vec<&Arc<Hop>>>,
    ) -> Chain {
        let word = |edge: Edge, from: &Hop| -> Option<Link> {
            by_id.get(&edge.to).map(|to| edge.worded(from, to))
        };
        let mut chain = Chain::default();
        for (at, hop) in row.iter().enumerate() {
            let Some(place) = self.0.get(hop.id) else { continue };
            let Some(kind) = place.kind else { continue };
            let within = |edge: &Edge| {
                self.0.get(edge.to).is_some_and(|it| it.kind.is_some() && it.chain == place.chain)
            };
            let seen = sightings.get(&hop.id).into_iter().flatten();
            let seen = seen.filter_map(|it| {
                let edge = self.0.get(it.id)?.link?;
                Some(Sighting { hop: Arc::clone(it), link: word(edge, it)? })
            });
            chain.hops.push(ChainHop {
                hop: Arc::clone(hop),
                kind,
                link: place.link.filter(within).and_then(|it| word(it, hop)),
                sightings: seen.collect(),
            });
            // What a browser remembers of the same fetch is its own business.
            let beyond = place.outside().filter(|it| !within(it));
            for edge in beyond {
                if let (Some(link), Some(to)) = (word(*edge, hop), by_id.get(&edge.to)) {
                    chain.outside.push(Outside { at, link, hop: Arc::clone(to) });
                }
            }
        }
        chain
    }

    /// The step that the sighting `id` is of, through the taps between.
    pub fn outermost(&self, id: HopId) -> HopId {
        let mut at = id;
        // A sighting's outer hop has a lower tap, so this ends; taps are few.
        while let Some(Kept { kind: None, link: Some(edge), .. }) = self.0.get(at) {
            if edge.to == at {
                break;
            }
            at = edge.to;
        }
        at
    }
}

fn in_order(mut steps: Vec<(u32, &Arc<Hop>)>) -> Vec<&Arc<Hop>> {
    steps.sort_by_key(|(step, hop)| (*step, hop.started, hop.id));
    steps.into_iter().map(|(_, hop)| hop).collect()
}
