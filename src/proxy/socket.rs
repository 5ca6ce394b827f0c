//! A connection to an upstream, encrypted or not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConnection;

use super::failure;
use crate::tls::LazyTls;
use crate::trace::{Failure, FailureKind};

/// A connection to an upstream, encrypted or not.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// TLS to an upstream, inside of TLS to the proxy on the way.
    Nested(Box<TlsStream<Socket>>),
}

impl Socket {
    /// TLS over it, with the server called `host`, offering `protocols`.
    pub(super) async fn encrypt(
        self,
        host: &str,
        protocols: &[&[u8]],
        tls: &LazyTls,
    ) -> Result<Socket, Failure> {
        let Some(tls) = tls.get() else {
            return Err(failure::failure(FailureKind::Tls, "this tap has no TLS"));
        };
        let encrypted = match self {
            Socket::Plain(it) => {
                tls.connect(host, protocols, it).await.map(|it| Socket::Tls(Box::new(it)))
            }
            outer => {
                tls.connect(host, protocols, outer).await.map(|it| Socket::Nested(Box::new(it)))
            }
        };
        encrypted.map_err(|it| of_handshake(&it))
    }

    /// The innermost TLS on it.
    pub(super) fn session(&self) -> Option<&ClientConnection> {
        match self {
            Socket::Plain(_) => None,
            Socket::Tls(it) => Some(it.get_ref().1),
            Socket::Nested(it) => Some(it.get_ref().1),
        }
    }

    /// What all of it goes over.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Socket::Plain(it) => it,
            Socket::Tls(it) => it.get_ref().0,
            Socket::Nested(it) => it.get_ref().0.tcp(),
        }
    }

    /// Until there is something to read, or an end. Nothing is taken.
    pub(super) async fn speaks(&mut self) {
        let _ended = match self {
            Socket::Plain(it) => it.peek(&mut [0]).await.map(drop),
            Socket::Tls(it) => it.fill_buf().await.map(drop),
            Socket::Nested(it) => it.fill_buf().await.map(drop),
        };
    }
}

/// A server that ends the connection in the middle of a handshake speaks no TLS.
fn of_handshake(error: &io::Error) -> Failure {
    match failure::of_io(error) {
        Failure { kind: FailureKind::Closed, detail } => Failure { kind: FailureKind::Tls, detail },
        other => other,
    }
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
            Socket::Nested(it) => Pin::new(it).poll_read(cx, buf),
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
            Socket::Nested(it) => Pin::new(it).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Plain(it) => Pin::new(it).poll_flush(cx),
            Socket::Tls(it) => Pin::new(it).poll_flush(cx),
            Socket::Nested(it) => Pin::new(it).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Socket::Plain(it) => Pin::new(it).poll_shutdown(cx),
            Socket::Tls(it) => Pin::new(it).poll_shutdown(cx),
            Socket::Nested(it) => Pin::new(it).poll_shutdown(cx),
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
            Socket::Nested(it) => Pin::new(it).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Plain(it) => it.is_write_vectored(),
            Socket::Tls(it) => it.is_write_vectored(),
            Socket::Nested(it) => it.is_write_vectored(),
        }
    }
}
