//! `gzip` and `deflate`: both are DEFLATE, each in a frame of its own
//! ([RFC 1951](https://www.rfc-editor.org/rfc/rfc1951),
//! [1950](https://www.rfc-editor.org/rfc/rfc1950),
//! [1952](https://www.rfc-editor.org/rfc/rfc1952)).

use flate2::{Decompress, FlushDecompress, Status};

use super::{Coding, End};

/// All members of a gzip file, one after the other.
pub(super) fn gzip(mut coded: &[u8], limit: usize) -> (Vec<u8>, End) {
    let mut out = Vec::new();
    let mut first = true;
    loop {
        let header = match gzip_header(coded) {
            Ok(length) => length,
            // Some servers pad the last member.
            Err(_) if !first => return (out, End::Whole),
            Err(end) => return (out, end),
        };
        first = false;
        coded = coded.get(header..).unwrap_or_default();
        let (taken, end) = inflate(Decompress::new(false), coded, limit, &mut out, Coding::Gzip);
        coded = coded.get(taken..).unwrap_or_default();
        if end != End::Whole {
            return (out, end);
        }
        // CRC and length.
        let Some(rest) = coded.get(8..) else { return (out, End::Cut) };
        coded = rest;
        if coded.is_empty() {
            return (out, End::Whole);
        }
    }
}

/// DEFLATE with zlib's frame, or without.
pub(super) fn deflate(coded: &[u8], limit: usize) -> (Vec<u8>, End) {
    let framed = matches!(coded, [method, flags, ..]
        if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0);
    let mut out = Vec::new();
    let (_, end) = inflate(Decompress::new(framed), coded, limit, &mut out, Coding::Deflate);
    if framed && out.is_empty() && matches!(end, End::Broken(_)) {
        // Only looked like a frame.
        let (_, end) = inflate(Decompress::new(false), coded, limit, &mut out, Coding::Deflate);
        return (out, end);
    }
    (out, end)
}

/// Append what `coded` holds; gives how many bytes of it were taken.
fn inflate(
    mut inflater: Decompress,
    coded: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
    coding: Coding,
) -> (usize, End) {
    let taken = |it: &Decompress| usize::try_from(it.total_in()).unwrap_or(usize::MAX);
    loop {
        if out.len() > limit {
            return (taken(&inflater), End::Limit);
        }
        out.reserve(STEP);
        let before = (inflater.total_in(), out.len());
        let rest = coded.get(taken(&inflater)..).unwrap_or_default();
        match inflater.decompress_vec(rest, out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return (taken(&inflater), End::Whole),
            Ok(Status::Ok | Status::BufError) if before == (inflater.total_in(), out.len()) => {
                return (taken(&inflater), End::Cut);
            }
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return (taken(&inflater), End::Broken(coding)),
        }
    }
}

/// The length of a member's header.
fn gzip_header(coded: &[u8]) -> Result<usize, End> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const CRC: u8 = 2;
    let magic = [0x1f, 0x8b, 8];
    if !coded.iter().zip(magic).all(|(a, b)| *a == b) {
        return Err(End::Broken(Coding::Gzip));
    }
    let flags = *coded.get(3).ok_or(End::Cut)?;
    let mut at = 10;
    if flags & EXTRA != 0 {
        let length = coded.get(at..at + 2).ok_or(End::Cut)?;
        at += 2 + usize::from(length[0]) + (usize::from(length[1]) << 8);
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let rest = coded.get(at..).ok_or(End::Cut)?;
            at += 1 + rest.iter().position(|it| *it == 0).ok_or(End::Cut)?;
        }
    }
    if flags & CRC != 0 {
        at += 2;
    }
    if at > coded.len() { Err(End::Cut) } else { Ok(at) }
}

const STEP: usize = 32 * 1024;
