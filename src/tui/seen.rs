//! Where everything stood in the last frame.
//!
//! Drawing gives this back, and `update` uses it to know what a mouse click meant and how far
//! a pane can be scrolled. **Invariant:** it only describes the frame; nothing is decided here.

use std::sync::Arc;

use ratatui::layout::Rect;

use super::model::Pane;
use super::view::Page;

/// The last frame, as far as `update` needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub panes: Vec<SeenPane>,
    /// Rows of the list of chains that were visible.
    pub list_rows: u16,
    /// Lines of the hop view in which the search found something.
    pub matches: usize,
    /// The lines of the hop view, for the next frame.
    pub(super) page: Option<Arc<Page>>,
}

/// One pane of the frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenPane {
    pub pane: Pane,
    /// The part that scrolls, without borders.
    pub inner: Rect,
    /// Lines of content, visible or not.
    pub lines: usize,
    /// First visible line.
    pub top: usize,
    /// What each content line belongs to: a hop of the chain. Empty where that means nothing.
    pub hops: Vec<Option<usize>>,
    /// Lines at which a section begins.
    pub sections: Vec<usize>,
}

impl Seen {
    pub fn pane(&self, pane: Pane) -> Option<&SeenPane> {
        self.panes.iter().find(|it| it.pane == pane)
    }

    /// The pane at this cell.
    pub fn at(&self, column: u16, row: u16) -> Option<&SeenPane> {
        self.panes.iter().find(|it| it.inner.contains((column, row).into()))
    }
}

impl SeenPane {
    /// The furthest first line that still fills the pane.
    pub fn last_top(&self) -> usize {
        self.lines.saturating_sub(usize::from(self.inner.height))
    }
}
