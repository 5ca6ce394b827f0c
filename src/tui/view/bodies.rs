//! Bodies in the hop view.

use ratatui::text::Span;

use super::cells::{cut, width, wrap};
use super::panel::Content;
use crate::trace::{Body, Headers, size};
use crate::tui::body;
use crate::tui::theme::Look;

/// How a body is to be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room<'a> {
    pub(super) cells: usize,
    /// Levels that are shown; the rest is folded.
    pub(super) fold: Option<usize>,
    /// Whether the exchange goes on: what is not here yet may come.
    pub(super) is_running: bool,
    pub(super) look: &'a Look,
}

/// One body under its heading; nothing for an empty one.
pub(super) fn section(
    name: &str,
    body: &Body,
    headers: &Headers,
    room: &Room<'_>,
    content: &mut Content,
) {
    let Room { cells, fold, is_running, look } = *room;
    let theme = &look.theme;
    if body.is_empty() {
        return;
    }
    let shown = body::show(body, headers, cells, fold);
    let so_far = if is_running && !body.complete { " so far" } else { "" };
    content.heading(&format!("{name}  {}{so_far}", size(body.length)), look);
    if let Some(line) = content.lines.last_mut() {
        line.push_span(Span::styled(format!("  {}", shown.format), theme.dim));
    }
    for line in shown.lines {
        if width(&line) <= cells {
            content.push(Span::styled(line, theme.text));
        } else {
            for part in wrap(&line, cells) {
                content.push(Span::styled(part, theme.text));
            }
        }
    }
    let mut missing = Vec::new();
    if shown.hidden > 0 {
        missing.push(format!("{} more are recorded", size(shown.hidden as u64)));
    }
    if body.is_cut() {
        let lost = body.length - body.bytes.len() as u64;
        missing.push(format!("{} more went by and were not kept", size(lost)));
    }
    if !body.complete && !is_running {
        missing.push("its end was not seen".to_owned());
    }
    if !missing.is_empty() {
        let text = cut(&missing.join(", "), cells, look.glyphs);
        content.push(Span::styled(text, theme.warn));
    }
    content.blank();
}
