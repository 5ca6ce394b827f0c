//! Where the desk's hops lie: in memory, or in a trace that may still grow.

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::Error;
use crate::app::recording::Recording;
use crate::store::{Dropped, Load, Reader, Unrecorded};
use crate::trace::{Hop, HopId, Note};

/// How many hops are taken in before the screen is listened to again: it waits as long.
const BATCH: usize = 2_000;

/// Hops as they are read.
pub(crate) type Scan<'a> = Box<dyn Iterator<Item = Result<Arc<Hop>, Error>> + 'a>;

/// The hops of one recording.
pub(crate) enum Source {
    /// Read from files of other tools.
    Memory { hops: HashMap<HopId, Arc<Hop>>, fresh: Vec<Arc<Hop>>, notes: Vec<Note> },
    /// A trace file.
    Trace { reader: Box<Reader>, revision: u64 },
}

impl Source {
    /// Everything that `recording` holds.
    pub(crate) fn memory(recording: Recording) -> Source {
        let hops = recording.hops.iter().map(|it| (it.id, it.clone())).collect();
        Source::Memory { hops, fresh: recording.hops, notes: recording.notes }
    }

    /// A trace, from its beginning.
    pub(crate) fn trace(reader: Reader) -> Source {
        Source::Trace { reader: Box::new(reader), revision: 0 }
    }

    /// Hops that are new or have grown since the last call, without their bodies where the
    /// trace is a file.
    pub(crate) fn news(&mut self) -> Result<Vec<Arc<Hop>>, Error> {
        match self {
            Source::Memory { fresh, .. } => Ok(std::mem::take(fresh)),
            Source::Trace { reader, revision } => {
                let changes = reader.changes_since(*revision, BATCH, Load::Heads)?;
                *revision = changes.revision;
                Ok(changes.hops.into_iter().map(Arc::new).collect())
            }
        }
    }

    /// All hops, in the order in which they arrived. What is in memory has its bodies anyway.
    pub(crate) fn scan(&self, load: Load) -> Scan<'_> {
        match self {
            Source::Memory { fresh, .. } => Box::new(fresh.iter().cloned().map(Ok)),
            Source::Trace { reader, .. } => Box::new(reader.hops(load).map(|it| Ok(Arc::new(it?)))),
        }
    }

    /// One hop with its bodies.
    pub(crate) fn hop(&self, id: HopId) -> Result<Option<Arc<Hop>>, Error> {
        match self {
            Source::Memory { hops, .. } => Ok(hops.get(&id).cloned()),
            Source::Trace { reader, .. } => Ok(reader.hop(id)?.map(Arc::new)),
        }
    }

    /// What people pinned to its hops, the oldest first.
    pub(crate) fn notes(&self) -> Result<Vec<Note>, Error> {
        match self {
            Source::Memory { notes, .. } => Ok(notes.clone()),
            Source::Trace { reader, .. } => Ok(reader.notes()?),
        }
    }

    /// Whether the hop can still be read.
    pub(crate) fn has(&self, id: HopId) -> Result<bool, Error> {
        match self {
            Source::Memory { hops, .. } => Ok(hops.contains_key(&id)),
            Source::Trace { reader, .. } => Ok(reader.has(id)?),
        }
    }

    /// Size on disk, and what a flight recorder has let go; `None` for what was read into memory.
    pub(crate) fn window(&self) -> Option<(u64, Dropped)> {
        match self {
            Source::Memory { .. } => None,
            Source::Trace { reader, .. } => Some((reader.bytes().ok()?, reader.dropped().ok()?)),
        }
    }

    /// What the recorder could not keep; `None` where nothing records or nothing was lost.
    pub(crate) fn unrecorded(&self) -> Option<Unrecorded> {
        match self {
            Source::Memory { .. } => None,
            Source::Trace { reader, .. } => reader.unrecorded().ok().filter(|it| it.count > 0),
        }
    }
}
