//! How much may wait for the writer, so that what was handed over is soon in the file.
//!
//! What is handed over now may wait for all that is being written, and then for all that was
//! handed over before it: twice what waits at most. Memory is not the measure of that: the
//! bytes of many small hops are written ten times as fast as those of a large body.
//!
//! **Invariant:** what may wait is what the writer has lately shown to write within [`AIM`],
//! whatever the disk and the machine are like; only [`LEAST`] is always taken.

use std::time::Duration;

/// Follows how fast the writer is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    room: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { room: FIRST }
    }
}

impl Pace {
    /// Bytes that may wait.
    pub(super) fn room(self) -> usize {
        self.room
    }

    /// So many bytes took so long to write.
    pub(super) fn wrote(&mut self, bytes: usize, took: Duration) {
        if bytes > 0 && took > AIM {
            let in_time = bytes as u128 * AIM.as_micros() / took.as_micros();
            // One long breath of the machine is no reason to take next to nothing.
            let least = LEAST.max(self.room / 2);
            self.room = least.max(usize::try_from(in_time).unwrap_or(MOST)).min(self.room);
        } else if bytes > self.room / 4 && took < AIM / 2 {
            self.room = MOST.min(self.room + self.room / 4);
        }
    }
}

/// How long writing all that waits should take.
const AIM: Duration = Duration::from_millis(20);
/// Bytes that may wait at most. As many again may lie with the writer, which takes all of them at
/// once.
pub(super) const MOST: usize = 16 << 20;
const FIRST: usize = 4 << 20;
const LEAST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// What may wait for a writer of so many bytes a millisecond, that always has enough to do.
    fn settled(speed: usize) -> usize {
        let mut pace = Pace::default();
        for _ in 0..100 {
            let took = Duration::from_micros((pace.room() * 1000 / speed) as u64);
            pace.wrote(pace.room(), took);
        }
        pace.room()
    }

    #[test]
    fn takes_what_is_written_in_time() {
        assert_eq!(settled(2 << 20), MOST, "small hops");
        for kilobytes in [50, 100, 200, 400] {
            let took = settled(kilobytes << 10) / (kilobytes << 10);
            assert!((8..=20).contains(&took), "{kilobytes} kB/ms: {took} ms");
        }
        assert_eq!(settled(1 << 10), LEAST, "a slow disk");
    }

    #[test]
    fn a_long_breath_is_soon_forgotten() {
        let mut pace = Pace { room: MOST };
        pace.wrote(1000, Duration::from_millis(300));
        pace.wrote(0, Duration::from_millis(300));
        assert_eq!(pace.room(), MOST / 2);
        pace.wrote(1000, Duration::from_millis(1));
        assert_eq!(pace.room(), MOST / 2, "a little says nothing");
        for _ in 0..4 {
            pace.wrote(MOST / 2, Duration::from_millis(5));
        }
        assert_eq!(pace.room(), MOST);
    }
}
