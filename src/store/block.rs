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

use crate::trace::{Header, Headers};

/// What a header block is as a value.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Block {
    pub(super) lead: Vec<u8>,
    pub(super) headers: Headers,
}

/// The whole block, as a base.
pub(super) fn write(lead: &[u8], headers: &Headers) -> Vec<u8> {
    let mut base = Vec::with_capacity(512);
    put(&mut base, lead);
    for field in headers.iter() {
        put(&mut base, field.name.as_bytes());
        put(&mut base, &field.value);
    }
    base
}

/// What turns `base` into this block, if they have the same names in the same order.
pub(super) fn changes(base: &[u8], lead: &[u8], headers: &Headers) -> Option<Vec<u8>> {
    let mut rest = base;
    let mut changes = Vec::new();
    if take(&mut rest)? != lead {
        put_number(&mut changes, 0);
        put(&mut changes, lead);
    }
    for (idx, field) in headers.iter().enumerate() {
        if take(&mut rest)? != field.name.as_bytes() {
            return None;
        }
        if take(&mut rest)? != field.value {
            put_number(&mut changes, idx + 1);
            put(&mut changes, &field.value);
        }
    }
    rest.is_empty().then_some(changes)
}

/// The block again. Damaged bytes end it early; they never make it fail.
pub(super) fn read(base: &[u8], changes: &[u8]) -> Block {
    let mut block = Block::default();
    let (mut base, mut changes) = (base, changes);
    let mut next = change(&mut changes);
    let mut pick = |idx: usize, value: &[u8]| match next.take() {
        Some((at, new)) if at == idx => {
            next = change(&mut changes);
            new.to_vec()
        }
        other => {
            next = other;
            value.to_vec()
        }
    };
    if let Some(lead) = take(&mut base) {
        block.lead = pick(0, lead);
    }
    for idx in 1.. {
        let (Some(name), Some(value)) = (take(&mut base), take(&mut base)) else { break };
        let name = String::from_utf8_lossy(name).into_owned();
        block.headers.push(name, pick(idx, value));
    }
    block
}

/// The names alone, hashed: blocks of one shape can share a base.
pub(super) fn shape(headers: &Headers) -> u64 {
    headers.iter().fold(FOLD, |hash, Header { name, .. }| fold(hash, name.as_bytes()))
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

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(rest)?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

/// [LEB128](https://en.wikipedia.org/wiki/LEB128), as most lengths are below 128.
fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
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
            let base = write(b"OK", &first);
            assert_eq!(read(&base, &[]), Block { lead: b"OK".to_vec(), headers: first });
            let changed = changes(&base, b"No", &second);
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
        let base = write(&[0xfe], &headers);
        assert_eq!(read(&base, &[]), Block { lead: vec![0xfe], headers });
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let base = write(b"OK", &headers("date: 1\nid: a"));
        for end in 0..base.len() {
            read(&base[..end], &base[end..]);
            changes(&base[..end], b"", &headers("date: 1"));
        }
        read(&[0xff; 32], &[0xff; 32]);
    }
}
