//! The last bytes that a client sent: what a request that nobody understood is read from.
//!
//! **Invariant:** it holds little, however much comes, and the beginning of a head is never
//! pushed out by its end.

use memchr::memchr_iter;

use super::first_head::FirstHead;

/// What came since the last request that was understood.
#[derive(Debug, Default)]
pub(super) struct Unread {
    bytes: Vec<u8>,
    /// How many came, held or not.
    came: u64,
    before: Before,
    /// What comes are the frames of HTTP/2: nothing is held of them.
    frames: Option<FirstHead>,
}

/// What stands between the last request's head and the next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Before {
    #[default]
    Nothing,
    /// A body of so many bytes.
    Length(u64),
    /// A body whose end only the library finds.
    Body,
    /// No head comes any more: the connection speaks another protocol.
    Rest,
}

impl Unread {
    /// The client speaks HTTP/2.
    pub(super) fn frames() -> Unread {
        Unread { frames: Some(FirstHead::default()), ..Unread::default() }
    }

    /// These came.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if let Some(frames) = &mut self.frames {
            return frames.push(bytes);
        }
        match &mut self.before {
            Before::Nothing => {}
            Before::Length(left) => {
                let skipped = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
            }
            Before::Body => {
                // The next head is in the newest bytes, if it is here at all.
                self.bytes.clear();
                bytes = bytes.get(bytes.len().saturating_sub(HELD)..).unwrap_or_default();
            }
            Before::Rest => return,
        }
        self.came += bytes.len() as u64;
        let room = HELD.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// A request was understood: its head is the first that is held. Before the next stands this.
    pub(super) fn understood(&mut self, before: Before) {
        let end = head_end(&self.bytes).unwrap_or(self.bytes.len());
        let behind = self.bytes.split_off(end);
        (self.came, self.before) = (0, before);
        self.bytes.clear();
        if !behind.is_empty() {
            self.push(&behind);
        }
    }

    /// Whether a head has begun, and is not here in full; of HTTP/2 the first, or what stands before.
    pub(super) fn is_head_open(&self) -> bool {
        if let Some(frames) = &self.frames {
            return frames.is_open();
        }
        matches!(self.before, Before::Nothing | Before::Length(0))
            && self.bytes.iter().any(|it| !matches!(it, b'\r' | b'\n'))
            && head_end(&self.bytes).is_none()
    }

    /// How many bytes came, held or not.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    /// Whether the head that is held has a field of this name, as it was sent.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.head().split(|it| *it == b'\n').skip(1).any(|line| {
            let field =
                line.get(..name.len()).filter(|it| it.eq_ignore_ascii_case(name.as_bytes()));
            let after = line.get(name.len()..).unwrap_or_default().trim_ascii_start();
            field.is_some() && after.starts_with(b":")
        })
    }

    /// The head that is held, or as much of it.
    pub(super) fn head(&self) -> &[u8] {
        let bytes = match self.before {
            // Where exactly the body ends is not known: at the first line that could be a
            // request's, if there is one.
            Before::Body => self.bytes.get(request_line(&self.bytes)..).unwrap_or_default(),
            _ => &self.bytes,
        };
        let begin = bytes.iter().position(|it| !matches!(it, b'\r' | b'\n')).unwrap_or(0);
        bytes.get(begin..head_end(bytes).unwrap_or(bytes.len())).unwrap_or(bytes)
    }
}

/// Behind the first empty line that follows a line.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let begin = bytes.iter().position(|it| !matches!(it, b'\r' | b'\n'))?;
    let mut line = begin;
    for lf in memchr_iter(b'\n', bytes.get(begin..)?).map(|it| begin + it) {
        if line > begin && bytes.get(line..lf)?.iter().all(|it| *it == b'\r') {
            return Some(lf + 1);
        }
        line = lf + 1;
    }
    None
}

/// Where the first line begins that ends like that of a request; the beginning without one.
fn request_line(bytes: &[u8]) -> usize {
    let found = bytes.windows(6).position(|it| it == b" HTTP/");
    let before = found.and_then(|it| bytes.get(..it)).unwrap_or_default();
    before.iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1)
}

/// As much of a head as is held for a request that cannot be parsed.
const HELD: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_head_that_nobody_understood() {
        let mut unread = Unread::default();
        unread.push(b"GET /1 HTTP/1.1\r\nA: x\r\ncontent-LENGTH : 1\r\n\r\nGET /2 ");
        assert!(unread.has_field("content-length") && !unread.has_field("content"));
        assert!(!unread.is_head_open());
        unread.understood(Before::Nothing);
        unread.push(b"HTTP/9\r\n");
        assert!(unread.is_head_open());
        assert_eq!((unread.head(), unread.came()), (b"GET /2 HTTP/9\r\n".as_slice(), 15));
    }

    #[test]
    fn passes_over_bodies() {
        let mut unread = Unread::default();
        unread.push(b"POST / HTTP/1.1\r\n\r\nbo");
        unread.understood(Before::Length(9004));
        assert!(!unread.is_head_open());
        unread.push(&[b'x'; 9000]);
        assert!(!unread.is_head_open());
        unread.push(b"dyGET /3 HTTP/1.1\r\n");
        assert!(unread.is_head_open());
        assert_eq!(unread.head(), b"GET /3 HTTP/1.1\r\n");

        unread.understood(Before::Body);
        unread.push(&[b'x'; 9000]);
        unread.push(b"5\r\nhello\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nA");
        assert!(!unread.is_head_open());
        assert_eq!(unread.head(), b"GET /4 HTTP/1.1\r\nA");

        unread.understood(Before::Rest);
        unread.push(b"GET / HTTP/1.1\r\n");
        assert_eq!(unread.head(), b"");
    }

    #[test]
    fn holds_the_beginning_of_a_long_head() {
        let mut unread = Unread::default();
        unread.push(b"GET / HTTP/1.1\r\na: ");
        unread.push(&[b'x'; 9000]);
        assert_eq!((unread.head().len(), unread.came()), (HELD, 9019));
        assert!(unread.is_head_open() && unread.head().starts_with(b"GET / "));
    }
}
