//! Clients that misuse HTTP/2, and upstreams that do.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, asks, field, frame, get, hear, read,
};

/// What a client sends again and again after its preface.
pub(crate) struct Flood {
    pub(crate) name: &'static str,
    /// The nth piece, to `authority`.
    pub(crate) piece: fn(n: u32, authority: &str) -> Vec<u8>,
    pub(crate) times: u32,
    /// Part of what the client gets.
    pub(crate) gets: &'static str,
    /// How what is recorded last begins; empty for nothing.
    pub(crate) recorded: &'static str,
    /// Part of the reason.
    pub(crate) says: &'static str,
}

/// The identifier of a client's nth stream.
const fn nth(n: u32) -> u32 {
    n * 2 + 1
}

pub(crate) const FLOODS: &[Flood] = &[
    Flood {
        name: "resets each stream at once",
        piece: |n, authority| {
            let cancel = frame(RST_STREAM, 0, nth(n), &8_u32.to_be_bytes());
            [get(nth(n), authority), cancel].concat()
        },
        times: 200_000,
        gets: "GOAWAY calm",
        recorded: "refused-by-tap",
        says: "excessive load",
    },
    Flood {
        name: "never ends its fields",
        piece: |n, authority| match n {
            0 => frame(HEADERS, END_STREAM, 1, &asks(authority)),
            _ => frame(CONTINUATION, 0, 1, &field(b'x', 200)),
        },
        times: 200_000,
        gets: "GOAWAY",
        recorded: "refused-by-tap",
        says: "",
    },
    Flood {
        name: "sends a field of 420 kB",
        piece: |_, authority| {
            let fields = [asks(authority), field(b'x', 420_000)].concat();
            let mut pieces = fields.chunks(16_000).peekable();
            let mut all = frame(HEADERS, END_STREAM, 1, pieces.next().unwrap());
            while let Some(piece) = pieces.next() {
                let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
                all.extend(frame(CONTINUATION, flags, 1, piece));
            }
            all
        },
        times: 1,
        gets: "another head",
        recorded: "refused-by-tap",
        says: "--limit head",
    },
    Flood {
        name: "names one field 30,000 times (bomb)",
        piece: |_, authority| {
            // The first goes into the table; a byte each brings it back.
            let mut named = field(b'x', 4000);
            named[0] = 0x40;
            let mut all = frame(HEADERS, END_STREAM, 1, &[asks(authority), named].concat());
            all.extend(frame(CONTINUATION, 0, 1, &[0xbe; 15_000]));
            all.extend(frame(CONTINUATION, END_HEADERS, 1, &[0xbe; 15_000]));
            all
        },
        times: 1,
        gets: "GOAWAY calm",
        recorded: "refused-by-tap",
        says: "",
    },
    Flood {
        name: "opens 2,000 streams at once",
        piece: |n, authority| frame(HEADERS, END_HEADERS, nth(n), &asks(authority)),
        times: 2_000,
        gets: "GOAWAY calm",
        recorded: "refused-by-tap",
        says: "",
    },
    Flood {
        name: "sends SETTINGS 200,000 times",
        piece: |_, _| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
        times: 200_000,
        gets: "",
        recorded: "",
        says: "",
    },
    Flood {
        name: "sends PING 200,000 times",
        piece: |n, _| frame(PING, 0, 0, &u64::from(n).to_be_bytes()),
        times: 200_000,
        gets: "",
        recorded: "",
        says: "",
    },
    Flood {
        name: "opens its window beyond the end",
        piece: |_, _| frame(WINDOW_UPDATE, 0, 0, &i32::MAX.to_be_bytes()),
        times: 3,
        gets: "GOAWAY flow control",
        recorded: "refused-by-tap",
        says: "",
    },
    Flood {
        name: "opens its window by nothing",
        piece: |_, _| frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        times: 1,
        gets: "GOAWAY protocol",
        recorded: "refused-by-tap",
        says: "",
    },
    Flood {
        name: "has no window for 150 answers",
        piece: |n, authority| match n {
            0 => frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
            _ => get(nth(n), authority),
        },
        times: 150,
        gets: "200 × 149, silence",
        recorded: "200",
        says: "",
    },
    Flood {
        name: "sends DATA for no stream",
        piece: |_, _| frame(DATA, 0, 0, b"data"),
        times: 1,
        gets: "GOAWAY protocol",
        recorded: "refused-by-tap",
        says: "",
    },
    Flood {
        name: "sends fields that are none",
        piece: |_, _| frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 20]),
        times: 1,
        gets: "GOAWAY protocol",
        recorded: "refused-by-tap",
        says: "",
    },
    Flood {
        name: "sends a frame of 16 MB",
        piece: |_, _| frame(DATA, 0, 1, &[0; (1 << 24) - 1]),
        times: 1,
        gets: "GOAWAY frame size",
        recorded: "refused-by-tap",
        says: "",
    },
];

/// What a client does so slowly that `--limit head-time=1` is too short for it, or is not.
pub(crate) const STALLS: &[Flood] = &[
    Flood {
        name: "never ends its settings",
        piece: |_, _| frame(SETTINGS, 0, 0, &[0; 6])[..12].to_vec(),
        times: 1,
        gets: "closed",
        recorded: "refused-by-tap",
        says: "--limit head-time",
    },
    Flood {
        name: "never ends its fields, and stalls",
        piece: |_, authority| frame(HEADERS, END_STREAM, 1, &asks(authority)),
        times: 1,
        gets: "closed",
        recorded: "refused-by-tap",
        says: "--limit head-time",
    },
    Flood {
        name: "asks nothing after its preface",
        piece: |_, _| Vec::new(),
        times: 0,
        gets: "silence",
        recorded: "",
        says: "0 hops",
    },
    Flood {
        name: "asks, and nothing more",
        piece: |_, authority| get(1, authority),
        times: 1,
        gets: "200, silence",
        recorded: "200",
        says: "1 hops",
    },
];

impl Flood {
    /// Do it, and say what came back.
    pub(crate) async fn act(&self, tap: &str, authority: &str) -> String {
        let (mut from, mut to) = TcpStream::connect(tap).await.unwrap().into_split();
        let hearing = tokio::spawn(async move { hear(&mut from).await });
        let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        let mut going = to.write_all(&begin).await.is_ok();
        for n in 0..self.times {
            going = going && to.write_all(&(self.piece)(n, authority)).await.is_ok();
        }
        hearing.await.unwrap()
    }
}

/// An upstream that speaks HTTP/2, up to a point.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// What it says to a request on this stream, and whether it closes then.
    says: fn(stream: u32) -> Vec<u8>,
    closes: bool,
    pub(crate) gets: &'static str,
    /// Part of what is recorded. The end of a connection may be seen before a head that came
    /// with it is looked at, so it may be without a status.
    pub(crate) recorded: &'static str,
}

/// `200`, and 9 bytes to come.
fn head(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[0x88, 0x5c, 1, b'9'])
}

fn part(stream: u32) -> Vec<u8> {
    [head(stream), frame(DATA, 0, stream, b"part")].concat()
}

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "resets the stream in the body",
        says: |it| [part(it), frame(RST_STREAM, 0, it, &2_u32.to_be_bytes())].concat(),
        closes: false,
        gets: "200",
        recorded: "200 reset",
    },
    Fault {
        name: "refuses the stream",
        says: |it| frame(RST_STREAM, 0, it, &7_u32.to_be_bytes()),
        closes: false,
        gets: "502",
        recorded: "reset",
    },
    Fault {
        name: "goes away before the answer",
        says: |_| frame(GOAWAY, 0, 0, &[0; 8]),
        closes: true,
        gets: "502",
        recorded: "closed",
    },
    Fault {
        name: "goes away in the body",
        says: |it| {
            let last = [it.to_be_bytes(), 2_u32.to_be_bytes()].concat();
            [part(it), frame(GOAWAY, 0, 0, &last)].concat()
        },
        closes: true,
        gets: "",
        recorded: "closed",
    },
    Fault { name: "closes in the body", says: part, closes: true, gets: "", recorded: "closed" },
    Fault {
        name: "sends a body before its head",
        says: |it| frame(DATA, 0, it, b"data"),
        closes: false,
        gets: "502",
        recorded: "malformed",
    },
    Fault {
        name: "sends more than it promised",
        says: |it| [head(it), frame(DATA, END_STREAM, it, b"more than nine")].concat(),
        closes: false,
        gets: "200",
        recorded: "200 malformed",
    },
    Fault {
        name: "sends less than it promised",
        says: |it| [head(it), frame(DATA, END_STREAM, it, b"less")].concat(),
        closes: false,
        gets: "200",
        recorded: "200 malformed",
    },
    Fault {
        name: "sends fields that are none",
        says: |it| frame(HEADERS, END_HEADERS, it, &[0xff; 20]),
        closes: false,
        gets: "502",
        recorded: "malformed",
    },
    Fault {
        name: "never ends its fields",
        says: |it| {
            let more = frame(CONTINUATION, 0, it, &field(b'x', 10_000)).repeat(1000);
            [frame(HEADERS, 0, it, &[0x88]), more].concat()
        },
        closes: false,
        gets: "502",
        recorded: "malformed",
    },
    Fault {
        name: "sends a frame of 16 MB",
        says: |it| [head(it), frame(DATA, 0, it, &[0; (1 << 24) - 1])].concat(),
        closes: false,
        gets: "",
        recorded: "",
    },
    Fault {
        name: "pushes what nobody asked for",
        says: |it| frame(5, END_HEADERS, it, &[&[0, 0, 0, 2][..], &asks("a")].concat()),
        closes: false,
        gets: "502",
        recorded: "malformed",
    },
];

/// An upstream that does what `next` says then.
pub(crate) async fn upstream(next: Arc<Mutex<&'static Fault>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let next = Arc::clone(&next);
            tokio::spawn(async move { serve(stream, &next).await });
        }
    });
    address
}

async fn serve(mut stream: TcpStream, next: &Mutex<&'static Fault>) -> std::io::Result<()> {
    stream.read_exact(&mut [0; PREFACE.len()]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let mut asked = 0;
    loop {
        if read(&mut stream).await?.0 != HEADERS {
            continue;
        }
        asked += 1;
        let fault = *next.lock().unwrap();
        stream.write_all(&(fault.says)(nth(asked - 1))).await?;
        if fault.closes {
            stream.shutdown().await?;
        }
    }
}
