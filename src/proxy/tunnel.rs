//! Connections that stop speaking HTTP: bytes are copied both ways and counted. WebSocket frames
//! are read from a copy of them, anything else stays unread.
//!
//! **Invariant:** every byte goes on as it came and at once, whatever is made of its copy.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::sync::Notify;

use super::failure;
use super::frames::Parser;
use super::listener::Life;
use super::scribe::Scribe;
use super::through::write_through;
use crate::trace::{Event, Frames, From, Recorder};

/// What is made of the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// Their number.
    Count,
    /// WebSocket frames, with so many bytes of payload kept in either direction.
    Frames { kept: usize },
}

/// Copy until both sides have ended, and tell how much went by, also while it runs.
pub(super) async fn copy<R, A, B>(
    client: A,
    upstream: B,
    reading: Heard,
    mut scribe: Scribe<R>,
    mut life: Life,
) where
    R: Recorder,
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let heard = Arc::new(Untold::default());
    let ear = |from| match reading {
        Heard::Count => None,
        Heard::Frames { kept } => {
            let (parser, recorder) = (Parser::new(from, kept), scribe.tap().recorder.clone());
            Some(Ear { parser, recorder, heard: Arc::clone(&heard) })
        }
    };
    let (mut client, sent) = Counted::new(client, ear(From::Client));
    let (mut upstream, received) = Counted::new(upstream, ear(From::Server));
    let mut told = Told::default();
    let mut ticks = tokio::time::interval(EVERY);
    let ended = {
        let copying = copy_bidirectional(&mut client, &mut upstream);
        tokio::pin!(copying);
        loop {
            tokio::select! {
                ended = &mut copying => break Some(ended),
                _ = ticks.tick() => {
                    heard.tell(&scribe).await;
                    told.tell(&scribe, &sent, &received, false).await;
                }
                () = heard.many.notified() => heard.tell(&scribe).await,
                () = life.stopped() => break None,
            }
        }
    };
    client.end();
    upstream.end();
    heard.tell(&scribe).await;
    told.tell(&scribe, &sent, &received, true).await;
    scribe.end(match ended {
        Some(Err(error)) => Some(failure::of_io(&error)),
        Some(Ok(_)) | None => None,
    });
}

/// The frames that were read and not told yet.
#[derive(Default)]
struct Untold {
    frames: Mutex<Frames>,
    /// There are so many that they are told before it is time: frames may be two bytes long, and
    /// millions of them come between two looks.
    many: Notify,
}

impl Untold {
    fn read(&self, read: impl FnOnce(&mut Frames)) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        read(&mut frames);
        if frames.packed().len() > MANY {
            self.many.notify_one();
        }
    }

    async fn tell<R: Recorder>(&self, scribe: &Scribe<R>) {
        let mut frames = Frames::default();
        self.read(|it| frames = std::mem::take(it));
        if !frames.is_empty() {
            scribe.tell(Event::Frames { id: scribe.id(), frames }).await;
        }
    }
}

/// Reads the frames of one direction.
struct Ear<R> {
    parser: Parser,
    recorder: R,
    heard: Arc<Untold>,
}

impl<R: Recorder> Ear<R> {
    fn hear(&mut self, bytes: &[u8]) {
        let now = self.recorder.now();
        self.heard.read(|frames| self.parser.read(bytes, now, frames));
    }
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

/// A stream that counts what is read from it, and hears it where somebody listens.
struct Counted<S, R> {
    stream: S,
    count: Arc<AtomicU64>,
    ear: Option<Ear<R>>,
}

impl<S, R: Recorder> Counted<S, R> {
    fn new(stream: S, ear: Option<Ear<R>>) -> (Counted<S, R>, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        (Counted { stream, count: Arc::clone(&count), ear }, count)
    }

    /// Nothing more will be heard.
    fn end(&mut self) {
        if let Some(Ear { parser, recorder, heard }) = &mut self.ear {
            heard.read(|frames| parser.end(recorder.now(), frames));
        }
    }
}

impl<S: AsyncRead + Unpin, R: Recorder> AsyncRead for Counted<S, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = match Pin::new(&mut self.stream).poll_read(cx, buf) {
            // Browsers end TLS without a goodbye; what was said tells whether it was the end.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            polled => polled,
        };
        let read = buf.filled().get(before..).unwrap_or_default();
        self.count.fetch_add(read.len() as u64, Ordering::Relaxed);
        if let Some(ear) = self.ear.as_mut().filter(|_| !read.is_empty()) {
            ear.hear(read);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin, R: Recorder> AsyncWrite for Counted<S, R> {
    write_through!(stream);
}

/// How often a running tunnel says how much went by.
const EVERY: Duration = Duration::from_millis(250);
/// Bytes of recorded frames that do not wait for that.
const MANY: usize = 256 << 10;
