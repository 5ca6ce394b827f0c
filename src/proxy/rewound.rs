//! A stream whose first bytes were looked at, and are read again.
//!
//! **Invariant:** no byte is lost, changed or reordered by looking.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::through::write_through;

/// A stream, and what was already read from it.
#[derive(Debug)]
pub(super) struct Rewound<S> {
    first: Vec<u8>,
    /// How much of `first` was read again.
    at: usize,
    /// When the first byte was there.
    since: Option<Instant>,
    stream: S,
}

/// Why there is nothing more to look at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Silent {
    /// The other side went away.
    Left,
    /// It has begun, and does not go on.
    Overdue,
}

impl<S: AsyncRead + Unpin> Rewound<S> {
    pub(super) fn new(stream: S) -> Rewound<S> {
        Rewound { first: Vec::new(), at: 0, since: None, stream }
    }

    /// What was looked at so far.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Look at more: the first byte is waited for without end, those that follow for so long
    /// since then. Cancelling loses nothing.
    pub(super) async fn look(&mut self, limit: Duration) -> Result<(), Silent> {
        let until = self.since.map(|it| it + limit);
        let reading = self.stream.read_buf(&mut self.first);
        let read = match until {
            Some(until) => timeout_at(until, reading).await.map_err(|_| Silent::Overdue)?,
            None => reading.await,
        };
        if read.unwrap_or(0) == 0 {
            return Err(Silent::Left);
        }
        self.since.get_or_insert_with(Instant::now);
        Ok(())
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
    use futures_util::FutureExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn reads_again_what_was_looked_at() {
        let mut stream = Rewound::new(&b"abcdef"[..]);
        assert_eq!(stream.look(LONG).await, Ok(()));
        assert_eq!(stream.look(LONG).await, Err(Silent::Left));
        assert_eq!(stream.first(), b"abcdef");
        let mut two = [0; 2];
        stream.read_exact(&mut two).await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!((two.as_slice(), rest.as_str()), (b"ab".as_slice(), "cdef"));
    }

    #[tokio::test]
    async fn waits_for_the_first_byte_and_not_for_long_after_it() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut stream = Rewound::new(server);
        assert_eq!(stream.look(Duration::ZERO).now_or_never(), None);
        client.write_all(b"a").await.unwrap();
        assert_eq!(stream.look(Duration::ZERO).await, Ok(()));
        assert_eq!(stream.look(Duration::ZERO).await, Err(Silent::Overdue));
        // Another byte in time gives no more of it.
        client.write_all(b"b").await.unwrap();
        assert_eq!(stream.look(LONG).await, Ok(()));
        assert_eq!(stream.look(Duration::ZERO).await, Err(Silent::Overdue));
        assert_eq!(stream.first(), b"ab");
    }

    const LONG: Duration = Duration::from_secs(30);
}
