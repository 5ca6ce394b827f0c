//! Clients: one that asks politely, and many that do not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What a client gets, in words.
type Got = Pin<Box<dyn Future<Output = String>>>;

/// A client's misdeed, and what must come of it.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) act: fn(String, String) -> Got,
    pub(crate) gets: &'static str,
    pub(crate) recorded: &'static str,
    /// Part of the reason.
    pub(crate) says: &'static str,
}

/// Send this with `{up}` replaced, and say what comes back.
macro_rules! says {
    ($text:expr) => {
        |tap, up| Box::pin(async move { send(&tap, &$text.replace("{up}", &up)).await })
    };
}

const fn fault(
    name: &'static str,
    act: fn(String, String) -> Got,
    [gets, recorded, says]: [&'static str; 3],
) -> Fault {
    Fault { name, act, gets, recorded, says }
}

pub(crate) const FAULTS: &[Fault] = &[
    fault(
        "sends both framings (smuggling)",
        says!(
            "POST http://{up}/ HTTP/1.1\r\nHost: {up}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"
        ),
        ["400", "refused-by-tap", "both a Content-Length and a Transfer-Encoding"],
    ),
    fault(
        "sends them the other way round",
        says!(
            "POST http://{up}/ HTTP/1.1\r\nHost: {up}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nG"
        ),
        ["400", "refused-by-tap", "both a Content-Length and a Transfer-Encoding"],
    ),
    fault(
        "sends two lengths",
        says!(
            "POST http://{up}/ HTTP/1.1\r\nHost: {up}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
        ),
        ["400", "refused-by-tap", ""],
    ),
    fault(
        "sends an unknown coding",
        says!(
            "POST http://{up}/ HTTP/1.1\r\nHost: {up}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
        ),
        ["400", "refused-by-tap", ""],
    ),
    fault(
        "sends a space before the colon",
        says!("GET http://{up}/ HTTP/1.1\r\nHost: {up}\r\nTransfer-Encoding : chunked\r\n\r\n"),
        ["400", "refused-by-tap", ""],
    ),
    fault(
        "folds a field",
        says!("GET http://{up}/ HTTP/1.1\r\nHost: {up}\r\nA: b\r\n c\r\n\r\n"),
        ["400", "refused-by-tap", ""],
    ),
    fault(
        "hides a request behind a length",
        says!(
            "POST http://{up}/ HTTP/1.1\r\nHost: {up}\r\nContent-Length: 0\r\n\r\nGET /x HTTP/9\r\nHost: {up}\r\n\r\n"
        ),
        ["200", "200, refused-by-tap", ""],
    ),
    fault(
        "sends 100,000 fields",
        |tap, up| {
            let begin = format!("GET http://{up}/ HTTP/1.1\r\nHost: {up}\r\n");
            Box::pin(async move { flood(&tap, &begin, "A: b\r\n", 100_000).await })
        },
        ["431", "refused-by-tap", "--limit"],
    ),
    fault(
        "sends 600 fields",
        |tap, up| {
            let begin = format!("GET http://{up}/ HTTP/1.1\r\nHost: {up}\r\n");
            Box::pin(async move { flood(&tap, &begin, "A: b\r\n", 600).await })
        },
        ["431", "refused-by-tap", "more than 500 fields (--limit fields=N)"],
    ),
    fault(
        "sends a field of 1 GB",
        |tap, up| {
            let begin = format!("GET http://{up}/ HTTP/1.1\r\nHost: {up}\r\nA: ");
            Box::pin(async move { flood(&tap, &begin, "0123456789abcdef", 64 << 20).await })
        },
        ["431", "refused-by-tap", "larger than 393216 bytes (--limit head=N)"],
    ),
    fault(
        "sends a target of 70,000 bytes",
        |tap, up| {
            let text =
                format!("GET http://{up}/{} HTTP/1.1\r\nHost: {up}\r\n\r\n", "a".repeat(70_000));
            Box::pin(async move { send(&tap, &text).await })
        },
        ["414", "refused-by-tap", "target"],
    ),
    fault(
        "never ends its head (slowloris)",
        says!("GET http://{up}/ HTTP/1.1\r\nHost: {up}\r\nA: "),
        ["closed", "refused-by-tap", "--limit head-time"],
    ),
    fault(
        "stalls in the preface of HTTP/2",
        says!("PRI * HTTP/2.0\r\n\r\n"),
        ["closed", "refused-by-tap", "--limit head-time"],
    ),
    fault(
        "leaves in the head",
        |tap, up| {
            let text = format!("GET http://{up}/ HTTP/1.1\r\nHost: {up}\r\nA: ");
            Box::pin(async move { leave(&tap, &text).await })
        },
        ["left", "aborted", "in the middle of the request's head"],
    ),
    fault(
        "leaves in the body",
        |tap, up| {
            let text = format!(
                "POST http://{up}/ HTTP/1.1\r\nHost: {up}\r\nContent-Length: 9\r\n\r\npart"
            );
            Box::pin(async move { leave(&tap, &text).await })
        },
        ["left", "aborted", "in the middle of the request's body"],
    ),
    fault(
        "speaks TLS",
        says!("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\n\n"),
        ["400", "refused-by-tap", "TLS"],
    ),
    fault(
        "stops in its TLS hello, in a tunnel",
        says!("CONNECT {up} HTTP/1.1\r\nHost: {up}\r\n\r\n\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}"),
        [
            "200 and 0 bytes",
            "refused-by-tap",
            "the client's TLS handshake was not complete after 1 s",
        ],
    ),
    fault(
        "leaves in its TLS hello, in a tunnel",
        |tap, up| {
            let text = format!("CONNECT {up} HTTP/1.1\r\nHost: {up}\r\n\r\n\u{16}\u{3}\u{1}");
            Box::pin(async move { leave(&tap, &text).await })
        },
        ["left", "aborted", "in the middle of its TLS handshake"],
    ),
    fault(
        "says one letter in a tunnel",
        says!("CONNECT {up} HTTP/1.1\r\nHost: {up}\r\n\r\nP"),
        ["200 and 0 bytes", "refused-by-tap", "--limit head-time"],
    ),
    fault(
        "asks the tap for itself",
        |tap, _| {
            let text = format!("GET http://{tap}/ HTTP/1.1\r\nHost: {tap}\r\n\r\n");
            Box::pin(async move { send(&tap, &text).await })
        },
        ["508", "refused-by-tap", "come back to the tap"],
    ),
];

/// Ask `upstream` for `/`, as a client with these fields.
pub(crate) async fn ask(tap: &str, upstream: &str, fields: &str) -> String {
    send(tap, &format!("GET http://{upstream}/ HTTP/1.1\r\nHost: {upstream}\r\n{fields}\r\n")).await
}

/// Ask for `url`, whatever its host.
pub(crate) async fn get(tap: &str, url: &str) -> String {
    send(tap, &format!("GET {url} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")).await
}

/// Send `body` to `upstream`.
pub(crate) async fn upload(tap: &str, upstream: &str, body: &str) -> String {
    let length = body.len();
    let head = format!("POST http://{upstream}/ HTTP/1.1\r\nHost: {upstream}\r\nConnection: close");
    send(tap, &format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}")).await
}

async fn send(tap: &str, text: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(tap).await else { return "refused".to_owned() };
    if stream.write_all(text.as_bytes()).await.is_err() {
        return "reset".to_owned();
    }
    answer(&mut stream).await
}

/// Send the second so many times behind the first, or until nobody takes more.
async fn flood(tap: &str, first: &str, piece: &str, times: usize) -> String {
    let stream = TcpStream::connect(tap).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let (first, pieces) = (first.to_owned(), piece.repeat(1 << 12));
    let (all, length) = (piece.len() * times, pieces.len());
    let sending = tokio::spawn(async move {
        write.write_all(first.as_bytes()).await?;
        let mut left = all;
        while left > 0 {
            let n = left.min(length);
            write.write_all(&pieces.as_bytes()[..n]).await?;
            left -= n;
        }
        write.write_all(b"\r\n\r\n").await?;
        std::future::pending::<std::io::Result<()>>().await
    });
    let got = answer(&mut read).await;
    sending.abort();
    got
}

async fn leave(tap: &str, text: &str) -> String {
    let mut stream = TcpStream::connect(tap).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    "left".to_owned()
}

/// What comes back, in words.
async fn answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut got = Vec::new();
    let end = loop {
        match tokio::time::timeout(SILENCE, stream.read_buf(&mut got)).await {
            Err(_) => break "silence",
            Ok(Err(_)) => break "reset",
            Ok(Ok(0)) => break "closed",
            Ok(Ok(_)) => {}
        }
        if let Some(Seen { left: Some(0), .. }) = seen(&got) {
            break "";
        }
    };
    match seen(&got) {
        None => end.to_owned(),
        Some(Seen { status, body, left }) => {
            let end = match (end, left) {
                ("closed", None) | ("", _) => "",
                ("closed", Some(_)) => ", then closed early",
                ("silence", _) => ", then silence",
                _ => ", then reset",
            };
            format!("{status} and {body} bytes{end}")
        }
    }
}

struct Seen {
    status: String,
    body: usize,
    /// What is missing; `None` where only the end tells.
    left: Option<usize>,
}

/// What is there of an answer whose head is complete.
fn seen(got: &[u8]) -> Option<Seen> {
    let end = got.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.to_owned();
    let body = &got[end..];
    if head.contains("transfer-encoding: chunked") {
        let (body, over) = chunked(body);
        return Some(Seen { status, body, left: Some(usize::from(!over)) });
    }
    let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
    let length: Option<usize> = length.and_then(|it| it.trim().parse().ok());
    let left = length.map(|it| it.saturating_sub(body.len()));
    Some(Seen { status, body: body.len(), left })
}

/// Bytes in whole and broken chunks, and whether the last one has come.
fn chunked(mut rest: &[u8]) -> (usize, bool) {
    let mut length = 0;
    loop {
        let Some(end) = rest.windows(2).position(|it| it == b"\r\n") else {
            return (length, false);
        };
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size, 16) else { return (length, false) };
        if size == 0 {
            return (length, rest.ends_with(b"\r\n\r\n"));
        }
        let data = &rest[end + 2..];
        length += size.min(data.len());
        let Some(next) = data.get(size + 2..) else { return (length, false) };
        rest = next;
    }
}

/// So many connections that say nothing.
pub(crate) async fn idle(tap: &str, n: usize) -> Vec<TcpStream> {
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        all.push(TcpStream::connect(tap).await.unwrap());
    }
    all
}

/// Clients that ask again and again until the tap goes away.
pub(crate) struct Load {
    tasks: JoinSet<()>,
    answered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Load {
    /// Stop, and say how many answers were had in full.
    pub(crate) async fn end(mut self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        while self.tasks.join_next().await.is_some() {}
        self.answered.load(Ordering::SeqCst)
    }
}

pub(crate) fn load(tap: &str, upstream: &str, clients: usize) -> Load {
    let (answered, over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (tap, up) = (tap.to_owned(), upstream.to_owned());
        let (answered, over) = (Arc::clone(&answered), Arc::clone(&over));
        tasks.spawn(async move {
            while !over.load(Ordering::SeqCst) {
                let Ok(mut stream) = TcpStream::connect(&tap).await else { return };
                for n in 0..50 {
                    let text = format!("GET http://{up}/{n} HTTP/1.1\r\nHost: {up}\r\n\r\n");
                    if over.load(Ordering::SeqCst)
                        || stream.write_all(text.as_bytes()).await.is_err()
                    {
                        break;
                    }
                    if answer(&mut stream).await != "200 and 2 bytes" {
                        break;
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    Load { tasks, answered, over }
}

/// After so long without a byte, a client is sure that none will come.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
