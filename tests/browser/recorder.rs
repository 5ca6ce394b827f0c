//! A recorder that keeps hops in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use hopscope::trace::{Event, Hop, HopId, Recorder, Time};

/// Clones share what they keep.
#[derive(Clone)]
pub(crate) struct Memory {
    hops: Arc<Mutex<BTreeMap<HopId, Option<Hop>>>>,
    last: Arc<AtomicU64>,
    changed: Arc<Notify>,
    begun: Instant,
}

impl Memory {
    pub(crate) fn new() -> Memory {
        let (hops, last, changed) = (Arc::default(), Arc::default(), Arc::default());
        Memory { hops, last, changed, begun: Instant::now() }
    }

    /// Everything recorded since this was asked last, by id, when nothing is open any more.
    pub(crate) async fn take(&self) -> Vec<Arc<Hop>> {
        let closed = async {
            loop {
                let changed = self.changed.notified();
                if self.hops.lock().unwrap().values().flatten().all(|it| it.ended.is_some()) {
                    break;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap();
        let hops = std::mem::take(&mut *self.hops.lock().unwrap());
        hops.into_values().flatten().map(Arc::new).collect()
    }
}

impl Recorder for Memory {
    fn next_id(&self) -> HopId {
        HopId { recorder: 1, sequence: self.last.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    fn now(&self) -> Time {
        Time(i64::try_from(self.begun.elapsed().as_micros()).unwrap())
    }

    async fn record(&self, event: Event) {
        let mut hops = self.hops.lock().unwrap();
        let hop = hops.entry(event.id()).or_default();
        event.apply(hop);
        drop(hops);
        self.changed.notify_waiters();
    }
}
