//! A stream inside another one (HTTP within TLS), whose first bytes are kept for who could not
//! understand them.
//!
//! **Invariant:** no byte is changed, held back or added.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::io::Control;

/// A stream that tells its control what was read.
#[derive(Debug)]
pub(super) struct InnerIo<S> {
    stream: S,
    control: Arc<Control>,
}

impl<S> InnerIo<S> {
    pub(super) fn new(stream: S, control: Arc<Control>) -> InnerIo<S> {
        InnerIo { stream, control }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for InnerIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(read) = buf.filled().get(before..).filter(|it| !it.is_empty()) {
            self.control.keep(read);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for InnerIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
