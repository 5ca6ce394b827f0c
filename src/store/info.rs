//! What is in a trace, in numbers.

use crate::trace::{Tap, Time};

/// What is in a trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Info {
    /// Every recorded exchange, also sightings.
    pub hops: u64,
    /// Outermost first.
    pub taps: Vec<Tap>,
    /// When the first request arrived. `None` for an empty trace.
    pub first: Option<Time>,
    /// When the last answer was complete, or its request arrived if it never was.
    pub last: Option<Time>,
    /// Size on disk, the write-ahead log included; of a trace in memory, its pages.
    pub bytes: u64,
    pub unrecorded: Unrecorded,
    /// What a flight recorder has let go.
    pub dropped: Dropped,
    /// What was passed over on purpose.
    pub skipped: Skipped,
    pub state: State,
}

/// Whether somebody still writes to a trace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It is being recorded, or its recorder was killed.
    Open,
    /// Its recorder ended it.
    Finished,
}

/// Hops that passed but could not be kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Unrecorded {
    pub count: u64,
    /// The latest reason, as a sentence; empty while nothing was lost.
    pub why: String,
}

/// Hops that the user did not want to be kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Skipped {
    pub count: u64,
    /// The words that chose what is kept; empty when everything is.
    pub only: String,
}

/// Hops that were recorded, and that a window of limited size or time has let go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    pub count: u64,
    /// What was written before is gone.
    pub until: Option<Time>,
    /// What the window's limit is, as a sentence; empty while nothing went.
    pub why: String,
}
