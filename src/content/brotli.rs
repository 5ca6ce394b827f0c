//! `br` ([RFC 7932](https://www.rfc-editor.org/rfc/rfc7932)).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Coding, End};

pub(super) fn undo(coded: &[u8], limit: usize) -> (Vec<u8>, End) {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new(alloc(), alloc(), alloc());
    let (mut out, mut total) = (Vec::new(), 0);
    let (mut left, mut at) = (coded.len(), 0);
    let mut chunk = vec![0; STEP];
    loop {
        let (mut room, mut filled) = (chunk.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut at,
            coded,
            &mut room,
            &mut filled,
            &mut chunk,
            &mut total,
            &mut state,
        );
        out.extend_from_slice(chunk.get(..filled).unwrap_or_default());
        if out.len() > limit {
            return (out, End::Limit);
        }
        match result {
            BrotliResult::ResultSuccess => return (out, End::Whole),
            BrotliResult::NeedsMoreInput => return (out, End::Cut),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return (out, End::Broken(Coding::Brotli)),
        }
    }
}

const STEP: usize = 32 * 1024;
