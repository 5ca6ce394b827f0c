//! Keys: to the overlay that takes them, else through the key tables to an action.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::tui::keymap::{self, Action};
use crate::tui::message::Effect;
use crate::tui::model::{Model, Overlay, Screen};
use crate::tui::palette;
use crate::tui::search::Seek;

pub(super) fn key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    model.notice = None;
    let control_c =
        event.code == KeyCode::Char('c') && event.modifiers.contains(KeyModifiers::CONTROL);
    if control_c {
        return vec![Effect::Quit];
    }
    match std::mem::take(&mut model.overlay) {
        Overlay::None => {
            let tables = tables(model.screen);
            keymap::lookup(&tables, event).map_or_else(Vec::new, |it| super::act(model, it))
        }
        Overlay::Filter { before } => {
            filter_key(model, event, before);
            Vec::new()
        }
        Overlay::Search { before } => {
            search_key(model, event, before);
            Vec::new()
        }
        Overlay::Palette { query, selected } => palette_key(model, event, query, selected),
        Overlay::Help { top } => {
            help_key(model, event, top);
            Vec::new()
        }
    }
}

/// The tables that hold on a screen.
pub(in crate::tui) fn tables(screen: Screen) -> [&'static [keymap::Binding]; 2] {
    match screen {
        Screen::Panes(_) | Screen::Alone(_) => [keymap::PANES, keymap::EVERYWHERE],
        Screen::Hop => [keymap::HOP, keymap::EVERYWHERE],
    }
}

/// Pasted text goes where typed text would go; elsewhere it is no list of commands.
pub(super) fn paste(model: &mut Model, pasted: &str) {
    let line: String = pasted.chars().filter(|it| !it.is_control()).collect();
    match &mut model.overlay {
        Overlay::Filter { .. } => {
            model.list.filter.push_str(&line);
            super::list::refilter(model);
        }
        Overlay::Search { .. } => {
            if let Some(open) = &mut model.open {
                open.search.words.push_str(&line);
                open.search.seek = Some(Seek::Here);
            }
        }
        Overlay::Palette { query, selected } => {
            query.push_str(&line);
            *selected = 0;
        }
        Overlay::None | Overlay::Help { .. } => {}
    }
}

fn filter_key(model: &mut Model, event: KeyEvent, before: String) {
    let filter = &mut model.list.filter;
    match event.code {
        KeyCode::Enter => return,
        KeyCode::Esc => *filter = before,
        _ => {
            let changed = edit(filter, event);
            model.overlay = Overlay::Filter { before };
            if !changed {
                return;
            }
        }
    }
    super::list::refilter(model);
}

fn search_key(model: &mut Model, event: KeyEvent, before: String) {
    let Some(open) = &mut model.open else { return };
    let words = &mut open.search.words;
    match event.code {
        KeyCode::Enter => {}
        KeyCode::Esc => *words = before,
        _ => {
            if edit(words, event) {
                open.search.seek = Some(Seek::Here);
            }
            model.overlay = Overlay::Search { before };
        }
    }
}

fn palette_key(
    model: &mut Model,
    event: KeyEvent,
    mut query: String,
    mut selected: usize,
) -> Vec<Effect> {
    let found = palette::find(model.screen, &query);
    match event.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Enter => {
            let action: Option<Action> = found.get(selected).map(|it| it.action);
            return action.map_or_else(Vec::new, |it| super::act(model, it));
        }
        KeyCode::Down => selected = (selected + 1).min(found.len().saturating_sub(1)),
        KeyCode::Up => selected = selected.saturating_sub(1),
        _ => {
            if edit(&mut query, event) {
                selected = 0;
            }
        }
    }
    model.overlay = Overlay::Palette { query, selected };
    Vec::new()
}

fn help_key(model: &mut Model, event: KeyEvent, top: usize) {
    let top = match event.code {
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?') => return,
        KeyCode::Char('j') | KeyCode::Down => top + 1,
        KeyCode::Char('k') | KeyCode::Up => top.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => top + usize::from(model.height / 2),
        KeyCode::PageUp => top.saturating_sub(usize::from(model.height / 2)),
        _ => top,
    };
    let last = crate::tui::view::help_last_top(model);
    model.overlay = Overlay::Help { top: top.min(last) };
}

/// One line of typed text; whether it changed.
fn edit(line: &mut String, event: KeyEvent) -> bool {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    match event.code {
        KeyCode::Char('u') if control => {
            let had = !line.is_empty();
            line.clear();
            had
        }
        KeyCode::Char('w') if control => {
            let before = line.len();
            let end = line.trim_end().rfind(' ').map_or(0, |it| it + 1);
            line.truncate(end);
            line.len() != before
        }
        KeyCode::Char(it) if !control && !it.is_control() => {
            line.push(it);
            true
        }
        KeyCode::Backspace => line.pop().is_some(),
        _ => false,
    }
}
