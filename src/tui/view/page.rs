//! The hop view's lines, kept from one frame to the next: to lay out a body of some hundred
//! kilobytes takes longer than a frame may.
//!
//! **Invariant:** a page is drawn again only for what it was made from.

use std::sync::Arc;

use super::panel::Content;
use super::{hop, search};
use crate::diagnose::Analysis;
use crate::trace::{Note, Tap};
use crate::tui::model::{Model, Open};
use crate::tui::theme::Look;

/// Lines, and those of them in which the search found something.
#[derive(Debug)]
pub(in crate::tui) struct Page {
    of: Of,
    pub(super) content: Content,
    pub(super) found: Vec<usize>,
}

/// What a page is made from.
#[derive(Debug)]
struct Of {
    analysis: Arc<Analysis>,
    hop: usize,
    compare: usize,
    fold: Option<usize>,
    words: String,
    taps: Vec<Tap>,
    notes: Vec<Note>,
    zone: chrono::FixedOffset,
    cells: usize,
    look: Look,
}

impl Page {
    /// The page of the open hop: that of the last frame, if nothing has changed.
    pub(super) fn of(model: &Model, cells: usize, look: &Look) -> Option<Arc<Page>> {
        let open = model.open.as_ref()?;
        let of = Of {
            analysis: Arc::clone(&open.analysis),
            hop: open.hop,
            compare: open.compare,
            fold: open.fold,
            words: open.search.words.clone(),
            taps: model.status.taps.clone(),
            notes: notes(model, open),
            zone: model.zone,
            cells,
            look: look.clone(),
        };
        Some(match &model.seen.page {
            Some(page) if page.of == of => Arc::clone(page),
            _ => Arc::new(Page::make(of)),
        })
    }

    fn make(of: Of) -> Page {
        let mut content = hop::content(&of.shown(), of.cells, &of.look);
        let found = search::mark(&mut content, &of.words, of.look.theme.selected);
        Page { of, content, found }
    }

    pub(super) fn shown(&self) -> hop::Shown<'_> {
        self.of.shown()
    }
}

impl Of {
    fn shown(&self) -> hop::Shown<'_> {
        hop::Shown {
            analysis: &self.analysis,
            hop: self.hop,
            compare: self.compare,
            fold: self.fold,
            taps: &self.taps,
            notes: &self.notes,
            zone: self.zone,
        }
    }
}

/// What was pinned to the open hop.
fn notes(model: &Model, open: &Open) -> Vec<Note> {
    let Some(hop) = open.analysis.chain.hops.get(open.hop) else { return Vec::new() };
    let is_it = |note: &&Note| hop.seen().any(|it| it.id == note.hop);
    model.status.notes.iter().filter(is_it).cloned().collect()
}

impl PartialEq for Page {
    fn eq(&self, other: &Page) -> bool {
        self.of == other.of
    }
}

impl PartialEq for Of {
    fn eq(&self, other: &Of) -> bool {
        // An analysis is large and never changes.
        Arc::ptr_eq(&self.analysis, &other.analysis)
            && (self.hop, self.compare, self.fold) == (other.hop, other.compare, other.fold)
            && (&self.words, &self.taps, self.zone) == (&other.words, &other.taps, other.zone)
            && self.notes == other.notes
            && (self.cells, &self.look) == (other.cells, &other.look)
    }
}
