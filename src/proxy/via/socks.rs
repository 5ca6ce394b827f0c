//! A way through SOCKS5 ([RFC 1928](https://www.rfc-editor.org/rfc/rfc1928),
//! [RFC 1929](https://www.rfc-editor.org/rfc/rfc1929)).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::proxy::auth::Credentials;
use crate::proxy::failure;
use crate::proxy::socket::Socket;
use crate::proxy::spec::Upstream;
use crate::trace::{Failure, FailureKind};

/// Ask for `to`, by its address where that is known, else by its name.
pub(super) async fn ask(
    socket: &mut Socket,
    to: &Upstream,
    address: Option<SocketAddr>,
    credentials: Option<&Credentials>,
) -> Result<(), Failure> {
    let greeting: &[u8] = if credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    send(socket, greeting).await?;
    match (receive::<2>(socket).await?, credentials) {
        ([5, 0], _) => {}
        ([5, 2], Some(it)) => {
            let login = [&[1], &*short(&it.user)?, &*short(&it.password)?].concat();
            send(socket, &login).await?;
            if receive::<2>(socket).await?[1] != 0 {
                return Err(failure::failure(
                    FailureKind::Refused,
                    "it does not take the password",
                ));
            }
        }
        ([5, _], _) => {
            return Err(failure::failure(FailureKind::Refused, "it wants another kind of login"));
        }
        _ => return Err(failure::failure(FailureKind::Malformed, "it does not speak SOCKS5")),
    }
    let literal = to.host.parse().ok().map(|ip| SocketAddr::new(ip, to.port));
    let place = match address.or(literal) {
        Some(SocketAddr::V4(it)) => [&[1], &it.ip().octets()[..]].concat(),
        Some(SocketAddr::V6(it)) => [&[4], &it.ip().octets()[..]].concat(),
        None => [&[3], &*short(&to.host)?].concat(),
    };
    send(socket, &[&[5, 1, 0], &place[..], &to.port.to_be_bytes()].concat()).await?;
    let [_, reply, _, kind] = receive::<4>(socket).await?;
    let rest = match kind {
        1 => 4,
        4 => 16,
        _ => usize::from(receive::<1>(socket).await?[0]),
    };
    let mut bound = vec![0; rest + 2];
    socket.read_exact(&mut bound).await.map_err(|it| failure::of_io(&it))?;
    let (kind, why) = match reply {
        0 => return Ok(()),
        2 => (FailureKind::Refused, "its rules do not allow the connection"),
        3 => (FailureKind::Unreachable, "the network is unreachable"),
        4 => (FailureKind::Unreachable, "the host is unreachable"),
        5 => (FailureKind::Refused, "the connection was refused"),
        6 => (FailureKind::Timeout, "the connection took too long"),
        _ => (FailureKind::Closed, "it cannot open the connection"),
    };
    Err(failure::failure(kind, why))
}

/// A text with its length in front.
fn short(text: &str) -> Result<Vec<u8>, Failure> {
    let length = u8::try_from(text.len());
    let too_long = |_| failure::failure(FailureKind::Refused, "a name is too long for SOCKS5");
    Ok([&[length.map_err(too_long)?], text.as_bytes()].concat())
}

async fn send(socket: &mut Socket, bytes: &[u8]) -> Result<(), Failure> {
    socket.write_all(bytes).await.map_err(|it| failure::of_io(&it))
}

async fn receive<const N: usize>(socket: &mut Socket) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    socket.read_exact(&mut bytes).await.map_err(|it| failure::of_io(&it))?;
    Ok(bytes)
}
