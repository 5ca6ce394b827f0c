//! Connections that stop speaking HTTP: bytes are copied both ways, unread, and counted.
//!
//! **Invariant:** no byte of a tunnel is kept.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};

use super::failure;
use super::listener::Life;
use super::scribe::Scribe;
use crate::trace::{Event, Recorder};

/// Copy until both sides have ended, and tell how much went by, also while it runs.
pub(super) async fn copy<R, A, B>(client: A, upstream: B, mut scribe: Scribe<R>, mut life: Life)
where
    R: Recorder,
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut client, sent) = Counted::new(client);
    let (mut upstream, received) = Counted::new(upstream);
    let mut told = Told::default();
    let mut ticks = tokio::time::interval(EVERY);
    let copying = copy_bidirectional(&mut client, &mut upstream);
    tokio::pin!(copying);
    let ended = loop {
        tokio::select! {
            ended = &mut copying => break Some(ended),
            _ = ticks.tick() => told.tell(&scribe, &sent, &received, false).await,
            () = life.stopped() => break None,
        }
    };
    told.tell(&scribe, &sent, &received, true).await;
    scribe.end(match ended {
        Some(Err(error)) => Some(failure::of_io(&error)),
        Some(Ok(_)) | None => None,
    });
}

/// What the recorder has heard of.
#[derive(Default)]
struct Told {
    sent: u64,
    received: u64,
}

impl Told {
    async fn tell<R: Recorder>(
        &mut self,
        scribe: &Scribe<R>,
        sent: &AtomicU64,
        received: &AtomicU64,
        end: bool,
    ) {
        let (sent, received) = (sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed));
        let (id, kept) = (scribe.id(), Vec::new);
        if sent > self.sent || end {
            let length = sent - self.sent;
            scribe.tell(Event::RequestBody { id, kept: kept(), length, end }).await;
        }
        if received > self.received || end {
            let length = received - self.received;
            scribe.tell(Event::ResponseBody { id, kept: kept(), length, end }).await;
        }
        (self.sent, self.received) = (sent, received);
    }
}

/// A stream that counts what is read from it.
struct Counted<S> {
    stream: S,
    count: Arc<AtomicU64>,
}

impl<S> Counted<S> {
    fn new(stream: S) -> (Counted<S>, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        (Counted { stream, count: Arc::clone(&count) }, count)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.count.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
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
}

/// How often a running tunnel says how much went by.
const EVERY: Duration = Duration::from_millis(250);
