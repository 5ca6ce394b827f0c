//! WebSocket frames, read from a copy of what goes by
//! ([RFC 6455 §5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)).
//!
//! **Invariant:** reading never fails. What is no frame is recorded as such, and ends the reading
//! of its direction, not its traffic.

use crate::trace::{Frame, Frames, From, Time};

/// Reads the frames of one direction, however they are cut into pieces.
#[derive(Debug)]
pub(super) struct Parser {
    from: From,
    state: State,
    /// Bytes of payload that may still be kept.
    room: usize,
}

#[derive(Debug)]
enum State {
    /// The bytes of a head, so far.
    Head(Vec<u8>),
    Payload {
        frame: Frame,
        mask: Option<[u8; 4]>,
        /// Bytes of payload that have gone by.
        passed: u64,
    },
    /// Something that is no frame went by.
    Broken,
}

impl Parser {
    /// Keeps the first `room` bytes of payload.
    pub(super) fn new(from: From, room: usize) -> Parser {
        Parser { from, state: State::Head(Vec::new()), room }
    }

    /// Read a piece; what it ends goes to `out`.
    pub(super) fn read(&mut self, mut bytes: &[u8], at: Time, out: &mut Frames) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Broken => return,
                State::Head(head) => {
                    let (first, rest) = bytes.split_at(1);
                    bytes = rest;
                    head.extend_from_slice(first);
                    let Some(length) = head_length(head).filter(|it| *it == head.len()) else {
                        continue;
                    };
                    debug_assert!(length <= LONGEST_HEAD);
                    self.begin(at, out);
                }
                State::Payload { frame, mask, passed } => {
                    let left = usize::try_from(frame.length - *passed).unwrap_or(usize::MAX);
                    let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                    bytes = rest;
                    let kept = piece.get(..self.room.min(piece.len())).unwrap_or_default();
                    self.room -= kept.len();
                    let masked = (*passed..).zip(kept);
                    frame.payload.extend(masked.map(|(n, byte)| match mask {
                        Some(mask) => byte ^ mask[usize::from(n.to_le_bytes()[0] & 3)],
                        None => *byte,
                    }));
                    *passed += piece.len() as u64;
                    self.end_frame(at, out);
                }
            }
        }
    }

    /// The stream is over; a frame in the making is recorded as broken.
    pub(super) fn end(&mut self, at: Time, out: &mut Frames) {
        let why = "the connection ended in the middle of this frame";
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Head(head) if !head.is_empty() => self.broken(head, at, why, out),
            State::Payload { frame, .. } => {
                out.push(&Frame { at, broken: Some(why.to_owned()), ..frame });
            }
            State::Head(_) | State::Broken => {}
        }
    }

    /// The head is whole.
    fn begin(&mut self, at: Time, out: &mut Frames) {
        let State::Head(head) = std::mem::replace(&mut self.state, State::Broken) else { return };
        if let Some(why) = what_is_wrong(&head) {
            return self.broken(head, at, why, out);
        }
        let length = match (head[1] & 0x7f, head.get(2..)) {
            (126, Some([a, b, ..])) => u64::from(u16::from_be_bytes([*a, *b])),
            (127, Some(rest)) => rest.first_chunk().map_or(0, |it| u64::from_be_bytes(*it)),
            (short, _) => u64::from(short),
        };
        let is_masked = head[1] & 0x80 != 0;
        let mask = head.last_chunk().copied().filter(|_| is_masked);
        let frame = Frame {
            from: self.from,
            at,
            opcode: head[0] & 0x0f,
            is_last: head[0] & 0x80 != 0,
            is_compressed: head[0] & 0x40 != 0,
            is_masked,
            broken: None,
            length,
            payload: Vec::new(),
        };
        self.state = State::Payload { frame, mask, passed: 0 };
        self.end_frame(at, out);
    }

    /// Hand on the frame, if all of it has passed.
    fn end_frame(&mut self, at: Time, out: &mut Frames) {
        let State::Payload { frame, passed, .. } = &mut self.state else { return };
        if *passed == frame.length {
            frame.at = at;
            out.push(frame);
            self.state = State::Head(Vec::new());
        }
    }

    fn broken(&mut self, head: Vec<u8>, at: Time, why: &str, out: &mut Frames) {
        out.push(&Frame {
            from: self.from,
            at,
            opcode: head.first().map_or(0, |it| it & 0x0f),
            broken: Some(why.to_owned()),
            payload: head,
            ..Frame::default()
        });
        self.state = State::Broken;
    }
}

/// How long a head is, as far as its first two bytes tell.
fn head_length(head: &[u8]) -> Option<usize> {
    let second = *head.get(1)?;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    Some(2 + extended + if second & 0x80 == 0 { 0 } else { 4 })
}

fn what_is_wrong(head: &[u8]) -> Option<&'static str> {
    let [first, second, rest @ ..] = head else { return Some("too short") };
    let (opcode, is_last, short) = (first & 0x0f, first & 0x80 != 0, second & 0x7f);
    match opcode {
        3..=7 | 11.. => Some("no frame has this opcode"),
        8.. if !is_last => Some("a control frame in pieces"),
        8.. if short > 125 => Some("a control frame of more than 125 bytes"),
        _ if first & 0x30 != 0 => Some("reserved bits are set"),
        _ if short == 127 && rest.first().is_some_and(|it| it & 0x80 != 0) => {
            Some("a length of more than 63 bits")
        }
        _ => None,
    }
}

const LONGEST_HEAD: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]], room: usize) -> Vec<Frame> {
        let (mut parser, mut out) = (Parser::new(From::Client, room), Frames::default());
        for piece in pieces {
            parser.read(piece, Time(1), &mut out);
        }
        parser.end(Time(2), &mut out);
        out.iter().collect()
    }

    /// Examples of [RFC 6455 §5.7](https://www.rfc-editor.org/rfc/rfc6455#section-5.7).
    #[test]
    fn reads_the_examples_however_they_are_cut() {
        let long = [vec![0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], vec![7; 65_536]].concat();
        let medium = [vec![0x82, 0x7e, 1, 0], vec![5; 256]].concat();
        for (bytes, told) in [
            (b"\x81\x05Hello".as_slice(), vec![(1, true, 5, "Hello")]),
            (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", vec![(1, true, 5, "Hello")]),
            (b"\x01\x03Hel\x80\x02lo", vec![(1, false, 3, "Hel"), (0, true, 2, "lo")]),
            (b"\x89\x05Hello\x8a\x00", vec![(9, true, 5, "Hello"), (10, true, 0, "")]),
            (b"\x88\x02\x03\xe8", vec![(8, true, 2, "\u{3}\u{fffd}")]),
            (&medium, vec![(2, true, 256, "")]),
            (&long, vec![(2, true, 65_536, "")]),
        ] {
            for size in [1, 2, 3, 7, bytes.len()] {
                let frames = read(&bytes.chunks(size).collect::<Vec<_>>(), 1 << 20);
                let read: Vec<_> =
                    frames.iter().map(|it| (it.opcode, it.is_last, it.length)).collect();
                let wanted: Vec<_> = told.iter().map(|it| (it.0, it.1, it.2)).collect();
                assert_eq!(read, wanted, "{size}");
                for (frame, (.., text)) in frames.iter().zip(&told) {
                    assert_eq!(frame.broken, None);
                    assert_eq!(frame.payload.len() as u64, frame.length);
                    if !text.is_empty() {
                        assert_eq!(String::from_utf8_lossy(&frame.payload), *text);
                    }
                }
            }
        }
    }

    #[test]
    fn keeps_what_fits_and_counts_the_rest() {
        let frames = read(&[b"\x81\x05Hello\x81\x05World\x81\x05again"], 7);
        let kept: Vec<_> = frames.iter().map(|it| it.payload.as_slice()).collect();
        assert_eq!(kept, [b"Hello".as_slice(), b"Wo", b""]);
        assert!(frames.iter().all(|it| it.length == 5 && it.broken.is_none()));
    }

    #[test]
    fn what_is_no_frame_ends_the_reading() {
        for (bytes, why) in [
            (b"\x83\x00\x81\x00".as_slice(), "opcode"),
            (b"\x09\x00", "in pieces"),
            (b"\x89\x7e\x01\x00", "more than 125"),
            (b"\x91\x00", "reserved"),
            (b"\x82\x7f\xff\0\0\0\0\0\0\0", "63 bits"),
            (b"\x81\x05Hel", "in the middle"),
            (b"\x81", "in the middle"),
        ] {
            let frames = read(&[bytes], 100);
            let [frame] = frames.as_slice() else { panic!("{bytes:?}: {frames:?}") };
            assert!(frame.broken.as_ref().is_some_and(|it| it.contains(why)), "{frame:?}");
        }
        assert_eq!(read(&[], 100), []);
    }
}
