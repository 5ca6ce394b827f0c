//! A way through an HTTP proxy
//! ([RFC 9110 §9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)).
//!
//! **Invariant:** no byte behind the proxy's answer is taken: it is the upstream's.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::proxy::auth::Credentials;
use crate::proxy::failure;
use crate::proxy::socket::Socket;
use crate::proxy::spec::Upstream;
use crate::trace::{Failure, FailureKind};

pub(super) async fn ask(
    socket: &mut Socket,
    to: &Upstream,
    credentials: Option<&Credentials>,
) -> Result<(), Failure> {
    let host = if to.host.contains(':') { format!("[{}]", to.host) } else { to.host.to_string() };
    let place = format!("{host}:{}", to.port);
    let login = credentials.map(|it| format!("Proxy-Authorization: {}\r\n", it.basic()));
    let head =
        format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{}\r\n", login.unwrap_or_default());
    socket.write_all(head.as_bytes()).await.map_err(|it| failure::of_io(&it))?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = socket.read_u8().await.map_err(|it| failure::of_io(&it))?;
        answer.push(byte);
        if answer.len() > LONGEST {
            return Err(failure::failure(FailureKind::Malformed, "its answer has no end"));
        }
    }
    let line = answer.split(|it| *it == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.strip_prefix("HTTP/1.").and_then(|it| it.get(2..5)?.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(502 | 503) => Err(failure::failure(FailureKind::Unreachable, &line)),
        Some(504) => Err(failure::failure(FailureKind::Timeout, &line)),
        Some(_) => Err(failure::failure(FailureKind::Refused, &line)),
        None => Err(failure::failure(FailureKind::Malformed, "it does not speak HTTP/1")),
    }
}

const LONGEST: usize = 16 * 1024;
