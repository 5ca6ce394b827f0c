//! A client that sends exactly what it is told, over a connection of its own per request, and
//! a server that only remembers what it was asked. For the tests of the lab.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long a test waits for something that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A request to send, byte for byte, except that `Host`, `Content-Length` and
/// `Connection: close` are added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Ask {
        Ask { method: method.to_owned(), target: target.to_owned(), ..Ask::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Ask {
        body.clone_into(&mut self.body);
        self
    }
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order received.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The values sent under `name`, joined.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let all: Vec<_> =
            self.headers.iter().filter(|(it, _)| it == name).map(|(_, it)| it.as_str()).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// Send and read the answer to its end.
pub(crate) async fn ask(address: SocketAddr, ask: &Ask) -> std::io::Result<Answer> {
    tokio::time::timeout(DEADLINE, exchange(address, ask)).await?
}

async fn exchange(address: SocketAddr, ask: &Ask) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let mut lines = vec![format!("{} {} HTTP/1.1", ask.method, ask.target)];
    let given = |name: &str| ask.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
    if !given("host") {
        lines.push(format!("Host: {address}"));
    }
    if !ask.body.is_empty() && !given("content-length") {
        lines.push(format!("Content-Length: {}", ask.body.len()));
    }
    lines.extend(ask.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    let head = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(ask.body.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    parse(&bytes).ok_or_else(|| std::io::Error::other("not an HTTP answer"))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|it| it.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

/// Answers everything with 204 and remembers it.
pub(crate) struct Witness {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Witness {
    pub(crate) async fn start() -> Witness {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                while !bytes.windows(4).any(|it| it == b"\r\n\r\n") {
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                seen.lock().unwrap().push(String::from_utf8_lossy(&bytes).into_owned());
                let _gone = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        });
        Witness { address, heads, task }
    }

    /// The head of the last request: its first line, then its fields with names in lower case.
    pub(crate) fn last(&self) -> (String, Vec<(String, String)>) {
        let heads = self.heads.lock().unwrap();
        let head = heads.last().unwrap().split("\r\n\r\n").next().unwrap();
        let (line, fields) = head.split_once("\r\n").unwrap();
        let fields = fields.split("\r\n").filter_map(|it| it.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        (line.to_owned(), fields.collect())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}
