//! A case's servers over real sockets, and what they saw.
//!
//! **Invariant:** every byte of an answer is the case's own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use hopscope::trace::Headers;

use super::case::{Case, Respond, Shape};
use super::server::{Asked, Uses, bytes, route};

/// A case's servers, listening. Dropping it ends them.
pub(crate) struct World {
    pub case: Case,
    shared: Arc<Shared>,
    /// Aborts every server when dropped.
    _serving: JoinSet<()>,
}

impl World {
    /// Listen on free ports and name them in the case.
    pub(crate) fn start(line: &str) -> World {
        let (text, listeners) = named(line);
        let case: Case = serde_json::from_str(&text).unwrap();
        let shared = Arc::new(Shared {
            case: case.clone(),
            uses: Uses::default(),
            seen: Mutex::default(),
            step: AtomicUsize::new(0),
        });
        let mut serving = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let shared = Arc::clone(&shared);
            serving.spawn(async move {
                let mut connections = JoinSet::new();
                while let Ok((socket, _)) = listener.accept().await {
                    let shared = shared.clone();
                    connections.spawn(async move { shared.serve(socket).await });
                }
            });
        }
        World { case, shared, _serving: serving }
    }

    /// From now on, what comes belongs to the n-th request of the page.
    pub(crate) fn step(&self, step: usize) {
        self.shared.step.store(step, Ordering::SeqCst);
    }

    /// In the order of arrival.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }
}

/// A request that came, and the status it was answered with, if it was answered.
#[derive(Clone)]
pub(crate) struct Seen {
    pub step: usize,
    pub shape: Shape,
    pub status: Option<u16>,
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
        let address = host.parse::<Ipv4Addr>().is_ok_and(|it| it.is_loopback());
        if address && !hosts.iter().any(|it| it == host) {
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
    seen: Mutex<Vec<Seen>>,
    step: AtomicUsize,
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

    /// The page that a browser opens; its link spares the favicon.
    fn document(&self, target: &str) -> Respond {
        let (status, body) = match target {
            "/favicon.ico" => (404, ""),
            _ => (200, "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><p>case"),
        };
        let mut headers = vec![
            ("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned()),
            ("Cache-Control".to_owned(), "no-store".to_owned()),
        ];
        let own = self.case.page.get("response_headers").cloned().unwrap_or_default();
        headers.extend(serde_json::from_value::<Vec<(String, String)>>(own).unwrap_or_default());
        Respond { status, headers, body: body.to_owned(), ..Respond::default() }
    }

    /// Whether the connection stays open.
    async fn answer(&self, socket: &mut TcpStream, request: &Read) -> bool {
        let host = request.headers.text("host").unwrap_or_default();
        let port = host.rsplit(':').next().unwrap_or_default();
        if request.target.starts_with("/__page") || request.target == "/favicon.ico" {
            let page = bytes(&self.document(&request.target), &request.method);
            return socket.write_all(&page).await.is_ok();
        }
        let server = self
            .case
            .servers
            .iter()
            .find(|it| it.origin == format!("http://{host}"))
            .or_else(|| self.case.servers.iter().find(|it| it.origin.ends_with(port)));
        let text = |name: &str| request.headers.text(name);
        let shape = (
            request.method.clone(),
            format!("http://{host}{}", request.target),
            text("origin"),
            text("access-control-request-method"),
            text("access-control-request-headers"),
        );
        let asked =
            Asked { method: &request.method, target: &request.target, headers: &request.headers };
        let respond = server.map(|it| route(it, &asked, &self.uses));
        let status = respond.as_ref().and_then(status);
        let step = self.step.load(Ordering::SeqCst);
        self.seen.lock().unwrap().push(Seen { step, shape, status });
        let Some(respond) = respond else { return false };
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

/// The status that a client reads: what comes before it (1xx) is no answer yet.
fn status(respond: &Respond) -> Option<u16> {
    let Some(raw) = &respond.raw else {
        return respond.action.is_none().then_some(respond.status);
    };
    let mut lines = raw.lines();
    lines.by_ref().find_map(|line| {
        let status = line.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
        (status >= 200).then_some(status)
    })
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
