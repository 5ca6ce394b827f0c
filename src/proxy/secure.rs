//! TLS with clients: at a tap that listens with it, and inside a tunnel.
//!
//! The upstream is asked first, with the name and the protocols of the client, so that the
//! client is only offered what its upstream speaks.
//!
//! **Invariant:** who cannot reach the upstream is still served: the request is what a user
//! looks for in a trace, and it fails as the upstream did.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::connect::{self, Connection, Upstreams};
use super::exchange::Client;
use super::handshake::{self, NoHello};
use super::io::{ClientIo, Control};
use super::leg::{HTTP_1, HTTP_2, Leg, Protocol, spoken};
use super::listener::TapState;
use super::overheard::Overheard;
use super::rewound::{Rewound, Silent};
use super::serve::{self, record_refused};
use super::socket::Socket;
use super::spec::{Mode, Scheme};
use super::{Options, own, refused};
use crate::tls::{self, Authority, Identity};
use crate::trace::{ConnectionId, Failure, FailureKind, Recorder, Request};

/// What a tap that listens with TLS shows to its clients.
#[derive(Clone, Debug)]
pub(super) enum ServerIdentity {
    None,
    /// A certificate made for the name that the client asks for.
    Made(Authority),
    /// The user's own.
    Own(Arc<Identity>),
}

impl ServerIdentity {
    pub(super) fn of(options: &Options) -> ServerIdentity {
        match (&options.identity, &options.authority) {
            (Some(own), _) => ServerIdentity::Own(Arc::clone(own)),
            (None, Some(authority)) => ServerIdentity::Made(authority.clone()),
            (None, None) => ServerIdentity::None,
        }
    }

    pub(super) fn serve(&self, host: &str, offers: &[&[u8]]) -> Option<Arc<ServerConfig>> {
        match self {
            ServerIdentity::None => None,
            ServerIdentity::Made(authority) => authority.serve(host, offers).ok(),
            ServerIdentity::Own(identity) => identity.serve(offers).ok(),
        }
    }
}

/// The first connection to an upstream, opened before the client's handshake is answered, and
/// what the client may be offered then.
pub(super) async fn ask_upstream<R: Recorder>(
    tap: &Arc<TapState<R>>,
    leg: &Leg,
    socket: Result<(Socket, u64), Failure>,
) -> (Result<Connection<R>, Failure>, Vec<&'static [u8]>) {
    let Mode::Reverse { upstream, .. } = &leg.mode else { return (Err(leads_back()), Vec::new()) };
    let connected = match socket {
        Ok((socket, micros)) => connect::over(socket, micros, upstream, &tap.tls, leg).await,
        Err(failure) => Err(failure),
    };
    let offers = match &connected {
        Ok(connection) => match connection.tls.as_ref().and_then(|it| it.alpn.as_deref()) {
            Some("h2") => vec![HTTP_2],
            Some("http/1.1") => vec![HTTP_1],
            _ => Vec::new(),
        },
        // Nobody to ask: the client shall have its way, to find out why.
        Err(_) => leg.offers.clone(),
    };
    (connected, offers)
}

fn leads_back() -> Failure {
    let detail = super::answer::LEADS_BACK.to_owned();
    Failure { kind: FailureKind::RefusedByTap, detail }
}

/// The leg inside a finished handshake.
pub(super) fn inside<S>(leg: Leg, stream: &TlsStream<S>) -> Leg {
    let session = tls::of_client(stream.get_ref().1);
    let client = match session.alpn.as_deref() {
        Some("h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    Leg { client, tls: Some(Arc::new(session)), ..leg }
}

/// Serve a client of a tap that listens with TLS.
pub(super) async fn reverse<R: Recorder>(
    stream: TcpStream,
    tap: Arc<TapState<R>>,
    id: ConnectionId,
    control: Arc<Control>,
) {
    let mut life = tap.life.clone();
    let served = encrypted(stream, Arc::clone(&tap), id, control);
    tokio::select! {
        () = served => {}
        () = life.stopped() => {}
    }
}

async fn encrypted<R: Recorder>(
    stream: TcpStream,
    tap: Arc<TapState<R>>,
    id: ConnectionId,
    control: Arc<Control>,
) {
    let local = stream.local_addr().map(|it| it.ip().to_string()).unwrap_or_default();
    let mut io = Rewound::new(ClientIo::new(stream, Arc::clone(&control)));
    let limits = &tap.options.limits;
    let mut life = tap.life.clone();
    let said = tokio::select! {
        said = handshake::hello(&mut io, limits) => said,
        () = life.draining() => return,
    };
    let said = match said {
        Ok(said) => said,
        Err(why) => return no_hello(io, &tap, id, why).await,
    };
    let name = said.sni.clone().unwrap_or(local);
    let mut leg = Leg::of_tap(&tap.spec.mode, Protocol::Http1, Some(Arc::default()));
    let offered = spoken(&said.alpn);
    let (upstreams, offers) = match &tap.spec.mode {
        Mode::Reverse { upstream, http: None, .. } if upstream.scheme == Scheme::Https => {
            leg.offers.clone_from(&offered);
            leg.limits = *limits;
            let socket = tap.options.via.tcp(upstream, &tap.tls).await;
            let socket = match socket {
                Ok((socket, _)) if own::leads_back(socket.tcp(), tap.address) => Err(leads_back()),
                socket => socket,
            };
            let (first, offers) = ask_upstream(&tap, &leg, socket).await;
            (Upstreams::begun(first), offers)
        }
        _ => (Upstreams::default(), vec![HTTP_2, HTTP_1]),
    };
    let Some(config) = tap.identity.serve(&name, &offers) else { return };
    match handshake::accept(config, io, limits).await {
        Some(Ok(stream)) => {
            let client = inside(leg, &stream);
            // What the upstream is offered follows what the client has chosen.
            let offers = Leg::of_tap(&tap.spec.mode, client.client, client.tls.clone()).offers;
            let leg = Leg { offers, ..client };
            let control = Arc::new(control.inside());
            let io = Overheard::new(stream, Arc::clone(&control));
            serve::http(io, Client::new(tap, id, control, leg, upstreams)).await;
        }
        Some(Err(error)) => record_failed(&tap, id, &name, &error).await,
        None => {
            let why = handshake::overdue(limits);
            record(&tap, id, &name, FailureKind::RefusedByTap, &why).await;
        }
    }
}

/// The client's handshake came to nothing.
async fn record_failed<R: Recorder>(
    tap: &Arc<TapState<R>>,
    id: ConnectionId,
    name: &str,
    error: &io::Error,
) {
    if !tls::is_tls_error(error) {
        // It went away; browsers open connections that they never use.
        return;
    }
    let why = if tls::refuses_certificate(error) {
        format!("the client does not accept the certificate of this tap ({error})")
    } else {
        format!("the TLS handshake with the client failed ({error})")
    };
    record(tap, id, name, FailureKind::Tls, &why).await;
}

/// A handshake with a client that wanted to talk to `name`, and what became of it.
async fn record<R: Recorder>(
    tap: &Arc<TapState<R>>,
    id: ConnectionId,
    name: &str,
    kind: FailureKind,
    why: &str,
) {
    let url = format!("https://{name}:{}/", tap.address.port());
    record_refused(tap, id, Request { url, ..Request::default() }, kind, why).await;
}

/// The client said nothing that could be answered.
async fn no_hello<R: Recorder>(
    io: Rewound<ClientIo>,
    tap: &Arc<TapState<R>>,
    id: ConnectionId,
    why: NoHello,
) {
    let name = tap.address.ip().to_string();
    match why {
        NoHello::Silent(Silent::Overdue) => {
            let why = handshake::overdue(&tap.options.limits);
            record(tap, id, &name, FailureKind::RefusedByTap, &why).await;
        }
        NoHello::Silent(Silent::Left) => {
            record(tap, id, &name, FailureKind::Aborted, handshake::LEFT).await;
        }
        NoHello::NotTls => not_tls(io, tap, id).await,
    }
}

/// Something else was spoken to a tap that listens with TLS.
async fn not_tls<R: Recorder>(mut io: Rewound<ClientIo>, tap: &Arc<TapState<R>>, id: ConnectionId) {
    let Some(request) = refused::request(io.first(), Scheme::Http, &tap.address_text) else {
        return;
    };
    let why = "this tap expects TLS: use https:// in the address";
    record_refused(tap, id, request, FailureKind::RefusedByTap, why).await;
    let _gone = io.write_all(NOT_TLS).await;
    let _gone = io.shutdown().await;
}

const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nServer: hopscope\r\n\
    Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 63\r\n\r\n\
    hopscope: this tap expects TLS: use https:// in the address    \n";
