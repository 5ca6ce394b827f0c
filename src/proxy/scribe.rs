//! Who tells the recorder about one exchange, and makes sure that its end is told.
//!
//! **Invariant:** every exchange that was begun is ended exactly once, also when the client goes
//! away and its future is dropped.
//!
//! **Invariant:** an answer's head is held back only as long as nothing has to be waited for:
//! most answers come at once, and are told at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::listener::TapState;
use crate::trace::{
    Body, Event, Failure, FailureKind, Headers, HopId, OwnChange, Recorder, Response, Time,
};

/// A recording that has to wait for room.
pub(super) type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The open end of one exchange.
pub(super) struct Scribe<R: Recorder> {
    tap: Arc<TapState<R>>,
    id: HopId,
    open: bool,
    /// An answer's head that was not told yet.
    head: Option<Box<Head>>,
}

struct Head {
    at: Time,
    response: Response,
    own_changes: Vec<OwnChange>,
}

/// What went by of a body.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// What is within the capture limit.
    pub(super) kept: Vec<u8>,
    /// How long it was.
    pub(super) length: u64,
    /// Nothing comes after it.
    pub(super) end: bool,
    /// The fields after the body.
    pub(super) trailers: Option<Headers>,
}

impl<R: Recorder> Scribe<R> {
    pub(super) fn new(tap: &Arc<TapState<R>>) -> Scribe<R> {
        Scribe { tap: Arc::clone(tap), id: tap.recorder.next_id(), open: true, head: None }
    }

    pub(super) fn id(&self) -> HopId {
        self.id
    }

    pub(super) fn tap(&self) -> &Arc<TapState<R>> {
        &self.tap
    }

    /// Record an event now; what comes back waits for room, if there is none.
    pub(super) fn tell(&self, event: Event) -> impl Future<Output = ()> + use<R> {
        let waiting = tell_or_wait(&self.tap, [Some(event)]);
        async move {
            if let Some(waiting) = waiting {
                waiting.await;
            }
        }
    }

    /// An answer has begun. It is told with what comes of its body, or by [`Scribe::flush`].
    pub(super) fn answered(&mut self, response: Response, own_changes: Vec<OwnChange>) {
        let at = self.tap.recorder.now();
        self.head = Some(Box::new(Head { at, response, own_changes }));
    }

    /// Tell what was held back: now something has to be waited for.
    pub(super) fn flush(&mut self) -> Option<Waiting> {
        let head = self.head.take()?;
        tell_or_wait(&self.tap, [Some(head.event(self.id))])
    }

    /// A piece of the answer's body. When there is something to wait for and the piece is the
    /// last one, [`Scribe::told_all`] is due afterwards.
    pub(super) fn body(&mut self, piece: Piece) -> Option<Waiting> {
        let (id, head) = (self.id, self.head.take());
        let Piece { kept, length, end, trailers } = piece;
        match head {
            Some(mut head) if end && trailers.is_none() => {
                head.response.body = Body { bytes: kept, length, complete: true };
                tell_or_wait(&self.tap, [Some(head.whole(id, self.tap.recorder.now()))])
            }
            head => {
                let events = [
                    head.map(|it| it.event(id)),
                    Some(Event::ResponseBody { id, kept, length, end }),
                    trailers.map(|trailers| Event::ResponseTrailers { id, trailers }),
                    end.then(|| Event::Ended { id, at: self.tap.recorder.now(), failure: None }),
                ];
                tell_or_wait(&self.tap, events)
            }
        }
    }

    /// The end was told with what came before it.
    pub(super) fn told_all(&mut self) {
        self.open = false;
    }

    /// Nothing was told, and nothing will be: another scribe tells.
    pub(super) fn dismiss(mut self) {
        self.open = false;
    }

    /// It is over.
    pub(super) fn end(&mut self, failure: Option<Failure>) {
        if std::mem::replace(&mut self.open, false) {
            let (id, at) = (self.id, self.tap.recorder.now());
            let (first, second) = match (self.head.take(), failure) {
                (Some(head), None) => (None, head.whole(id, at)),
                (head, failure) => (head.map(|it| it.event(id)), Event::Ended { id, at, failure }),
            };
            tell_later(&self.tap, [first, Some(second)]);
        }
    }
}

impl Head {
    fn event(self, id: HopId) -> Event {
        let Head { at, response, own_changes } = self;
        Event::Answered { id, at, response, own_changes }
    }

    /// The whole answer; it is over by `ended`.
    fn whole(self, id: HopId, ended: Time) -> Event {
        let Head { at: answered, response, own_changes } = self;
        Event::Whole { id, answered, response, own_changes, ended }
    }
}

impl<R: Recorder> Drop for Scribe<R> {
    fn drop(&mut self) {
        if self.open {
            let detail = "broken off before its end".to_owned();
            self.end(Some(Failure { kind: FailureKind::Aborted, detail }));
        }
    }
}

/// What could not be recorded where it happened, until its exchange tells something else.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// How many there are: nearly always none, and then nobody has to wait to know.
    count: AtomicUsize,
    events: Mutex<Vec<Event>>,
}

impl Held {
    fn put(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        self.count.store(events.len(), Ordering::Release);
    }

    /// Those of one exchange, in their order.
    fn take(&self, id: HopId) -> Vec<Event> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = events.extract_if(.., |it| it.id() == id).collect();
        self.count.store(events.len(), Ordering::Release);
        taken
    }
}

/// Record from where nothing can wait, what must not come after the end of its exchange: if
/// there is no room, with what the exchange tells next.
pub(super) fn tell_with_next<R: Recorder>(tap: &TapState<R>, event: Event) {
    if let Some(event) = tap.recorder.offer(event) {
        tap.held.put(event);
    }
}

/// Record from where nothing can wait, in this order. The tap does not end before it is done.
fn tell_later<R: Recorder, const N: usize>(tap: &Arc<TapState<R>>, events: [Option<Event>; N]) {
    let Some(waiting) = tell_or_wait(tap, events) else { return };
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(waiting);
    }
}

/// Record from a poll, in this order: what comes back has to be polled to its end first.
pub(super) fn tell_or_wait<R: Recorder, const N: usize>(
    tap: &Arc<TapState<R>>,
    events: [Option<Event>; N],
) -> Option<Waiting> {
    let held = events.iter().flatten().next().map(|it| tap.held.take(it.id()));
    let mut events = held.unwrap_or_default().into_iter().chain(events.into_iter().flatten());
    let first = events.find_map(|it| tap.recorder.offer(it))?;
    let tap = Arc::clone(tap);
    let rest: Vec<_> = events.collect();
    Some(Box::pin(async move {
        tap.recorder.record(first).await;
        for event in rest {
            tap.recorder.record(event).await;
        }
    }))
}
