//! Clients of a forward tap that speak SOCKS5 to it
//! ([RFC 1928](https://www.rfc-editor.org/rfc/rfc1928),
//! [RFC 1929](https://www.rfc-editor.org/rfc/rfc1929)): a way through like a `CONNECT`, and read
//! like one. `CONNECT` is the one command; `BIND` and UDP are refused as such.
//!
//! **Invariant:** who has no way through is told why in SOCKS, and stands in the trace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connect::Upstreams;
use super::exchange::Client;
use super::intercept::{self, Tunnel};
use super::io::{ClientIo, Control};
use super::leg::{Leg, Protocol};
use super::listener::TapState;
use super::spec::{Scheme, Upstream};
use super::{answer, auth, pages, serve};
use crate::trace::{ConnectionId, Failure, FailureKind, Recorder, Request};

/// What a client of SOCKS5 says first.
pub(super) const VERSION: u8 = 5;

/// Serve a client that has begun to speak SOCKS5.
pub(super) async fn client<R: Recorder>(
    mut io: ClientIo,
    peer: SocketAddr,
    tap: Arc<TapState<R>>,
    connection: ConnectionId,
    control: Arc<Control>,
) {
    let patience = tap.options.limits.head_time;
    let mut life = tap.life.clone();
    let asked = tokio::select! {
        asked = tokio::time::timeout(patience, greet(&mut io, &tap)) => asked,
        () = life.draining() => return,
    };
    let to = match asked.unwrap_or(Err(End::Refused { reply: None, why: SLOW.to_owned() })) {
        Ok(to) => to,
        Err(End::Gone) => return,
        Err(End::Refused { reply, why }) => {
            let request = asked_for(&format!("socks5://{}", tap.address_text));
            serve::record_refused(&tap, connection, request, FailureKind::RefusedByTap, &why).await;
            return say(&mut io, reply.unwrap_or_default()).await;
        }
    };
    if pages::is_own_name(&to.host) {
        say(&mut io, &reply(GRANTED)).await;
        let leg = Leg::of_tap(&tap.spec.mode, Protocol::Http1, None);
        return serve::http(io, Client::new(tap, connection, control, leg, Upstreams::default()))
            .await;
    }
    let at = tap.recorder.now();
    let place = if to.host.contains(':') { format!("[{}]", to.host) } else { to.host.to_string() };
    let request = asked_for(&format!("{place}:{}", to.port));
    let socket = intercept::way(&tap, &to).await;
    if let Err(Failure { kind, detail }) = &socket
        && (*kind == FailureKind::RefusedByTap || tap.intercept.is_none())
    {
        say(&mut io, &reply(code(*kind))).await;
        return serve::record_refused(&tap, connection, request, *kind, detail).await;
    }
    say(&mut io, &reply(GRANTED)).await;
    let intercept = tap.intercept.clone();
    let address = Some(peer.ip());
    let tunnel =
        Tunnel { tap, connection, control, intercept, to, request, asked: at, address, socket };
    tunnel.through(io).await;
}

/// Why there is no way through.
enum End {
    /// The client left.
    Gone,
    Refused {
        reply: Option<&'static [u8]>,
        why: String,
    },
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> End {
        End::Gone
    }
}

/// Greeting, login and request; where the client wants to go.
async fn greet<R: Recorder>(io: &mut ClientIo, tap: &TapState<R>) -> Result<Upstream, End> {
    let refused = |reply, why: &str| Err(End::Refused { reply: Some(reply), why: why.to_owned() });
    let [_, methods] = receive::<2>(io).await?;
    let methods = receive_many(io, methods).await?;
    let wanted = tap.options.auth.as_ref();
    if methods.contains(&OPEN) && wanted.is_none() {
        say(io, &[VERSION, OPEN]).await;
    } else if methods.contains(&PASSWORD) {
        say(io, &[VERSION, PASSWORD]).await;
        let [_, length] = receive::<2>(io).await?;
        let user = receive_many(io, length).await?;
        let [length] = receive::<1>(io).await?;
        let password = receive_many(io, length).await?;
        if wanted.is_some_and(|it| !it.are(&user, &password)) {
            auth::slow_down().await;
            return refused(&[1, 1], answer::NO_PASSWORD);
        }
        say(io, &[1, 0]).await;
    } else if wanted.is_some() {
        return refused(&[VERSION, NO_METHOD], answer::NO_PASSWORD);
    } else {
        return refused(&[VERSION, NO_METHOD], "the client offers no login that a tap knows");
    }
    let [_, command, _, kind] = receive::<4>(io).await?;
    let host = match kind {
        1 => Some(IpAddr::from(Ipv4Addr::from(receive::<4>(io).await?)).to_string()),
        3 => {
            let [length] = receive::<1>(io).await?;
            String::from_utf8(receive_many(io, length).await?).ok()
        }
        4 => Some(IpAddr::from(Ipv6Addr::from(receive::<16>(io).await?)).to_string()),
        _ => return refused(&NO_SUCH_ADDRESS, "the client names a place in an unknown way"),
    };
    let port = u16::from_be_bytes(receive::<2>(io).await?);
    if command != CONNECT {
        let why = "a tap opens TCP connections; SOCKS5's BIND and UDP do not pass it";
        return refused(&NO_SUCH_COMMAND, why);
    }
    let to = host.and_then(|it| {
        let host = if it.contains(':') { format!("[{it}]") } else { it };
        Upstream::from_authority(Scheme::Https, &format!("{host}:{port}"))
    });
    let Some(to) = to else { return refused(&NO_SUCH_HOST, "the client names no host") };
    Ok(to)
}

/// As a `CONNECT` would stand in the trace.
fn asked_for(place: &str) -> Request {
    Request { method: "CONNECT".to_owned(), url: place.to_owned(), ..Request::default() }
}

async fn receive<const N: usize>(io: &mut ClientIo) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    io.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn receive_many(io: &mut ClientIo, length: u8) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(length)];
    io.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn say(io: &mut ClientIo, bytes: &[u8]) {
    // A client that left is seen when it is read from.
    let _gone = io.write_all(bytes).await;
}

/// What a client is told of a failure.
fn code(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::RefusedByTap => 2,
        FailureKind::Unreachable => 3,
        FailureKind::Dns => 4,
        FailureKind::Refused => 5,
        FailureKind::Timeout => 6,
        _ => 1,
    }
}

/// Where the way begins is nobody's business.
const fn reply(code: u8) -> [u8; 10] {
    [VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

const OPEN: u8 = 0;
const PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const GRANTED: u8 = 0;
const NO_SUCH_HOST: [u8; 10] = reply(4);
const NO_SUCH_COMMAND: [u8; 10] = reply(7);
const NO_SUCH_ADDRESS: [u8; 10] = reply(8);
const SLOW: &str = "the client's SOCKS5 greeting was not complete in time (--limit head-time=N)";
