//! Connections to upstreams, each belonging to one client connection.
//!
//! An HTTP/1 connection is driven by whoever uses it, within the client's own task: handing every
//! request to a task of the connection would cost more than all recording does. An HTTP/2
//! connection is shared by the streams of its client, and has a task.
//!
//! **Invariant:** a connection that a client opened is used for that client alone, and given up
//! with it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, lookup_host};

use super::body::Passing;
use super::driver::Driver;
use super::failure;
use super::greeting::{Greeted, Greeting};
use super::leg::{Leg, Protocol};
use super::limits::Limits;
use super::overheard::Overheard;
use super::relay::Relay;
use super::socket::Socket;
use super::spec::{Scheme, Upstream};
use super::via::Via;
use crate::tls::{self, LazyTls};
use crate::trace::{Failure, FailureKind, Recorder, TlsSession};

/// The upstream connections of one client connection.
pub(super) struct Upstreams<R: Recorder> {
    open: Mutex<Vec<Connection<R>>>,
    /// Why there is none, known before the first request is.
    failed: Mutex<Option<Failure>>,
    /// Held by who opens a connection that all streams of the client shall share.
    opening: tokio::sync::Mutex<()>,
    /// Connections were made that cannot be shared.
    alone: AtomicBool,
}

/// One upstream connection that HTTP is spoken on.
pub(super) struct Connection<R: Recorder> {
    sender: Sender<R>,
    to: Upstream,
    /// Requests went over it before.
    pub(super) use_: Use,
    driver: Driver,
    relay: Relay,
    /// What TLS said on it.
    pub(super) tls: Option<Arc<TlsSession>>,
    /// How long opening it took, until it is told.
    pub(super) opened: Option<Opened>,
}

enum Sender<R: Recorder> {
    One(http1::SendRequest<Passing<R>>),
    Many(http2::SendRequest<Passing<R>>),
}

/// Microseconds that opening a connection took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    /// Until it stood, name and all.
    pub(super) connect: u64,
    /// The TLS handshake.
    pub(super) tls: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    First,
    Again,
}

impl<R: Recorder> Connection<R> {
    /// Ask, and wait for the answer's head.
    pub(super) async fn send(
        &mut self,
        request: Request<Passing<R>>,
    ) -> hyper::Result<Response<Incoming>> {
        let sending = match &mut self.sender {
            Sender::One(sender) => self.relay.before_poll(|| sender.send_request(request)),
            Sender::Many(sender) => return sender.send_request(request).await,
        };
        tokio::pin!(sending);
        let (driver, relay) = (&mut self.driver, &self.relay);
        poll_fn(|cx| {
            relay.poll(cx, |cx| {
                driver.drive(cx);
                sending.as_mut().poll(cx)
            })
        })
        .await
    }

    /// Poll for what comes from it, and move its bytes when there is nothing yet.
    pub(super) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let driver = &mut self.driver;
        self.relay.poll(cx, |cx| {
            if let Poll::Ready(it) = poll(cx) {
                return Poll::Ready(it);
            }
            driver.drive(cx);
            poll(cx)
        })
    }

    /// Give it a task of its own: nobody will wait for it, and it is not done yet.
    pub(super) fn detach(&mut self) {
        self.driver.detach();
    }

    /// Why there is no answer. A request that was not begun when its connection broke hears only
    /// that it was not begun.
    pub(super) fn failure(&self, error: &hyper::Error) -> Failure {
        let broke = if error.is_canceled() { self.driver.broke() } else { None };
        broke.unwrap_or_else(|| failure::of_hyper(error))
    }

    pub(super) fn speaks(&self) -> Protocol {
        match self.sender {
            Sender::One(_) => Protocol::Http1,
            Sender::Many(_) => Protocol::Http2,
        }
    }

    /// Whether a WebSocket goes over it beside other streams, as far as the server has said so.
    pub(super) fn takes_websocket(&self) -> bool {
        self.greeted().is_some_and(Greeted::takes_websocket)
    }

    /// What the server says of itself in HTTP/2.
    pub(super) fn greeted(&self) -> Option<&Greeted> {
        self.driver.greeted()
    }

    /// Another part in the same connection, if it can be shared and still lives.
    fn share(&self) -> Option<Connection<R>> {
        let (Sender::Many(sender), driver) = (&self.sender, self.driver.share()?) else {
            return None;
        };
        if sender.is_closed() {
            return None;
        }
        Some(Connection {
            sender: Sender::Many(sender.clone()),
            to: self.to.clone(),
            use_: Use::Again,
            driver,
            relay: Relay::default(),
            tls: self.tls.clone(),
            opened: None,
        })
    }

    /// Whether it can take a request: also whether the server has closed it by now.
    async fn is_usable(&mut self) -> bool {
        let (driver, sender) = (&mut self.driver, &mut self.sender);
        poll_fn(|cx| {
            self.relay.poll(cx, |cx| {
                driver.drive(cx);
                match sender {
                    Sender::One(sender) => sender.poll_ready(cx),
                    Sender::Many(sender) => sender.poll_ready(cx),
                }
            })
        })
        .await
        .is_ok()
    }
}

impl<R: Recorder> Default for Upstreams<R> {
    fn default() -> Upstreams<R> {
        Upstreams {
            open: Mutex::default(),
            failed: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            alone: AtomicBool::new(false),
        }
    }
}

impl<R: Recorder> Upstreams<R> {
    /// With what came of opening the first connection ahead of the first request.
    pub(super) fn begun(first: Result<Connection<R>, Failure>) -> Upstreams<R> {
        let mut upstreams = Upstreams::default();
        match first {
            Ok(connection) => upstreams.keep(connection),
            Err(failure) => upstreams.failed = Mutex::new(Some(failure)),
        }
        upstreams
    }

    /// The open connection to `to`, if it still lives.
    pub(super) async fn open(&self, to: &Upstream) -> Option<Connection<R>> {
        let mut connection = {
            let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let at = all.iter().position(|it| it.to == *to)?;
            let found = all.get_mut(at)?;
            if found.speaks() == Protocol::Http2 {
                let Some(mut shared) = found.share() else {
                    all.swap_remove(at);
                    return None;
                };
                if let Some(opened) = found.opened.take() {
                    (shared.use_, shared.opened) = (Use::First, Some(opened));
                }
                return Some(shared);
            }
            all.swap_remove(at)
        };
        connection.use_ = if connection.opened.is_some() { Use::First } else { Use::Again };
        // The server may have closed it in the meantime; nothing was sent yet, so that costs
        // nobody anything.
        connection.is_usable().await.then_some(connection)
    }

    /// An open connection to `to`, or a new one: `make` makes it.
    pub(super) async fn open_or<F>(
        &self,
        to: &Upstream,
        client: Protocol,
        make: impl FnOnce() -> F,
    ) -> Result<Connection<R>, Failure>
    where
        F: Future<Output = Result<Connection<R>, Failure>>,
    {
        if let Some(failure) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(failure);
        }
        if let Some(connection) = self.open(to).await {
            return Ok(connection);
        }
        let held = if client == Protocol::Http2 && !self.alone.load(Ordering::Relaxed) {
            // The streams of a client come all at once, and shall share what the first one opens.
            let held = self.opening.lock().await;
            if let Some(connection) = self.open(to).await {
                return Ok(connection);
            }
            Some(held).filter(|_| !self.alone.load(Ordering::Relaxed))
        } else {
            None
        };
        let new = make().await?;
        match new.share() {
            Some(shared) => {
                self.open.lock().unwrap_or_else(PoisonError::into_inner).push(shared);
            }
            None => self.alone.store(true, Ordering::Relaxed),
        }
        drop(held);
        Ok(new)
    }

    /// Keep a connection for the client's next request.
    pub(super) fn keep(&self, connection: Connection<R>) {
        connection.relay.rest();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let kept =
            connection.speaks() == Protocol::Http2 && open.iter().any(|it| it.to == connection.to);
        if !kept {
            open.push(connection);
        }
    }
}

/// A new connection.
pub(super) async fn http<R: Recorder>(
    to: &Upstream,
    tls: &LazyTls,
    leg: &Leg,
    via: &Via,
    own: impl Fn(&TcpStream) -> bool,
) -> Result<Connection<R>, Failure> {
    let (socket, micros) = via.open(to, leg, tls).await?;
    if own(socket.tcp()) {
        let detail = super::answer::LEADS_BACK;
        return Err(failure::failure(FailureKind::RefusedByTap, detail));
    }
    over(socket, micros, to, tls, leg).await
}

/// HTTP over a socket that stands, and that took `connect` microseconds.
pub(super) async fn over<R: Recorder>(
    socket: Socket,
    connect: u64,
    to: &Upstream,
    tls: &LazyTls,
    leg: &Leg,
) -> Result<Connection<R>, Failure> {
    if to.scheme == Scheme::Http {
        let opened = Opened { connect, tls: None };
        return spoken(socket, to, leg.plain, None, opened, &leg.limits).await;
    }
    let begun = Instant::now();
    let name = leg.name.as_deref().unwrap_or(&to.host);
    let socket = socket.encrypt(name, &leg.offers, tls).await?;
    let opened = Opened { connect, tls: Some(micros_since(begun)) };
    let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let sni = (!is_address).then_some(name);
    let session = socket.session().map(|it| Arc::new(tls::of_upstream(it, sni)));
    let protocol = match session.as_ref().and_then(|it| it.alpn.as_deref()) {
        Some("h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    spoken(socket, to, protocol, session, opened, &leg.limits).await
}

async fn spoken<R: Recorder>(
    socket: Socket,
    to: &Upstream,
    protocol: Protocol,
    tls: Option<Arc<TlsSession>>,
    opened: Opened,
    limits: &Limits,
) -> Result<Connection<R>, Failure> {
    // How a connection ended is told by the exchange that used it.
    let (sender, driver) = match protocol {
        Protocol::Http1 => {
            let (sender, driver) = http1::Builder::new()
                .preserve_header_case(true)
                .allow_spaces_after_header_name_in_responses(true)
                .allow_obsolete_multiline_headers_in_responses(true)
                .ignore_invalid_headers_in_responses(true)
                .max_headers(limits.fields)
                .max_header_size(limits.head)
                .max_buf_size(limits.buffer())
                .handshake(TokioIo::new(socket))
                .await
                .map_err(|it| failure::of_hyper(&it))?;
            let driver = async move { drop(driver.with_upgrades().await) };
            (Sender::One(sender), Driver::here(driver))
        }
        Protocol::Http2 => {
            let (greeting, greeted) = Greeting::new();
            let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(HEADER_LIST)
                .handshake(TokioIo::new(Overheard::new(socket, greeting)))
                .await
                .map_err(|it| failure::of_hyper(&it))?;
            let driver = Driver::task(driver, Some(greeted));
            (Sender::Many(sender), driver)
        }
    };
    let (to, opened, relay) = (to.clone(), Some(opened), Relay::default());
    Ok(Connection { sender, to, use_: Use::First, driver, relay, tls, opened })
}

pub(super) fn micros_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A socket to the upstream, and the microseconds it took: its addresses one after the other, as
/// the resolver ordered them.
pub(super) async fn tcp(to: &Upstream) -> Result<(TcpStream, u64), Failure> {
    let begun = Instant::now();
    let mut first = None;
    for address in resolve(to).await? {
        match TcpStream::connect(address).await {
            Ok(socket) => {
                // A tap that collects small writes would be a tap that slows them down.
                let _ = socket.set_nodelay(true);
                return Ok((socket, micros_since(begun)));
            }
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(match first {
        Some(error) => failure::of_io(&error),
        None => failure::failure(FailureKind::Dns, "the name has no address"),
    })
}

/// The addresses of a host, as the resolver ordered them.
pub(super) async fn resolve(to: &Upstream) -> Result<Vec<SocketAddr>, Failure> {
    let found = lookup_host((&*to.host, to.port)).await;
    Ok(found.map_err(|it| failure::failure(FailureKind::Dns, &it))?.collect())
}

/// Bytes of an answer's head in HTTP/2, as large as HTTP/1 heads may get in practice.
const HEADER_LIST: u32 = 256 << 10;
