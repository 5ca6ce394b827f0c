//! `update`: from what happened to what is on screen.
//!
//! **Invariant:** no I/O and no clock. What the outside must do comes back as effects, so all
//! behaviour of the screen is tested with plain values.

mod keys;
mod list;
mod mouse;
mod open;
mod search;
#[cfg(test)]
mod tests;

pub(super) use keys::tables;

use super::message::{Effect, Message};
use super::model::{Model, Overlay, Pane, Screen};
use super::search::Seek;
use super::{keymap::Action, text};
use crate::redact::Redactor;

/// Apply one message to the model.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let mut effects = Vec::new();
    match message {
        Message::Key(event) => effects = keys::key(model, event),
        Message::Mouse(event) => mouse::mouse(model, event),
        Message::Paste(pasted) => keys::paste(model, &pasted),
        Message::Resized { width, height } => (model.width, model.height) = (width, height),
        Message::Clock(now) => model.now = Some(now),
        Message::Drawn(seen) => open::drawn(model, seen),
        Message::Do(action) => effects = act(model, action),
        Message::Loaded(loaded) => list::loaded(model, loaded),
        Message::Grown(totals) => list::grown(model, totals),
        Message::Opened(analysis) => open::opened(model, analysis),
        Message::Show { id, at } => list::show(model, id, at),
        Message::Moved { id, at } => list::moved(model, id, at),
        Message::Status(status) => model.status = status,
        Message::Notice(notice) => model.notice = Some(notice),
    }
    effects.extend(list::wanted(model));
    effects
}

/// Do what a key, a click or the palette asks for.
fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::NextChain => list::step(model, 1),
        Action::PreviousChain => list::step(model, -1),
        Action::NewestChain => list::newest(model),
        Action::OldestChain => list::oldest(model),
        Action::NextHop => open::step_hop(model, 1),
        Action::PreviousHop => open::step_hop(model, -1),
        Action::NextFinding => open::step_finding(model, 1),
        Action::PreviousFinding => open::step_finding(model, -1),
        Action::Open => open::enter(model),
        Action::Back => back(model),
        Action::NextPane => cycle_pane(model, 1),
        Action::PreviousPane => cycle_pane(model, Pane::ALL.len() - 1),
        Action::Lineage => toggle_pane(model, Pane::Lineage),
        Action::Verdict => toggle_pane(model, Pane::Verdict),
        Action::Zoom => zoom(model),
        Action::ScrollDown => open::scroll(model, model.focus(), 1),
        Action::ScrollUp => open::scroll(model, model.focus(), -1),
        Action::PageDown => open::page(model, 1),
        Action::PageUp => open::page(model, -1),
        Action::NextSection => open::next_section(model),
        Action::CompareWith => open::compare(model),
        Action::Search => search::begin(model),
        Action::NextMatch => search::seek(model, Seek::Next),
        Action::PreviousMatch => search::seek(model, Seek::Previous),
        Action::Fold => search::fold(model, search::Fold::More),
        Action::Unfold => search::fold(model, search::Fold::Less),
        Action::Filter => {
            model.overlay = Overlay::Filter { before: model.list.filter.clone() };
            model.screen = Screen::Panes(Pane::Chains);
        }
        Action::Copy => return copy(model),
        Action::Palette => {
            model.overlay = Overlay::Palette { query: String::new(), selected: 0 };
        }
        Action::Help => model.overlay = Overlay::Help { top: 0 },
        Action::Quit => return vec![Effect::Quit],
    }
    Vec::new()
}

fn back(model: &mut Model) {
    model.screen = match model.screen {
        Screen::Alone(pane) => Screen::Panes(pane),
        Screen::Panes(Pane::Chains) => {
            model.list.filter.clear();
            list::refilter(model);
            Screen::Panes(Pane::Chains)
        }
        Screen::Panes(Pane::Chain) => Screen::Panes(Pane::Chains),
        Screen::Panes(_) | Screen::Hop => Screen::Panes(Pane::Chain),
    };
}

fn cycle_pane(model: &mut Model, step: usize) {
    let at = Pane::ALL.iter().position(|it| *it == model.focus()).unwrap_or_default();
    let next = Pane::ALL.get((at + step) % Pane::ALL.len()).copied().unwrap_or(Pane::Chains);
    focus(model, next);
}

fn toggle_pane(model: &mut Model, pane: Pane) {
    let next = if model.focus() == pane { Pane::Chain } else { pane };
    focus(model, next);
}

/// Give the keys to a pane.
fn focus(model: &mut Model, pane: Pane) {
    model.screen = match model.screen {
        Screen::Alone(_) => Screen::Alone(pane),
        Screen::Panes(_) | Screen::Hop => Screen::Panes(pane),
    };
    if pane != Pane::Chains {
        model.list.follow = false;
    }
}

fn zoom(model: &mut Model) {
    model.screen = match model.screen {
        Screen::Panes(pane) => Screen::Alone(pane),
        Screen::Alone(pane) => Screen::Panes(pane),
        Screen::Hop => Screen::Hop,
    };
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let redactor = Redactor::new(model.key);
    let copied = model.open.as_ref().map(|open| text::to_copy(open, model.focus(), &redactor));
    let Some((what, text)) = copied.filter(|(_, text)| !text.is_empty()) else {
        return Vec::new();
    };
    model.notice = Some(super::message::Notice::Done(format!("copied {what}")));
    vec![Effect::Copy(text)]
}
