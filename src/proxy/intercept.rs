//! What goes through a `CONNECT`: TLS and HTTP are read, all else is passed on unread.
//!
//! ```text
//! CONNECT ─▶ connect upstream ─▶ 200 ─▶ first bytes ─┬─ TLS ──▶ TLS upstream ─▶ TLS client ─▶ HTTP
//!                                                    ├─ HTTP ─────────────────────────────▶ HTTP
//!                                                    └─ anything else ─▶ opaque, counted
//! ```
//!
//! A `CONNECT` that is read is no hop of its own: what is asked through it is. A host that the
//! user named (`--pass`), and one whose certificate a client does not take from us, is passed on
//! unread, and the hop says why.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connect::Upstreams;
use super::exchange::Client;
use super::handshake::{self, NoHello};
use super::io::Control;
use super::leg::{Leg, Protocol, spoken};
use super::limits::Limits;
use super::listener::TapState;
use super::overheard::Overheard;
use super::refusals::{Refusals, Who};
use super::rewound::{Rewound, Silent};
use super::scribe::Scribe;
use super::sniff::{Opening, sniff};
use super::socket::Socket;
use super::spec::{Scheme, Upstream};
use super::tunnel::Heard;
use super::{failure, secure, serve, tunnel};
use crate::tls::{self, Authority, Hello, HostGlob};
use crate::trace::{
    ConnectionId, Event, Exchange, Failure, FailureKind, HopTls, Recorder, Request, Response, Time,
};

/// What taps need to read TLS.
#[derive(Debug)]
pub(super) struct Intercept {
    pub(super) authority: Authority,
    /// Hosts to leave alone.
    pub(super) pass: Vec<HostGlob>,
    pub(super) refusals: Refusals,
}

impl Intercept {
    fn passes(&self, host: &str) -> bool {
        self.pass.iter().any(|it| it.matches(host))
    }
}

/// One `CONNECT`, answered with 200, before anything came through it.
pub(super) struct Tunnel<R: Recorder> {
    pub(super) tap: Arc<TapState<R>>,
    pub(super) connection: ConnectionId,
    pub(super) control: Arc<Control>,
    /// `None`: nothing is read.
    pub(super) intercept: Option<Arc<Intercept>>,
    pub(super) to: Upstream,
    /// The `CONNECT` itself, and when it came.
    pub(super) request: Request,
    pub(super) asked: Time,
    /// The client's address, where it is known.
    pub(super) address: Option<IpAddr>,
    /// The way to the upstream, and the microseconds that it took to open.
    pub(super) socket: Result<(Socket, u64), Failure>,
}

impl<R: Recorder> Tunnel<R> {
    /// Serve what comes through a connection that HTTP has left.
    pub(super) async fn run(self, upgrade: OnUpgrade) {
        let Ok(upgraded) = upgrade.await else { return };
        self.through(TokioIo::new(upgraded)).await;
    }

    /// Serve what comes through, until it or the tap ends. Boxed, as it serves clients like the
    /// one that it is called for.
    pub(super) fn through<S>(self, stream: S) -> Pin<Box<dyn Future<Output = ()> + Send>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Box::pin(async move {
            let mut life = self.tap.life.clone();
            let io = Rewound::new(stream);
            tokio::select! {
                () = self.serve(io) => {}
                () = life.stopped() => {}
            }
        })
    }

    async fn serve<S>(mut self, mut io: Rewound<S>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Some(intercept) = self.intercept.clone() else { return self.opaque(io, None).await };
        if intercept.passes(&self.to.host) {
            return self.opaque(io, Some(NAMED)).await;
        }
        match self.opening(&mut io).await {
            Ok(Opening::Tls) => match handshake::hello(&mut io, self.limits()).await {
                Ok(hello) => self.encrypted(&intercept, io, hello).await,
                Err(NoHello::NotTls) => {
                    self.opaque(io, Some("its first bytes look like TLS, but are not")).await;
                }
                Err(NoHello::Silent(Silent::Left)) => {
                    self.failed(FailureKind::Aborted, handshake::LEFT).await;
                }
                Err(NoHello::Silent(Silent::Overdue)) => {
                    let why = handshake::overdue(self.limits());
                    self.failed(FailureKind::RefusedByTap, &why).await;
                }
            },
            Ok(Opening::Http1) => self.plain(io, Protocol::Http1).await,
            Ok(Opening::Http2) => self.plain(io, Protocol::Http2).await,
            Ok(Opening::Opaque) => {
                self.opaque(io, Some("what is spoken in it is neither TLS nor HTTP")).await;
            }
            Err(Silent::Left) => self.opaque(io, None).await,
            Err(Silent::Overdue) => {
                let seconds = self.limits().head_time.as_secs();
                let why = format!(
                    "what the client began to say was not complete after {seconds} s (--limit head-time=SECONDS)"
                );
                self.failed(FailureKind::RefusedByTap, &why).await;
            }
        }
    }

    fn limits(&self) -> &Limits {
        &self.tap.options.limits
    }

    /// What the client begins with, if it says enough to tell.
    async fn opening<S>(&mut self, io: &mut Rewound<S>) -> Result<Opening, Silent>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let limit = self.limits().head_time;
        let upstream_speaks = async {
            match &mut self.socket {
                // Nothing is taken: the bytes are for the client.
                Ok((socket, _)) => socket.speaks().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::pin!(upstream_speaks);
        loop {
            if let Some(opening) = sniff(io.first()) {
                return Ok(opening);
            }
            tokio::select! {
                biased;
                looked = io.look(limit) => looked?,
                // Neither in TLS nor in HTTP does the server speak first.
                () = &mut upstream_speaks => return Ok(Opening::Opaque),
            }
        }
    }

    /// Nothing comes through it.
    async fn failed(self, kind: FailureKind, why: &str) {
        let tunnel = Failed { tap: &self.tap, connection: self.connection, at: self.asked };
        tunnel.record(self.request, kind, why).await;
    }

    /// HTTP without TLS.
    async fn plain<S>(self, io: Rewound<S>, client: Protocol)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let limits = *self.limits();
        let to = Upstream { scheme: Scheme::Http, ..self.to };
        let leg = Leg { limits, ..Leg::of_tunnel(to, client) };
        let (first, _) = secure::ask_upstream(&self.tap, &leg, self.socket).await;
        let control = Arc::new(self.control.inside());
        let io = Overheard::new(io, Arc::clone(&control));
        let upstreams = Upstreams::begun(first);
        serve::http(io, Client::new(self.tap, self.connection, control, leg, upstreams)).await;
    }

    /// TLS: the upstream is asked first, then the client gets a certificate of ours.
    async fn encrypted<S>(self, intercept: &Intercept, io: Rewound<S>, hello: Hello)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let name = hello.sni.clone().unwrap_or_else(|| self.to.host.to_string());
        let who = self.who(&name);
        let offers = spoken(&hello.alpn);
        let now = Instant::now();
        if intercept.passes(&name) {
            return self.opaque(io, Some(NAMED)).await;
        }
        if let Some(rest) = intercept.refusals.holds(&who, now) {
            let seconds = rest.as_secs() + 1;
            let why = format!(
                "this client did not take hopscope's certificate for {name}; it is asked again in {seconds} s"
            );
            return self.opaque(io, Some(&why)).await;
        }
        if offers.is_empty() && !hello.alpn.is_empty() {
            let names: Vec<_> = hello.alpn.iter().map(|it| String::from_utf8_lossy(it)).collect();
            let why = format!("its client speaks {} over TLS, which is no HTTP", names.join(", "));
            return self.opaque(io, Some(&why)).await;
        }
        let leg = Leg::of_tunnel(self.to.clone(), Protocol::Http1);
        let limits = self.tap.options.limits;
        let leg = Leg { name: Some(name.clone()), offers, limits, ..leg };
        let (first, offers) = secure::ask_upstream(&self.tap, &leg, self.socket).await;
        let config = match intercept.authority.serve(&name, &offers) {
            Ok(config) => config,
            Err(error) => {
                let tunnel = Failed { tap: &self.tap, connection: self.connection, at: self.asked };
                return tunnel.record(self.request, FailureKind::Tls, &error.to_string()).await;
            }
        };
        let shaken = handshake::accept(config, io, &limits).await;
        let tunnel = Failed { tap: &self.tap, connection: self.connection, at: self.asked };
        match shaken {
            Some(Ok(stream)) => {
                intercept.refusals.forget(&who);
                let leg = secure::inside(leg, &stream);
                let control = Arc::new(self.control.inside());
                let io = Overheard::new(stream, Arc::clone(&control));
                let upstreams = Upstreams::begun(first);
                let client = Client::new(self.tap, self.connection, control, leg, upstreams);
                serve::http(io, client).await;
            }
            None => {
                let why = handshake::overdue(&limits);
                tunnel.record(self.request, FailureKind::RefusedByTap, &why).await;
            }
            Some(Err(error)) => {
                if tls::refuses_certificate(&error) {
                    let seconds = intercept.refusals.add(who, now).as_secs();
                    let why = format!(
                        "the client did not take hopscope's certificate for {name} ({error}): it does not trust hopscope's authority (see `hopscope ca`), or knows the host's own certificate; for {seconds} s it passes unread"
                    );
                    tunnel.record(self.request, FailureKind::Tls, &why).await;
                } else if tls::is_tls_error(&error) {
                    let why = format!("the TLS handshake with the client failed ({error})");
                    tunnel.record(self.request, FailureKind::Tls, &why).await;
                }
            }
        }
    }

    fn who(&self, host: &str) -> Who {
        let user_agent = self.request.headers.text("user-agent").unwrap_or_default();
        Who { address: self.address, user_agent, host: host.to_owned() }
    }

    /// Pass the bytes on, unread.
    async fn opaque<S>(self, io: Rewound<S>, why: Option<&str>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut scribe = Scribe::new(&self.tap);
        let asked = Event::Asked {
            id: scribe.id(),
            tap: self.tap.id,
            connection: self.connection,
            exchange: Exchange::Tunnel,
            at: self.asked,
            request: self.request,
            own_changes: Vec::new(),
        };
        scribe.tell(asked).await;
        let id = scribe.id();
        if let Some(why) = why {
            let passed = Some(format!("passed on unread: {why}"));
            let tls = Arc::new(HopTls { passed, ..HopTls::default() });
            scribe.tell(Event::Secured { id, tls, micros: None }).await;
        }
        let (socket, micros) = match self.socket {
            Ok(socket) => socket,
            Err(failure) => return scribe.end(Some(failure)),
        };
        scribe.tell(Event::Connected { id, micros }).await;
        let response = Response { status: 200, reason: b"OK".to_vec(), ..Response::default() };
        let at = self.tap.recorder.now();
        scribe.tell(Event::Answered { id, at, response, own_changes: Vec::new() }).await;
        tunnel::copy(io, socket, Heard::Count, scribe, self.tap.life.clone()).await;
    }
}

/// A `CONNECT` through which no request came.
struct Failed<'a, R: Recorder> {
    tap: &'a Arc<TapState<R>>,
    connection: ConnectionId,
    at: Time,
}

impl<R: Recorder> Failed<'_, R> {
    async fn record(self, request: Request, kind: FailureKind, why: &str) {
        let mut scribe = Scribe::new(self.tap);
        let asked = Event::Asked {
            id: scribe.id(),
            tap: self.tap.id,
            connection: self.connection,
            exchange: Exchange::Tunnel,
            at: self.at,
            request,
            own_changes: Vec::new(),
        };
        scribe.tell(asked).await;
        scribe.end(Some(failure::failure(kind, why)));
    }
}

/// Open the way to the upstream of a tunnel.
pub(super) async fn way<R: Recorder>(
    tap: &TapState<R>,
    to: &Upstream,
) -> Result<(Socket, u64), Failure> {
    let (socket, micros) = tap.options.via.tcp(to, &tap.tls).await?;
    if super::own::leads_back(socket.tcp(), tap.address) {
        let why = "the tunnel would have come back to the tap it came through";
        return Err(failure::failure(FailureKind::RefusedByTap, why));
    }
    Ok((socket, micros))
}

const NAMED: &str = "its host was named with --pass";
