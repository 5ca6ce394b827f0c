//! The list of chains: selection, window, filter.
//!
//! **Invariant:** at most one load is under way, however fast the trace grows; a load of an
//! older generation is ignored.

use crate::trace::HopId;
use crate::tui::message::{Effect, Loaded, Totals};
use crate::tui::model::{Loading, Model, Selected};

/// Rows to keep ready before and after the visible ones, at least.
const MARGIN: u64 = 50;

pub(super) fn loaded(model: &mut Model, loaded: Loaded) {
    if loaded.generation != model.list.generation {
        return;
    }
    model.list.loading = match model.list.loading {
        Loading::WaitingAndStale => Loading::WaitingAndStale,
        Loading::Idle | Loading::Waiting => Loading::Idle,
    };
    model.list.window = loaded;
    settle(model);
}

pub(super) fn grown(model: &mut Model, totals: Totals) {
    // Told twice is not grown twice: an app may repeat its totals with every answer.
    if std::mem::replace(&mut model.totals, totals) == totals {
        return;
    }
    if model.list.loading == Loading::Idle {
        ask(model);
    } else {
        model.list.loading = Loading::WaitingAndStale;
    }
}

pub(super) fn show(model: &mut Model, id: HopId, at: u64) {
    model.list.follow = false;
    model.list.selected = Some(Selected { at, id: Some(id) });
    keep_visible(model);
}

/// Chains have left the list. What is around the selected one goes with it; when that is gone
/// itself, the oldest takes its place.
pub(super) fn moved(model: &mut Model, id: HopId, at: Option<u64>) {
    let list = &mut model.list;
    let Some(selected) = list.selected.filter(|it| it.id == Some(id) && !list.follow) else {
        return;
    };
    let Some(at) = at else {
        list.selected = Some(Selected { at: 0, id: None });
        list.top = 0;
        return;
    };
    let up = selected.at.saturating_sub(at);
    list.selected = Some(Selected { at, ..selected });
    list.top = list.top.saturating_sub(up);
    let cut = usize::try_from(up.saturating_sub(list.window.first)).unwrap_or(usize::MAX);
    list.window.rows.drain(..cut.min(list.window.rows.len()));
    list.window.first = list.window.first.saturating_sub(up);
    list.window.of = list.window.of.saturating_sub(up);
}

pub(super) fn step(model: &mut Model, by: i64) {
    let Some(selected) = model.list.selected else { return };
    if by < 0 {
        model.list.follow = false;
    }
    select(model, selected.at.saturating_add_signed(by));
}

pub(super) fn newest(model: &mut Model) {
    model.list.follow = true;
    select(model, u64::MAX);
}

pub(super) fn oldest(model: &mut Model) {
    model.list.follow = false;
    select(model, 0);
}

/// Select the chain at a position; past the end is the newest.
pub(super) fn select(model: &mut Model, at: u64) {
    let Some(last) = model.list.window.of.checked_sub(1) else { return };
    let at = at.min(last);
    let id = model.list.row(at).map(|it| it.id);
    model.list.selected = Some(Selected { at, id });
    keep_visible(model);
}

/// The filter changed: what is loaded no longer counts.
pub(super) fn refilter(model: &mut Model) {
    model.list.top = 0;
    ask(model);
}

/// What the model now needs from outside.
pub(super) fn wanted(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    let list = &model.list;
    match list.loading {
        Loading::Idle if !is_covered(model) => ask(model),
        // The load that was under way has come, and there is more by now.
        Loading::WaitingAndStale if list.window.generation == list.generation => ask(model),
        _ => {}
    }
    if model.list.asked_generation != model.list.generation {
        model.list.asked_generation = model.list.generation;
        let (start, end) = range(model);
        effects.push(Effect::Load {
            range: start..end,
            filter: model.list.filter.clone(),
            generation: model.list.generation,
        });
    }
    let selected = model.list.selected.and_then(|it| it.id);
    if selected.is_some() && selected != model.list.asked {
        model.list.asked = selected;
        effects.extend(selected.map(Effect::OpenChain));
    }
    effects
}

fn ask(model: &mut Model) {
    model.list.generation += 1;
    model.list.loading = Loading::Waiting;
}

/// Bring selection and scroll position into line with a new window.
fn settle(model: &mut Model) {
    let list = &mut model.list;
    let Some(newest) = list.window.of.checked_sub(1) else {
        list.selected = None;
        list.asked = None;
        model.open = None;
        return;
    };
    let at_id = |id: HopId| list.window.rows.iter().position(|it| it.id == id);
    let at = match list.selected {
        _ if list.follow => newest,
        None => 0,
        // Selection is by id: the chain may have moved.
        Some(Selected { at, id }) => match id.and_then(at_id) {
            Some(idx) => list.window.first + idx as u64,
            None => at.min(newest),
        },
    };
    let id = list.row(at).map(|it| it.id);
    let before = list.selected.and_then(|it| it.id).filter(|_| !list.follow);
    list.selected = Some(Selected { at, id: id.or(before) });
    keep_visible(model);
}

/// Scroll the list so that the selected row can be seen.
fn keep_visible(model: &mut Model) {
    let rows = visible_rows(model);
    let list = &mut model.list;
    let Some(selected) = list.selected else { return };
    let lowest = (selected.at + 1).saturating_sub(rows);
    let highest = selected.at.min(list.window.of.saturating_sub(rows).max(lowest));
    list.top = list.top.clamp(lowest, highest.max(lowest));
}

fn visible_rows(model: &Model) -> u64 {
    match model.seen.list_rows {
        0 => u64::from(model.height).max(1),
        rows => u64::from(rows),
    }
}

/// Whether the window has every visible row.
fn is_covered(model: &Model) -> bool {
    let list = &model.list;
    if list.generation == 0 {
        return false;
    }
    let end = (list.top + visible_rows(model)).min(list.window.of);
    let have = list.window.first..list.window.first + list.window.rows.len() as u64;
    list.top >= end || (have.contains(&list.top) && end <= have.end)
}

fn range(model: &Model) -> (u64, u64) {
    let rows = visible_rows(model).max(MARGIN);
    (model.list.top.saturating_sub(rows), model.list.top + 3 * rows)
}
