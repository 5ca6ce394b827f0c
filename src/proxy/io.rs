//! The client's socket, with what its tap needs to know and to do beyond HTTP.
//!
//! **Invariant:** no byte is changed, held back or added.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::overheard::Ear;
use super::unread::Unread;

/// What the socket and the exchanges on it share.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// Close with a reset instead of a clean end. Shared with what is spoken inside the
    /// connection, as HTTP within TLS.
    reset: Arc<AtomicBool>,
    /// Many exchanges share the socket, so that none may close it.
    many: AtomicBool,
    /// What came since the last request that was understood.
    unread: Mutex<Unread>,
}

impl Control {
    /// For what is spoken inside this connection.
    pub(super) fn inside(&self) -> Control {
        let many = AtomicBool::new(self.many.load(Ordering::Relaxed));
        Control { reset: Arc::clone(&self.reset), many, unread: Mutex::default() }
    }

    /// Many exchanges share the connection from now on.
    pub(super) fn multiplexed(&self) {
        self.many.store(true, Ordering::Relaxed);
        *self.unread() = Unread::frames();
    }

    pub(super) fn is_multiplexed(&self) -> bool {
        self.many.load(Ordering::Relaxed)
    }

    pub(super) fn reset_on_close(&self) {
        if !self.is_multiplexed() {
            self.reset.store(true, Ordering::Relaxed);
        }
    }

    /// What came since the last request that was understood.
    pub(super) fn unread(&self) -> MutexGuard<'_, Unread> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, bytes: &[u8]) {
        self.unread().push(bytes);
    }
}

/// First bytes are kept for who could not understand them.
impl Ear for Arc<Control> {
    fn hear(&mut self, bytes: &[u8]) {
        self.keep(bytes);
    }
}

/// The client's socket.
#[derive(Debug)]
pub(super) struct ClientIo {
    stream: TcpStream,
    control: Arc<Control>,
}

impl ClientIo {
    pub(super) fn new(stream: TcpStream, control: Arc<Control>) -> ClientIo {
        ClientIo { stream, control }
    }
}

impl Drop for ClientIo {
    fn drop(&mut self) {
        if self.control.reset.load(Ordering::Relaxed) {
            // Closing with a zero linger is how a socket sends a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for ClientIo {
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

impl AsyncWrite for ClientIo {
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
        if self.control.reset.load(Ordering::Relaxed) {
            // A clean end first would hide the reset.
            return Poll::Ready(Ok(()));
        }
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
