//! A panel: a bordered part of the screen with a title and lines that scroll.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Widget};

use super::cells::{cut, width};
use crate::tui::model::Pane;
use crate::tui::seen::SeenPane;
use crate::tui::theme::Look;

/// The lines of a panel, and what they belong to.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) lines: Vec<Line<'static>>,
    /// The hop a line belongs to; shorter than `lines` where that means nothing.
    pub(super) hops: Vec<Option<usize>>,
    /// Lines at which a section begins.
    pub(super) sections: Vec<usize>,
}

impl Content {
    pub(super) fn push(&mut self, line: impl Into<Line<'static>>) {
        self.lines.push(line.into());
    }

    pub(super) fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    /// A heading: a section begins here.
    pub(super) fn heading(&mut self, text: &str, look: &Look) {
        self.sections.push(self.lines.len());
        self.push(Span::styled(text.to_owned(), look.theme.strong));
    }

    /// A wrapped paragraph, indented.
    pub(super) fn paragraph(&mut self, text: &str, indent: usize, cells: usize, style: Style) {
        for line in super::cells::wrap(text, cells.saturating_sub(indent)) {
            self.push(Span::styled(format!("{}{line}", " ".repeat(indent)), style));
        }
    }
}

/// What frames a panel.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    pub(super) pane: Pane,
    /// Parts of the title, joined by the border's line.
    pub(super) title: Vec<Line<'a>>,
    /// Words in the lower border.
    pub(super) foot: Option<String>,
    pub(super) focused: bool,
}

/// Cells of an area inside the border and a space on either side.
pub(super) fn inner_width(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(4))
}

/// Draw the border; gives back the part inside.
pub(super) fn frame(it: &Frame<'_>, area: Rect, buf: &mut Buffer, look: &Look) -> Rect {
    let theme = &look.theme;
    if area.height < LEAST_WITH_BORDER {
        return Rect { x: area.x + 2.min(area.width), width: area.width.saturating_sub(4), ..area };
    }
    let border = if it.focused { theme.focus } else { theme.border };
    let block =
        Block::new().borders(Borders::ALL).border_set(look.glyphs.border).border_style(border);
    let inside = block.inner(area);
    block.render(area, buf);
    let room = area.width.saturating_sub(4);
    let mut x = area.x + 1;
    let end = area.x + 1 + room;
    for (n, part) in it.title.iter().enumerate() {
        if n > 0 && x < end {
            buf.set_stringn(x, area.y, look.glyphs.line, 1, border);
            x += 1;
        }
        if x + 2 >= end {
            break;
        }
        let (after, _) = buf.set_stringn(x, area.y, " ", 1, border);
        let cells = usize::from(end.saturating_sub(after + 1));
        let part = fit(part, cells, look);
        // The border's own style must not shine through.
        let width = u16::try_from(part.width()).unwrap_or(u16::MAX).min(end - after);
        buf.set_style(Rect { x: after, width, height: 1, ..area }, Style::reset());
        let (after, _) = buf.set_line(after, area.y, &part, end - after);
        let (after, _) = buf.set_stringn(after, area.y, " ", 1, border);
        x = after;
    }
    if let Some(foot) = &it.foot {
        let foot = format!(" {} ", cut(foot, usize::from(room.saturating_sub(2)), look.glyphs));
        buf.set_stringn(area.x + 1, area.bottom() - 1, &foot, usize::from(room), theme.dim);
    }
    Rect { x: inside.x + 1.min(inside.width), width: inside.width.saturating_sub(2), ..inside }
}

/// Draw a whole panel with the line `top` first, as far as there are lines.
pub(super) fn panel(
    it: &Frame<'_>,
    content: &Content,
    top: usize,
    area: Rect,
    buf: &mut Buffer,
    look: &Look,
) -> SeenPane {
    let inner = frame(it, area, buf, look);
    scrolled(it.pane, content, top, inner, buf, look)
}

/// Draw lines into an area without a border.
pub(super) fn scrolled(
    pane: Pane,
    content: &Content,
    top: usize,
    inner: Rect,
    buf: &mut Buffer,
    look: &Look,
) -> SeenPane {
    let height = usize::from(inner.height);
    let lines = content.lines.len();
    let top = top.min(lines.saturating_sub(height));
    for (line, y) in content.lines.iter().skip(top).zip(inner.top()..inner.bottom()) {
        let whole = Rect { y, height: 1, ..inner };
        buf.set_line(inner.x, y, line, inner.width);
        buf.set_style(whole, line.style);
    }
    scroll_mark(lines, top, inner, buf, look);
    let (hops, sections) = (content.hops.clone(), content.sections.clone());
    SeenPane { pane, inner, lines, top, hops, sections }
}

/// A thumb on the right border, when there is more than fits.
fn scroll_mark(lines: usize, top: usize, inner: Rect, buf: &mut Buffer, look: &Look) {
    let height = usize::from(inner.height);
    if lines <= height || height < 2 {
        return;
    }
    let thumb = (height * height / lines).max(1);
    let free = height - thumb;
    let at = top * free / (lines - height).max(1);
    let x = (inner.right() + 1).min(buf.area.right().saturating_sub(1));
    for y in (inner.y..inner.bottom()).skip(at).take(thumb) {
        buf.set_stringn(x, y, look.glyphs.scroll, 1, look.theme.dim);
    }
}

/// A box over the middle of the screen.
pub(super) fn overlay(area: Rect, cells: u16, lines: u16, buf: &mut Buffer) -> Rect {
    // A rim of what lies below would only be noise.
    let cells = if area.width < cells + 8 { area.width } else { cells };
    let lines = lines.min(area.height);
    let rect = Rect {
        x: area.x + (area.width - cells) / 2,
        y: area.y + (area.height - lines) / 3,
        width: cells,
        height: lines,
    };
    Clear.render(rect, buf);
    rect
}

/// Lines of a panel that has a line inside its border.
const LEAST_WITH_BORDER: u16 = 3;

/// A line cut to its room, with a mark.
pub(super) fn fit(line: &Line<'_>, cells: usize, look: &Look) -> Line<'static> {
    let mut left = cells;
    let mut spans = Vec::new();
    for span in &line.spans {
        let text = cut(&span.content, left, look.glyphs);
        let cut_off = width(&text) < width(&span.content);
        left -= width(&text).min(left);
        spans.push(Span::styled(text, span.style));
        if cut_off {
            break;
        }
    }
    Line::from(spans).style(line.style)
}
