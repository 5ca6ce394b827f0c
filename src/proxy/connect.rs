//! Connections to upstreams, each belonging to one client connection.
//!
//! A connection is driven by whoever uses it, within the client's own task: handing every request
//! to a task of the connection would cost more than all recording does.
//!
//! **Invariant:** a connection that a client opened is used for that client alone, and given up
//! with it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::client::TlsStream;

use super::body::Passing;
use super::failure;
use super::spec::{Scheme, Upstream};
use crate::tls::Tls;
use crate::trace::{Failure, FailureKind, Recorder};

/// The upstream connections of one client connection.
pub(super) struct Upstreams<R: Recorder>(Mutex<Vec<Connection<R>>>);

/// One upstream connection that HTTP is spoken on.
pub(super) struct Connection<R: Recorder> {
    sender: SendRequest<Passing<R>>,
    to: Upstream,
    /// Requests went over it before.
    pub(super) use_: Use,
    driver: Driver,
}

/// Who moves a connection's bytes.
enum Driver {
    /// Whoever waits for something from it.
    Here(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// A task of its own.
    Task { _task: AbortOnDrop },
    /// Nobody any more.
    Ended,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    First,
    Again,
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<R: Recorder> Connection<R> {
    /// Ask, and wait for the answer's head.
    pub(super) async fn send(
        &mut self,
        request: Request<Passing<R>>,
    ) -> hyper::Result<Response<Incoming>> {
        let sending = self.sender.send_request(request);
        tokio::pin!(sending);
        poll_fn(|cx| {
            self.drive(cx);
            sending.as_mut().poll(cx)
        })
        .await
    }

    /// Move its bytes, as far as that goes now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Driver::Here(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            self.driver = Driver::Ended;
        }
    }

    /// Give it a task of its own: nobody will wait for it, and it is not done yet.
    pub(super) fn detach(&mut self) {
        self.driver = match std::mem::replace(&mut self.driver, Driver::Ended) {
            Driver::Here(driver) => {
                Driver::Task { _task: AbortOnDrop(tokio::spawn(driver).abort_handle()) }
            }
            other => other,
        };
    }

    /// Whether it can take a request: also whether the server has closed it by now.
    async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            self.sender.poll_ready(cx)
        })
        .await
        .is_ok()
    }
}

impl<R: Recorder> Default for Upstreams<R> {
    fn default() -> Upstreams<R> {
        Upstreams(Mutex::new(Vec::new()))
    }
}

impl<R: Recorder> Upstreams<R> {
    /// The open connection to `to`, if it still lives.
    pub(super) async fn open(&self, to: &Upstream) -> Option<Connection<R>> {
        let mut connection = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = all.iter().position(|it| it.to == *to)?;
            all.swap_remove(at)
        };
        connection.use_ = Use::Again;
        // The server may have closed it in the meantime; nothing was sent yet, so that costs
        // nobody anything.
        connection.is_usable().await.then_some(connection)
    }

    /// Keep a connection for the client's next request.
    pub(super) fn keep(&self, connection: Connection<R>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// A new connection, and the microseconds it took.
pub(super) async fn http<R: Recorder>(
    to: &Upstream,
    tls: Option<&Tls>,
    own: impl Fn(&TcpStream) -> bool,
) -> Result<(Connection<R>, u64), Failure> {
    let begun = Instant::now();
    let socket = tcp(to).await?;
    if own(&socket) {
        let detail = "the request would have come back to the tap it came through";
        return Err(failure::failure(FailureKind::RefusedByTap, detail));
    }
    let socket = match (to.scheme, tls) {
        (Scheme::Http, _) => Socket::Plain(socket),
        (Scheme::Https, Some(tls)) => {
            let shaken = tls.connect(&to.host, socket).await;
            Socket::Tls(Box::new(shaken.map_err(|it| of_handshake(&it))?))
        }
        (Scheme::Https, None) => {
            return Err(failure::failure(FailureKind::Tls, "this tap has no TLS"));
        }
    };
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (sender, driver) = http1::Builder::new()
        .preserve_header_case(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(|it| failure::of_hyper(&it))?;
    // How it ended is told by the exchange that used it.
    let driver = Driver::Here(Box::pin(async move { drop(driver.with_upgrades().await) }));
    Ok((Connection { sender, to: to.clone(), use_: Use::First, driver }, micros))
}

/// A socket to the upstream: its addresses one after the other, as the resolver ordered them.
pub(super) async fn tcp(to: &Upstream) -> Result<TcpStream, Failure> {
    let found = lookup_host((to.host.as_str(), to.port)).await;
    let found = found.map_err(|it| failure::failure(FailureKind::Dns, &it))?;
    let addresses: Vec<SocketAddr> = found.collect();
    let mut first = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => {
                // A tap that collects small writes would be a tap that slows them down.
                let _ = socket.set_nodelay(true);
                return Ok(socket);
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

/// A server that ends the connection in the middle of a handshake speaks no TLS.
fn of_handshake(error: &io::Error) -> Failure {
    match failure::of_io(error) {
        Failure { kind: FailureKind::Closed, detail } => Failure { kind: FailureKind::Tls, detail },
        other => other,
    }
}

/// A connection to an upstream, encrypted or not.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Plain(it) => Pin::new(it).poll_read(cx, buf),
            Socket::Tls(it) => Pin::new(it).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Socket::Plain(it) => Pin::new(it).poll_write(cx, buf),
            Socket::Tls(it) => Pin::new(it).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Plain(it) => Pin::new(it).poll_flush(cx),
            Socket::Tls(it) => Pin::new(it).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Plain(it) => Pin::new(it).poll_shutdown(cx),
            Socket::Tls(it) => Pin::new(it).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Socket::Plain(it) => Pin::new(it).poll_write_vectored(cx, bufs),
            Socket::Tls(it) => Pin::new(it).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Plain(it) => it.is_write_vectored(),
            Socket::Tls(it) => it.is_write_vectored(),
        }
    }
}
