//! The machine driven over real sockets, against a case's servers.

use std::collections::BTreeMap;
use std::net::TcpListener as StdListener;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use hopscope::drive::{self, Options};
use hopscope::trace::Headers;

use super::case::{self, Case, Shape};
use super::server::{Asked, Uses, bytes, route};

/// A case's servers, listening. Dropping it ends them.
struct World {
    case: Case,
    seen: Arc<Mutex<Vec<Shape>>>,
    /// Aborts every server when dropped.
    _serving: JoinSet<()>,
}

impl World {
    /// Listen on free ports and name them in the case.
    fn start(line: &str) -> World {
        let (text, listeners) = named(line);
        let case: Case = serde_json::from_str(&text).unwrap();
        let shared = Arc::new(Shared {
            case: case.clone(),
            uses: Uses::default(),
            seen: Arc::new(Mutex::new(Vec::new())),
        });
        let mut serving = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let shared = shared.clone();
            serving.spawn(async move {
                let mut connections = JoinSet::new();
                while let Ok((socket, _)) = listener.accept().await {
                    let shared = shared.clone();
                    connections.spawn(async move { shared.serve(socket).await });
                }
            });
        }
        World { case, seen: shared.seen.clone(), _serving: serving }
    }
}

/// Give every letter of a case a free port, and listen on it at every address that it stands at.
/// Nobody listens at `{R}`.
fn named(line: &str) -> (String, Vec<StdListener>) {
    let mut hosts: BTreeMap<char, Vec<String>> = BTreeMap::new();
    for (at, _) in line.match_indices(":{") {
        let mut name = line[at + 2..].chars();
        let letter = name.next().unwrap();
        if !letter.is_ascii_uppercase() || name.next() != Some('}') {
            continue;
        }
        let host =
            line[..at].rsplit(|it: char| !it.is_ascii_alphanumeric() && it != '.').next().unwrap();
        let host = if host == "localhost" { "127.0.0.1" } else { host };
        let hosts = hosts.entry(letter).or_default();
        if host.starts_with("127.") && !hosts.iter().any(|it| it == host) {
            hosts.push(host.to_owned());
        }
    }
    let mut text = line.to_owned();
    let mut all = Vec::new();
    for (letter, hosts) in hosts {
        let (port, listeners) = (0..100).find_map(|_| bind(&hosts)).expect("a free port");
        text = text.replace(&format!("{{{letter}}}"), &port.to_string());
        if letter != 'R' {
            all.extend(listeners);
        }
    }
    (text, all)
}

/// One port that is free at every address.
fn bind(hosts: &[String]) -> Option<(u16, Vec<StdListener>)> {
    let mut port = 0;
    let mut listeners = Vec::new();
    for host in hosts {
        let listener = StdListener::bind((host.as_str(), port)).ok()?;
        port = listener.local_addr().ok()?.port();
        listeners.push(listener);
    }
    Some((port, listeners))
}

struct Shared {
    case: Case,
    uses: Uses,
    seen: Arc<Mutex<Vec<Shape>>>,
}

impl Shared {
    async fn serve(&self, mut socket: TcpStream) {
        socket.set_nodelay(true).unwrap();
        let mut buffer = Vec::new();
        loop {
            let Some(request) = read(&mut socket, &mut buffer).await else { return };
            if !self.answer(&mut socket, &request).await {
                return;
            }
        }
    }

    /// Whether the connection stays open.
    async fn answer(&self, socket: &mut TcpStream, request: &Read) -> bool {
        let host = request.headers.text("host").unwrap_or_default();
        let port = host.rsplit(':').next().unwrap_or_default();
        let server = self
            .case
            .servers
            .iter()
            .find(|it| it.origin == format!("http://{host}"))
            .or_else(|| self.case.servers.iter().find(|it| it.origin.ends_with(port)));
        let text = |name: &str| request.headers.text(name);
        self.seen.lock().unwrap().push((
            request.method.clone(),
            format!("http://{host}{}", request.target),
            text("origin"),
            text("access-control-request-method"),
            text("access-control-request-headers"),
        ));
        let Some(server) = server else { return false };
        let asked =
            Asked { method: &request.method, target: &request.target, headers: &request.headers };
        let respond = route(server, &asked, &self.uses);
        if let Some(delay) = respond.delay_ms {
            tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
        }
        match respond.action.as_deref() {
            Some("close") => return false,
            Some("reset") => {
                let reset = Some(std::time::Duration::ZERO);
                socket2::SockRef::from(&*socket).set_linger(reset).unwrap();
                return false;
            }
            Some("hang") => std::future::pending().await,
            _ => {}
        }
        let written = socket.write_all(&bytes(&respond, &request.method)).await;
        written.is_ok() && respond.raw.is_none() && !respond.close
    }
}

struct Read {
    method: String,
    target: String,
    headers: Headers,
}

/// One request; `None` when the client is gone, or speaks TLS.
async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Read> {
    loop {
        if buffer.first() == Some(&0x16) {
            let _ =
                socket.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
            return None;
        }
        if let Some(end) = buffer.windows(4).position(|it| it == b"\r\n\r\n") {
            let head: String = buffer[..end].iter().map(|it| char::from(*it)).collect();
            let mut lines = head.split("\r\n");
            let mut start = lines.next()?.split(' ');
            let (method, target) = (start.next()?.to_owned(), start.next()?.to_owned());
            let headers: Headers = lines
                .filter_map(|it| it.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect();
            let length: usize =
                headers.text("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
            if end + 4 + length <= buffer.len() {
                buffer.drain(..end + 4 + length);
                return Some(Read { method, target, headers });
            }
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

async fn run(line: String) -> (String, Vec<String>) {
    let world = World::start(&line);
    let case = &world.case;
    let driven = drive::run(&case.page(), &Options::default()).await;
    let hops: Vec<Shape> = driven
        .iter()
        .flat_map(drive::DrivenChain::hops)
        .map(|it| {
            let text = |name: &str| it.request.headers.text(name);
            (
                it.request.method.clone(),
                it.request.url.clone(),
                text("origin"),
                text("access-control-request-method"),
                text("access-control-request-headers"),
            )
        })
        .collect();
    let expected = case::shapes(&case.chromium);
    let mut found = Vec::new();
    if hops != expected {
        found.push(format!("hops: {expected:?} != {hops:?}"));
    }
    let seen = world.seen.lock().unwrap().clone();
    if seen != expected {
        found.push(format!("seen by the servers: {expected:?} != {seen:?}"));
    }
    let judgement = &driven.last().unwrap().judgement;
    found.extend(case::differences(&case.chromium, judgement));
    // What was driven is judged alike when it is read back.
    let mut known = super::judged::options(case);
    known.browser = None;
    let chain = &driven.last().unwrap().chain;
    if case.har.enough && !chain.hops.is_empty() && case.chromium.cors_error.is_some() {
        let judged = hopscope::fetch::judge(chain, &known);
        if judged.verdict.chromium.code != judgement.verdict.chromium.code {
            found.push(format!("judged {:?}", judged.verdict));
        }
        if judged.verdict.hop != judgement.verdict.hop {
            found.push(format!(
                "judged at {:?}, driven {:?}",
                judged.verdict.hop, judgement.verdict.hop
            ));
        }
    }
    (case.id.clone(), found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn driving_does_what_chromium_did() {
    let lines = case::RECORDED.lines().map(str::to_owned).collect();
    ring("chromium, over sockets", lines, 326).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn driving_does_what_chromium_did_in_between() {
    let own = case::OWN.lines().filter(|it| !case::concrete(it, 18_001).moves_servers());
    ring("our own recordings, over sockets", own.map(str::to_owned).collect(), 459).await;
}

async fn ring(name: &str, mut lines: Vec<String>, least: usize) {
    let total = lines.len();
    let mut running = JoinSet::new();
    let mut disagreeing = Vec::new();
    while !lines.is_empty() || !running.is_empty() {
        while running.len() < 16
            && let Some(line) = lines.pop()
        {
            running.spawn(run(line));
        }
        let (id, found) = running.join_next().await.unwrap().unwrap();
        if !found.is_empty() {
            disagreeing.push((id, found));
        }
    }
    disagreeing.sort();
    case::ratchet(name, total, &disagreeing, least);
}
