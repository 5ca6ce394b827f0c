//! `_webSocketMessages`, as Chromium, Playwright and others write them.

use serde_json::Value;

use super::base64;
use super::lenient::{count, list, number, some_text, text};
use crate::trace::{Frame, Frames, From, Time};

pub(super) fn frames(entry: &Value) -> Frames {
    let frames = list(entry, "_webSocketMessages").iter().map(|it| {
        let opcode = count(it, "opcode").and_then(|it| u8::try_from(it).ok()).unwrap_or(1);
        let data = text(it, "data").unwrap_or_default();
        let payload = if opcode == 1 { None } else { base64::decode(&data) };
        let payload = payload.unwrap_or_else(|| data.as_bytes().to_vec());
        let sent = some_text(it, "type").is_some_and(|it| it == "send" || it == "request");
        Frame {
            from: if sent { From::Client } else { From::Server },
            at: at(it).unwrap_or_default(),
            opcode,
            is_last: true,
            length: payload.len() as u64,
            payload,
            ..Frame::default()
        }
    });
    frames.collect()
}

/// Seconds since 1970.
#[expect(clippy::cast_possible_truncation, reason = "checked; saturates")]
fn at(message: &Value) -> Option<Time> {
    let seconds = number(message, "time").filter(|it| it.is_finite() && *it > 0.0)?;
    Some(Time((seconds * 1e6) as i64))
}
