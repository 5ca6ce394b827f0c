//! The one thread that writes a trace.
//!
//! Every [`TICK`] it takes what the recorders queued, folds it into hops, and writes in one
//! transaction the hops that ended and those that are open and changed a while ago. What an open
//! hop's bodies had by then becomes a chunk and leaves memory, so a stream of any length costs
//! little.
//!
//! **Invariant:** memory forgets only what a commit has kept. A transaction that fails is rolled
//! back and tried again: with less, where there was no room for all of it, and in a while.

mod ledger;
mod missing;
mod only;
mod pieces;
mod session;
mod window;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use self::session::{Session, What};
use super::pace::Pace;
use super::queue::Queue;
use super::{Error, Keep, StoreRecorder, Unrecorded};
use crate::trace::{Filter, Hop};

/// How often the writer commits. Half of what is promised, because a commit takes time too.
pub const TICK: Duration = Duration::from_millis(40);

/// The writing side of a trace. Ends it cleanly when finished or dropped.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    done: mpsc::Receiver<()>,
}

impl Writer {
    /// Write what is queued, make the trace one self-contained file, and say what went
    /// unrecorded. Blocks, at most some seconds when the disk hangs.
    pub fn finish(self) -> Unrecorded {
        self.end()
    }

    /// What could not be kept so far.
    pub fn unrecorded(&self) -> Unrecorded {
        self.queue.unrecorded()
    }

    fn end(&self) -> Unrecorded {
        self.queue.close();
        match self.done.recv_timeout(LAST_WORDS) {
            Err(mpsc::RecvTimeoutError::Timeout) => self.queue.abandon(),
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => self.queue.unrecorded(),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

pub(super) fn start(
    path: &Path,
    connection: Connection,
    keep: Keep,
    only: Filter,
) -> Result<(StoreRecorder, Writer), Error> {
    let queue = Arc::new(Queue::default());
    let recorder = StoreRecorder::new(Arc::clone(&queue))?;
    let reading = |source| Error::reading(path, source);
    let session = Session::begin(path, connection, recorder.random(), keep, only);
    let session = session.map_err(reading)?;
    let (ended, done) = mpsc::channel();
    let inbox = Arc::clone(&queue);
    let thread = thread::Builder::new().name("hopscope-writer".to_owned());
    let spawned = thread.spawn(move || {
        run(session, &inbox);
        // Nobody listening means that the patience was over; the trace is written all the same.
        let _ = ended.send(());
    });
    spawned.map_err(|source| Error::Thread { path: path.to_owned(), source })?;
    Ok((recorder, Writer { queue, done }))
}

/// Write hops that are already over, a portion of them in memory at a time.
pub(super) fn insert_all(
    connection: &mut Connection,
    hops: impl IntoIterator<Item = Hop>,
) -> Result<(), Error> {
    let path = Path::new(":memory:");
    let writing = |source| Error::writing(path, source);
    let mut session = Session::borrowing(connection).map_err(writing)?;
    for hop in hops {
        session.add_hop(hop);
        if session.hops_not_kept() >= PORTION {
            session.commit(What::All).map_err(writing)?;
        }
    }
    session.commit(What::All).map_err(writing)
}

fn run(mut session: Session<Connection>, queue: &Queue) {
    let mut tries_after_end = 0;
    let (mut spare, mut pace) = (Vec::new(), Pace::default());
    let mut taken = Instant::now();
    loop {
        let (mut closed, mut weight) = (false, 0);
        if !session.is_full() {
            let batch = queue.take(taken + TICK, pace, std::mem::take(&mut spare));
            taken = Instant::now();
            (closed, weight) = (batch.closed, batch.weight);
            session.unrecorded = batch.unrecorded;
            spare = session.fold(batch.items, &batch.lost);
        }
        match session.commit(if closed { What::All } else { What::Due }) {
            Ok(()) if closed => break,
            Ok(()) => pace.wrote(weight, taken.elapsed()),
            Err(error) => {
                let why = super::error::why(&error);
                if queue.pause(RETRY, &why) {
                    tries_after_end += 1;
                    thread::sleep(RETRY);
                }
                if tries_after_end > TRIES_AFTER_END {
                    queue.abandon();
                    queue.count(session.hops_not_kept(), &why);
                    break;
                }
            }
        }
    }
    session.unrecorded = queue.unrecorded();
    session.finish();
}

/// How many hops wait for one commit when there is no clock to follow.
const PORTION: u64 = 4096;
const RETRY: Duration = Duration::from_millis(250);
const TRIES_AFTER_END: u32 = 4;
const LAST_WORDS: Duration = Duration::from_secs(10);
