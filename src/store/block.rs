//! Header blocks as bytes: a base that many hops share, and what one hop changes in it.
//!
//! Most answers of one server differ in a date and a request id. Storing each block whole would
//! make those 60 bytes cost 600; storing the difference keeps a hop small without forgetting a
//! byte.
//!
//! ```text
//! base     lead  (name value)*          each with its length in front
//! changes  (index value)*               index 0 is the lead, field n is index n + 1
//! ```
//!
//! The lead is the reason phrase of an answer, and empty for a request.
//!
//! **Invariant:** `read(base, changes)` gives back exactly what was written.

use crate::trace::Headers;
use crate::trace::packed::{fields, put, put_number, take, take_number};

/// What a header block is as a value.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Block {
    pub(super) lead: Vec<u8>,
    pub(super) headers: Headers,
}

/// The whole block, as a base.
pub(super) fn write(lead: &[u8], packed: &[u8]) -> Vec<u8> {
    let mut base = Vec::with_capacity(lead.len() + packed.len() + 2);
    put(&mut base, lead);
    base.extend_from_slice(packed);
    base
}

/// What turns `base` into this block (its fields are `packed`), if they have the same names in
/// the same order.
pub(super) fn changes(mut base: &[u8], lead: &[u8], mut packed: &[u8]) -> Option<Vec<u8>> {
    let mut changes = Vec::new();
    if take(&mut base)? != lead {
        put_number(&mut changes, 0);
        put(&mut changes, lead);
    }
    if base == packed {
        return Some(changes);
    }
    for idx in 1.. {
        if packed.is_empty() {
            break;
        }
        if take(&mut base)? != take(&mut packed)? {
            return None;
        }
        let value = take(&mut packed)?;
        if take(&mut base)? != value {
            put_number(&mut changes, idx);
            put(&mut changes, value);
        }
    }
    base.is_empty().then_some(changes)
}

/// The block again. Damaged bytes end it early; they never make it fail.
pub(super) fn read(mut base: &[u8], mut changes: &[u8]) -> Block {
    let mut next = change(&mut changes);
    let lead = take(&mut base).unwrap_or_default();
    if next.is_none() {
        return Block { lead: lead.to_vec(), headers: Headers::from_packed(base) };
    }
    let lead = match next {
        Some((0, new)) => {
            next = change(&mut changes);
            new.to_vec()
        }
        _ => lead.to_vec(),
    };
    let mut packed = Vec::with_capacity(base.len() + 64);
    // What stands between two changes is copied as a whole.
    let (mut left, mut same) = (base, base);
    for idx in 1.. {
        let Some((at, new)) = next else { break };
        let Some(_name) = take(&mut left) else { break };
        let before = same.len() - left.len();
        let Some(_value) = take(&mut left) else { break };
        if at == idx {
            packed.extend_from_slice(same.get(..before).unwrap_or_default());
            put(&mut packed, new);
            same = left;
            next = change(&mut changes);
        }
    }
    packed.extend_from_slice(same);
    Block { lead, headers: Headers::from_packed(packed) }
}

/// The names alone, hashed: blocks of one shape can share a base.
pub(super) fn shape(packed: &[u8]) -> u64 {
    fields(packed).fold(FOLD, |hash, (name, _)| fold(hash, name))
}

/// FNV over words of eight bytes. Only a shortcut to a base whose names are compared anyway.
fn fold(hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(hash ^ bytes.len() as u64, |hash, word| {
        (hash ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME).rotate_left(23)
    });
    rest.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

fn change<'a>(rest: &mut &'a [u8]) -> Option<(usize, &'a [u8])> {
    Some((take_number(rest)?, take(rest)?))
}

const FOLD: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> Headers {
        text.lines().filter_map(|it| it.split_once(": ")).collect()
    }

    #[test]
    fn gives_back_what_was_written() {
        let long = "x".repeat(70_000);
        for (first, second, shared) in [
            ("date: 1\nid: a", "date: 1\nid: b", true),
            ("date: 1\nid: a", "date: 1\nid: a", true),
            ("date: 1\nid: a", "date: 1", false),
            ("date: 1", "date: 1\nid: a", false),
            ("a: 1\nb: 2", "b: 2\na: 1", false),
            ("a: 1\na: 2", "a: 1\na: 3", true),
            ("", "", true),
            ("a: x", &format!("a: {long}"), true),
        ] {
            let (first, second) = (headers(first), headers(second));
            let base = write(b"OK", &first.packed());
            assert_eq!(read(&base, &[]), Block { lead: b"OK".to_vec(), headers: first });
            let changed = changes(&base, b"No", &second.packed());
            assert_eq!(changed.is_some(), shared, "{second:?}");
            if let Some(changed) = changed {
                let block = Block { lead: b"No".to_vec(), headers: second };
                assert_eq!(read(&base, &changed), block);
            }
        }
    }

    #[test]
    fn keeps_bytes_that_are_not_text() {
        let mut headers = Headers::new();
        headers.push("x", vec![0xff, 0x00, 0x1b, b'[']);
        let base = write(&[0xfe], &headers.packed());
        assert_eq!(read(&base, &[]), Block { lead: vec![0xfe], headers });
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let base = write(b"OK", &headers("date: 1\nid: a").packed());
        for end in 0..base.len() {
            read(&base[..end], &base[end..]);
            changes(&base[..end], b"", &headers("date: 1").packed());
        }
        read(&[0xff; 32], &[0xff; 32]);
    }
}
