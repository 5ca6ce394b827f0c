//! What was found out lately about a string, by its fingerprint.
//!
//! **Invariant:** bounded, and only a shortcut: what is not there any more is found out again.

/// A table in which every fingerprint has one place, and the newest stays.
#[derive(Debug)]
pub(crate) struct Recent<V>(Vec<Option<(u64, V)>>);

impl<V: Copy> Default for Recent<V> {
    fn default() -> Recent<V> {
        Recent(vec![None; PLACES])
    }
}

impl<V: Copy> Recent<V> {
    /// What is known by `key`, else what `find` says.
    pub(crate) fn get(&mut self, key: u64, find: impl FnOnce() -> V) -> V {
        let at = usize::try_from(key % PLACES as u64).unwrap_or_default();
        let Some(place) = self.0.get_mut(at) else { return find() };
        match place {
            Some((known, value)) if *known == key => *value,
            _ => place.insert((key, find())).1,
        }
    }
}

/// A power of two, so that a remainder is a mask.
const PLACES: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_out_again_what_was_pushed_out() {
        let mut recent = Recent::default();
        let (a, b) = (5, 5 + PLACES as u64);
        assert_eq!(recent.get(a, || 'a'), 'a');
        assert_eq!(recent.get(a, || 'x'), 'a');
        assert_eq!(recent.get(b, || 'b'), 'b');
        assert_eq!(recent.get(a, || 'c'), 'c');
    }
}
