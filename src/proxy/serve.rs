//! Serving one client connection, in whichever protocol it speaks.
//!
//! HTTP/2 limits: 200 streams at a time, heads as in HTTP/1, and the defaults of `h2` against rapid resets (20 streams that were reset and not yet looked at, 1024 reset for the
//! client's own mistakes) and floods of `CONTINUATION` frames; beyond them the connection ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, Interest, Ready};
use tokio::net::TcpStream;

use super::connect::Upstreams;
use super::exchange::Client;
use super::guard::{self, Refusal};
use super::io::{ClientIo, Control};
use super::leg::{Leg, Protocol};
use super::listener::TapState;
use super::scribe::Scribe;
use super::sniff::{Opening, sniff};
use super::spec::Mode;
use super::{auth, failure, secure, socks};
use crate::trace::{ConnectionId, Event, Exchange, FailureKind, Recorder, Request, Version};

/// Serve a client that has just connected.
pub(super) async fn client<R: Recorder>(
    stream: TcpStream,
    peer: SocketAddr,
    tap: Arc<TapState<R>>,
) {
    // A tap that collects small writes would be a tap that slows them down.
    let _ = stream.set_nodelay(true);
    let control = Arc::new(Control::default());
    let id = ConnectionId(tap.connections.fetch_add(1, Ordering::Relaxed));
    if let Mode::Reverse { tls: true, .. } = tap.spec.mode {
        return secure::reverse(stream, tap, id, control).await;
    }
    let mut life = tap.life.clone();
    let speaks = tokio::select! {
        speaks = peek(&stream) => speaks,
        () = life.draining() => return,
    };
    let is_forward = matches!(tap.spec.mode, Mode::Forward { .. });
    let protocol = match speaks {
        Speaks::Socks if is_forward => {
            let io = ClientIo::new(stream, Arc::clone(&control));
            return Box::pin(socks::client(io, peer, tap, id, control)).await;
        }
        Speaks::Http(protocol) => protocol,
        Speaks::Socks => Protocol::Http1,
    };
    let leg = Leg { peer: Some(peer.ip()), ..Leg::of_tap(&tap.spec.mode, protocol, None) };
    let io = ClientIo::new(stream, Arc::clone(&control));
    let client = Client::new(tap, id, control, leg, Upstreams::default());
    http(io, client).await;
}

/// What a client speaks to a tap.
enum Speaks {
    Http(Protocol),
    Socks,
}

/// What the client is about to speak.
async fn peek(stream: &TcpStream) -> Speaks {
    let mut first = [0; 16];
    for _ in 0..LOOKS {
        let Ok(n) = stream.peek(&mut first).await else { break };
        let seen = first.get(..n).unwrap_or_default();
        match sniff(seen) {
            Some(Opening::Http2) => return Speaks::Http(Protocol::Http2),
            _ if seen.first() == Some(&socks::VERSION) => return Speaks::Socks,
            // Could still be HTTP/2, which nobody sends in such small pieces.
            None if n > 0 && b"PRI * HTTP/2.0".starts_with(seen) => {
                if stream.ready(Interest::READABLE).await.is_ok_and(Ready::is_read_closed) {
                    break;
                }
                tokio::time::sleep(MOMENT).await;
            }
            _ => break,
        }
    }
    Speaks::Http(Protocol::Http1)
}

/// Serve HTTP until the connection or the tap ends.
pub(super) async fn http<R, S>(io: S, client: Client<R>)
where
    R: Recorder,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match client.leg().client {
        Protocol::Http1 => http_1(io, Arc::new(client)).await,
        Protocol::Http2 => http_2(io, Arc::new(client)).await,
    }
}

async fn http_1<R, S>(io: S, client: Arc<Client<R>>)
where
    R: Recorder,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let serves = Arc::clone(&client);
    let service = service_fn(move |request| {
        let client = Arc::clone(&serves);
        async move { client.serve(request).await }
    });
    let mut life = client.tap().life.clone();
    let limits = client.tap().options.limits;
    let serving = http1::Builder::new()
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(limits.fields)
        .max_header_size(limits.head)
        .max_buf_size(limits.buffer())
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    tokio::pin!(serving);
    let control = client.control();
    let ended = tokio::select! {
        ended = guard::in_time(serving.as_mut(), control, limits.head_time) => ended,
        () = life.draining() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving.as_mut() => Some(ended),
                () = life.stopped() => return,
            }
        }
    };
    let tap = client.tap();
    let refusal = match ended {
        Some(Ok(())) => None,
        Some(Err(error)) => {
            guard::of_error(&error, &control.unread(), client.leg(), &tap.address_text)
        }
        None => guard::overdue(&control.unread(), client.leg(), &tap.address_text),
    };
    if let Some(refusal) = refusal {
        record_refusal(tap, client.id(), refusal).await;
    }
}

/// A client for whom there is no room.
pub(super) async fn one_too_many<R: Recorder>(tap: &Arc<TapState<R>>) {
    let limit = tap.options.limits.connections;
    let why = format!("{limit} connections are open already (--limit connections=N)");
    no_room(tap, &why).await;
}

/// Clients that are not taken before others leave.
pub(super) async fn no_room<R: Recorder>(tap: &Arc<TapState<R>>, why: &str) {
    let id = ConnectionId(tap.connections.fetch_add(1, Ordering::Relaxed));
    let request = Request { url: format!("http://{}/", tap.address_text), ..Request::default() };
    record_refused(tap, id, request, FailureKind::RefusedByTap, why).await;
}

pub(super) async fn record_refusal<R: Recorder>(
    tap: &Arc<TapState<R>>,
    connection: ConnectionId,
    refusal: Refusal,
) {
    record_refused(tap, connection, refusal.request, refusal.kind, &refusal.why).await;
}

async fn http_2<R, S>(io: S, client: Arc<Client<R>>)
where
    R: Recorder,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    client.control().multiplexed();
    let serves = Arc::clone(&client);
    let service = service_fn(move |request| {
        let client = Arc::clone(&serves);
        async move { client.serve(request).await }
    });
    let mut life = client.tap().life.clone();
    let limits = client.tap().options.limits;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    if client.leg().takes_websocket() {
        builder.enable_connect_protocol();
    }
    let serving = builder
        .auto_date_header(false)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(limits.header_list())
        .serve_connection(TokioIo::new(io), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = guard::in_time(serving.as_mut(), client.control(), limits.head_time) => ended,
        () = life.draining() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving.as_mut() => Some(ended),
                () = life.stopped() => return,
            }
        }
    };
    let why = match ended {
        Some(Ok(())) => None,
        Some(Err(error)) => failure::broken_rule(&error),
        None => Some(guard::too_late(&limits)),
    };
    if let Some(why) = why {
        let (tap, scheme) = (client.tap(), client.leg().scheme.as_str());
        let url = format!("{scheme}://{}/", tap.address_text);
        let request = Request { url, version: Version::Http2, ..Request::default() };
        record_refused(tap, client.id(), request, FailureKind::RefusedByTap, &why).await;
    }
}

/// What was not taken was asked all the same.
pub(super) async fn record_refused<R: Recorder>(
    tap: &Arc<TapState<R>>,
    connection: ConnectionId,
    mut request: Request,
    kind: FailureKind,
    why: &str,
) {
    if let Mode::Forward { .. } = tap.spec.mode {
        auth::hide_refused(&mut request.headers);
    }
    let mut scribe = Scribe::new(tap);
    let asked = Event::Asked {
        id: scribe.id(),
        tap: tap.id,
        connection,
        exchange: Exchange::Http,
        at: tap.recorder.now(),
        request,
        own_changes: Vec::new(),
    };
    scribe.tell(asked).await;
    scribe.end(Some(failure::failure(kind, why)));
}

const STREAMS: u32 = 200;
/// How often the first bytes are looked at before they are taken for HTTP/1.
const LOOKS: u32 = 200;
const MOMENT: std::time::Duration = std::time::Duration::from_millis(5);
