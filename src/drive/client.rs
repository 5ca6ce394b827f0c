//! One browser's connections: sending a request, reading its answer, writing down the hop.
//!
//! **Invariant:** every request that was put on a wire is a hop, also one that is sent again.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use crate::fetch::{Browser, Outgoing, Page};
use crate::tls::Tls;
use crate::trace::{
    Body, ConnectionId, Exchange, Failure, FailureKind, Headers, Hop, HopId, HopTls, Outcome,
    Request, Response, TapId, Testimony, Time, Timing, Trailers, Version,
};

use super::clock::Clock;
use super::connect::{self, Stream, Via, failure, io_failure};
use super::http2::{self, Answered, Http2};
use super::sockets::{Sockets, documents, is_resent};
use super::wire::Reader;
use super::{Options, decoded};

pub(super) struct Client {
    clock: Clock,
    /// `None` stands for the connection on which a browser would have loaded the page.
    sockets: Sockets<Option<Connection>>,
    browser: Browser,
    via: Option<Via>,
    tls: Option<Tls>,
    recorder: u64,
    n_hops: u64,
    n_connections: u64,
    testimony: Testimony,
    /// Requests that found no connection.
    unsent: Vec<Hop>,
    /// The answer is a stream of events: its head is enough.
    head_is_enough: bool,
    deadline: Instant,
}

struct Connection {
    speaks: Speaks,
    tls: Option<Arc<HopTls>>,
    id: ConnectionId,
}

enum Speaks {
    Http1(Box<dyn Stream>),
    Http2(Http2),
}

/// What came of one [`Outgoing`].
pub(super) struct Sent {
    pub hops: Vec<Hop>,
    pub outcome: Result<Response, Failure>,
}

impl Client {
    pub(super) fn new(options: &Options, page: &Page) -> Client {
        let mut sockets = Sockets::default();
        for origin in documents(page) {
            sockets.open_for_document(&origin, None);
        }
        Client {
            clock: Clock::start(),
            sockets,
            browser: options.browser,
            via: options.via.clone(),
            tls: options.tls.clone(),
            recorder: getrandom::u64().unwrap_or(1),
            n_hops: 0,
            n_connections: 0,
            testimony: Testimony::default(),
            unsent: Vec::new(),
            head_is_enough: false,
            deadline: Instant::now() + options.patience,
        }
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// A new request of the page begins.
    pub(super) fn begin(&mut self, testimony: Testimony, head_is_enough: bool, deadline: Instant) {
        self.testimony = testimony;
        self.head_is_enough = head_is_enough;
        self.deadline = deadline;
    }

    /// Requests that found no connection since this was asked last.
    pub(super) fn take_unsent(&mut self) -> Vec<Hop> {
        std::mem::take(&mut self.unsent)
    }

    /// Only open a connection.
    pub(super) async fn reach(&mut self, out: &Outgoing) -> Result<(), Failure> {
        self.open(out).await.map(drop)
    }

    /// Send a request, again if the connection had been used before and brought nothing.
    pub(super) async fn send(&mut self, out: &Outgoing) -> Sent {
        let mut hops = Vec::new();
        loop {
            let (mut connection, used_before, connecting) = match self.idle(out).await {
                Some(Some(connection)) => (connection, true, None),
                used => {
                    let began = Instant::now();
                    match self.open(out).await {
                        Ok(it) => (it, used.is_some(), Some(began.elapsed())),
                        Err(failure) => return Sent { hops, outcome: Err(failure) },
                    }
                }
            };
            let Answered { outcome, keep, untouched, .. } =
                self.exchange(&mut connection, out, connecting, &mut hops).await;
            let may_resend = used_before && (untouched || outcome.is_ok());
            let again = is_resent(&outcome, may_resend, hops.len() - 1, self.browser);
            if again && Instant::now() < self.deadline {
                continue;
            }
            if keep {
                self.sockets.put(out, Some(connection));
            }
            return Sent { hops, outcome };
        }
    }

    /// An idle connection that is still open.
    async fn idle(&mut self, out: &Outgoing) -> Option<Option<Connection>> {
        while let Some(found) = self.sockets.take(out) {
            let Some(mut connection) = found else { return Some(None) };
            let is_open = match &mut connection.speaks {
                // Anything to read now is the server's farewell.
                Speaks::Http1(it) => timeout(Duration::ZERO, it.read(&mut [0])).await.is_err(),
                Speaks::Http2(it) => it.is_open().await,
            };
            if is_open {
                return Some(Some(connection));
            }
        }
        None
    }

    /// A connection; without one the request is kept as unsent.
    async fn open(&mut self, out: &Outgoing) -> Result<Connection, Failure> {
        let started = self.clock.now();
        let opened = self.connect(out).await;
        if let Err(failure) = &opened {
            let headers = out.headers.clone();
            let outcome = Outcome::Failed(failure.clone());
            let hop = self.hop(out, started, (Version::Http11, headers), outcome);
            self.unsent.push(hop);
        }
        opened
    }

    async fn connect(&mut self, out: &Outgoing) -> Result<Connection, Failure> {
        let opening = connect::open(&out.url, self.via.as_ref(), self.tls.as_ref());
        let late = |_| Err(failure(FailureKind::Timeout, "no connection within the limit"));
        let (stream, tls) = timeout_at(self.deadline, opening).await.unwrap_or_else(late)?;
        let upstream = tls.as_ref().and_then(|it| it.upstream.as_ref());
        let speaks = match upstream.and_then(|it| it.alpn.as_deref()) {
            Some("h2") => Speaks::Http2(Http2::over(stream).await?),
            _ => Speaks::Http1(stream),
        };
        self.n_connections += 1;
        Ok(Connection { speaks, tls, id: ConnectionId(self.n_connections) })
    }

    async fn exchange(
        &mut self,
        connection: &mut Connection,
        out: &Outgoing,
        connecting: Option<Duration>,
        hops: &mut Vec<Hop>,
    ) -> Answered {
        let started = self.clock.now();
        let mut answered = match &mut connection.speaks {
            Speaks::Http1(stream) => self.talk(stream, out).await,
            Speaks::Http2(it) => it.ask(out, self.head_is_enough, &self.clock, self.deadline).await,
        };
        let ended = self.clock.now();
        answered.outcome = answered.outcome.map(decoded);
        let sent = match connection.speaks {
            Speaks::Http1(_) => (Version::Http11, out.headers.clone()),
            Speaks::Http2(_) => (Version::Http2, http2::sent(&out.headers)),
        };
        let since = |from: Time, to: Time| u64::try_from(to.since(from)).ok();
        let response = std::mem::take(&mut answered.trailers);
        let trailers =
            (!response.is_empty()).then(|| Box::new(Trailers { response, ..Trailers::default() }));
        let outcome = match &answered.outcome {
            Ok(response) => Outcome::Answered(response.clone()),
            Err(failure) => Outcome::Failed(failure.clone()),
        };
        hops.push(Hop {
            connection: Some(connection.id),
            ended: Some(ended),
            timing: Timing {
                connect: connecting.and_then(|it| u64::try_from(it.as_micros()).ok()),
                tls: None,
                wait: answered.head_at.and_then(|it| since(started, it)),
                receive: answered.head_at.and_then(|it| since(it, ended)),
            },
            tls: connection.tls.clone(),
            trailers,
            ..self.hop(out, started, sent, outcome)
        });
        answered
    }

    /// What was `sent` at this time, and has ended now.
    fn hop(
        &mut self,
        out: &Outgoing,
        started: Time,
        (version, headers): (Version, Headers),
        outcome: Outcome,
    ) -> Hop {
        self.n_hops += 1;
        Hop {
            id: HopId { recorder: self.recorder, sequence: self.n_hops },
            tap: TapId(0),
            exchange: Exchange::Http,
            connection: None,
            started,
            ended: Some(self.clock.now()),
            request: Request {
                method: out.method.clone(),
                url: out.url.to_string(),
                version,
                headers,
                body: Body::full(out.body.clone()),
            },
            outcome,
            timing: Timing::default(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: None,
            own_changes: Vec::new(),
            testimony: self.testimony.clone(),
        }
    }

    /// Write the request and read until the answer is whole.
    async fn talk(&self, stream: &mut Box<dyn Stream>, out: &Outgoing) -> Answered {
        let mut reader = Reader::new(&out.method);
        let mut head_at = None;
        // A server may answer and close before it has read everything: what it said still counts.
        let written = timeout_at(self.deadline, stream.write_all(&self.bytes(out))).await;
        let mut buffer = vec![0; 16_384];
        while !reader.is_done() {
            let read = timeout_at(self.deadline, stream.read(&mut buffer)).await;
            match read {
                Err(_) => {
                    reader.broken(failure(FailureKind::Timeout, "nothing came within the limit"));
                }
                Ok(Ok(0)) => reader.close(),
                Ok(Ok(n)) => reader.feed(buffer.get(..n).unwrap_or_default()),
                Ok(Err(error)) => {
                    let error = match &written {
                        Ok(Err(first)) if reader.is_untouched() => first,
                        _ => &error,
                    };
                    reader.broken(io_failure(error));
                }
            }
            if head_at.is_none() && reader.has_head() {
                head_at = Some(self.clock.now());
            }
            if self.head_is_enough && reader.has_head() {
                reader.leave();
            }
        }
        let (outcome, keep) = reader.finish();
        Answered { outcome, head_at, trailers: Headers::new(), keep, untouched: true }
    }

    /// The request's bytes: in absolute form towards a proxy.
    fn bytes(&self, out: &Outgoing) -> Vec<u8> {
        let proxy = self.via.as_ref().filter(|_| out.url.scheme() == "http");
        let target = match (proxy.is_some(), out.url.query()) {
            (true, _) => out.url.to_string(),
            (false, Some(query)) => format!("{}?{query}", out.url.path()),
            (false, None) => out.url.path().to_owned(),
        };
        let mut bytes = format!("{} {target} HTTP/1.1\r\n", out.method).into_bytes();
        for header in out.headers.iter() {
            let connection = proxy.is_some() && header.name.eq_ignore_ascii_case("connection");
            let name = if connection { "Proxy-Connection" } else { &header.name };
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(&header.value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend(proxy.map(Via::login).unwrap_or_default().into_bytes());
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&out.body);
        bytes
    }
}
