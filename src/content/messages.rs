//! WebSocket messages, put together from frames and decompressed
//! ([RFC 6455 §5.4](https://www.rfc-editor.org/rfc/rfc6455#section-5.4),
//! [RFC 7692](https://www.rfc-editor.org/rfc/rfc7692)).
//!
//! **Invariant:** decompressing takes bounded memory; a message that cannot be decompressed is
//! given as it was sent, and says why.

use std::collections::VecDeque;

use flate2::{Decompress, FlushDecompress};

use crate::trace::{Frame, From, Hop, Time};

/// One message, or one control frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    pub from: From,
    /// When its last byte had passed.
    pub at: Time,
    pub said: Said,
    /// In how many frames it came.
    pub frames: usize,
    /// Bytes of payload on the wire, kept or not.
    pub length: u64,
    /// What was kept of the payload, decompressed.
    pub bytes: Vec<u8>,
    /// What stands in the way of reading it.
    pub note: Option<String>,
}

/// What kind of message it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    Text,
    Binary,
    /// With the status code, where it has one; the reason is its bytes.
    Close(Option<u16>),
    Ping,
    Pong,
    /// No message; nothing behind it was read.
    Broken,
}

impl Said {
    /// The word in JSON and on screen.
    pub fn as_str(&self) -> &'static str {
        match self {
            Said::Text => "text",
            Said::Binary => "binary",
            Said::Close(_) => "close",
            Said::Ping => "ping",
            Said::Pong => "pong",
            Said::Broken => "broken",
        }
    }
}

impl Message {
    /// A text, or a close frame's reason.
    pub fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self.said {
            Said::Text | Said::Close(_) => Some(String::from_utf8_lossy(&self.bytes)),
            Said::Binary | Said::Ping | Said::Pong | Said::Broken => {
                std::str::from_utf8(&self.bytes).ok().map(Into::into)
            }
        }
    }
}

/// What was said on a WebSocket connection, the oldest first.
pub fn messages(hop: &Hop) -> impl Iterator<Item = Message> {
    said(hop.frames.iter(), sides(&extensions(hop), Before::Nothing))
}

/// The end of a conversation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Latest {
    /// Frames before these messages that were not read.
    pub left_out: usize,
    pub messages: Vec<Message>,
}

/// What the last `most` frames say. A compressed message may lean on those before, so these are
/// read as well, unless they are very many: then it stays compressed.
pub fn latest(hop: &Hop, most: usize) -> Latest {
    let (extensions, all) = (extensions(hop), hop.frames.len());
    let left_out = all.saturating_sub(most);
    if left_out > 0 && leans_on_earlier(&extensions) && all <= LOOKED_BACK {
        return latest_of(said(hop.frames.iter(), sides(&extensions, Before::Nothing)), most);
    }
    let before = if left_out == 0 { Before::Nothing } else { Before::Unread };
    let frames = hop.frames.iter().skip(left_out);
    Latest { left_out, messages: said(frames, sides(&extensions, before)).collect() }
}

fn latest_of(messages: impl Iterator<Item = Message>, most: usize) -> Latest {
    let (mut kept, mut left_out) = (VecDeque::new(), 0);
    for message in messages {
        kept.push_back(message);
        if kept.len() > most {
            left_out += kept.pop_front().map_or(0, |it| it.frames);
        }
    }
    Latest { left_out, messages: kept.into() }
}

/// Whether a side compresses a message with what it said before.
fn leans_on_earlier(extensions: &str) -> bool {
    let alone = ["client_no_context_takeover", "server_no_context_takeover"];
    extensions.contains("permessage-deflate") && !alone.iter().all(|it| extensions.contains(it))
}

fn extensions(hop: &Hop) -> String {
    let extensions = hop.response().and_then(|it| it.headers.text("sec-websocket-extensions"));
    extensions.unwrap_or_default().to_ascii_lowercase()
}

/// What came before the first frame that is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Before {
    Nothing,
    Unread,
}

fn said(
    frames: impl Iterator<Item = Frame>,
    mut sides: [Side; 2],
) -> impl Iterator<Item = Message> {
    frames.filter_map(move |frame| sides[usize::from(frame.from == From::Server)].hear(frame))
}

fn sides(extensions: &str, before: Before) -> [Side; 2] {
    let side = |alone: &str| Side {
        deflated: extensions.contains("permessage-deflate"),
        alone: extensions.contains(alone),
        before,
        open: None,
        inflater: Decompress::new(false),
        is_lost: before == Before::Unread,
    };
    [side("client_no_context_takeover"), side("server_no_context_takeover")]
}

/// One direction.
struct Side {
    deflated: bool,
    /// Every message is compressed by itself.
    alone: bool,
    before: Before,
    /// The message of which not all frames are here, and whether it is compressed.
    open: Option<(Message, bool)>,
    inflater: Decompress,
    /// A message was not kept in whole, and later ones refer to it.
    is_lost: bool,
}

impl Side {
    /// The message that this frame ends.
    fn hear(&mut self, frame: Frame) -> Option<Message> {
        let mut message = Message {
            from: frame.from,
            at: frame.at,
            said: Said::Broken,
            frames: 1,
            length: frame.length,
            bytes: frame.payload,
            note: frame.broken,
        };
        if message.note.is_some() {
            return Some(message);
        }
        message.said = match frame.opcode {
            0 => {
                let Some((open, compressed)) = self.open.take() else {
                    if self.before == Before::Unread {
                        return None;
                    }
                    message.note = Some("it goes on with a message that nobody began".to_owned());
                    return Some(message);
                };
                message.said = open.said;
                message.frames += open.frames;
                message.length += open.length;
                // A message may come in any number of frames: each is copied once.
                let mut bytes = open.bytes;
                bytes.append(&mut message.bytes);
                message.bytes = bytes;
                return self.add(message, compressed, frame.is_last);
            }
            1 | 2 => {
                self.before = Before::Nothing;
                if frame.opcode == 1 { Said::Text } else { Said::Binary }
            }
            8 => {
                let code = message.bytes.first_chunk().map(|it| u16::from_be_bytes(*it));
                message.bytes.drain(..message.bytes.len().min(2));
                Said::Close(code)
            }
            9 => Said::Ping,
            10 => Said::Pong,
            _ => Said::Broken,
        };
        match message.said {
            Said::Text | Said::Binary => self.add(message, frame.is_compressed, frame.is_last),
            _ => Some(message),
        }
    }

    fn add(&mut self, mut message: Message, compressed: bool, is_last: bool) -> Option<Message> {
        if !is_last {
            self.open = Some((message, compressed));
            return None;
        }
        let is_cut = (message.bytes.len() as u64) < message.length;
        if is_cut {
            let missing = message.length - message.bytes.len() as u64;
            message.note = Some(format!("{missing} bytes of it were not kept"));
        }
        if compressed && self.deflated {
            self.inflate(&mut message, is_cut);
        }
        Some(message)
    }

    fn inflate(&mut self, message: &mut Message, is_cut: bool) {
        if self.alone {
            (self.inflater, self.is_lost) = (Decompress::new(false), false);
        }
        let note = if self.is_lost {
            Some("compressed with what was not kept before it")
        } else {
            // The sender leaves these out.
            message.bytes.extend([0, 0, 0xff, 0xff]);
            let (bytes, note) = inflate(&mut self.inflater, &message.bytes);
            message.bytes = bytes;
            note
        };
        self.is_lost |= is_cut || note.is_some();
        message.note = message.note.take().or_else(|| note.map(ToOwned::to_owned));
    }
}

/// As much as the limit allows, and why that is not all.
fn inflate(inflater: &mut Decompress, bytes: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    let (mut out, mut taken) = (Vec::new(), 0);
    loop {
        if out.len() > LONGEST {
            out.truncate(LONGEST);
            return (out, Some("there is more"));
        }
        out.reserve(STEP);
        let before = (inflater.total_in(), out.len());
        let rest = bytes.get(taken..).unwrap_or_default();
        if inflater.decompress_vec(rest, &mut out, FlushDecompress::Sync).is_err() {
            return (out, Some("not readable as permessage-deflate"));
        }
        taken += usize::try_from(inflater.total_in() - before.0).unwrap_or(usize::MAX);
        if before == (inflater.total_in(), out.len())
            || taken >= bytes.len() && out.len() < out.capacity()
        {
            return (out, None);
        }
    }
}

/// Frames of one conversation that are read for the sake of the last ones.
const LOOKED_BACK: usize = 20_000;
/// Bytes of one message that are decompressed.
const LONGEST: usize = 256 * 1024;
const STEP: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(from: From, opcode: u8, is_last: bool, payload: &[u8]) -> Frame {
        let length = payload.len() as u64;
        Frame { from, opcode, is_last, length, payload: payload.to_vec(), ..Frame::default() }
    }

    fn said(extensions: &str, frames: Vec<Frame>) -> Vec<Message> {
        super::said(frames.into_iter(), sides(extensions, Before::Nothing)).collect()
    }

    fn told(extensions: &str, frames: Vec<Frame>) -> Vec<String> {
        let tell = |it: Message| {
            let text = String::from_utf8_lossy(&it.bytes).into_owned();
            let note = it.note.map(|it| format!(" ({it})")).unwrap_or_default();
            format!("{} {} {} {text:?}{note}", it.from.as_str(), it.said.as_str(), it.frames)
        };
        said(extensions, frames).into_iter().map(tell).collect()
    }

    #[test]
    fn puts_messages_together() {
        use crate::trace::From::{Client, Server};
        let frames = vec![
            frame(Client, 1, false, b"Hel"),
            frame(Server, 2, true, b"\x01"),
            frame(Client, 9, true, b"?"),
            frame(Client, 0, false, b"l"),
            frame(Client, 0, true, b"o"),
            frame(Server, 10, true, b"?"),
            frame(Server, 0, true, b"x"),
            frame(Client, 8, true, b"\x03\xe8bye"),
            Frame { broken: Some("no".to_owned()), ..frame(Server, 3, true, b"") },
        ];
        let wanted = [
            "server binary 1 \"\\u{1}\"",
            "client ping 1 \"?\"",
            "client text 3 \"Hello\"",
            "server pong 1 \"?\"",
            "server broken 1 \"x\" (it goes on with a message that nobody began)",
            "client close 1 \"bye\"",
            "server broken 1 \"\" (no)",
        ];
        assert_eq!(told("", frames.clone()), wanted);
        let close =
            said("", frames).into_iter().find(|it| matches!(it.said, Said::Close(_))).unwrap();
        assert_eq!(close.said, Said::Close(Some(1000)));
    }

    #[test]
    fn a_message_may_come_in_any_number_of_frames() {
        let rest = (0..100_000).map(|n| frame(From::Client, 0, n == 99_999, b""));
        let begin = frame(From::Client, 1, false, &vec![b'x'; 1 << 20]);
        let all = said("", std::iter::once(begin).chain(rest).collect());
        assert_eq!((all.len(), all[0].frames, all[0].bytes.len()), (1, 100_001, 1 << 20));
    }

    /// The examples of [RFC 7692 §7.2.3](https://www.rfc-editor.org/rfc/rfc7692#section-7.2.3).
    #[test]
    fn decompresses_with_and_without_a_context() {
        let compressed =
            |payload: &[u8]| Frame { is_compressed: true, ..frame(From::Server, 1, true, payload) };
        let first = compressed(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        let again = compressed(&[0xf2, 0x00, 0x11, 0x00, 0x00]);
        let both = vec![first.clone(), again.clone()];
        let hello = "server text 1 \"Hello\"";
        assert_eq!(told("permessage-deflate", both.clone()), [hello, hello]);
        let alone = "permessage-deflate; server_no_context_takeover";
        assert_eq!(told(alone, vec![first.clone(), first.clone()]), [hello, hello]);
        let pieces = vec![
            Frame { is_last: false, ..compressed(&[0xf2, 0x48, 0xcd]) },
            frame(From::Server, 0, true, &[0xc9, 0xc9, 0x07, 0x00]),
        ];
        assert_eq!(told("permessage-deflate", pieces), ["server text 2 \"Hello\""]);
        let cut = Frame { payload: vec![0xf2, 0x48, 0xcd], ..first };
        let lost = told("permessage-deflate", vec![cut, again]);
        assert!(lost[0].ends_with("(4 bytes of it were not kept)"), "{lost:?}");
        assert!(lost[1].ends_with("(compressed with what was not kept before it)"), "{lost:?}");
        assert_eq!(told("", both.clone()).len(), 2);
        let rest = super::said(both.into_iter(), sides("permessage-deflate", Before::Unread));
        assert!(rest.into_iter().all(|it| it.note.is_some_and(|it| it.contains("not kept"))));
    }

    #[test]
    fn the_last_messages_are_read_with_what_they_lean_on() {
        let compressed =
            |payload: &[u8]| Frame { is_compressed: true, ..frame(From::Server, 1, true, payload) };
        let first = compressed(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        let again = compressed(&[0xf2, 0x00, 0x11, 0x00, 0x00]);
        let frames = [first, again.clone(), frame(From::Client, 9, true, b"?"), again];
        let read = super::said(frames.into_iter(), sides("permessage-deflate", Before::Nothing));
        let latest = latest_of(read, 2);
        let texts: Vec<_> = latest.messages.iter().map(|it| it.text().unwrap()).collect();
        assert_eq!((latest.left_out, texts), (2, vec!["?".into(), "Hello".into()]));
        assert!(leans_on_earlier("permessage-deflate; client_no_context_takeover"));
        let alone = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
        assert!(!leans_on_earlier(alone) && !leans_on_earlier(""));
    }

    #[test]
    fn a_bomb_takes_no_more_than_the_limit() {
        let mut packed = Vec::with_capacity(1 << 20);
        let mut made = flate2::Compress::new(flate2::Compression::best(), false);
        let zeros = vec![0; 32 << 20];
        made.compress_vec(&zeros, &mut packed, flate2::FlushCompress::Sync).unwrap();
        let bomb = Frame { is_compressed: true, ..frame(From::Client, 2, true, &packed) };
        let said = said("permessage-deflate", vec![bomb]);
        assert_eq!(said[0].bytes.len(), LONGEST);
        assert_eq!(said[0].note.as_deref(), Some("there is more"));
    }
}
