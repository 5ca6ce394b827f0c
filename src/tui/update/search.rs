//! Searching and folding in the hop view.

use crate::tui::message::Notice;
use crate::tui::model::{Model, Overlay, Screen};
use crate::tui::search::Seek;

pub(super) fn begin(model: &mut Model) {
    let Some(open) = model.open.as_mut().filter(|_| model.screen == Screen::Hop) else { return };
    let before = std::mem::take(&mut open.search.words);
    model.overlay = Overlay::Search { before };
}

pub(super) fn seek(model: &mut Model, seek: Seek) {
    let Some(open) = &mut model.open else { return };
    if open.search.words.is_empty() {
        model.notice = Some(Notice::Done("there is nothing to look for: press / first".to_owned()));
    } else {
        open.search.seek = Some(seek);
    }
}

/// How folding changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fold {
    More,
    Less,
}

pub(super) fn fold(model: &mut Model, fold: Fold) {
    let Some(open) = &mut model.open else { return };
    open.fold = match (fold, open.fold) {
        (Fold::More, shown) => Some(shown.map_or(FIRST, |it| it.saturating_sub(1))),
        (Fold::Less, shown) => shown.map(|it| it + 1).filter(|it| *it < ALL),
    };
}

/// Levels that the first step leaves.
const FIRST: usize = 2;
/// Levels that count as all.
const ALL: usize = 8;
