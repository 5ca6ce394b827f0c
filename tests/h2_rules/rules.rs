//! The rules, as frames that keep or break them.

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Types of frames.
const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

// Flags.
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;
const WHOLE: u8 = END_STREAM | END_HEADERS;

/// `:method GET`, `:scheme http`, `:path /`, `:authority h`.
const GET: &[u8] = b"\x82\x86\x84\x41\x01h";
/// The same with `POST`.
const POST: &[u8] = b"\x83\x86\x84\x41\x01h";

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, WHOLE, stream, GET)
}

fn post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, POST)
}

/// A request with more fields, each `name: value`.
fn with(begin: &[u8], more: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, WHOLE, 1, block(begin, more))
}

fn block(begin: &[u8], more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = begin.to_vec();
    for (name, value) in more {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

fn window(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, by.to_be_bytes())
}

/// What has to come of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    /// The connection ends, with this reason where it says one.
    Connection(&'static str),
    /// The stream ends, or the connection.
    Stream(&'static str),
    /// Nothing happens, and the connection goes on.
    Ignored,
    Answer,
}

use Due::{Answer, Connection, Ignored, Stream};

/// Section, what is done, what is sent, what has to come.
pub(crate) type Rule = (&'static str, &'static str, Vec<u8>, Due);

fn framing() -> Vec<Rule> {
    let large = vec![0; 16_385];
    let open = frame(HEADERS, END_STREAM, 1, GET);
    vec![
        ("4.1", "a frame of an unknown type", frame(0x16, 0, 0, "x"), Ignored),
        ("4.1", "flags that nobody knows", frame(PING, 0x16, 0, [0; 8]), Ignored),
        ("4.1", "the reserved bit", frame(PING, 0, 1 << 31, [0; 8]), Ignored),
        (
            "4.2",
            "DATA that is too large",
            [post(1), frame(DATA, 1, 1, &large)].concat(),
            Stream("FRAME_SIZE_ERROR"),
        ),
        (
            "4.2",
            "HEADERS that are too large",
            frame(HEADERS, WHOLE, 1, &large),
            Connection("FRAME_SIZE_ERROR"),
        ),
        (
            "4.3",
            "a header block that is none",
            frame(HEADERS, WHOLE, 1, b"\x40"),
            Connection("COMPRESSION_ERROR"),
        ),
        (
            "4.3",
            "PRIORITY within a header block",
            [open.clone(), frame(PRIORITY, 0, 1, [0; 5])].concat(),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "4.3",
            "HEADERS of another stream within a header block",
            [open.clone(), get(3)].concat(),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "5.5",
            "an unknown frame within a header block",
            [open.clone(), frame(0x16, 0, 1, "x")].concat(),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "6.10",
            "a header block in two frames",
            [
                frame(HEADERS, END_STREAM, 1, &GET[..2]),
                frame(CONTINUATION, END_HEADERS, 1, &GET[2..]),
            ]
            .concat(),
            Answer,
        ),
        (
            "6.10",
            "CONTINUATION without HEADERS",
            frame(CONTINUATION, END_HEADERS, 1, GET),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "6.10",
            "CONTINUATION on stream 0",
            [open, frame(CONTINUATION, END_HEADERS, 0, "")].concat(),
            Connection("PROTOCOL_ERROR"),
        ),
    ]
}

fn streams() -> Vec<Rule> {
    let half = |next: Vec<u8>| [get(1), next].concat();
    vec![
        ("5.1", "DATA on an idle stream", frame(DATA, 0, 1, "x"), Connection("PROTOCOL_ERROR")),
        (
            "5.1",
            "RST_STREAM on an idle stream",
            frame(RST_STREAM, 0, 1, [0; 4]),
            Connection("PROTOCOL_ERROR"),
        ),
        ("5.1", "WINDOW_UPDATE on an idle stream", window(1, 1), Connection("PROTOCOL_ERROR")),
        (
            "5.1",
            "DATA after the end of a stream",
            half(frame(DATA, 1, 1, "x")),
            Stream("STREAM_CLOSED"),
        ),
        ("5.1", "HEADERS after the end of a stream", half(get(1)), Stream("STREAM_CLOSED")),
        (
            "5.1",
            "DATA after a reset",
            [post(1), frame(RST_STREAM, 0, 1, [0, 0, 0, 8]), frame(DATA, 1, 1, "x")].concat(),
            Stream("STREAM_CLOSED"),
        ),
        ("5.1.1", "a stream with an even number", get(2), Connection("PROTOCOL_ERROR")),
        (
            "5.1.1",
            "a stream with a number before the last",
            [get(5), get(3)].concat(),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "5.3.1",
            "HEADERS that depend on themselves",
            frame(HEADERS, WHOLE | WITH_PRIORITY, 1, [&[0, 0, 0, 1, 0], GET].concat()),
            Stream("PROTOCOL_ERROR"),
        ),
        (
            "8.4",
            "PUSH_PROMISE of a client",
            [post(1), frame(PUSH_PROMISE, END_HEADERS, 1, [&[0, 0, 0, 2], GET].concat())].concat(),
            Connection("PROTOCOL_ERROR"),
        ),
    ]
}

fn frames() -> Vec<Rule> {
    vec![
        ("6.1", "DATA on stream 0", frame(DATA, 0, 0, "x"), Connection("PROTOCOL_ERROR")),
        (
            "6.1",
            "DATA with more padding than there is",
            [post(1), frame(DATA, PADDED | END_STREAM, 1, [9, 0])].concat(),
            Connection("PROTOCOL_ERROR"),
        ),
        ("6.2", "HEADERS on stream 0", frame(HEADERS, WHOLE, 0, GET), Connection("PROTOCOL_ERROR")),
        (
            "6.2",
            "HEADERS with more padding than there is",
            frame(HEADERS, WHOLE | PADDED, 1, [&[99], GET].concat()),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "6.3",
            "PRIORITY on stream 0",
            frame(PRIORITY, 0, 0, [0; 5]),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "6.3",
            "PRIORITY of a wrong length",
            frame(PRIORITY, 0, 1, [0; 4]),
            Stream("FRAME_SIZE_ERROR"),
        ),
        (
            "6.4",
            "RST_STREAM on stream 0",
            frame(RST_STREAM, 0, 0, [0; 4]),
            Connection("PROTOCOL_ERROR"),
        ),
        (
            "6.4",
            "RST_STREAM of a wrong length",
            [post(1), frame(RST_STREAM, 0, 1, [0; 3])].concat(),
            Connection("FRAME_SIZE_ERROR"),
        ),
        (
            "6.5",
            "SETTINGS with ACK and a payload",
            frame(SETTINGS, ACK, 0, [0; 6]),
            Connection("FRAME_SIZE_ERROR"),
        ),
        ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1, ""), Connection("PROTOCOL_ERROR")),
        (
            "6.5",
            "SETTINGS of a wrong length",
            frame(SETTINGS, 0, 0, [0; 5]),
            Connection("FRAME_SIZE_ERROR"),
        ),
        ("6.5.2", "ENABLE_PUSH of 2", setting(2, 2), Connection("PROTOCOL_ERROR")),
        (
            "6.5.2",
            "INITIAL_WINDOW_SIZE above 2^31 - 1",
            setting(4, 1 << 31),
            Connection("FLOW_CONTROL_ERROR"),
        ),
        ("6.5.2", "MAX_FRAME_SIZE below 2^14", setting(5, 1000), Connection("PROTOCOL_ERROR")),
        (
            "6.5.2",
            "MAX_FRAME_SIZE above 2^24 - 1",
            setting(5, 1 << 24),
            Connection("PROTOCOL_ERROR"),
        ),
        ("6.5.2", "an unknown setting", setting(0xff, 1), Ignored),
    ]
}

fn connections() -> Vec<Rule> {
    vec![
        ("6.7", "PING with ACK that nobody asked for", frame(PING, ACK, 0, [7; 8]), Ignored),
        ("6.7", "PING on a stream", frame(PING, 0, 1, [0; 8]), Connection("PROTOCOL_ERROR")),
        (
            "6.7",
            "PING of a wrong length",
            frame(PING, 0, 0, [0; 6]),
            Connection("FRAME_SIZE_ERROR"),
        ),
        ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, [0; 8]), Connection("PROTOCOL_ERROR")),
        ("6.9", "WINDOW_UPDATE of 0", window(0, 0), Connection("PROTOCOL_ERROR")),
        (
            "6.9",
            "WINDOW_UPDATE of 0 on a stream",
            [post(1), window(1, 0)].concat(),
            Stream("PROTOCOL_ERROR"),
        ),
        (
            "6.9",
            "WINDOW_UPDATE of a wrong length",
            frame(WINDOW_UPDATE, 0, 0, [0; 3]),
            Connection("FRAME_SIZE_ERROR"),
        ),
        (
            "6.9.1",
            "a window above 2^31 - 1",
            [window(0, (1 << 31) - 1), window(0, (1 << 31) - 1)].concat(),
            Connection("FLOW_CONTROL_ERROR"),
        ),
        (
            "6.9.1",
            "a stream's window above 2^31 - 1",
            [post(1), window(1, (1 << 31) - 1), window(1, (1 << 31) - 1)].concat(),
            Stream("FLOW_CONTROL_ERROR"),
        ),
    ]
}

fn messages() -> Vec<Rule> {
    let bad = Stream("PROTOCOL_ERROR");
    let trailers = |block: Vec<u8>, flags| [post(1), frame(HEADERS, flags, 1, block)].concat();
    vec![
        ("8.1", "a request", get(1), Answer),
        ("8.1", "a request with trailers", trailers(block(b"", &[("x", "1")]), WHOLE), Answer),
        (
            "8.1",
            "trailers that are not the end",
            trailers(block(b"", &[("x", "1")]), END_HEADERS),
            bad,
        ),
        ("8.2.1", "a name in upper case", with(GET, &[("X", "1")]), bad),
        ("8.2.2", "a field of the connection", with(GET, &[("connection", "keep-alive")]), bad),
        ("8.2.2", "TE other than trailers", with(GET, &[("te", "gzip")]), bad),
        ("8.3", "an unknown pseudo-header field", with(GET, &[(":x", "1")]), bad),
        ("8.3", "a pseudo-header field of answers", with(GET, &[(":status", "200")]), bad),
        (
            "8.3",
            "a pseudo-header field behind others",
            with(b"", &[("x", "1"), (":method", "GET"), (":scheme", "http"), (":path", "/")]),
            bad,
        ),
        (
            "8.3",
            "a pseudo-header field in trailers",
            trailers(block(b"", &[(":method", "GET")]), WHOLE),
            bad,
        ),
        (
            "8.3.1",
            "an empty path",
            with(
                b"",
                &[(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "")],
            ),
            bad,
        ),
        ("8.3.1", "no method", with(b"\x86\x84\x41\x01h", &[]), bad),
        ("8.3.1", "no scheme", with(b"\x82\x84\x41\x01h", &[]), bad),
        ("8.3.1", "no path", with(b"\x82\x86\x41\x01h", &[]), bad),
        ("8.3.1", "two methods", with(b"\x82\x82\x86\x84\x41\x01h", &[]), bad),
        ("8.3.1", "two paths", with(b"\x82\x86\x84\x84\x41\x01h", &[]), bad),
        (
            "8.1.1",
            "more content than its length says",
            [
                frame(HEADERS, END_HEADERS, 1, block(POST, &[("content-length", "1")])),
                frame(DATA, 1, 1, "four"),
            ]
            .concat(),
            bad,
        ),
        (
            "8.1.1",
            "less content than its length says",
            [
                frame(HEADERS, END_HEADERS, 1, block(POST, &[("content-length", "9")])),
                frame(DATA, 1, 1, "four"),
            ]
            .concat(),
            bad,
        ),
    ]
}

/// All of them, section by section.
pub(crate) fn all() -> Vec<Rule> {
    [framing(), streams(), frames(), connections(), messages()].concat()
}

/// Where the HTTP library answers in another way than the section wants, without harm.
pub(crate) const OTHERWISE: &[(&str, &str)] = &[
    ("a header block that is none", "GOAWAY PROTOCOL_ERROR"),
    ("RST_STREAM of a wrong length", "GOAWAY PROTOCOL_ERROR"),
    ("SETTINGS with ACK and a payload", "GOAWAY PROTOCOL_ERROR"),
    ("SETTINGS of a wrong length", "GOAWAY PROTOCOL_ERROR"),
    ("INITIAL_WINDOW_SIZE above 2^31 - 1", "GOAWAY PROTOCOL_ERROR"),
    ("PING of a wrong length", "GOAWAY PROTOCOL_ERROR"),
    ("WINDOW_UPDATE of a wrong length", "GOAWAY PROTOCOL_ERROR"),
    // It is left out.
    ("a pseudo-header field in trailers", "200"),
];
