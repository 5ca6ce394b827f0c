//! Names for byte strings, so that facts are small and compare in one step.
//!
//! **Invariant:** bounded. Strings themselves are not kept, only their fingerprints, and a
//! fingerprint that was not asked for during two generations is forgotten.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::address::{Addresses, Known};
use super::fields::Fields;
use super::recent::Recent;

/// A string's name within one [`Interner`]. Equal strings have equal symbols.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Symbol(u32);

impl Symbol {
    /// The symbol of what is not there.
    pub const NONE: Symbol = Symbol(0);

    pub fn is_none(self) -> bool {
        self == Symbol::NONE
    }

    pub fn is_some(self) -> bool {
        !self.is_none()
    }

    pub(crate) fn key(self) -> u64 {
        u64::from(self.0)
    }
}

/// Hands out [`Symbol`]s, and remembers what URLs and header names mean.
#[derive(Debug, Default)]
pub struct Interner {
    symbols: Symbols,
    addresses: Addresses,
    pub(crate) fields: Fields,
    /// Whether a `User-Agent` is Firefox's.
    firefox: Recent<bool>,
    /// Room to put a string together.
    room: Vec<u8>,
}

impl Interner {
    /// The symbol of `bytes`: the one it had before, or a new one.
    pub fn symbol(&mut self, bytes: &[u8]) -> Symbol {
        self.symbols.symbol(bytes)
    }

    /// [`Interner::symbol`] of something that may be missing.
    pub fn maybe(&mut self, bytes: Option<&[u8]>) -> Symbol {
        bytes.map_or(Symbol::NONE, |it| self.symbol(it))
    }

    /// The symbol of what `parts` make together.
    pub(crate) fn joined(&mut self, parts: &[&[u8]]) -> Symbol {
        self.room.clear();
        for part in parts {
            self.room.extend_from_slice(part);
        }
        self.symbols.symbol(&self.room)
    }

    /// Whether `agent` names Firefox.
    pub(crate) fn is_firefox(&mut self, agent: &[u8]) -> bool {
        let looked = |it: &[u8]| it.windows(8).any(|it| it == b"Firefox/");
        self.firefox.get(fingerprint(agent), || looked(agent))
    }

    /// A URL as it is compared.
    pub(crate) fn address(&mut self, url: &str) -> Known {
        self.addresses.known(url, &mut self.symbols)
    }
}

/// The symbols given so far.
#[derive(Debug)]
pub(crate) struct Symbols {
    symbols: Ageing<u64, Symbol>,
    last: u32,
}

impl Default for Symbols {
    fn default() -> Symbols {
        Symbols { symbols: Ageing::new(GENERATION), last: 0 }
    }
}

impl Symbols {
    pub(crate) fn symbol(&mut self, bytes: &[u8]) -> Symbol {
        let key = fingerprint(bytes);
        if let Some(symbol) = self.symbols.copied(&key) {
            return symbol;
        }
        // Wraps after four thousand million strings, when the first are long forgotten.
        self.last = self.last.wrapping_add(1).max(1);
        let symbol = Symbol(self.last);
        self.symbols.insert(key, symbol);
        symbol
    }
}

/// A map that forgets what was not touched during the last two generations. A generation
/// ends when `limit` keys are in it.
#[derive(Debug)]
pub(crate) struct Ageing<K, V> {
    young: HashMap<K, V, Quick>,
    old: HashMap<K, V, Quick>,
    limit: usize,
}

impl<K: Eq + Hash + Clone, V> Ageing<K, V> {
    pub(crate) fn new(limit: usize) -> Ageing<K, V> {
        Ageing { young: HashMap::default(), old: HashMap::default(), limit }
    }

    /// The value of `key`, which becomes young again.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        self.get_mut(key).map(|it| &*it)
    }

    /// [`Ageing::get`], to be changed.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.make_room(key);
        match self.young.entry(key.clone()) {
            Entry::Occupied(it) => Some(it.into_mut()),
            Entry::Vacant(it) => Some(it.insert(self.old.remove(key)?)),
        }
    }

    /// [`Ageing::get`] of a small value.
    pub(crate) fn copied(&mut self, key: &K) -> Option<V>
    where
        V: Copy,
    {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let value = self.old.remove(key)?;
        self.insert(key.clone(), value);
        Some(value)
    }

    /// The value of `key`, made if there is none.
    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.make_room(&key);
        match self.young.entry(key) {
            Entry::Occupied(it) => it.into_mut(),
            Entry::Vacant(it) => {
                let value = self.old.remove(it.key()).unwrap_or_default();
                it.insert(value)
            }
        }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.make_room(&key);
        self.young.insert(key, value);
    }

    #[cfg(test)]
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.young.values_mut().chain(self.old.values_mut())
    }

    /// Begin a new generation if this one is full, and take `key` into it.
    fn make_room(&mut self, key: &K) {
        if self.young.len() < self.limit {
            return;
        }
        let kept = self.old.remove_entry(key);
        std::mem::swap(&mut self.young, &mut self.old);
        // Its room is used again.
        self.young.clear();
        self.young.extend(kept);
    }
}

/// A 64-bit hash by folded multiplication, as [wyhash](https://github.com/wangyi-fudan/wyhash)
/// does it: among the few million strings that can be open at once, two of the same
/// fingerprint are not to be expected.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64);
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        let pair = u128::from_le_bytes(*pair);
        hash = fold(low(pair) ^ SEED, low(pair >> 64) ^ hash);
    }
    let (first, last) = ends(rest);
    fold(hash ^ first ^ ODD, last ^ SEED ^ hash.rotate_left(29))
}

/// Fewer than 16 bytes as two words, which overlap: the length is in the hash already.
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
    } else {
        (bytes.iter().fold(0, |word, it| word << 8 | u64::from(*it)), 0)
    }
}

/// Two hashes in one.
pub(crate) fn mixed(a: u64, b: u64) -> u64 {
    fold(a ^ ODD, b ^ SEED)
}

/// A hash in 16 bits that is never 0: a clue among a few candidates, never proof.
pub(crate) fn small(bytes: &[u8]) -> u16 {
    shortened(fingerprint(bytes))
}

/// A fingerprint in 16 bits that are never 0.
pub(crate) fn shortened(folded: u64) -> u16 {
    u16::try_from((folded ^ (folded >> 16) ^ (folded >> 32)) & 0xffff).unwrap_or(0).max(1)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    low(product) ^ low(product >> 64)
}

/// The lower half.
fn low(word: u128) -> u64 {
    u64::try_from(word & u128::from(u64::MAX)).unwrap_or_default()
}

const SEED: u64 = 0xa076_1d64_78bd_642f;
const ODD: u64 = 0xe703_7ed1_a0b4_28db;

/// The hasher of our own maps: their keys are symbols and fingerprints already.
pub(crate) type Quick = BuildHasherDefault<QuickHasher>;

/// One multiplication a word.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QuickHasher(u64);

impl QuickHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u16(&mut self, word: u16) {
        self.mix(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }
}

/// How many strings a generation holds: 24 bytes each, so that both take about 50 MB.
const GENERATION: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_have_equal_symbols() {
        let mut interner = Interner::default();
        let a = interner.symbol(b"a");
        assert_ne!(a, interner.symbol(b"b"));
        assert_eq!(a, interner.symbol(b"a"));
        assert_eq!(interner.maybe(None), Symbol::NONE);
        assert!(a.is_some());
    }

    #[test]
    fn every_byte_counts() {
        for length in 0..40_usize {
            let plain = vec![b'a'; length];
            let mut prints = vec![fingerprint(&plain)];
            for at in 0..length {
                let mut other = plain.clone();
                other[at] = b'b';
                prints.push(fingerprint(&other));
            }
            prints.sort_unstable();
            prints.dedup();
            assert_eq!(prints.len(), length + 1, "{length} bytes");
        }
    }

    #[test]
    fn forgets_only_what_nobody_asks_for() {
        let mut map = Ageing::new(2);
        for key in 0..20_u64 {
            map.insert(key, key);
            assert_eq!(map.get(&0), Some(&0), "touched at {key}");
        }
        assert_eq!(map.get(&3), None);
        assert!(map.young.len() + map.old.len() <= 4);
    }
}
