//! How far a client of HTTP/2 has come with its first request
//! ([RFC 9113 §3.4](https://www.rfc-editor.org/rfc/rfc9113#section-3.4),
//! [§4.3](https://www.rfc-editor.org/rfc/rfc9113#section-4.3)).
//!
//! The HTTP library waits for the rest of what was begun without end, and tells nobody.

/// A client's frames, until its first request's head is complete.
#[derive(Debug)]
pub(super) struct FirstHead {
    expects: Expects,
    /// The head of a frame, as much of it as came. It stays until the payload has passed.
    frame: Vec<u8>,
    /// Bytes to pass over before the next frame's head: the preface, then payloads.
    left: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expects {
    /// Anything at all.
    Preface,
    /// The rest of the preface, of which settings are a part.
    Settings,
    /// A request, if the client wants to ask for something.
    Request,
    /// The rest of a request's head.
    Rest,
    /// Nothing more: the head was complete.
    Nothing,
}

impl Default for FirstHead {
    fn default() -> FirstHead {
        FirstHead { expects: Expects::Preface, frame: Vec::new(), left: PREFACE }
    }
}

impl FirstHead {
    /// These came.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if self.expects == Expects::Preface && !bytes.is_empty() {
            self.expects = Expects::Settings;
        }
        while self.expects != Expects::Nothing && !bytes.is_empty() {
            if self.left > 0 {
                let passed = bytes.len().min(self.left);
                bytes = bytes.get(passed..).unwrap_or_default();
                self.left -= passed;
            } else {
                let (head, rest) = bytes.split_at(bytes.len().min(HEAD - self.frame.len()));
                self.frame.extend_from_slice(head);
                bytes = rest;
                if let [a, b, c, _, _, _, _, _, _] = *self.frame.as_slice() {
                    self.left = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(0);
                }
            }
            if self.left == 0 && self.frame.len() == HEAD {
                self.end_frame();
            }
        }
    }

    /// Whether something was begun and is not here in full. Who has sent a preface may take time
    /// to think of a request: browsers connect before they know what to ask.
    pub(super) fn is_open(&self) -> bool {
        match self.expects {
            Expects::Preface | Expects::Nothing => false,
            Expects::Settings | Expects::Rest => true,
            Expects::Request => !self.frame.is_empty(),
        }
    }

    fn end_frame(&mut self) {
        let kind = self.frame.get(3).copied().unwrap_or_default();
        let flags = self.frame.get(4).copied().unwrap_or_default();
        self.expects = match kind {
            HEADERS | CONTINUATION if flags & END_HEADERS != 0 => Expects::Nothing,
            HEADERS | CONTINUATION => Expects::Rest,
            _ if self.expects == Expects::Settings => Expects::Request,
            _ => self.expects,
        };
        self.frame.clear();
    }
}

/// Bytes before a client's first frame, and of every frame's head.
const PREFACE: usize = 24;
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";
    /// Two bytes of a head, with and without an end.
    const BEGINS: &[u8] = b"\0\0\x02\x01\0\0\0\0\x01\x82\x86";
    const GOES_ON: &[u8] = b"\0\0\x01\x09\0\0\0\0\x01\x84";
    const ENDS: &[u8] = b"\0\0\x01\x09\x04\0\0\0\x01\x84";
    const WHOLE: &[u8] = b"\0\0\x03\x01\x05\0\0\0\x01\x82\x86\x84";

    #[test]
    fn is_open_while_something_is_missing() {
        for (frames, open) in [
            (&[b"".as_slice()][..], false),
            (&[b"PRI * HTTP/2.0\r\n"], true),
            (&[MAGIC], true),
            (&[MAGIC, &SETTINGS[..12]], true),
            (&[MAGIC, SETTINGS], false),
            (&[MAGIC, SETTINGS, PING], false),
            (&[MAGIC, SETTINGS, &PING[..3]], true),
            (&[MAGIC, SETTINGS, BEGINS], true),
            (&[MAGIC, SETTINGS, BEGINS, GOES_ON], true),
            (&[MAGIC, SETTINGS, BEGINS, GOES_ON, ENDS], false),
            (&[MAGIC, SETTINGS, &WHOLE[..11]], true),
            (&[MAGIC, SETTINGS, WHOLE], false),
            // The first is what counts.
            (&[MAGIC, SETTINGS, WHOLE, BEGINS], false),
        ] {
            for size in [1, 5, 100] {
                let mut first = FirstHead::default();
                frames.concat().chunks(size).for_each(|it| first.push(it));
                assert_eq!(first.is_open(), open, "{frames:?} in pieces of {size}");
            }
        }
    }
}
