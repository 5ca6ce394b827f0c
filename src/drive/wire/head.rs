//! The head of an answer.
//!
//! **Invariant:** a head is read only when it is whole, or when the server closed.

use crate::trace::{Body, Failure, Headers, Response, Version};

use super::body::Framing;

/// What the bytes so far are.
#[derive(Debug)]
pub(super) enum Head {
    /// More are needed.
    More,
    /// The server closed without a byte.
    Empty,
    /// A 1xx answer, this many bytes long.
    Informational {
        used: usize,
    },
    Final(Box<Parsed>),
    /// Not HTTP.
    Invalid(&'static str),
}

/// A head that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub response: Response,
    pub used: usize,
    pub framing: Framing,
    pub keep_alive: bool,
}

/// Chromium reads no larger head.
const LIMIT: usize = 256 * 1024;
/// How much junk may stand before the status line.
const SLOP: usize = 4;

/// Read the head that `bytes` begin with, of which the first `seen` have no end in them.
pub(super) fn parse(bytes: &[u8], seen: usize, eof: bool) -> Head {
    let Some(start) = status_line(bytes) else {
        return match (bytes.len(), eof) {
            (0, true) => Head::Empty,
            (0..8, false) => Head::More,
            _ if starts_with_icy(bytes) => icy(),
            _ => Head::Invalid("the answer does not begin with HTTP"),
        };
    };
    let text = bytes.get(start..).unwrap_or_default();
    let end = match end_of_head(text, seen.saturating_sub(start)) {
        Some(end) => end,
        None if eof => text.len(),
        None if LIMIT < text.len() => return Head::Invalid(Failure::HEAD_TOO_LARGE),
        None => return Head::More,
    };
    if LIMIT < end {
        return Head::Invalid(Failure::HEAD_TOO_LARGE);
    }
    let head = text.get(..end).unwrap_or_default();
    if head.contains(&0) {
        return Head::Invalid("a NUL stands in the answer's head");
    }
    let mut lines = head.split(|it| matches!(it, b'\r' | b'\n')).filter(|it| !it.is_empty());
    let (version, status, reason) = parse_status_line(lines.next().unwrap_or_default());
    let used = start + end;
    if (100..200).contains(&status) {
        return Head::Informational { used };
    }
    let headers = fields(lines);
    let framing = Framing::of(status, version, &headers);
    let keep_alive = keeps_alive(version, &headers);
    let body = Body { complete: framing == Framing::None, ..Body::default() };
    let response = Response { status, reason, version, headers, body, truncated: None };
    Head::Final(Box::new(Parsed { response, used, framing, keep_alive }))
}

/// Where `HTTP` begins, within the first few bytes.
fn status_line(bytes: &[u8]) -> Option<usize> {
    (0..=SLOP).find(|at| bytes.get(*at..at + 4).is_some_and(|it| it.eq_ignore_ascii_case(b"HTTP")))
}

fn starts_with_icy(bytes: &[u8]) -> bool {
    bytes.get(..3).is_some_and(|it| it.eq_ignore_ascii_case(b"ICY"))
}

/// An old radio server: everything is body.
fn icy() -> Head {
    let response = Response {
        status: 200,
        reason: b"OK".to_vec(),
        version: Version::Http10,
        ..Response::default()
    };
    Head::Final(Box::new(Parsed {
        response,
        used: 0,
        framing: Framing::UntilClose,
        keep_alive: false,
    }))
}

/// After the first empty line; lines end in LF, with or without CR. It does not end within the
/// first `seen` bytes.
fn end_of_head(text: &[u8], seen: usize) -> Option<usize> {
    let mut was_lf = false;
    let mut last_lf = 0;
    for (at, byte) in text.iter().enumerate().skip(seen.saturating_sub("\n\r".len())) {
        match byte {
            b'\n' if was_lf => return Some(at + 1),
            b'\n' => {
                was_lf = true;
                last_lf = at;
            }
            b'\r' if was_lf && at == last_lf + 1 => {}
            _ => was_lf = false,
        }
    }
    None
}

/// A status line may lack anything but `HTTP`: a missing status is 200.
fn parse_status_line(line: &[u8]) -> (Version, u16, Vec<u8>) {
    let mut parts = line.splitn(2, |it| *it == b' ');
    let version = match parts.next().unwrap_or_default().get(4..) {
        Some(it) if it.starts_with(b"/1.0") || it.starts_with(b"/0.") => Version::Http10,
        Some(it) if it.starts_with(b"/") => Version::Http11,
        _ => Version::Http10,
    };
    let rest = parts.next().unwrap_or_default().trim_ascii_start();
    let digits = rest.iter().take_while(|it| it.is_ascii_digit()).count();
    let status = std::str::from_utf8(rest.get(..digits).unwrap_or_default())
        .ok()
        .and_then(|it| it.parse::<u16>().ok());
    match status {
        Some(status) => {
            (version, status, rest.get(digits..).unwrap_or_default().trim_ascii().to_vec())
        }
        None => (version, 200, b"OK".to_vec()),
    }
}

/// Field lines, folded ones joined; what is no field is passed over.
fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Headers {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    // Until a line began with a name, a continuation continues nothing.
    let mut open = false;
    for line in lines {
        if line.first().is_some_and(|it| matches!(it, b' ' | b'\t')) {
            let more = line.trim_ascii();
            if let Some((_, value)) = fields.last_mut().filter(|_| open && !more.is_empty()) {
                if !value.is_empty() {
                    value.push(b' ');
                }
                value.extend_from_slice(more);
            }
            continue;
        }
        let colon = line.iter().position(|it| *it == b':');
        let name = colon.and_then(|at| line.get(..at)).map(<[u8]>::trim_ascii).unwrap_or_default();
        open = !name.is_empty();
        if let Some(value) = colon.filter(|_| open).and_then(|at| line.get(at + 1..)) {
            let name = String::from_utf8_lossy(name).into_owned();
            fields.push((name, value.trim_ascii().to_vec()));
        }
    }
    fields.into_iter().collect()
}

fn keeps_alive(version: Version, headers: &Headers) -> bool {
    let has = |token: &str| {
        headers
            .text("connection")
            .is_some_and(|it| it.split(',').any(|it| it.trim().eq_ignore_ascii_case(token)))
    };
    if version == Version::Http10 { has("keep-alive") } else { !has("close") }
}
