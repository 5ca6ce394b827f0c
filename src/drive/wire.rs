//! Reading an HTTP/1 answer as Chromium does, byte by byte.
//!
//! Not with a library: what a browser makes of a broken head (no status code, bare line feeds,
//! junk before the status line, a head that the server never finished) is part of the verdict,
//! and every library is stricter somewhere. The rules are those of Chromium's
//! `net/http/http_stream_parser.cc` and `http_response_headers.cc`.
//!
//! **Invariant:** names keep their case, values their bytes, both their order.

mod body;
mod head;

use crate::trace::{Body, Failure, FailureKind, Response};

use body::{BodyReader, Progress};
use head::Head;

/// How much of a body is kept.
const KEPT: usize = 4 << 20;

/// Reads one answer from the bytes of a connection.
#[derive(Debug)]
pub struct Reader {
    /// The request was a `HEAD`: no body follows, whatever the head says.
    bodyless: bool,
    buffer: Vec<u8>,
    /// How much of the buffer holds no end of the head that it begins with.
    seen: usize,
    state: State,
    /// Whether a single byte came.
    touched: bool,
}

#[derive(Debug)]
enum State {
    Head,
    Body { response: Box<Response>, reader: BodyReader, keep_alive: bool },
    Done { outcome: Result<Box<Response>, Failure>, keep_alive: bool },
}

impl Reader {
    /// A reader for the answer to a request of this method.
    pub fn new(method: &str) -> Reader {
        Reader {
            bodyless: method == "HEAD",
            buffer: Vec::new(),
            seen: 0,
            state: State::Head,
            touched: false,
        }
    }

    /// More bytes came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.touched |= !bytes.is_empty();
        self.buffer.extend_from_slice(bytes);
        self.advance(false);
    }

    /// The server closed.
    pub fn close(&mut self) {
        self.advance(true);
    }

    /// The connection broke.
    pub fn broken(&mut self, failure: Failure) {
        self.end(|response| match response {
            Some(mut response) => {
                response.truncated = Some(failure);
                Ok(response)
            }
            None => Err(failure),
        });
    }

    /// Read no further: what came is what was wanted.
    pub fn leave(&mut self) {
        self.end(|response| response.ok_or_else(|| closed("no answer came")));
    }

    /// Whether the answer, or the failure, is complete.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done { .. })
    }

    /// Whether the answer's head has come.
    pub fn has_head(&self) -> bool {
        match &self.state {
            State::Head => false,
            State::Body { .. } => true,
            State::Done { outcome, .. } => outcome.is_ok(),
        }
    }

    /// Whether not a single byte came.
    pub fn is_untouched(&self) -> bool {
        !self.touched
    }

    /// What came, and whether the connection can be used again.
    pub fn finish(self) -> (Result<Response, Failure>, bool) {
        match self.state {
            State::Done { outcome, keep_alive } => {
                (outcome.map(|it| *it), keep_alive && self.buffer.is_empty())
            }
            State::Body { mut response, .. } => {
                response.truncated = Some(closed("the body is incomplete"));
                (Ok(*response), false)
            }
            State::Head => (Err(closed("no answer came")), false),
        }
    }

    fn advance(&mut self, eof: bool) {
        let mut skipped = 0;
        loop {
            match &mut self.state {
                State::Done { .. } => return,
                State::Head => match head::parse(
                    self.buffer.get(skipped..).unwrap_or_default(),
                    self.seen,
                    eof,
                ) {
                    Head::More => {
                        self.buffer.drain(..skipped);
                        self.seen = self.buffer.len();
                        return;
                    }
                    // 1xx answers are steps on the way; 101 too, where nobody asked for it.
                    Head::Informational { used } => (skipped, self.seen) = (skipped + used, 0),
                    Head::Empty => {
                        return self.end(|_| Err(closed("the server closed without an answer")));
                    }
                    Head::Invalid(detail) => {
                        return self.end(|_| {
                            Err(Failure { kind: FailureKind::Malformed, detail: detail.to_owned() })
                        });
                    }
                    Head::Final(parsed) => {
                        self.buffer.drain(..skipped + parsed.used);
                        let framing =
                            if self.bodyless { body::Framing::None } else { parsed.framing };
                        self.state = State::Body {
                            response: Box::new(parsed.response),
                            reader: BodyReader::new(framing),
                            keep_alive: parsed.keep_alive,
                        };
                    }
                },
                State::Body { response, reader, keep_alive } => {
                    let mut data = Vec::new();
                    let (used, progress) = reader.read(&self.buffer, eof, &mut data);
                    self.buffer.drain(..used);
                    grow(&mut response.body, &data);
                    match progress {
                        Progress::More => return,
                        Progress::End { reusable } => {
                            response.body.complete = true;
                            let keep_alive = *keep_alive && reusable;
                            self.end(|response| response.ok_or_else(|| closed("no answer came")));
                            if let State::Done { keep_alive: it, .. } = &mut self.state {
                                *it = keep_alive;
                            }
                            return;
                        }
                        Progress::Broken(kind) => {
                            let detail = "the body is incomplete".to_owned();
                            response.truncated = Some(Failure { kind, detail });
                            return self
                                .end(|response| response.ok_or_else(|| closed("no answer came")));
                        }
                    }
                }
            }
        }
    }

    fn end(
        &mut self,
        outcome: impl FnOnce(Option<Box<Response>>) -> Result<Box<Response>, Failure>,
    ) {
        let response = match std::mem::replace(&mut self.state, State::Head) {
            State::Body { response, .. } => Some(response),
            done @ State::Done { .. } => {
                self.state = done;
                return;
            }
            State::Head => None,
        };
        self.state = State::Done { outcome: outcome(response), keep_alive: false };
    }
}

fn closed(detail: &str) -> Failure {
    Failure { kind: FailureKind::Closed, detail: detail.to_owned() }
}

pub(super) fn grow(body: &mut Body, data: &[u8]) {
    let room = KEPT.saturating_sub(body.bytes.len()).min(data.len());
    body.bytes.extend_from_slice(data.get(..room).unwrap_or_default());
    body.length += data.len() as u64;
}

/// Read a whole answer: `bytes`, after which the server closes.
pub fn read_all(bytes: &[u8], method: &str) -> Result<Response, Failure> {
    let mut reader = Reader::new(method);
    reader.feed(bytes);
    if !reader.is_done() {
        reader.close();
    }
    reader.finish().0
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\nA: 1\r\n";

    #[test]
    fn reads_heads_as_chromium_does() {
        for (text, status, header) in [
            ("HTTP/1.1 200 OK\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\nA: 1\n\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\rA: 1\r\r", 200, Some("1")),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 X\r\nA: 1\r\n\r\n", 201, Some("1")),
            ("HTTP/1.1 101 X\r\n\r\nHTTP/1.1 201 X\r\nA: 1\r\n\r\n", 201, Some("1")),
            ("HTTP/1.1 abc\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1 99 X\r\nA: 1\r\n\r\n", 99, Some("1")),
            ("http/1.1 200 OK\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("\r\nHTTP/1.1 200 OK\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("abHTTP/1.1 200 OK\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\r\nA : 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\r\nA:\r\n 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\r\n A: 1\r\n\r\n", 200, None),
            ("HTTP/1.1 200 OK\r\nX: a\r\n A: 1\r\n\r\n", 200, None),
            ("HTTP/1.1 200 OK\r\nfoo bar\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\r\n: x\r\nA: 1\r\n\r\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\r\nA: 1\r\n", 200, Some("1")),
            ("HTTP/1.1 200 OK\r\nAccess", 200, None),
            ("ICY 200 OK\r\nA: 1\r\n\r\nx", 200, None),
        ] {
            let response = read_all(text.as_bytes(), "GET").unwrap();
            assert_eq!(
                (response.status, response.headers.text("a").as_deref()),
                (status, header),
                "{text:?}"
            );
        }
    }

    #[test]
    fn tells_failures_apart() {
        for (text, kind) in [
            ("", FailureKind::Closed),
            ("HTTP/1.1 100 Continue\r\n\r\n", FailureKind::Closed),
            ("hello", FailureKind::Malformed),
            ("\x15\x03\x01\0\x02\x02", FailureKind::Malformed),
            ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", FailureKind::Malformed),
        ] {
            assert_eq!(read_all(text.as_bytes(), "GET").unwrap_err().kind, kind, "{text:?}");
        }
    }

    #[test]
    fn reads_bodies_and_says_how_they_broke() {
        for (text, body, broken) in [
            ("Content-Length: 3\r\n\r\nabc", "abc", None),
            ("Content-Length: 9\r\n\r\nabc", "abc", Some(FailureKind::Closed)),
            ("\r\nabc", "abc", None),
            ("Content-Length: x\r\n\r\nabc", "abc", None),
            ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", None),
            ("Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n", "abc", None),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nab", "ab", Some(FailureKind::Closed)),
            ("Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", "", Some(FailureKind::Malformed)),
            ("Transfer-Encoding: gzip\r\n\r\nabc", "abc", None),
        ] {
            let response = read_all(format!("{OK}{text}").as_bytes(), "GET").unwrap();
            assert_eq!(response.body.text(), body, "{text:?}");
            assert_eq!(response.truncated.map(|it| it.kind), broken, "{text:?}");
        }
        let head = read_all(format!("{OK}Content-Length: 3\r\n\r\n").as_bytes(), "HEAD").unwrap();
        assert!(head.truncated.is_none() && head.body.complete);
    }

    #[test]
    fn bytes_may_come_one_by_one() {
        let text = format!("{OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        let mut reader = Reader::new("GET");
        for byte in text.bytes() {
            assert!(!reader.is_done());
            reader.feed(&[byte]);
        }
        assert!(reader.is_done());
        let (outcome, keep_alive) = reader.finish();
        assert_eq!(outcome.unwrap().body.text(), "abc");
        assert!(keep_alive);
    }
}
