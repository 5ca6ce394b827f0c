//! Where the desk's hops lie: in memory, or in a trace that may still grow.

use std::collections::HashMap;
use std::sync::Arc;

use super::turns::{News, PORTION, Turns};
use crate::app::Error;
use crate::app::recording::Recording;
use crate::store::{Dropped, Load, Reader, Unrecorded};
use crate::trace::{Hop, HopId, Note};

/// Hops as they are read.
pub(crate) type Scan<'a> = Box<dyn Iterator<Item = Result<Arc<Hop>, Error>> + 'a>;

/// The hops of one recording.
pub(crate) enum Source {
    /// Read from files of other tools.
    Memory { hops: HashMap<HopId, Arc<Hop>>, fresh: Vec<Arc<Hop>>, turns: Turns, notes: Vec<Note> },
    /// A trace file.
    Trace { reader: Box<Reader>, revision: u64, turns: Turns },
}

impl Source {
    /// Everything that `recording` holds.
    pub(crate) fn memory(recording: Recording) -> Source {
        let hops = recording.hops.iter().map(|it| (it.id, it.clone())).collect();
        let (fresh, notes, turns) = (recording.hops, recording.notes, Turns::default());
        Source::Memory { hops, fresh, turns, notes }
    }

    /// A trace, from its beginning.
    pub(crate) fn trace(reader: Reader) -> Source {
        Source::Trace { reader: Box::new(reader), revision: 0, turns: Turns::default() }
    }

    /// A portion of the hops that are new or have grown, without their bodies where the trace is a
    /// file.
    pub(crate) fn news(&mut self) -> Result<News, Error> {
        match self {
            Source::Memory { fresh, turns, .. } => {
                turns.gather(std::mem::take(fresh));
                turns.order();
                Ok(turns.next().unwrap_or_default())
            }
            Source::Trace { reader, revision, turns } => {
                if let Some(news) = turns.next() {
                    return Ok(News { more: true, ..news });
                }
                let changes = reader.changes_since(*revision, PORTION, Load::Heads)?;
                let more = changes.hops.len() == PORTION;
                *revision = changes.revision;
                turns.gather(changes.hops.into_iter().map(Arc::new));
                if more && !turns.is_full() {
                    return Ok(News { hops: Vec::new(), more });
                }
                turns.order();
                let news = turns.next().unwrap_or_default();
                Ok(News { more: more || news.more, ..news })
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
