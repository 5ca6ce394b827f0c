//! Bodies on their way: passed on frame by frame, and shown to the recorder up to a limit.
//!
//! **Invariant:** nothing is collected. A frame is passed on before the next one is asked for,
//! so a body of any size takes the memory of one frame.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::connect::{Connection, Upstreams};
use super::io::Control;
use super::scribe::{Scribe, Waiting, tell_later, tell_or_wait};
use super::{failure, heads};
use crate::trace::{Event, FailureKind, HopId, Recorder};

/// What a body can break with.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way to the other side.
pub(super) enum Passing<R: Recorder> {
    /// From us: an error page.
    Own(Option<Bytes>),
    Request(RequestBody<R>),
    Response(Box<ResponseBody<R>>),
}

/// A request's body on its way to the upstream.
pub(super) struct RequestBody<R: Recorder> {
    tee: Tee<R>,
    /// Opens when the upstream wants the body (`Expect: 100-continue`).
    gate: Option<Gate>,
    /// Says so when all of it has passed.
    sent: Option<Arc<AtomicBool>>,
}

/// A response's body on its way to the client. Its end is the end of the exchange.
pub(super) struct ResponseBody<R: Recorder> {
    tee: Tee<R>,
    scribe: Scribe<R>,
    control: Arc<Control>,
    source: Option<Source<R>>,
    /// What it broke with, held back for one turn.
    broken: Option<hyper::Error>,
}

/// The connection a body comes from, and where it belongs when the body has passed.
pub(super) struct Source<R: Recorder> {
    pub(super) connection: Connection<R>,
    pub(super) home: Arc<Upstreams<R>>,
    /// Whether the request's body has been sent; `None` for one without.
    pub(super) sent: Option<Arc<AtomicBool>>,
}

impl<R: Recorder> Source<R> {
    /// Keep the connection for the next request.
    fn release(mut self) {
        if self.sent.is_some_and(|it| !it.load(Ordering::Relaxed)) {
            // The answer came before the request was through.
            self.connection.detach();
        }
        self.home.keep(self.connection);
    }
}

/// Resolves when the upstream says `100 Continue`, or has said nothing for too long.
pub(super) type Gate = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A gate, and what opens it.
pub(super) fn gate() -> (oneshot::Sender<()>, Gate) {
    let (open, opened) = oneshot::channel::<()>();
    let gate = async move {
        // An upstream that does not know `Expect` says nothing; clients wait about as long.
        let _ = tokio::time::timeout(PATIENCE, opened).await;
    };
    (open, Box::pin(gate))
}

impl<R: Recorder> Passing<R> {
    pub(super) fn own(bytes: impl Into<Bytes>) -> Passing<R> {
        Passing::Own(Some(bytes.into()))
    }

    /// `body` of the request `id`; the first `limit` bytes are kept.
    pub(super) fn request(
        body: Incoming,
        id: HopId,
        recorder: &R,
        limit: usize,
        gate: Option<Gate>,
    ) -> (Passing<R>, Option<Arc<AtomicBool>>) {
        let tee = Tee::new(body, id, recorder, limit, Side::Request);
        let sent = (!tee.over).then(Arc::default);
        (Passing::Request(RequestBody { tee, gate, sent: sent.clone() }), sent)
    }

    /// The body of an answer that goes on to the client behind `control`.
    pub(super) fn response(
        body: Incoming,
        scribe: Scribe<R>,
        control: Arc<Control>,
        limit: usize,
        source: Source<R>,
    ) -> Passing<R> {
        let tee = Tee::new(body, scribe.id(), scribe.recorder(), limit, Side::Response);
        let mut body = ResponseBody { tee, scribe, control, source: Some(source), broken: None };
        if body.tee.over {
            body.end();
        }
        Passing::Response(Box::new(body))
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Request,
    Response,
}

/// Passes frames on and tells of them.
struct Tee<R: Recorder> {
    body: Incoming,
    id: HopId,
    recorder: R,
    side: Side,
    /// Bytes that may still be kept.
    room: usize,
    /// The end was seen and told.
    over: bool,
    /// A frame that is passed on when its recording has found room.
    held: Option<(Waiting, Option<Frame<Bytes>>)>,
}

impl<R: Recorder> Tee<R> {
    fn new(body: Incoming, id: HopId, recorder: &R, room: usize, side: Side) -> Tee<R> {
        // An empty body is complete from the start; the head says so already.
        let over = body.is_end_stream();
        Tee { body, id, recorder: recorder.clone(), side, room, over, held: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some((waiting, frame)) = &mut self.held {
            ready!(waiting.poll_unpin(cx));
            let frame = frame.take();
            self.held = None;
            return Poll::Ready(frame.map(Ok));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => Some(frame),
            None => None,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
        };
        if let Some(trailers) = frame.as_ref().and_then(Frame::trailers_ref) {
            let (id, trailers) = (self.id, heads::record(trailers));
            let event = match self.side {
                Side::Request => Event::RequestTrailers { id, trailers },
                Side::Response => Event::ResponseTrailers { id, trailers },
            };
            tell_later(&self.recorder, event);
        }
        let Some(event) = self.event(frame.as_ref()) else { return Poll::Ready(frame.map(Ok)) };
        if let Some(waiting) = tell_or_wait(&self.recorder, event) {
            self.held = Some((waiting, frame));
            return self.poll(cx);
        }
        Poll::Ready(frame.map(Ok))
    }

    /// What there is to tell of this frame, or of the end.
    fn event(&mut self, frame: Option<&Frame<Bytes>>) -> Option<Event> {
        let end = frame.is_none_or(Frame::is_trailers) || self.body.is_end_stream();
        let data = frame.and_then(Frame::data_ref).map(Bytes::as_ref).unwrap_or_default();
        if self.over || (data.is_empty() && !end) {
            return None;
        }
        self.over |= end;
        let kept = data.get(..self.room.min(data.len())).unwrap_or_default().to_vec();
        self.room -= kept.len();
        let (id, length) = (self.id, data.len() as u64);
        Some(match self.side {
            Side::Request => Event::RequestBody { id, kept, length, end },
            Side::Response => Event::ResponseBody { id, kept, length, end },
        })
    }
}

impl<R: Recorder> ResponseBody<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let mut polled = self.tee.poll(cx);
        if let (Poll::Pending, Some(source)) = (&polled, &mut self.source) {
            source.connection.drive(cx);
            polled = self.tee.poll(cx);
        }
        match ready!(polled) {
            Some(Err(error)) => {
                let broken = failure::of_hyper(&error);
                if broken.kind == FailureKind::Reset {
                    self.control.reset_on_close();
                }
                self.scribe.end(Some(broken));
                // A broken body ends the connection, also for what is not written yet. One turn
                // later the head and all before the break are: the client must not think that
                // nothing came, and ask again.
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            polled => {
                if self.tee.over {
                    self.end();
                }
                Poll::Ready(polled)
            }
        }
    }

    fn end(&mut self) {
        self.scribe.end(None);
        if let Some(source) = self.source.take() {
            source.release();
        }
    }
}

impl<R: Recorder> Body for Passing<R> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut *self {
            Passing::Own(bytes) => {
                return Poll::Ready(bytes.take().map(|it| Ok(Frame::data(it))));
            }
            Passing::Request(body) => {
                if let Some(gate) = &mut body.gate {
                    ready!(gate.poll_unpin(cx));
                    body.gate = None;
                }
                let polled = ready!(body.tee.poll(cx));
                if let Some(sent) = body.sent.as_ref().filter(|_| body.tee.over) {
                    sent.store(true, Ordering::Relaxed);
                }
                polled
            }
            Passing::Response(body) => ready!(body.poll(cx)),
        };
        Poll::Ready(polled.map(|it| it.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Passing::Own(bytes) => bytes.is_none(),
            Passing::Request(body) => body.tee.held.is_none() && body.tee.body.is_end_stream(),
            Passing::Response(body) => body.tee.held.is_none() && body.tee.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Passing::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |it| it.len() as u64))
            }
            Passing::Request(body) => body.tee.body.size_hint(),
            Passing::Response(body) => body.tee.body.size_hint(),
        }
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);
