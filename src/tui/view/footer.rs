//! The last line: a notice, what is being typed, or the keys of this screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cells::{cut, width};
use crate::trace::visible;
use crate::tui::keymap::{Binding, EVERYWHERE, hints};
use crate::tui::message::Notice;
use crate::tui::theme::Look;

/// Draw the keys: as many as fit, those that always work kept.
pub(super) fn keys(table: &'static [Binding], area: Rect, buf: &mut Buffer, look: &Look) {
    let always = hints(EVERYWHERE);
    let cells = |(key, hint): &(String, &str)| width(key) + width(hint) + 3;
    let mut room = usize::from(area.width);
    room = room.saturating_sub(always.iter().map(cells).sum());
    let mut own = hints(table);
    own.retain(|it| {
        let fits = cells(it) <= room;
        room -= if fits { cells(it) } else { 0 };
        fits
    });
    own.extend(always);
    listed(own.iter().map(|(key, hint)| (key.as_str(), *hint)), area, buf, look);
}

/// Draw these keys and what they do.
pub(super) fn listed<'a>(
    keys: impl IntoIterator<Item = (&'a str, &'a str)>,
    area: Rect,
    buf: &mut Buffer,
    look: &Look,
) {
    let mut spans = vec![Span::raw(" ")];
    for (key, hint) in keys {
        spans.push(Span::styled(key.to_owned(), look.theme.key));
        spans.push(Span::styled(format!(" {hint}  "), look.theme.dim));
    }
    buf.set_line(area.x, area.y, &Line::from(spans), area.width);
}

pub(super) fn notice(notice: &Notice, area: Rect, buf: &mut Buffer, look: &Look) {
    let (text, sign, style) = match notice {
        Notice::Done(text) => (text, look.glyphs.allowed, look.theme.ok),
        Notice::Trouble(text) => (text, look.glyphs.guilty, look.theme.lost),
    };
    let text = cut(&visible(text), usize::from(area.width.saturating_sub(4)), look.glyphs);
    let line = Line::styled(format!(" {sign} {text}"), style);
    buf.set_line(area.x, area.y, &line, area.width);
}

/// What is being typed as a filter or to be searched, and what it found.
pub(super) fn typed(text: &str, found: &str, area: Rect, buf: &mut Buffer, look: &Look) {
    let theme = &look.theme;
    let line = Line::from(vec![
        Span::styled(" / ", theme.key),
        Span::styled(visible(text).into_owned(), theme.strong),
        Span::styled(look.glyphs.cursor, theme.key),
        Span::styled(format!("  {found}  "), theme.dim),
        Span::styled("enter", theme.key),
        Span::styled(" keep  ", theme.dim),
        Span::styled("esc", theme.key),
        Span::styled(" give up", theme.dim),
    ]);
    buf.set_line(area.x, area.y, &line, area.width);
}
