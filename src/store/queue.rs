//! The bounded queue between the recorders and the one writer.
//!
//! Recorders push under a short lock; the writer takes everything at once. So a burst costs one
//! lock per event and no wake-up, and the writer works in batches.
//!
//! What waits is held so short ([`Pace`](super::pace::Pace)) that it is soon in the file; recorders
//! wait for the rest, and with them the traffic.
//!
//! **Invariant:** a push never waits longer than [`PATIENCE`], and not at all once the writer is
//! known to be stuck.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Unrecorded;
use super::pace::{MOST, Pace};
use crate::trace::{Event, Headers, Hop, HopId, Response};

/// What a recorder hands over.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and they stay in place")]
pub(super) enum Item {
    Event(Event),
    /// A hop that is already over.
    Hop(Box<Hop>),
}

impl Item {
    fn id(&self) -> HopId {
        match self {
            Item::Event(event) => event.id(),
            Item::Hop(hop) => hop.id,
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Item::Event(event) => event.is_end(),
            Item::Hop(_) => true,
        }
    }

    /// Roughly the bytes held.
    fn weight(&self) -> usize {
        let held = match self {
            Item::Event(Event::RequestBody { kept, .. } | Event::ResponseBody { kept, .. }) => {
                kept.len()
            }
            Item::Event(Event::Frames { frames, .. }) => frames.packed().len(),
            Item::Event(Event::Asked { request, .. }) => head(&request.headers),
            Item::Event(Event::Answered { response, .. }) => head(&response.headers),
            Item::Event(Event::Whole { response, .. }) => {
                head(&response.headers) + response.body.bytes.len()
            }
            Item::Event(Event::Interim { interim, .. }) => interim.headers.bytes(),
            Item::Event(
                Event::RequestTrailers { trailers, .. } | Event::ResponseTrailers { trailers, .. },
            ) => trailers.bytes(),
            Item::Hop(hop) => {
                let of = |it: &Response| head(&it.headers) + it.body.bytes.len();
                head(&hop.request.headers)
                    + hop.request.body.bytes.len()
                    + hop.response().map_or(0, of)
            }
            Item::Event(_) => 0,
        };
        held + size_of::<Item>()
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Wakes the writer before its tick: there is much to do, or an end.
    work: Condvar,
    /// Wakes recorders that wait for room.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    items: Vec<Item>,
    weight: usize,
    pace: Pace,
    /// No more will come.
    closed: bool,
    /// The writer has not kept up for longer than recorders wait: memory is the limit, and what is
    /// beyond that is lost.
    stuck: bool,
    /// Hops of which an event was lost. Whatever else comes of them is dropped too.
    lost: HashSet<HopId>,
    /// Those of `lost` that the writer has not heard of.
    unheard: Vec<HopId>,
    unrecorded: Unrecorded,
}

/// What the writer takes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    /// Roughly their bytes.
    pub(super) weight: usize,
    pub(super) lost: Vec<HopId>,
    pub(super) unrecorded: Unrecorded,
    pub(super) closed: bool,
}

impl Queue {
    /// Push without waiting; the item comes back when there is no room.
    pub(super) fn offer(&self, item: Item) -> Option<Item> {
        let weight = item.weight();
        self.put(&mut self.lock(), item, weight)
    }

    fn put(&self, state: &mut State, item: Item, weight: usize) -> Option<Item> {
        if state.drops(&item) {
            return None;
        }
        if state.weight + weight > state.room() && !state.items.is_empty() {
            if state.stuck {
                state.lose(&item, STUCK);
                return None;
            }
            return Some(item);
        }
        let was_much = state.is_much();
        state.weight += weight;
        state.items.push(item);
        if state.is_much() && !was_much {
            self.work.notify_one();
        }
        None
    }

    /// Push, and wait for room as long as [`PATIENCE`] allows.
    pub(super) async fn push(&self, item: Item) {
        let Some(mut item) = self.offer(item) else { return };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let room = self.room.notified();
            match self.offer(item) {
                None => return,
                Some(back) => item = back,
            }
            if tokio::time::timeout_at(deadline, room).await.is_err() {
                return self.insist(item);
            }
        }
    }

    /// [`Queue::push`] for a thread of its own.
    pub(super) fn push_blocking(&self, item: Item) {
        let Some(mut item) = self.offer(item) else { return };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
            match self.offer(item) {
                None => return,
                Some(back) => item = back,
            }
        }
        self.insist(item);
    }

    /// What has come by `until`, or when it is much. What comes from now on is put into `spare`,
    /// so that the memory of one batch serves the next but one, and waits at this pace.
    pub(super) fn take(&self, until: Instant, pace: Pace, mut spare: Vec<Item>) -> Batch {
        spare.shrink_to(MANY);
        let state = self.lock();
        let tick = until.saturating_duration_since(Instant::now());
        let waited = self.work.wait_timeout_while(state, tick, |it| !it.closed && !it.is_much());
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let items = std::mem::replace(&mut state.items, spare);
        let weight = std::mem::take(&mut state.weight);
        state.pace = pace;
        state.stuck = false;
        let lost = std::mem::take(&mut state.unheard);
        let (unrecorded, closed) = (state.unrecorded.clone(), state.closed);
        drop(state);
        self.room.notify_waiters();
        Batch { items, weight, lost, unrecorded, closed }
    }

    /// Wait for the tick without taking anything: the writer cannot write. Whether it is the end.
    pub(super) fn pause(&self, tick: Duration, why: &str) -> bool {
        let mut state = self.lock();
        state.stuck = true;
        why.clone_into(&mut state.unrecorded.why);
        let waited = self.work.wait_timeout_while(state, tick, |it| !it.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    pub(super) fn unrecorded(&self) -> Unrecorded {
        let mut unrecorded = self.lock().unrecorded.clone();
        if unrecorded.count == 0 {
            unrecorded.why.clear();
        }
        unrecorded
    }

    /// Count hops that the writer had and could not keep.
    pub(super) fn count(&self, hops: u64, why: &str) {
        let mut state = self.lock();
        state.unrecorded.count += hops;
        why.clone_into(&mut state.unrecorded.why);
    }

    /// Count everything that still waits: nobody will write it.
    pub(super) fn abandon(&self) -> Unrecorded {
        let mut state = self.lock();
        state.closed = true;
        for item in std::mem::take(&mut state.items) {
            state.lose(&item, STUCK);
        }
        drop(state);
        self.unrecorded()
    }

    /// Patience is over: `item` is taken if memory allows, or lost.
    fn insist(&self, item: Item) {
        let (weight, mut state) = (item.weight(), self.lock());
        state.stuck = true;
        // Nothing comes back from who is stuck.
        let _none = self.put(&mut state, item, weight);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it left plain values behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Bytes that may wait.
    fn room(&self) -> usize {
        if self.stuck { IN_MEMORY } else { self.pace.room() }
    }

    /// Whether there is work before the tick.
    fn is_much(&self) -> bool {
        self.weight > self.pace.room() / 2
    }

    /// Whether `item` belongs to a hop that is already counted as lost, or comes after the end.
    fn drops(&mut self, item: &Item) -> bool {
        if self.closed {
            if matches!(item, Item::Event(Event::Asked { .. }) | Item::Hop(_)) {
                self.lose(item, "the recording had ended");
            }
            return true;
        }
        if self.lost.is_empty() || !self.lost.contains(&item.id()) {
            return false;
        }
        if item.is_end() {
            self.lost.remove(&item.id());
        }
        true
    }

    fn lose(&mut self, item: &Item, why: &str) {
        let id = item.id();
        let over = item.is_end();
        if self.lost.contains(&id) {
            return;
        }
        if !over {
            self.lost.insert(id);
        }
        if !matches!(item, Item::Event(Event::Asked { .. }) | Item::Hop(_)) {
            self.unheard.push(id);
        }
        self.unrecorded.count += 1;
        if self.unrecorded.why.is_empty() {
            why.clone_into(&mut self.unrecorded.why);
        }
    }
}

/// Most heads are small; strangers may send large ones.
fn head(headers: &Headers) -> usize {
    headers.bytes().max(1024)
}

/// How long a recorder waits for room.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes that may wait for a writer that is stuck.
const IN_MEMORY: usize = MOST + MOST / 2;
/// Items that are worth keeping memory for.
const MANY: usize = 8192;
const STUCK: &str = "the disk did not keep up for more than a second";
