//! Header fields as one string of bytes: what a recorder makes on the busy path, and a store
//! keeps.
//!
//! ```text
//! (name value)*        each with its length in front
//! ```
//!
//! **Invariant:** unpacking gives back what was packed; damaged bytes end it early.

/// Append one piece, its length in front.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Take one piece from the front.
pub(crate) fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(rest)?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

/// A length or an index; see [`put_u64`].
#[inline]
pub(crate) fn put_number(out: &mut Vec<u8>, number: usize) {
    put_u64(out, number as u64);
}

/// The number that [`put_number`] wrote.
pub(crate) fn take_number(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(take_u64(rest)?).ok()
}

/// [LEB128](https://en.wikipedia.org/wiki/LEB128), as most numbers are below 128.
#[inline]
pub(crate) fn put_u64(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// The number that [`put_u64`] wrote.
pub(crate) fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Name and value of every field.
pub(crate) fn fields(mut packed: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || Some((take(&mut packed)?, take(&mut packed)?)))
}
