//! The trace file: one SQLite database, written by one thread, followed by any reader.
//!
//! ```text
//! proxy ──▶ StoreRecorder ──▶ bounded queue ──▶ Writer (one thread) ──▶ x.hops
//!                                                                         │
//!                        this process, or any other ◀── Reader ◀──────────┘
//! ```
//!
//! While it is recorded, a trace has a write-ahead log beside it; after a clean stop it is one
//! file. The promise is against the death of the process, not of the machine: what was recorded
//! more than 100 ms ago is in the file, also after `kill -9`. No more may
//! wait than the writer writes in time (`pace`), traffic waits for the rest; so it holds where a
//! megabyte is written within 20 ms, and as long as the machine lets the writer run.
//!
//! **Invariant:** recording never stops traffic. A full queue makes a recorder wait at most a
//! second; a disk that hangs, fails or is full makes hops go unrecorded, and they are counted
//! ([`Unrecorded`]) with the reason.
//!
//! **Invariant:** nothing is concluded here. What others conclude they may keep in the table of
//! derived values, which can be dropped at any time.

mod asides;
mod block;
mod clock;
mod dictionary;
mod error;
mod info;
mod pace;
mod pack;
mod place;
mod queue;
mod reader;
mod recorder;
mod rest;
mod row;
mod schema;
mod stored;
mod tls;
mod writer;

use std::path::Path;
use std::time::Duration;

pub use error::Error;
pub use info::{Dropped, Info, Skipped, State, Unrecorded};
pub use reader::{Changes, Hops, Reader};
pub use recorder::StoreRecorder;
pub use stored::Load;
pub use writer::{TICK, Writer};

use crate::trace::{Filter, Hop, Tap};

/// How much of the past a trace keeps; all of it by default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Keep {
    /// Bytes that the file and its log may take together. Some 16 MiB are the least that works:
    /// it must hold some of the largest bodies, and their log.
    pub bytes: Option<u64>,
    /// Hops that were asked this long ago are kept; older ones go soon.
    pub time: Option<Duration>,
}

/// Where traces are made.
pub struct Store;

impl Store {
    /// Start a new trace at `path` for these taps, outermost first.
    ///
    /// The recorder may be cloned freely; the trace ends when [`Writer::finish`] is called.
    /// An existing file is never touched.
    pub fn create(path: &Path, taps: &[Tap]) -> Result<(StoreRecorder, Writer), Error> {
        Store::create_window(path, taps, Keep::default())
    }

    /// The same for a trace that keeps only a window of the past: a flight recorder.
    pub fn create_window(
        path: &Path,
        taps: &[Tap],
        keep: Keep,
    ) -> Result<(StoreRecorder, Writer), Error> {
        Store::create_choosing(path, taps, keep, Filter::default())
    }

    /// The same for a trace that keeps only what `only` asks for, in method, URL, status or
    /// failure of a hop, and what belongs to that: its preflight, the redirects to and from it,
    /// its sightings at other taps. What is passed over is counted ([`Skipped`]).
    pub fn create_choosing(
        path: &Path,
        taps: &[Tap],
        keep: Keep,
        only: Filter,
    ) -> Result<(StoreRecorder, Writer), Error> {
        let connection = schema::create(path, taps)?;
        writer::start(path, connection, keep, only)
    }

    /// Write hops that come from elsewhere (another tool's file, `hopscope fetch`) as a new
    /// trace at `path`. Their ids are kept.
    pub fn import(
        path: &Path,
        taps: &[Tap],
        hops: impl IntoIterator<Item = Hop>,
    ) -> Result<Info, Error> {
        let (recorder, writer) = Store::create(path, taps)?;
        for hop in hops {
            recorder.insert_blocking(hop);
        }
        let unrecorded = writer.finish();
        if unrecorded.count > 0 {
            return Err(Error::Incomplete { path: path.to_owned(), unrecorded });
        }
        Reader::open(path)?.info()
    }

    /// The same without a file: a trace in memory, for reading only what another tool recorded.
    pub fn in_memory(taps: &[Tap], hops: impl IntoIterator<Item = Hop>) -> Result<Reader, Error> {
        let mut connection = schema::in_memory(taps)?;
        writer::insert_all(&mut connection, hops)?;
        Ok(Reader::over(connection))
    }
}
