//! What is on screen.
//!
//! **Invariant:** a window of rows, one open chain and totals; never the trace. Selection is
//! by id: positions shift while a trace grows.

use std::sync::Arc;

use chrono::FixedOffset;

use super::message::{Loaded, Notice, Status, Totals};
use super::row::ChainRow;
use super::search::Search;
use super::seen::Seen;
use crate::diagnose::{Analysis, Finding};
use crate::trace::{HopId, Time};

/// Everything that the screen shows and remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Cells of the terminal.
    pub width: u16,
    pub height: u16,
    /// The wall clock's last full second; `None` until the first.
    pub now: Option<Time>,
    /// In which times are shown.
    pub zone: FixedOffset,
    /// Turns secrets into tokens where something is copied.
    pub key: [u8; 32],
    pub status: Status,
    pub totals: Totals,
    pub list: List,
    pub open: Option<Open>,
    pub screen: Screen,
    pub overlay: Overlay,
    pub notice: Option<Notice>,
    /// The last frame.
    pub seen: Seen,
}

impl Model {
    pub fn new(status: Status, zone: FixedOffset) -> Model {
        let follow = status.feed != super::message::Feed::Saved;
        Model {
            width: 80,
            height: 24,
            now: None,
            zone,
            key: [0; 32],
            status,
            totals: Totals::default(),
            list: List { follow, ..List::default() },
            open: None,
            screen: Screen::Panes(Pane::Chains),
            overlay: Overlay::None,
            notice: None,
            seen: Seen::default(),
        }
    }

    /// The pane that keys go to.
    pub fn focus(&self) -> Pane {
        match self.screen {
            Screen::Panes(pane) | Screen::Alone(pane) => pane,
            Screen::Hop => Pane::Hop,
        }
    }

    /// The row of the selected chain, when it is in the window.
    pub fn selected_row(&self) -> Option<&ChainRow> {
        let at = self.list.selected.as_ref()?.at;
        self.list.row(at)
    }
}

/// Which screen is up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Screen {
    /// As many panes as fit, one of which has the keys.
    Panes(Pane),
    /// One pane alone.
    Alone(Pane),
    /// One hop with its headers and bodies.
    Hop,
}

/// A part of the screen that can have the keys and scrolls by itself.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pane {
    Chains,
    Chain,
    Lineage,
    Finding,
    Verdict,
    Hop,
}

impl Pane {
    /// The panes of the first screen, in the order of the tab key.
    pub const ALL: [Pane; 5] =
        [Pane::Chains, Pane::Chain, Pane::Finding, Pane::Verdict, Pane::Lineage];
}

/// What lies over the screen and takes the keys.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Overlay {
    #[default]
    None,
    /// The filter is being typed; `before` comes back when it is given up.
    Filter {
        before: String,
    },
    /// What to look for in the hop view is being typed; `before` comes back when it is given up.
    Search {
        before: String,
    },
    Palette {
        query: String,
        selected: usize,
    },
    Help {
        top: usize,
    },
}

/// The list of chains: a window of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct List {
    pub filter: String,
    /// The rows at hand, and how many there are in all.
    pub window: Loaded,
    pub selected: Option<Selected>,
    /// Position of the first visible row.
    pub top: u64,
    /// Whether the newest chain stays selected as the trace grows.
    pub follow: bool,
    /// Of the newest [`super::message::Effect::Load`] that is wanted.
    pub generation: u64,
    /// Of the last one that was sent.
    pub asked_generation: u64,
    pub loading: Loading,
    /// The chain that was last asked for.
    pub asked: Option<HopId>,
}

impl List {
    /// The row at a position, when it is in the window.
    pub fn row(&self, at: u64) -> Option<&ChainRow> {
        let idx = at.checked_sub(self.window.first)?;
        self.window.rows.get(usize::try_from(idx).ok()?)
    }
}

/// Whether rows are on their way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Loading {
    /// What is at hand is what there is.
    #[default]
    Idle,
    /// Rows are on their way.
    Waiting,
    /// Rows are on their way, and the trace has grown since they were asked for.
    WaitingAndStale,
}

/// The selected chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Selected {
    /// Its position under the filter.
    pub at: u64,
    /// `None` until its row is loaded.
    pub id: Option<HopId>,
}

/// The open chain, and what of it is selected.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub analysis: Arc<Analysis>,
    /// Index of the selected hop.
    pub hop: usize,
    /// Index of the selected finding.
    pub finding: usize,
    /// What the hop view compares the hop with: an index into its choices.
    pub compare: usize,
    pub scroll: Scroll,
    /// Whether the next frame must scroll the selected hop into view.
    pub reveal: bool,
    /// What is looked for in the hop view.
    pub search: Search,
    /// Levels of a body that the hop view shows; the rest is folded.
    pub fold: Option<usize>,
}

impl Open {
    /// A chain just opened: at the hop to blame, else where the verdict was decided.
    pub fn new(analysis: Arc<Analysis>) -> Open {
        let guilty = analysis.findings.first().map(|it| it.hop);
        let hop = guilty.or(analysis.judgement.verdict.hop).unwrap_or_default();
        Open {
            analysis,
            hop,
            finding: 0,
            compare: 0,
            scroll: Scroll::default(),
            reveal: true,
            search: Search::default(),
            fold: None,
        }
    }

    pub fn finding(&self) -> Option<&Finding> {
        self.analysis.findings.get(self.finding)
    }

    /// Whether `other` is the same chain, grown or not: they share their first hop or more.
    pub fn is_same(&self, other: &Analysis) -> bool {
        let mine = &self.analysis.chain.hops;
        let first = other.chain.hops.iter().map(|it| it.hop.id);
        mine.iter().any(|it| first.clone().any(|id| id == it.hop.id))
    }
}

/// First visible line of each pane.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Scroll {
    pub chain: usize,
    pub lineage: usize,
    pub finding: usize,
    pub verdict: usize,
    pub hop: usize,
}

impl Scroll {
    pub fn of(&self, pane: Pane) -> usize {
        match pane {
            Pane::Chains => 0,
            Pane::Chain => self.chain,
            Pane::Lineage => self.lineage,
            Pane::Finding => self.finding,
            Pane::Verdict => self.verdict,
            Pane::Hop => self.hop,
        }
    }

    pub fn set(&mut self, pane: Pane, top: usize) {
        match pane {
            Pane::Chains => {}
            Pane::Chain => self.chain = top,
            Pane::Lineage => self.lineage = top,
            Pane::Finding => self.finding = top,
            Pane::Verdict => self.verdict = top,
            Pane::Hop => self.hop = top,
        }
    }
}
