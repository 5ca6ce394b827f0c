//! A client that does what a browser would do: the fetch machine over sockets of its own.
//!
//! Every name leads to the edge; addresses lead where they say. Before the edge stands what ends
//! TLS and says so in `X-Forwarded-Proto`, as load balancers do, or does not, as some do.

use std::net::SocketAddr;
use std::time::Duration;

use hopscope::drive::{self, wire::Reader};
use hopscope::fetch::{AddressSpace, Answer, Ask, Browser, Fetch, Memory, Outgoing, Page};
use hopscope::trace::{Failure, FailureKind, Response, Time};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Make every request of `page`, one after the other. `is_told`: what ends TLS says so.
pub(crate) async fn browse(page: &Page, edge: SocketAddr, is_told: bool) {
    let mut page = page.clone();
    page.address_space = Some(AddressSpace::Loopback);
    if page.requests.iter().all(|it| it.url.starts_with("http://127.")) {
        let options = drive::Options { patience: DEADLINE, ..drive::Options::default() };
        drive::run(&page, &options).await;
    } else {
        browse_by_name(&page, edge, is_told).await;
    }
}

async fn browse_by_name(page: &Page, edge: SocketAddr, is_told: bool) {
    let mut memory = Memory::default();
    let mut now = Time(1_700_000_000_000_000);
    for request in &page.requests {
        let (mut fetch, mut ask) = Fetch::start(page, request, Browser::Chromium, &mut memory, now);
        loop {
            now = now.plus(1_000_000);
            let outcome = match ask {
                Ask::Done(_) => break,
                Ask::Connect(_) => {
                    ask = fetch.answer(Answer::Connected, &mut memory, now);
                    continue;
                }
                Ask::Preflight(out) | Ask::Send(out) => {
                    let exchange = tokio::time::timeout(DEADLINE, exchange(&out, edge, is_told));
                    exchange.await.expect("an answer in time")
                }
            };
            let answer = match &outcome {
                Ok(response) => Answer::Response { response, hop: None },
                Err(failure) => Answer::Failed(failure),
            };
            ask = fetch.answer(answer, &mut memory, now);
        }
    }
}

async fn exchange(out: &Outgoing, edge: SocketAddr, is_told: bool) -> Result<Response, Failure> {
    let host = out.url.host_str().unwrap_or_default();
    let port = out.url.port_or_known_default().unwrap_or(80);
    let address = host.parse().map_or(edge, |ip| SocketAddr::new(ip, port));
    let failed =
        |it: std::io::Error| Failure { kind: FailureKind::Refused, detail: it.to_string() };
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    let target = match out.url.query() {
        Some(query) => format!("{}?{query}", out.url.path()),
        None => out.url.path().to_owned(),
    };
    let mut bytes = format!("{} {target} HTTP/1.1\r\n", out.method).into_bytes();
    for header in out.headers.iter() {
        bytes.extend_from_slice(format!("{}: {}\r\n", header.name, header.text()).as_bytes());
    }
    if !out.headers.has("host") {
        let authority = out.url.authority();
        bytes.extend_from_slice(format!("Host: {authority}\r\n").as_bytes());
    }
    if !out.body.is_empty() && !out.headers.has("content-length") {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", out.body.len()).as_bytes());
    }
    if out.url.scheme() == "https" && is_told {
        bytes.extend_from_slice(b"X-Forwarded-Proto: https\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&out.body);
    // A gateway may answer before it has read everything.
    let _cut = stream.write_all(&bytes).await;
    let mut reader = Reader::new(&out.method);
    let mut buf = vec![0; 65_536];
    while !reader.is_done() {
        match stream.read(&mut buf).await {
            Ok(0) => reader.close(),
            Ok(n) => reader.feed(&buf[..n]),
            Err(it) => {
                reader.broken(Failure { kind: FailureKind::Reset, detail: it.to_string() });
            }
        }
    }
    reader.finish().0
}

const DEADLINE: Duration = Duration::from_secs(30);
