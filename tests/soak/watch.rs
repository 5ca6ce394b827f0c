//! What the recorder takes while it runs: memory, and room on disk, looked at all the time.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The largest that trace and log together have ever been.
#[derive(Default)]
pub(crate) struct Disk(Mutex<Taken>);

/// Bytes of the trace, and of what SQLite has beside it but for the index of its log, which is
/// memory that processes share.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    pub(crate) trace: u64,
    pub(crate) log: u64,
}

impl Taken {
    fn now(trace: &Path) -> Taken {
        let beside = |end: &str| PathBuf::from(format!("{}{end}", trace.display()));
        let size = |it: &Path| std::fs::metadata(it).map_or(0, |it| it.len());
        Taken { trace: size(trace), log: size(&beside("-wal")) + size(&beside("-journal")) }
    }

    pub(crate) fn bytes(self) -> u64 {
        self.trace + self.log
    }
}

impl Disk {
    pub(crate) fn most(&self) -> Taken {
        *self.0.lock().unwrap()
    }

    /// Look again and again; ends with its task.
    pub(crate) async fn watch(&self, trace: &Path) {
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        loop {
            tick.tick().await;
            let now = Taken::now(trace);
            let mut most = self.0.lock().unwrap();
            if now.bytes() > most.bytes() {
                *most = now;
            }
        }
    }
}

/// Memory after the warm-up and at the end.
pub(crate) struct Memory {
    begun: Instant,
    length: Duration,
    warm: u64,
    last: u64,
}

impl Memory {
    pub(crate) fn new(length: Duration) -> Memory {
        Memory { begun: Instant::now(), length, warm: 0, last: 0 }
    }

    /// So many megabytes are held now. The second quarter counts as warm, the last as the end.
    pub(crate) fn note(&mut self, held: u64) {
        let quarter = self.begun.elapsed().as_millis() * 4 / self.length.as_millis().max(1);
        match quarter {
            1 => self.warm = self.warm.max(held),
            3 => self.last = self.last.max(held),
            _ => {}
        }
    }

    /// The most that was held in the second and in the last quarter.
    pub(crate) fn warm_and_last(&self) -> (u64, u64) {
        (self.warm, self.last)
    }
}
