//! A value for each of very many hops.
//!
//! Recorders number hops one after the other, so neighbours share a page: a hop costs its value
//! and little more, where a table by their ids would cost it several times that.
//!
//! **Invariant:** hops that are numbered far apart cost at most a page each.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::HopId;

/// Values by the hops that they are of.
#[derive(Clone, Debug)]
pub struct ByHop<T> {
    /// By the recorder, and by the part of the sequence that neighbours share.
    pages: HashMap<(u64, u64), Box<Page<T>>, RandomState>,
    len: usize,
}

type Page<T> = [Option<T>; PAGE];

impl<T> Default for ByHop<T> {
    fn default() -> ByHop<T> {
        ByHop { pages: HashMap::default(), len: 0 }
    }
}

impl<T> ByHop<T> {
    /// How many hops have a value.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, id: HopId) -> Option<&T> {
        let (page, at) = place(id);
        self.pages.get(&page)?.get(at)?.as_ref()
    }

    pub fn get_mut(&mut self, id: HopId) -> Option<&mut T> {
        let (page, at) = place(id);
        self.pages.get_mut(&page)?.get_mut(at)?.as_mut()
    }

    /// Give `id` a value; the one it had before.
    pub fn insert(&mut self, id: HopId, value: T) -> Option<T> {
        let (page, at) = place(id);
        let page = self.pages.entry(page).or_insert_with(|| Box::new([const { None }; PAGE]));
        let before = page.get_mut(at)?.replace(value);
        self.len += usize::from(before.is_none());
        before
    }

    /// All hops and their values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (HopId, &T)> {
        self.pages.iter().flat_map(|((recorder, number), page)| {
            let first = number * PAGE as u64;
            page.iter().enumerate().filter_map(move |(at, value)| {
                let sequence = first + at as u64;
                Some((HopId { recorder: *recorder, sequence }, value.as_ref()?))
            })
        })
    }
}

impl<T> Extend<(HopId, T)> for ByHop<T> {
    fn extend<I: IntoIterator<Item = (HopId, T)>>(&mut self, values: I) {
        for (id, value) in values {
            self.insert(id, value);
        }
    }
}

impl<T> FromIterator<(HopId, T)> for ByHop<T> {
    fn from_iter<I: IntoIterator<Item = (HopId, T)>>(values: I) -> ByHop<T> {
        let mut all = ByHop::default();
        all.extend(values);
        all
    }
}

/// The page of a hop, and where on it the hop stands.
fn place(id: HopId) -> ((u64, u64), usize) {
    let size = PAGE as u64;
    let at = usize::try_from(id.sequence % size).unwrap_or_default();
    ((id.recorder, id.sequence / size), at)
}

/// Values on a page.
const PAGE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hop_has_its_own_value() {
        let ids: Vec<HopId> = [0, 7, u64::MAX]
            .into_iter()
            .flat_map(|recorder| {
                let some = (0..40).chain([1 << 40, u64::MAX - 1, u64::MAX]);
                some.map(move |sequence| HopId { recorder, sequence })
            })
            .collect();
        let mut all: ByHop<usize> = ids.iter().copied().zip(0..).collect();
        assert_eq!((all.len(), all.is_empty()), (ids.len(), false));
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(all.get(*id), Some(&n));
        }
        assert_eq!(all.get(HopId { recorder: 7, sequence: 41 }), None);
        assert_eq!(all.insert(ids[3], 99), Some(3));
        assert_eq!((all.len(), all.get_mut(ids[3])), (ids.len(), Some(&mut 99)));
        let mut listed: Vec<HopId> = all.iter().map(|it| it.0).collect();
        listed.sort_unstable();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert_eq!(listed, sorted);
    }
}
