//! Clients of HTTP/3 ([RFC 9114](https://www.rfc-editor.org/rfc/rfc9114)) at a reverse tap, on
//! the port on which it takes TLS.
//!
//! ```text
//! client ══ QUIC, HTTP/3 ══▶ here ══ HTTP/2 in memory ══▶ what serves clients of HTTP/2
//! ```
//!
//! There is one way for an exchange, and this is no second one: each stream goes on as a stream of
//! HTTP/2 within the process, and is recorded as what it was.
//!
//! **Invariant:** a stream that breaks on one side breaks on the other.

use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use h3::error::Code;
use h3::server::{RequestResolver, RequestStream};
use h3_quinn::{RecvStream, SendStream};
use http::{Method, Response, Version};
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{ConnectionError, Endpoint, Incoming};
use tokio::task::JoinSet;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::connect::Upstreams;
use super::exchange::Client;
use super::leg::{HTTP_3, Leg, Protocol};
use super::listener::{self, TapState};
use super::secure::ServerIdentity;
use super::{Options, TapSpec, serve};
use crate::trace::{self, ConnectionId, FailureKind, Recorder, Request, TlsSession};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What sends streams on.
type Onward = h2::client::SendRequest<Bytes>;

/// Listen for QUIC where a tap listens for TLS, if it shall. Within a tokio runtime.
pub(super) fn bind(
    spec: &TapSpec,
    address: SocketAddr,
    options: &Options,
) -> io::Result<Option<Endpoint>> {
    if !spec.listens_with_quic() {
        return Ok(None);
    }
    let names = Names { identity: ServerIdentity::of(options), here: address.ip().to_string() };
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut tls = builder.with_cert_resolver(Arc::new(names));
    tls.alpn_protocols = vec![HTTP_3.to_vec()];
    let tls = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    let mut transport = quinn::TransportConfig::default();
    // An upstream may be silent for longer than QUIC lets a connection be.
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    config.transport_config(Arc::new(transport));
    Endpoint::server(config, address).map(Some)
}

/// Shows each client a certificate for the name it asks for.
#[derive(Debug)]
struct Names {
    identity: ServerIdentity,
    here: String,
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or(&self.here);
        self.identity.serve(name, &[])?.cert_resolver.resolve(hello)
    }
}

/// Accept clients until the tap ends.
pub(super) async fn accept<R: Recorder>(endpoint: Endpoint, tap: Arc<TapState<R>>) {
    let mut life = tap.life.clone();
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = life.draining() => break,
        };
        let Some(incoming) = incoming else { return };
        match listener::enter(&tap) {
            Some(place) => {
                let tap = Arc::clone(&tap);
                tokio::spawn(async move {
                    let _place = place;
                    client(incoming, tap).await;
                });
            }
            None => incoming.refuse(),
        }
    }
    tokio::select! {
        () = endpoint.wait_idle() => {}
        () = life.stopped() => {}
    }
}

async fn client<R: Recorder>(incoming: Incoming, tap: Arc<TapState<R>>) {
    let peer = Some(incoming.remote_address().ip());
    let id = ConnectionId(tap.connections.fetch_add(1, Ordering::Relaxed));
    let quic = match incoming.await {
        Ok(quic) => quic,
        Err(error) => return record_failed(&tap, id, &error).await,
    };
    let session = Some(Arc::new(session(&quic)));
    let leg = Leg { peer, ..Leg::of_tap(&tap.spec.mode, Protocol::Http2, session) };
    let limit = u64::from(tap.options.limits.header_list());
    let (ours, served) = tokio::io::duplex(PIPE);
    let client = Client::new(tap, id, Arc::default(), leg, Upstreams::default());
    // Each ends when the other does, by the pipe between them.
    let _ended = tokio::join!(serve::http(served, client), streams(quic, ours, limit));
}

/// The client's handshake came to nothing.
async fn record_failed<R: Recorder>(
    tap: &Arc<TapState<R>>,
    id: ConnectionId,
    error: &ConnectionError,
) {
    if let ConnectionError::ConnectionClosed(_) | ConnectionError::TransportError(_) = error {
        let url = format!("https://{}/", tap.address_text);
        let request = Request { url, version: trace::Version::Http3, ..Request::default() };
        let why = format!("the handshake of QUIC with the client failed ({error})");
        serve::record_refused(tap, id, request, FailureKind::Tls, &why).await;
    }
}

/// What is known of the handshake: QUIC has TLS 1.3, and the library tells no cipher.
fn session(quic: &quinn::Connection) -> TlsSession {
    let said = quic.handshake_data().and_then(|it| it.downcast::<HandshakeData>().ok());
    TlsSession {
        version: "TLS 1.3".to_owned(),
        alpn: Some(String::from_utf8_lossy(HTTP_3).into_owned()),
        sni: said.and_then(|it| it.server_name),
        ..TlsSession::default()
    }
}

/// Take streams until the client or the tap ends, and let them come to their end.
async fn streams(
    quic: quinn::Connection,
    onward: tokio::io::DuplexStream,
    limit: u64,
) -> Result<()> {
    let (sender, driver) = h2::client::handshake(onward).await?;
    let mut builder = h3::server::builder();
    let builder = builder.max_field_section_size(limit);
    let mut client = builder.build(h3_quinn::Connection::new(quic.clone())).await?;
    let mut running = JoinSet::new();
    let taking = async {
        while let Some(stream) = client.accept().await? {
            running.spawn(exchange(stream, sender.clone()));
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
        Ok::<_, h3::error::ConnectionError>(())
    };
    tokio::select! {
        taken = taking => taken?,
        ended = driver => ended?,
    }
    while running.join_next().await.is_some() {}
    // Closing drops what is still on its way, so the client goes first.
    client.shutdown(0).await?;
    let _gone = tokio::time::timeout(PATIENCE, quic.closed()).await;
    Ok(())
}

/// One stream, there and back.
async fn exchange(stream: RequestResolver<h3_quinn::Connection, Bytes>, sender: Onward) {
    let Ok((mut request, stream)) = stream.resolve_request().await else { return };
    let (mut out, mut body) = stream.split();
    *request.version_mut() = Version::HTTP_2;
    // In HTTP/2 the head says whether a body follows, in HTTP/3 the next frame does.
    let is_bare = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let first = if is_bare { piece(&mut body).await } else { Ok(Some(Bytes::new())) };
    let sent = async {
        let first = first?;
        let (answer, up) = sender.ready().await?.send_request(request, first.is_none())?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((answer, up, first))
    };
    let Ok((answer, up, first)) = sent.await else {
        return out.stop_stream(Code::H3_REQUEST_REJECTED);
    };
    let uploading = async {
        if let Some(first) = first {
            upload(first, &mut body, up).await;
        }
        // The answer decides when it is over.
        pending::<()>().await;
    };
    let done = tokio::select! {
        done = download(answer, &mut out) => done,
        () = uploading => Ok(()),
    };
    if done.is_err() {
        out.stop_stream(Code::H3_INTERNAL_ERROR);
    }
}

/// The next piece of a body.
async fn piece(body: &mut RequestStream<RecvStream, Bytes>) -> Result<Option<Bytes>> {
    let next = body.recv_data().await?;
    Ok(next.map(|mut it| it.copy_to_bytes(it.remaining())))
}

async fn upload(
    first: Bytes,
    body: &mut RequestStream<RecvStream, Bytes>,
    mut up: h2::SendStream<Bytes>,
) {
    let uploaded: Result<()> = async {
        send(&mut up, first).await?;
        while let Some(piece) = piece(body).await? {
            send(&mut up, piece).await?;
        }
        match body.recv_trailers().await? {
            Some(trailers) => up.send_trailers(trailers)?,
            None => up.send_data(Bytes::new(), true)?,
        }
        Ok(())
    }
    .await;
    if uploaded.is_err() {
        up.send_reset(h2::Reason::CANCEL);
    }
}

/// Send a piece as there is room for it.
async fn send(up: &mut h2::SendStream<Bytes>, mut piece: Bytes) -> Result<()> {
    while !piece.is_empty() {
        up.reserve_capacity(piece.len());
        let Some(room) = poll_fn(|cx| up.poll_capacity(cx)).await else {
            return Err("the stream has ended".into());
        };
        up.send_data(piece.split_to(room?.min(piece.len())), false)?;
    }
    Ok(())
}

async fn download(
    answer: h2::client::ResponseFuture,
    out: &mut RequestStream<SendStream<Bytes>, Bytes>,
) -> Result<()> {
    let (head, mut body) = answer.await?.into_parts();
    out.send_response(Response::from_parts(head, ())).await?;
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        out.send_data(piece).await?;
    }
    if let Some(trailers) = body.trailers().await? {
        out.send_trailers(trailers).await?;
    }
    Ok(out.finish().await?)
}

/// Bytes on their way within the process.
const PIPE: usize = 64 << 10;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long a client may take to leave that was told that the tap ends.
const PATIENCE: Duration = Duration::from_secs(1);
