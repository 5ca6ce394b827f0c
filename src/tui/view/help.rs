//! Help and palette: drawn from the key tables.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cells::{cut, pad, width};
use super::panel::{Content, Frame, frame, overlay, panel, scrolled};
use crate::trace::visible;
use crate::tui::keymap::{Binding, EVERYWHERE, HOP, PANES};
use crate::tui::model::Pane;
use crate::tui::theme::{Look, ThemeName};

/// Draw the help over the screen.
pub(super) fn help(top: usize, area: Rect, buf: &mut Buffer, look: &Look) {
    let content = content(look);
    let lines = u16::try_from(content.lines.len() + 2).unwrap_or(u16::MAX);
    let rect = overlay(area, CELLS, lines, buf);
    let title = vec![Line::styled("help", look.theme.title)];
    let it = Frame { pane: Pane::Chains, title, foot: None, focused: true };
    panel(&it, &content, top, rect, buf, look);
}

/// The first line of the help that still fills a screen of this height.
pub(super) fn last_top(height: u16) -> usize {
    // The signs do not matter for the number of lines.
    let lines = content(&Look::new(ThemeName::Plain, true)).lines.len();
    (lines + 2).saturating_sub(usize::from(height))
}

fn content(look: &Look) -> Content {
    let (theme, glyphs) = (&look.theme, look.glyphs);
    let mut content = Content::default();
    let tables = [("Chains and panes", PANES), ("Hop", HOP), ("Everywhere", EVERYWHERE)];
    for (name, table) in tables {
        content.push(Span::styled(name, theme.strong));
        for it in table {
            content.push(binding(it, look));
        }
        content.blank();
    }
    content.push(Span::styled("Signs", theme.strong));
    let signs = [
        (glyphs.allowed, theme.ok, "the page can read the answer; with its status when an error"),
        (glyphs.refused, theme.blocked, "cors: blocked; net: nothing came; with the hidden status"),
        ("?", theme.warn, "turns on something that is not on the wire"),
        (glyphs.scissors, theme.lost, "something vanished at this hop"),
        (glyphs.guilty, theme.lost, "the hop to blame"),
    ];
    for (sign, style, text) in signs {
        let spans = [Span::styled(pad(&format!("  {sign}"), KEYS), style), text.into()];
        content.push(Line::from(spans.to_vec()));
    }
    content
}

fn binding(it: &Binding, look: &Look) -> Line<'static> {
    let keys: Vec<String> = it.keys.iter().map(|it| it.name()).collect();
    Line::from(vec![
        Span::styled(pad(&format!("  {}", keys.join(" ")), KEYS), look.theme.key),
        Span::styled(it.help, look.theme.text),
    ])
}

/// Draw the palette over the screen.
pub(super) fn palette(
    query: &str,
    found: &[&'static Binding],
    selected: usize,
    area: Rect,
    buf: &mut Buffer,
    look: &Look,
) {
    let theme = &look.theme;
    let rect = overlay(area, CELLS, 16, buf);
    let title = vec![Line::styled("commands", theme.title)];
    let it = Frame { pane: Pane::Chains, title, foot: None, focused: true };
    let mut inner = frame(&it, rect, buf, look);
    let typed = Line::from(vec![
        Span::styled(": ", theme.key),
        Span::styled(visible(query).into_owned(), theme.strong),
        Span::styled(look.glyphs.cursor, theme.key),
    ]);
    buf.set_line(inner.x, inner.y, &typed, inner.width);
    inner.y += 2.min(inner.height);
    inner.height = inner.height.saturating_sub(2);
    let mut content = Content::default();
    for (n, it) in found.iter().enumerate() {
        let keys = it.keys.first().map(|it| it.name()).unwrap_or_default();
        let room = usize::from(inner.width).saturating_sub(width(&keys) + 1);
        let line = Line::from(vec![
            Span::styled(pad(&cut(it.help, room, look.glyphs), room), theme.text),
            Span::styled(format!(" {keys}"), theme.key),
        ]);
        content.push(if n == selected { line.style(theme.selected) } else { line });
    }
    if found.is_empty() {
        content.push(Span::styled("no command has these words", theme.dim));
    }
    let top = (selected + 1).saturating_sub(usize::from(inner.height));
    scrolled(Pane::Chains, &content, top, inner, buf, look);
}

/// What the help and the palette do themselves with keys, for the footer below them.
pub(super) const HELP_KEYS: [(&str, &str); 3] =
    [("j/k", "scroll"), ("space/pgup", "page"), ("esc", "back")];
pub(super) const PALETTE_KEYS: [(&str, &str); 3] =
    [("up/down", "choose"), ("enter", "do it"), ("esc", "back")];

/// Cells of help and palette.
const CELLS: u16 = 76;

/// Cells of the keys' column.
const KEYS: usize = 18;
