//! TLS with a client, from its first byte to the end of the handshake, and no longer than that
//! may take.
//!
//! **Invariant:** a client is only waited for without end before its first byte: browsers open
//! connections that they may never use.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::limits::Limits;
use super::rewound::{Rewound, Silent};
use crate::tls::{Hello, HelloReader};

/// Why there is no hello to go by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoHello {
    /// Something else is spoken, or nothing at all.
    NotTls,
    /// It has begun, and there is no more of it.
    Silent(Silent),
}

/// Read a client's hello, and keep it to be read again.
pub(super) async fn hello<S>(io: &mut Rewound<S>, limits: &Limits) -> Result<Hello, NoHello>
where
    S: AsyncRead + Unpin,
{
    let (mut reader, mut fed) = (HelloReader::default(), 0);
    loop {
        let new = io.first().get(fed..).unwrap_or_default();
        fed += new.len();
        if let Some(hello) = reader.feed(new).map_err(|_| NoHello::NotTls)? {
            return Ok(hello);
        }
        io.look(limits.head_time).await.map_err(|it| match io.first() {
            [HANDSHAKE, ..] => NoHello::Silent(it),
            _ if it == Silent::Left => NoHello::NotTls,
            _ => NoHello::Silent(it),
        })?;
    }
}

/// Answer a client's hello; `None` when the client does not come to the end of the handshake.
pub(super) async fn accept<S>(
    config: Arc<ServerConfig>,
    io: Rewound<S>,
    limits: &Limits,
) -> Option<io::Result<TlsStream<Rewound<S>>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    timeout(limits.head_time, TlsAcceptor::from(config).accept(io)).await.ok()
}

/// What is said of a client that took too long.
pub(super) fn overdue(limits: &Limits) -> String {
    let seconds = limits.head_time.as_secs();
    format!(
        "the client's TLS handshake was not complete after {seconds} s (--limit head-time=SECONDS)"
    )
}

/// How the first record of a client begins ([RFC 8446 §5.1](https://www.rfc-editor.org/rfc/rfc8446#section-5.1)).
const HANDSHAKE: u8 = 22;

/// What is said of one that went away.
pub(super) const LEFT: &str = "the client left in the middle of its TLS handshake";
