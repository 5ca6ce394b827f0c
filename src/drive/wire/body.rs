//! The body of an answer.
//!
//! **Invariant:** a body that stops short says how: closed, or garbled.

use crate::trace::{FailureKind, Headers, Version};

/// What ends a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Framing {
    /// [RFC 9112](https://www.rfc-editor.org/rfc/rfc9112#name-message-body-length), with
    /// Chromium's patience: a length that is no number is none.
    pub(super) fn of(status: u16, version: Version, headers: &Headers) -> Framing {
        if matches!(status, 204 | 205 | 304) {
            return Framing::None;
        }
        let coding = headers.text("transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        if version != Version::Http10 && coding.split(',').any(|it| it.trim() == "chunked") {
            return Framing::Chunked;
        }
        let length = headers.all("content-length").next();
        match length.and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| it.parse().ok()) {
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        }
    }
}

/// How far a body is.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Progress {
    More,
    /// Over; the connection may be used again.
    End {
        reusable: bool,
    },
    Broken(FailureKind),
}

#[derive(Debug)]
pub(super) struct BodyReader {
    framing: Framing,
    chunk: Chunk,
}

#[derive(Debug)]
enum Chunk {
    Size,
    Data(u64),
    /// The line end after the data.
    After,
    Trailer,
}

impl BodyReader {
    pub(super) fn new(framing: Framing) -> BodyReader {
        BodyReader { framing, chunk: Chunk::Size }
    }

    /// Read what can be read of `bytes`; returns how many were used.
    pub(super) fn read(&mut self, bytes: &[u8], eof: bool, out: &mut Vec<u8>) -> (usize, Progress) {
        match &mut self.framing {
            Framing::None => (0, Progress::End { reusable: true }),
            Framing::UntilClose => {
                out.extend_from_slice(bytes);
                let progress = if eof { Progress::End { reusable: false } } else { Progress::More };
                (bytes.len(), progress)
            }
            Framing::Length(left) => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                out.extend_from_slice(bytes.get(..take).unwrap_or_default());
                *left -= take as u64;
                let progress = match (*left, eof) {
                    (0, _) => Progress::End { reusable: true },
                    (_, true) => Progress::Broken(FailureKind::Closed),
                    (_, false) => Progress::More,
                };
                (take, progress)
            }
            Framing::Chunked => self.read_chunks(bytes, eof, out),
        }
    }

    fn read_chunks(&mut self, bytes: &[u8], eof: bool, out: &mut Vec<u8>) -> (usize, Progress) {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if let Chunk::Data(left) = &mut self.chunk {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                out.extend_from_slice(rest.get(..take).unwrap_or_default());
                *left -= take as u64;
                used += take;
                if *left == 0 {
                    self.chunk = Chunk::After;
                    continue;
                }
                return (used, short(eof));
            }
            let Some(end) = rest.iter().position(|it| *it == b'\n') else {
                // A size line without an end is no chunk, and nobody's trailer is that long.
                let garbled = LONGEST_LINE < rest.len();
                return (
                    used,
                    if garbled { Progress::Broken(FailureKind::Malformed) } else { short(eof) },
                );
            };
            let line = rest.get(..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            used += end + 1;
            match self.chunk {
                Chunk::After if line.is_empty() => self.chunk = Chunk::Size,
                Chunk::After => return (used, Progress::Broken(FailureKind::Malformed)),
                Chunk::Trailer if line.is_empty() => {
                    return (used, Progress::End { reusable: true });
                }
                Chunk::Trailer | Chunk::Data(_) => {}
                Chunk::Size => match size(line) {
                    Some(0) => self.chunk = Chunk::Trailer,
                    Some(size) => self.chunk = Chunk::Data(size),
                    None => return (used, Progress::Broken(FailureKind::Malformed)),
                },
            }
        }
    }
}

/// Bytes of a line between chunks.
const LONGEST_LINE: usize = 4_096;

fn short(eof: bool) -> Progress {
    if eof { Progress::Broken(FailureKind::Closed) } else { Progress::More }
}

/// The hexadecimal size before any extension.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|it| *it == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits).ok()?.trim_end_matches([' ', '\t']);
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}
