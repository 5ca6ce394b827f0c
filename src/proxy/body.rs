//! Bodies on their way: passed on frame by frame, and shown to the recorder up to a limit.
//!
//! **Invariant:** nothing is collected. A frame is passed on before the next one is asked for,
//! so a body of any size takes the memory of one frame.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::connect::{Connection, Upstreams};
use super::io::Control;
use super::listener::TapState;
use super::scribe::{Piece, Scribe, Waiting, tell_or_wait};
use super::{failure, heads};
use crate::trace::{Event, FailureKind, HopId, Recorder};

/// What a body can break with.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way to the other side.
pub(super) enum Passing<R: Recorder> {
    /// From us: an error page.
    Own(Option<Bytes>),
    /// None, but its head says how long it would be (`304`).
    Absent(u64),
    Request(Box<RequestBody<R>>),
    Response(Box<ResponseBody<R>>),
}

/// A request's body on its way to the upstream.
pub(super) struct RequestBody<R: Recorder> {
    tee: Tee,
    id: HopId,
    tap: Arc<TapState<R>>,
    /// Opens when the upstream wants the body (`Expect: 100-continue`).
    gate: Option<Gate>,
    /// Says so when all of it has passed.
    sent: Arc<AtomicBool>,
}

/// A response's body on its way to the client. Its end is the end of the exchange.
pub(super) struct ResponseBody<R: Recorder> {
    tee: Tee,
    scribe: Scribe<R>,
    control: Arc<Control>,
    source: Option<Source<R>>,
    /// What it broke with, held back for a moment.
    broken: Option<Broken>,
}

struct Broken {
    error: hyper::Error,
    /// How long it is held back; `None` for one turn.
    until: Option<Pin<Box<tokio::time::Sleep>>>,
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
        tap: &Arc<TapState<R>>,
        limit: usize,
        gate: Option<Gate>,
    ) -> (Passing<R>, Option<Arc<AtomicBool>>) {
        if body.is_end_stream() {
            // The head says already that it is complete.
            return (Passing::Own(None), None);
        }
        let (tee, tap, sent) = (Tee::new(body, limit), Arc::clone(tap), Arc::default());
        let body = RequestBody { tee, id, tap, gate, sent: Arc::clone(&sent) };
        (Passing::Request(Box::new(body)), Some(sent))
    }

    /// The body of an answer that goes on to the client behind `control`.
    pub(super) fn response(
        body: Incoming,
        scribe: Scribe<R>,
        control: Arc<Control>,
        limit: usize,
        source: Source<R>,
    ) -> Passing<R> {
        let tee = Tee::new(body, limit);
        let mut body = ResponseBody { tee, scribe, control, source: Some(source), broken: None };
        if body.tee.over {
            body.scribe.end(None);
            body.release();
        }
        Passing::Response(Box::new(body))
    }
}

/// Passes frames on and says what there is to tell of them.
struct Tee {
    body: Incoming,
    /// Bytes that may still be kept.
    room: usize,
    /// The end was seen and told.
    over: bool,
    /// What is passed on when its recording has found room.
    held: Option<(Waiting, Held)>,
}

enum Held {
    /// A frame, or the end.
    Frame(Option<Frame<Bytes>>),
    /// Nothing yet: the next frame.
    Next,
}

/// A frame, or the end, and what to tell of it.
type Seen = (Option<Frame<Bytes>>, Option<Piece>);

impl Tee {
    fn new(body: Incoming, room: usize) -> Tee {
        // An empty body is complete from the start; the head says so already.
        let over = body.is_end_stream();
        Tee { body, room, over, held: None }
    }

    /// What was held back, when the recorder has found room.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Option<Held>> {
        let Some((waiting, _)) = &mut self.held else { return Poll::Ready(None) };
        ready!(waiting.poll_unpin(cx));
        Poll::Ready(self.held.take().map(|(_, held)| held))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Seen, hyper::Error>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()?;
        let piece = self.piece(frame.as_ref());
        Poll::Ready(Ok((frame, piece)))
    }

    fn piece(&mut self, frame: Option<&Frame<Bytes>>) -> Option<Piece> {
        let end = frame.is_none_or(Frame::is_trailers) || self.body.is_end_stream();
        let data = frame.and_then(Frame::data_ref).map(Bytes::as_ref).unwrap_or_default();
        if self.over || (data.is_empty() && !end) {
            return None;
        }
        self.over |= end;
        let kept = data.get(..self.room.min(data.len())).unwrap_or_default().to_vec();
        self.room -= kept.len();
        let trailers = frame.and_then(Frame::trailers_ref).map(heads::record);
        Some(Piece { kept, length: data.len() as u64, end, trailers })
    }

    /// Pass on `frame`, now or when `waiting` is over.
    fn pass(
        &mut self,
        waiting: Option<Waiting>,
        frame: Option<Frame<Bytes>>,
        cx: &mut Context<'_>,
    ) -> Polled {
        let Some(waiting) = waiting else { return Poll::Ready(frame.map(Ok)) };
        self.held = Some((waiting, Held::Frame(frame)));
        match ready!(self.poll_held(cx)) {
            Some(Held::Frame(frame)) => Poll::Ready(frame.map(Ok)),
            Some(Held::Next) | None => Poll::Ready(None),
        }
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, hyper::Error>>>;

impl<R: Recorder> RequestBody<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        if let Some(gate) = &mut self.gate {
            ready!(gate.poll_unpin(cx));
            self.gate = None;
        }
        let polled = match ready!(self.tee.poll_held(cx)) {
            Some(Held::Frame(frame)) => Poll::Ready(frame.map(Ok)),
            Some(Held::Next) | None => match ready!(self.tee.poll_next(cx)) {
                Ok((frame, piece)) => {
                    let id = self.id;
                    let waiting = piece.and_then(|it| {
                        let Piece { kept, length, end, trailers } = it;
                        let trailers =
                            trailers.map(|it| Event::RequestTrailers { id, trailers: it });
                        let body = Event::RequestBody { id, kept, length, end };
                        tell_or_wait(&self.tap, [trailers, Some(body)])
                    });
                    self.tee.pass(waiting, frame, cx)
                }
                Err(error) => Poll::Ready(Some(Err(error))),
            },
        };
        let polled = ready!(polled);
        if self.tee.over {
            self.sent.store(true, Ordering::Relaxed);
        }
        Poll::Ready(polled)
    }
}

impl<R: Recorder> ResponseBody<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Polled {
        if let Some(Broken { until, .. }) = &mut self.broken {
            if let Some(until) = until {
                ready!(until.poll_unpin(cx));
            }
            return Poll::Ready(self.broken.take().map(|it| Err(it.error)));
        }
        loop {
            if let Some(Held::Frame(frame)) = ready!(self.tee.poll_held(cx)) {
                return self.passed(frame);
            }
            let polled = match &mut self.source {
                Some(source) => source.connection.poll_with(cx, |cx| self.tee.poll_next(cx)),
                None => self.tee.poll_next(cx),
            };
            match polled {
                Poll::Pending => {
                    // Whoever looks at the trace shall see the head while the body is awaited.
                    let Some(waiting) = self.scribe.flush() else { return Poll::Pending };
                    self.tee.held = Some((waiting, Held::Next));
                }
                Poll::Ready(Ok((frame, piece))) => {
                    let waiting = piece.and_then(|it| self.scribe.body(it));
                    return match ready!(self.tee.pass(waiting, frame, cx)) {
                        Some(Ok(frame)) => self.passed(Some(frame)),
                        _ => self.passed(None),
                    };
                }
                Poll::Ready(Err(error)) => {
                    self.break_off(error);
                    // Asked again at once, the moment's timer is started.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    fn passed(&mut self, frame: Option<Frame<Bytes>>) -> Polled {
        if self.tee.over {
            self.scribe.told_all();
            self.release();
        }
        Poll::Ready(frame.map(Ok))
    }

    /// A broken body ends the connection, also for what is not written yet. One turn later the
    /// head and all before the break are: the client must not think that nothing came, and ask
    /// again. In HTTP/2 another task writes, and a reset stream loses what it has not written.
    fn break_off(&mut self, error: hyper::Error) {
        let broken = failure::of_hyper(&error);
        if broken.kind == FailureKind::Reset {
            self.control.reset_on_close();
        }
        self.scribe.end(Some(broken));
        let until = self.control.is_multiplexed().then(|| Box::pin(tokio::time::sleep(MOMENT)));
        self.broken = Some(Broken { error, until });
    }

    fn release(&mut self) {
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
            Passing::Absent(_) => return Poll::Ready(None),
            Passing::Request(body) => ready!(body.poll(cx)),
            Passing::Response(body) => ready!(body.poll(cx)),
        };
        Poll::Ready(polled.map(|it| it.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Passing::Own(bytes) => bytes.is_none(),
            // The library leaves the length out when there is nothing to wait for.
            Passing::Absent(_) => false,
            Passing::Request(body) => body.tee.held.is_none() && body.tee.body.is_end_stream(),
            Passing::Response(body) => body.tee.held.is_none() && body.tee.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            // Nobody shall add a length where none was said.
            Passing::Own(None) => SizeHint::default(),
            Passing::Own(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Passing::Absent(length) => SizeHint::with_exact(*length),
            Passing::Request(body) => body.tee.body.size_hint(),
            Passing::Response(body) => body.tee.body.size_hint(),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(20);
