//! The whole frame.
//!
//! ```text
//! wide (from 120 × 20)          medium (from 80 × 30)     narrow: one pane at a time
//! ┌ chains ──┐┌ chain ──────┐   ┌ chains ─────────────┐   chains  chain  finding  …
//! │          ││             │   ├ chain ──────────────┤   ┌───────────────────────┐
//! ├ lineage ─┤├ finding ────┤   │                     │   │                       │
//! │          ││ or verdict  │   ├ finding, or other ──┤   │                       │
//! └──────────┘└─────────────┘   └─────────────────────┘   └───────────────────────┘
//! ```
//!
//! **Invariant:** views take what they show, never the model; only this file reads it.

mod bodies;
mod cells;
mod chains;
mod empty;
mod finding;
mod footer;
mod headers;
mod help;
mod hop;
mod ladder;
mod lineage;
mod messages;
mod page;
mod panel;
mod panes;
mod search;
mod timing;
mod tls;
mod top;
mod verdict;

pub(super) use page::Page;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::keymap::{HOP, PANES};
use super::message::Feed;
use super::model::{Model, Overlay, Pane, Screen};
use super::palette;
use super::seen::Seen;
use super::theme::Look;

/// Draw the model. Gives back where everything stands.
pub fn draw(model: &Model, look: &Look, area: Rect, buf: &mut Buffer) -> Seen {
    buf.set_style(area, look.theme.text);
    if area.height < 3 || area.width < 10 {
        return Seen::default();
    }
    let told =
        top::Told { status: &model.status, totals: model.totals, now: model.now, zone: model.zone };
    top::top(&told, Rect { height: 1, ..area }, buf, look);
    let middle = Rect { y: area.y + 1, height: area.height - 2, ..area };
    let seen = match model.screen {
        _ if is_empty(model) => {
            empty::empty(&model.status, middle, buf, look);
            Seen::default()
        }
        Screen::Hop => hop_screen(model, look, middle, buf),
        Screen::Panes(focus) => {
            panes::panes(model, focus, panes::Room::of(middle), middle, buf, look)
        }
        Screen::Alone(focus) => panes::panes(model, focus, panes::Room::Narrow, middle, buf, look),
    };
    footer_line(model, &seen, look, Rect { y: area.bottom() - 1, height: 1, ..area }, buf);
    match &model.overlay {
        Overlay::Help { top } => help::help(*top, middle, buf, look),
        Overlay::Palette { query, selected } => {
            let found = palette::find(model.screen, query);
            help::palette(query, &found, *selected, middle, buf, look);
        }
        Overlay::None | Overlay::Filter { .. } | Overlay::Search { .. } => {}
    }
    seen
}

/// How far the help can be scrolled.
pub(super) fn help_last_top(model: &Model) -> usize {
    help::last_top(model.height.saturating_sub(2))
}

/// Whether nothing is on record. A saved trace is not called empty before it was looked into.
fn is_empty(model: &Model) -> bool {
    let looked = model.list.window.generation > 0 || model.status.feed == Feed::Recording;
    looked && model.totals.chains == 0 && model.list.window.of == 0 && model.list.filter.is_empty()
}

fn hop_screen(model: &Model, look: &Look, area: Rect, buf: &mut Buffer) -> Seen {
    let (Some(open), Some(page)) = (&model.open, Page::of(model, panel::inner_width(area), look))
    else {
        return Seen::default();
    };
    let Page { content, found, .. } = page.as_ref();
    let title = hop::title(&page.shown(), look);
    let it = panel::Frame { pane: Pane::Hop, title, foot: None, focused: true };
    let last_top = content.lines.len().saturating_sub(usize::from(area.height.saturating_sub(2)));
    let sought = open.search.seek.and_then(|it| it.line(found, open.scroll.hop, last_top));
    let drawn = panel::panel(&it, content, sought.unwrap_or(open.scroll.hop), area, buf, look);
    let (list_rows, matches) = (model.seen.list_rows, found.len());
    Seen { panes: vec![drawn], list_rows, matches, page: Some(page) }
}

fn footer_line(model: &Model, seen: &Seen, look: &Look, area: Rect, buf: &mut Buffer) {
    match (&model.overlay, &model.open) {
        (Overlay::Filter { .. }, _) => {
            let found = model.list.window.found();
            return footer::typed(&model.list.filter, &found, area, buf, look);
        }
        (Overlay::Search { .. }, Some(open)) => {
            let lines = if seen.matches == 1 { "line" } else { "lines" };
            let found = format!("in {} {lines}", seen.matches);
            return footer::typed(&open.search.words, &found, area, buf, look);
        }
        (Overlay::Help { .. }, _) => return footer::listed(help::HELP_KEYS, area, buf, look),
        (Overlay::Palette { .. }, _) => {
            return footer::listed(help::PALETTE_KEYS, area, buf, look);
        }
        _ => {}
    }
    if let Some(notice) = &model.notice {
        return footer::notice(notice, area, buf, look);
    }
    let table = match model.screen {
        _ if is_empty(model) => &[],
        Screen::Hop => HOP,
        Screen::Panes(_) | Screen::Alone(_) => PANES,
    };
    footer::keys(table, area, buf, look);
}
