//! Everything that can happen to the screen, and everything it asks for.
//!
//! **Invariant:** plain data. Nothing here holds a closure, a channel or a handle, so that a
//! session can be written down as a list of messages and played into a test.

use std::ops::Range;
use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use super::keymap::Action;
use super::row::ChainRow;
use super::seen::Seen;
use crate::diagnose::Analysis;
use crate::trace::{HopId, Note, Tap, Time};

/// Something that happened, to which the screen must react.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size now, in cells.
    Resized {
        width: u16,
        height: u16,
    },
    /// Another second began.
    Clock(Time),
    /// A frame was drawn: where everything stood.
    Drawn(Seen),
    /// Do what a key or the palette would do.
    Do(Action),

    /// The answer to [`Effect::Load`].
    Loaded(Loaded),
    /// The trace grew. Sent as often as the app likes; the screen asks for rows when it
    /// needs them, one [`Effect::Load`] at a time.
    Grown(Totals),
    /// The answer to [`Effect::OpenChain`]; sent again whenever the open chain grew.
    Opened(Arc<Analysis>),
    /// Select this chain, which is the `at`th that the filter lets through, and open it.
    Show {
        id: HopId,
        at: u64,
    },
    /// Chains have left the list: where that of [`Effect::OpenChain`] stands now, if it is there.
    Moved {
        id: HopId,
        at: Option<u64>,
    },
    /// The state of the recording.
    Status(Status),
    /// One sentence for the user, shown in the footer until the next key.
    Notice(Notice),
}

/// Something that the outside must do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Send the rows at these positions, counted from the oldest chain among those that
    /// `filter` lets through ([`ChainRow::matches`]). Answer with [`Message::Loaded`] and the
    /// same generation; of several waiting only the last needs an answer.
    Load { range: Range<u64>, filter: String, generation: u64 },
    /// Analyse the chain that has this hop, answer with [`Message::Opened`], and keep sending
    /// it while it grows, until another is opened. Of several waiting only the last counts.
    OpenChain(HopId),
    /// Put this text on the clipboard. [`super::run`] does it.
    Copy(String),
    /// End the session. [`super::run`] does it; the app sees `run` return.
    Quit,
}

/// A window of the list of chains.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Loaded {
    pub generation: u64,
    /// Position of the first row.
    pub first: u64,
    /// How many chains the filter lets through.
    pub of: u64,
    /// Whether it has yet to see some: there may be more.
    pub searching: bool,
    pub rows: Vec<ChainRow>,
}

impl Loaded {
    /// How many there are, for a person.
    pub(super) fn found(&self) -> String {
        format!("{} match{}", self.of, if self.searching { " so far" } else { "" })
    }
}

/// Counts over the whole trace.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Every recorded exchange, also sightings.
    pub hops: u64,
    pub chains: u64,
    pub blocked: u64,
    pub failed: u64,
}

/// The state of the recording.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Status {
    pub feed: Feed,
    /// The trace's name for a person, without its folder.
    pub file: String,
    /// Outermost first: the index is the [`crate::trace::TapId`].
    pub taps: Vec<Tap>,
    /// The words that choose what is kept (`record --only`); empty when everything is.
    pub only: String,
    /// What of the past is kept.
    pub window: Window,
    /// What people pinned to hops.
    pub notes: Vec<Note>,
    /// Hops that went by and could not be kept.
    pub unrecorded: u64,
    /// Why not, in one sentence.
    pub unrecorded_why: Option<String>,
    /// People who watch along.
    pub guests: u32,
}

/// What of the past a flight recorder keeps (`record --keep`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Window {
    /// Its limits, for a person; empty where there is none, or where another process knows it.
    pub limits: String,
    /// Its limit on disk, in bytes.
    pub bytes: Option<u64>,
    /// How much of that is in use, in percent.
    pub full: Option<u8>,
    /// Hops that it has let go so far.
    pub gone: u64,
    /// When what it still has begins, if it has let something go.
    pub from: Option<Time>,
}

/// Where the hops come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Feed {
    /// This process records.
    Recording,
    /// Another process records into the file that we follow.
    Following,
    /// A finished trace.
    #[default]
    Saved,
}

/// One sentence for the user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// It was done: `copied the fix`.
    Done(String),
    /// It could not be done, or something broke.
    Trouble(String),
}
