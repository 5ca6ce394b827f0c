//! The recorder's clock: the wall clock read once, then monotonic offsets.
//!
//! **Invariant:** two readings never go backwards, whatever somebody does to the wall clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::trace::Time;

/// See [`Time`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    epoch: Time,
    started: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock of the recording")]
    pub(super) fn start() -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = Time(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX));
        Clock { epoch, started: Instant::now() }
    }

    pub(super) fn now(&self) -> Time {
        self.epoch.plus(i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}
