//! Who tells the recorder about one exchange, and makes sure that its end is told.
//!
//! **Invariant:** every exchange that was begun is ended exactly once, also when the client goes
//! away and its future is dropped.

use std::future::Future;
use std::pin::Pin;

use crate::trace::{Event, Failure, FailureKind, HopId, Recorder};

/// A recording that has to wait for room.
pub(super) type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The open end of one exchange.
pub(super) struct Scribe<R: Recorder> {
    recorder: R,
    id: HopId,
    open: bool,
}

impl<R: Recorder> Scribe<R> {
    pub(super) fn new(recorder: &R) -> Scribe<R> {
        Scribe { recorder: recorder.clone(), id: recorder.next_id(), open: true }
    }

    pub(super) fn id(&self) -> HopId {
        self.id
    }

    pub(super) fn recorder(&self) -> &R {
        &self.recorder
    }

    pub(super) async fn tell(&self, event: Event) {
        tell(&self.recorder, event).await;
    }

    /// Nothing was told, and nothing will be: another scribe tells.
    pub(super) fn dismiss(mut self) {
        self.open = false;
    }

    /// It is over.
    pub(super) fn end(&mut self, failure: Option<Failure>) {
        if std::mem::replace(&mut self.open, false) {
            let event = Event::Ended { id: self.id, at: self.recorder.now(), failure };
            tell_later(&self.recorder, event);
        }
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

/// Record now, waiting for room if there is none.
pub(super) async fn tell<R: Recorder>(recorder: &R, event: Event) {
    if let Some(event) = recorder.offer(event) {
        recorder.record(event).await;
    }
}

/// Record from where nothing can wait.
pub(super) fn tell_later<R: Recorder>(recorder: &R, event: Event) {
    let Some(event) = recorder.offer(event) else { return };
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let recorder = recorder.clone();
        runtime.spawn(async move { recorder.record(event).await });
    }
}

/// Record from a poll: what comes back has to be polled to its end first.
pub(super) fn tell_or_wait<R: Recorder>(recorder: &R, event: Event) -> Option<Waiting> {
    let event = recorder.offer(event)?;
    let recorder = recorder.clone();
    Some(Box::pin(async move { recorder.record(event).await }))
}
