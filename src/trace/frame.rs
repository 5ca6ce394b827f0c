//! WebSocket frames, as they went by
//! ([RFC 6455 §5](https://www.rfc-editor.org/rfc/rfc6455#section-5)).
//!
//! **Invariant:** a list of frames is one string of bytes, so that a recorder can hand on and a
//! store can append what came without taking it apart; damaged bytes end it early.

use super::{Time, packed};

/// One frame.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frame {
    pub from: From,
    /// When its last byte had passed.
    pub at: Time,
    /// 1 text, 2 binary, 0 more of the one before, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// The last one of its message.
    pub is_last: bool,
    /// The first reserved bit: with `permessage-deflate`, the message is compressed.
    pub is_compressed: bool,
    pub is_masked: bool,
    /// Why this is no frame, if it is none: nothing behind it was read.
    pub broken: Option<String>,
    /// Bytes of payload that its head announced, kept or not.
    pub length: u64,
    /// The payload, unmasked, as far as it was kept.
    pub payload: Vec<u8>,
}

/// Who sent it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum From {
    #[default]
    Client,
    Server,
}

impl From {
    /// The word in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            From::Client => "client",
            From::Server => "server",
        }
    }
}

/// Frames, in the order in which they came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frames(Vec<u8>);

impl Frames {
    pub fn push(&mut self, frame: &Frame) {
        let bits = [
            frame.from == From::Server,
            frame.is_last,
            frame.is_compressed,
            frame.is_masked,
            frame.broken.is_some(),
        ];
        let bits = bits.iter().enumerate().fold(0, |all, (n, it)| all | usize::from(*it) << n);
        let number = |it: u64| usize::try_from(it).unwrap_or(usize::MAX);
        let mut one = Vec::with_capacity(frame.payload.len() + 16);
        packed::put_number(&mut one, bits);
        packed::put_number(&mut one, usize::from(frame.opcode));
        packed::put_number(&mut one, number(frame.at.0.cast_unsigned()));
        packed::put_number(&mut one, number(frame.length));
        if let Some(broken) = &frame.broken {
            packed::put(&mut one, broken.as_bytes());
        }
        one.extend_from_slice(&frame.payload);
        packed::put(&mut self.0, &one);
    }

    /// Every frame, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Frame> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || read(packed::take(&mut rest)?))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(|| packed::take(&mut rest)).count()
    }

    pub fn append(&mut self, mut other: Frames) {
        if self.0.is_empty() {
            *self = other;
        } else {
            self.0.append(&mut other.0);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All frames as one string of bytes.
    pub fn packed(&self) -> &[u8] {
        &self.0
    }

    /// From what [`Frames::packed`] gave.
    pub fn from_packed(packed: Vec<u8>) -> Frames {
        Frames(packed)
    }
}

fn read(mut one: &[u8]) -> Option<Frame> {
    let bits = packed::take_number(&mut one)?;
    let has = |n: usize| bits >> n & 1 == 1;
    let opcode = u8::try_from(packed::take_number(&mut one)?).ok()?;
    let at = Time((packed::take_number(&mut one)? as u64).cast_signed());
    let length = packed::take_number(&mut one)? as u64;
    let broken = if has(4) { Some(packed::take(&mut one)?) } else { None };
    let broken = broken.map(|it| String::from_utf8_lossy(it).into_owned());
    Some(Frame {
        from: if has(0) { From::Server } else { From::Client },
        at,
        opcode,
        is_last: has(1),
        is_compressed: has(2),
        is_masked: has(3),
        broken,
        length,
        payload: one.to_vec(),
    })
}

impl FromIterator<Frame> for Frames {
    fn from_iter<I: IntoIterator<Item = Frame>>(all: I) -> Frames {
        let mut frames = Frames::default();
        all.into_iter().for_each(|it| frames.push(&it));
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_frames_are_the_same_frames() {
        let text = Frame {
            at: Time(1_700_000_000_000_000),
            opcode: 1,
            is_last: true,
            is_masked: true,
            length: 5,
            payload: b"hello".to_vec(),
            ..Frame::default()
        };
        let cut = Frame {
            from: From::Server,
            opcode: 2,
            is_compressed: true,
            length: 1 << 40,
            ..Frame::default()
        };
        let broken = Frame { broken: Some("no such opcode".to_owned()), ..text.clone() };
        let all = [text, cut, broken, Frame::default()];
        let frames: Frames = all.iter().cloned().collect();
        assert_eq!(frames.iter().collect::<Vec<_>>(), all);
        let mut twice = Frames::default();
        twice.append(frames.clone());
        twice.append(frames.clone());
        assert_eq!((twice.iter().count(), twice.len()), (8, 8));
        for end in 0..frames.packed().len() {
            assert!(Frames::from_packed(frames.packed()[..end].to_vec()).iter().count() < 4);
        }
    }
}
