//! The shell's clock for driven hops: the wall clock once, then monotonic offsets.
//!
//! **Invariant:** time never goes back.

use tokio::time::Instant;

use crate::trace::Time;

pub(super) struct Clock {
    epoch: Time,
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { epoch: Time(chrono::Utc::now().timestamp_micros()), started: Instant::now() }
    }

    pub(super) fn now(&self) -> Time {
        let elapsed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.epoch.plus(elapsed)
    }
}
