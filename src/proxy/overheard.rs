//! A stream, and somebody who hears what is read from it.
//!
//! **Invariant:** no byte is changed, held back or added.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::through::write_through;

/// Hears what is read.
pub(super) trait Ear: Unpin {
    fn hear(&mut self, bytes: &[u8]);
}

/// A stream that lets somebody hear what is read from it.
#[derive(Debug)]
pub(super) struct Overheard<S, E> {
    stream: S,
    ear: E,
}

impl<S, E> Overheard<S, E> {
    pub(super) fn new(stream: S, ear: E) -> Overheard<S, E> {
        Overheard { stream, ear }
    }
}

impl<S: AsyncRead + Unpin, E: Ear> AsyncRead for Overheard<S, E> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(read) = buf.filled().get(before..).filter(|it| !it.is_empty()) {
            self.ear.hear(read);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin, E: Ear> AsyncWrite for Overheard<S, E> {
    write_through!(stream);
}
