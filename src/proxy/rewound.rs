//! A stream whose first bytes were looked at, and are read again.
//!
//! **Invariant:** no byte is lost, changed or reordered by looking.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::through::write_through;

/// A stream, and what was already read from it.
#[derive(Debug)]
pub(super) struct Rewound<S> {
    first: Vec<u8>,
    /// How much of `first` was read again.
    at: usize,
    stream: S,
}

impl<S: AsyncRead + Unpin> Rewound<S> {
    pub(super) fn new(stream: S) -> Rewound<S> {
        Rewound { first: Vec::new(), at: 0, stream }
    }

    /// What was looked at so far.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Look at more; how much came, 0 at the end. Cancelling loses nothing.
    pub(super) async fn look(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.first).await
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let rest = this.first.get(this.at..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let n = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..n).unwrap_or_default());
        this.at += n;
        if this.at == this.first.len() {
            (this.first, this.at) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    write_through!(stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_again_what_was_looked_at() {
        let mut stream = Rewound::new(&b"abcdef"[..]);
        assert_eq!(stream.look().await.unwrap(), 6);
        assert_eq!(stream.look().await.unwrap(), 0);
        assert_eq!(stream.first(), b"abcdef");
        let mut two = [0; 2];
        stream.read_exact(&mut two).await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!((two.as_slice(), rest.as_str()), (b"ab".as_slice(), "cdef"));
    }
}
