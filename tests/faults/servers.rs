//! Upstreams that do one thing wrong.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One way to be wrong, and what must come of it.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    does: Does,
    /// How what a browser gets begins.
    pub(crate) browser: &'static str,
    pub(crate) other: &'static str,
    pub(crate) recorded: &'static str,
}

#[derive(Clone, Copy)]
enum Does {
    Refuse,
    /// Say this, then close.
    Say(&'static str),
    /// Say this, then reset.
    Reset(&'static str),
    /// Say this, then nothing.
    Hang(&'static str),
    /// Say this and end its side only.
    HalfClose(&'static str),
    /// One byte at a time.
    Drip(&'static str),
    /// The first, then the second so many times.
    Flood(&'static str, &'static str, usize),
}

const fn fault(
    name: &'static str,
    does: Does,
    [browser, other, recorded]: [&'static str; 3],
) -> Fault {
    Fault { name, does, browser, other, recorded }
}

pub(crate) const FINE: Fault =
    fault("answers", Does::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), ["", "", ""]);

pub(crate) const FAULTS: &[Fault] = &[
    fault("refuses", Does::Refuse, ["closed", "502", "refused"]),
    fault("closes without a word", Does::Say(""), ["closed", "502", "closed"]),
    fault("resets in the head", Does::Reset("HTTP/1.1 200 OK\r\nA: "), ["reset", "502", "reset"]),
    fault("closes in the head", Does::Say("HTTP/1.1 200 OK\r\nA: "), ["closed", "502", "closed"]),
    fault(
        "resets in the body",
        Does::Reset("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
        ["200 and 4 bytes, then reset", "200 and 4 bytes, then reset", "200 reset"],
    ),
    fault("is silent", Does::Hang(""), ["silence", "silence", "aborted"]),
    fault(
        "is silent in the body",
        Does::Hang("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
        ["200 and 4 bytes, then silence", "200 and 4 bytes, then silence", "200 aborted"],
    ),
    fault(
        "is slow",
        Does::Drip("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"),
        ["200 and 4 bytes", "200 and 4 bytes", "200"],
    ),
    fault(
        "closes one side only",
        Does::HalfClose("HTTP/1.1 200 OK\r\n\r\nall"),
        ["200 and 3 bytes", "200 and 3 bytes", "200"],
    ),
    fault(
        "promises more than it sends",
        Does::Say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"),
        ["200 and 4 bytes, then closed early", "200 and 4 bytes, then closed early", "200 closed"],
    ),
    fault(
        "sends more than it promised",
        Does::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokMORE"),
        ["200 and 2 bytes", "200 and 2 bytes", "200"],
    ),
    fault(
        "sends bad chunks",
        Does::Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n"),
        [
            "200 and 4 bytes, then closed early",
            "200 and 4 bytes, then closed early",
            "200 malformed",
        ],
    ),
    fault("speaks SSH", Does::Say("SSH-2.0-OpenSSH_9.9\r\n\r\n"), ["closed", "502", "malformed"]),
    fault("speaks HTTP/0.9", Does::Say("<html>hi"), ["closed", "502", "malformed"]),
    fault(
        "answers twice (splitting)",
        Does::Say(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
        ),
        ["200 and 0 bytes", "200 and 0 bytes", "200"],
    ),
    fault(
        "sends both framings",
        Does::Say(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n",
        ),
        ["200 and 4 bytes", "200 and 4 bytes", "200"],
    ),
    fault(
        "sends two lengths",
        Does::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nfour"),
        ["closed", "502", "malformed"],
    ),
    fault(
        "sends NUL in a field",
        Does::Say("HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n"),
        ["closed", "502", "malformed"],
    ),
    fault(
        "sends 300 fields",
        Does::Flood("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "A: b\r\n", 300),
        ["200 and 0 bytes", "200 and 0 bytes", "200"],
    ),
    fault(
        "sends 100,000 fields",
        Does::Flood("HTTP/1.1 200 OK\r\n", "A: b\r\n", 100_000),
        ["closed", "502", "refused-by-tap"],
    ),
    fault(
        "sends a field of 64 MB",
        Does::Flood("HTTP/1.1 200 OK\r\nA: ", "0123456789abcdef", 4 << 20),
        ["closed", "502", "refused-by-tap"],
    ),
    fault(
        "sends 100,000 trailers",
        Does::Flood(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
            "A: b\r\n",
            100_000,
        ),
        ["200 and 2 bytes, then", "200 and 2 bytes, then", "200 malformed"],
    ),
    fault(
        "sends 5,000 interim answers",
        Does::Flood("", "HTTP/1.1 103 E\r\n\r\n", 5_000),
        ["closed", "502", "closed"],
    ),
];

/// The address of a server that does this to every client.
pub(crate) async fn start(fault: &Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let does = fault.does;
    if matches!(does, Does::Refuse) {
        return address;
    }
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, does));
        }
    });
    address
}

/// A request to its end; `None` when there is none.
async fn read(stream: &mut TcpStream) -> Option<()> {
    let mut asked = Vec::new();
    let mut whole = usize::MAX;
    while asked.len() < whole {
        if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            return None;
        }
        if whole == usize::MAX
            && let Some(at) = asked.windows(4).position(|it| it == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&asked[..at]).to_ascii_lowercase();
            let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
            whole = at + 4 + length.map_or(0, |it| it.parse().unwrap());
        }
    }
    Some(())
}

async fn serve(mut stream: TcpStream, does: Does) {
    loop {
        if read(&mut stream).await.is_none() {
            return;
        }
        match does {
            Does::Refuse => {}
            Does::Say(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                if text.ends_with("ok") {
                    continue;
                }
            }
            Does::Reset(text) => {
                // What was said is on its way; the reset comes behind it.
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.set_zero_linger();
            }
            Does::Hang(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.read(&mut [0]).await;
            }
            Does::HalfClose(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut [0]).await;
            }
            Does::Drip(text) => {
                for byte in text.as_bytes() {
                    let _ = stream.write_all(&[*byte]).await;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            Does::Flood(first, piece, times) => {
                let _ = stream.write_all(first.as_bytes()).await;
                let pieces = piece.repeat(1 << 10);
                for _ in 0..times >> 10 {
                    if stream.write_all(pieces.as_bytes()).await.is_err() {
                        return;
                    }
                }
                let rest = piece.repeat(times & 1023) + "\r\n";
                let _ = stream.write_all(rest.as_bytes()).await;
            }
        }
        return;
    }
}
