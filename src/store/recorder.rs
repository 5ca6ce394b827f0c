//! The recorder that puts what it is told into a trace.
//!
//! **Invariant:** it does nothing but name and queue; whatever costs time is the writer's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Clock;
use super::queue::{Item, Queue};
use super::{Error, Unrecorded};
use crate::trace::{Event, Hop, HopId, Recorder, Time};

/// Records into one trace. Clones share it.
#[derive(Clone, Debug)]
pub struct StoreRecorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    random: u64,
    sequence: AtomicU64,
    clock: Clock,
    queue: Arc<Queue>,
}

impl StoreRecorder {
    pub(super) fn new(queue: Arc<Queue>) -> Result<StoreRecorder, Error> {
        let random = getrandom::u64().map_err(|source| Error::Random { source })?;
        let clock = Clock::start();
        Ok(StoreRecorder(Arc::new(Shared { random, sequence: AtomicU64::new(1), clock, queue })))
    }

    /// The number that stands in the id of every hop this recorder names.
    pub fn random(&self) -> u64 {
        self.0.random
    }

    /// Put in a hop that is already over and has its id, as one made by
    /// [`Recorder::next_id`] or by another recorder.
    pub async fn insert(&self, hop: Hop) {
        self.0.queue.push(Item::Hop(Box::new(hop))).await;
    }

    /// [`StoreRecorder::insert`] outside of tokio.
    pub fn insert_blocking(&self, hop: Hop) {
        self.0.queue.push_blocking(Item::Hop(Box::new(hop)));
    }

    /// What could not be kept so far.
    pub fn unrecorded(&self) -> Unrecorded {
        self.0.queue.unrecorded()
    }
}

impl Recorder for StoreRecorder {
    fn next_id(&self) -> HopId {
        let sequence = self.0.sequence.fetch_add(1, Ordering::Relaxed);
        HopId { recorder: self.0.random, sequence }
    }

    fn now(&self) -> Time {
        self.0.clock.now()
    }

    fn offer(&self, event: Event) -> Option<Event> {
        match self.0.queue.offer(Item::Event(event)) {
            Some(Item::Event(event)) => Some(event),
            Some(Item::Hop(_)) | None => None,
        }
    }

    async fn record(&self, event: Event) {
        self.0.queue.push(Item::Event(event)).await;
    }
}
