//! WebSocket frames: one a message, decompressed; texts lose their secrets, bytes are left out.
//!
//! **Invariant:** what was left out still says how long it was.

use super::Redactor;
use crate::content::{self, Said};
use crate::trace::{Body, Frame, Frames, Headers, Hop};

pub(super) fn redact(redactor: &Redactor, hop: &Hop) -> Frames {
    content::messages(hop)
        .map(|it| {
            let (opcode, code) = match it.said {
                Said::Text => (1, None),
                Said::Binary => (2, None),
                Said::Close(code) => (8, code),
                Said::Ping => (9, None),
                Said::Pong => (10, None),
                Said::Broken => (0, None),
            };
            let is_readable = matches!(it.said, Said::Text | Said::Close(_)) && it.note.is_none();
            let text = if is_readable { message(redactor, &it.bytes) } else { Vec::new() };
            let payload = code.map_or(text.clone(), |it| [&it.to_be_bytes(), &text[..]].concat());
            let length = if is_readable { payload.len() as u64 } else { it.length };
            let broken = it.note.filter(|_| it.said == Said::Broken);
            let (from, at) = (it.from, it.at);
            Frame { from, at, opcode, is_last: true, broken, length, payload, ..Frame::default() }
        })
        .collect()
}

/// A message's text, which is nearly always JSON.
pub(super) fn message(redactor: &Redactor, bytes: &[u8]) -> Vec<u8> {
    redactor.request_body(&Headers::new(), &Body::full(bytes)).bytes
}
