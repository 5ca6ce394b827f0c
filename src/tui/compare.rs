//! Two header lists side by side: what was kept, changed, added, lost.
//!
//! **Invariant:** names are compared without case, values as bytes, repeats count.

use crate::trace::{Chain, ChainHop, Headers, Hop, HopId};

/// What a hop can be compared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum With {
    /// The same request at the next tap inwards.
    Sighting(HopId),
    /// The hop before it in the chain.
    Previous(HopId),
}

impl With {
    pub fn id(self) -> HopId {
        match self {
            With::Sighting(id) | With::Previous(id) => id,
        }
    }
}

/// What the hop at `idx` can be compared with, best first: its other sightings, then the hop
/// before it.
pub fn choices(chain: &Chain, idx: usize) -> Vec<With> {
    let Some(hop) = chain.hops.get(idx) else { return Vec::new() };
    let sightings = hop.sightings.iter().map(|it| With::Sighting(it.hop.id));
    let previous = idx.checked_sub(1).and_then(|it| chain.hops.get(it));
    sightings.chain(previous.map(|it| With::Previous(it.hop.id))).collect()
}

/// The hop of the chain, or sighting, with this id.
pub fn find(chain: &Chain, id: HopId) -> Option<&Hop> {
    chain.hops.iter().flat_map(ChainHop::seen).find(|it| it.id == id).map(AsRef::as_ref)
}

/// One line of a comparison.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pair {
    pub name: String,
    /// The value here; `None` where the field is missing.
    pub here: Option<Vec<u8>>,
    /// The value there.
    pub there: Option<Vec<u8>>,
}

/// How the two sides differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Difference {
    Same,
    Changed,
    Added,
    Lost,
}

/// Which side of a comparison came later on the way of the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Later {
    Here,
    There,
}

impl Pair {
    /// What happened to the field on its way from the earlier side to the later.
    pub fn difference(&self, later: Later) -> Difference {
        match (&self.here, &self.there, later) {
            (Some(here), Some(there), _) if here == there => Difference::Same,
            (Some(_), Some(_), _) => Difference::Changed,
            (Some(_), None, Later::Here) | (None, _, Later::There) => Difference::Added,
            (Some(_), None, Later::There) | (None, _, Later::Here) => Difference::Lost,
        }
    }
}

/// Pair the fields of two lists: in the order of `here`, then what only `there` has. The n-th
/// repeat of a name is paired with the n-th repeat on the other side.
pub fn pairs(here: &Headers, there: &Headers) -> Vec<Pair> {
    let mut rest: Vec<_> = there.iter().map(Some).collect();
    let mut pairs = Vec::with_capacity(here.len());
    for field in here.iter() {
        let same_name = |it: &&mut Option<&crate::trace::Header>| {
            it.is_some_and(|it| it.name.eq_ignore_ascii_case(&field.name))
        };
        let other = rest.iter_mut().find(same_name).and_then(Option::take);
        pairs.push(Pair {
            name: field.name.clone(),
            here: Some(field.value.clone()),
            there: other.map(|it| it.value.clone()),
        });
    }
    pairs.extend(rest.into_iter().flatten().map(|it| Pair {
        name: it.name.clone(),
        here: None,
        there: Some(it.value.clone()),
    }));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_by_name_and_repeat() {
        use Difference::{Added, Changed, Lost, Same};
        let here = [("Host", "a"), ("Vary", "x"), ("vary", "y"), ("B", "1")];
        let there = [("host", "b"), ("vary", "x"), ("C", "2")];
        let pairs = pairs(&here.into_iter().collect(), &there.into_iter().collect());
        let differences = |later| -> Vec<_> {
            pairs.iter().map(|it| (it.name.as_str(), it.difference(later))).collect()
        };
        let wanted =
            [("Host", Changed), ("Vary", Same), ("vary", Added), ("B", Added), ("C", Lost)];
        assert_eq!(differences(Later::Here), wanted);
        let wanted = [("Host", Changed), ("Vary", Same), ("vary", Lost), ("B", Lost), ("C", Added)];
        assert_eq!(differences(Later::There), wanted);
    }
}
