//! `zstd` ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878)), with the window that HTTP allows
//! ([RFC 9659](https://www.rfc-editor.org/rfc/rfc9659)).

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Coding, End};

/// All frames, one after the other.
pub(super) fn undo(mut coded: &[u8], limit: usize) -> (Vec<u8>, End) {
    let mut out = Vec::new();
    while !coded.is_empty() {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        let begun = coded;
        match decoder.init(&mut coded) {
            Ok(()) => {}
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let Some(rest) = coded.get(length..) else { return (out, End::Cut) };
                coded = rest;
                continue;
            }
            Err(_) => {
                let end = if is_cut_header(begun) { End::Cut } else { End::Broken(Coding::Zstd) };
                return (out, end);
            }
        }
        match frame(&mut decoder, &mut coded, limit, &mut out) {
            End::Whole => {}
            end => return (out, end),
        }
    }
    (out, End::Whole)
}

/// One frame, block by block.
fn frame(decoder: &mut FrameDecoder, coded: &mut &[u8], limit: usize, out: &mut Vec<u8>) -> End {
    let end = loop {
        if decoder.is_finished() {
            break End::Whole;
        }
        if !has_block(coded) {
            break End::Cut;
        }
        if decoder.decode_blocks(&mut *coded, ONE).is_err() {
            // Of the last block only the checksum may be missing.
            break if coded.len() < 4 { End::Cut } else { End::Broken(Coding::Zstd) };
        }
        out.extend(decoder.collect().unwrap_or_default());
        if out.len() > limit {
            return End::Limit;
        }
    };
    if !decoder.is_finished() {
        // The decoder keeps what later blocks may refer to. An empty last block ends that.
        let _ = decoder.decode_blocks(LAST, ONE);
    }
    out.extend(decoder.collect().unwrap_or_default());
    if out.len() > limit { End::Limit } else { end }
}

/// Whether all of the next block is there.
fn has_block(coded: &[u8]) -> bool {
    let Some(head) = coded.get(..3) else { return false };
    let head = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let is_repeated_byte = head >> 1 & 3 == 1;
    let length = if is_repeated_byte { 1 } else { head >> 3 };
    coded.len() - 3 >= usize::try_from(length).unwrap_or(usize::MAX)
}

/// Whether this is the beginning of a frame's header, and nothing more.
fn is_cut_header(coded: &[u8]) -> bool {
    coded.len() < 18 && coded.iter().zip([0x28, 0xb5, 0x2f, 0xfd]).all(|(a, b)| *a == b)
}

const ONE: BlockDecodingStrategy = BlockDecodingStrategy::UptoBlocks(1);
/// Last block, uncompressed, of no bytes; and a checksum.
const LAST: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
const WINDOW: u64 = 8 << 20;
