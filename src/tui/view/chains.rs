//! The list of chains, oldest first, with their badges.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::cells::{cut, cut_middle, pad, width};
use super::panel::{Frame, frame};
use crate::trace::{Time, visible};
use crate::tui::message::Window;
use crate::tui::model::{List, Pane};
use crate::tui::row::{Badge, ChainRow};
use crate::tui::seen::SeenPane;
use crate::tui::theme::Look;

/// What the list shows besides its rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) zone: chrono::FixedOffset,
    /// How many taps the trace has; a chain seen only at the last of several went direct.
    pub(super) taps: usize,
    /// Why hops went by that are not in the list.
    pub(super) unrecorded_why: Option<&'a str>,
    /// What has gone from the list.
    pub(super) window: &'a Window,
    pub(super) focused: bool,
}

/// Draw the panel; gives back where the rows are.
pub(super) fn chains(
    list: &List,
    around: Around<'_>,
    area: Rect,
    buf: &mut Buffer,
    look: &Look,
) -> SeenPane {
    let theme = &look.theme;
    let mut title = vec![Line::styled("chains", theme.title)];
    if !list.filter.is_empty() {
        let filter = format!("/ {}", visible(&list.filter));
        title.push(Line::styled(filter, theme.warn));
        title.push(Line::styled(list.window.found(), theme.dim));
    }
    if let Some(selected) = list.selected.filter(|_| list.filter.is_empty()) {
        let place = format!("{} of {}", selected.at + 1, list.window.of);
        title.push(Line::styled(place, theme.dim));
    }
    let foot = match around.unrecorded_why {
        Some(why) => Some(format!("{} not all is recorded: {}", look.glyphs.guilty, visible(why))),
        None => told(list, around),
    };
    let it = Frame { pane: Pane::Chains, title, foot, focused: around.focused };
    let mut inner = frame(&it, area, buf, look);
    // The selection mark stands in the space beside the border.
    inner.x = inner.x.saturating_sub(1);
    inner.width += 1;
    let columns = Columns::new(list, usize::from(inner.width));
    let with_header = inner.height > 3;
    if with_header {
        buf.set_line(inner.x, inner.y, &columns.header(look), inner.width);
        inner.y += 1;
        inner.height -= 1;
    }
    for (at, y) in (list.top..list.window.of).zip(inner.top()..inner.bottom()) {
        let selected = list.selected.is_some_and(|it| it.at == at);
        let line = match list.row(at) {
            Some(row) => columns.row(row, around, selected, look),
            None => Line::styled(format!("   {}", look.glyphs.cut), theme.dim),
        };
        buf.set_line(inner.x, y, &line, inner.width);
        if selected {
            buf.set_style(Rect { y, height: 1, ..inner }, theme.selected);
        }
    }
    if list.window.of == 0 && !list.filter.is_empty() {
        let text = "no chain has these words";
        buf.set_stringn(inner.x + 1, inner.y, text, usize::from(inner.width), theme.dim);
    }
    SeenPane {
        pane: Pane::Chains,
        inner,
        lines: usize::try_from(list.window.of).unwrap_or(usize::MAX),
        top: usize::try_from(list.top).unwrap_or(usize::MAX),
        hops: Vec::new(),
        sections: Vec::new(),
    }
}

/// Whether the list moves by itself, and what has gone from its beginning.
fn told(list: &List, around: Around<'_>) -> Option<String> {
    let follow = list.follow.then(|| "following the newest".to_owned());
    let gone = around.window.from.map(|from| {
        let (n, from) = (around.window.gone, clock(from, around.zone));
        format!("{n} {} let go, from before {from}", if n == 1 { "hop" } else { "hops" })
    });
    let parts: Vec<String> = follow.into_iter().chain(gone).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Widths of the columns, in cells.
struct Columns {
    number: usize,
    time: bool,
    method: usize,
    request: usize,
    /// Whether the rows are about several hosts.
    hosts: bool,
    badge: usize,
}

impl Columns {
    fn new(list: &List, cells: usize) -> Columns {
        let rows = &list.window.rows;
        let number = rows.iter().map(|it| it.number.to_string().len()).max().unwrap_or(1).max(2);
        let method = rows.iter().map(|it| width(&it.method)).max().unwrap_or(3).clamp(4, 7);
        let time = cells >= 38;
        // Where there is hardly any room, the path and the verdict say most.
        let number = if cells < LEAST_WITH_NUMBER { 0 } else { number };
        let method = if cells < LEAST_WITH_METHOD { 0 } else { method };
        let badge = if cells >= 60 { 18 } else { 10 };
        let fixed =
            2 + if number > 0 { number + 2 } else { 0 } + if time { 10 } else { 0 } + 1 + badge;
        // A reverse tap has one host; naming it in every row would say nothing.
        let mut host_of = std::collections::HashMap::new();
        let hosts = rows.iter().any(|it| *host_of.entry(it.tap).or_insert(&it.host) != &it.host);
        let hosts = hosts || rows.iter().any(|it| it.path.is_empty());
        Columns { number, time, method, request: cells.saturating_sub(fixed), hosts, badge }
    }

    fn header(&self, look: &Look) -> Line<'static> {
        let time = if self.time { "time      " } else { "" };
        let number =
            if self.number > 0 { format!("{:>1$}  ", "#", self.number) } else { String::new() };
        let request = pad("request", self.request);
        Line::styled(format!("  {number}{time}{request} verdict"), look.theme.dim)
    }

    fn row(
        &self,
        row: &ChainRow,
        around: Around<'_>,
        selected: bool,
        look: &Look,
    ) -> Line<'static> {
        let (theme, glyphs) = (&look.theme, look.glyphs);
        let mark = if selected { glyphs.selected } else { " " };
        let mut spans = vec![Span::styled(format!("{mark} "), theme.focus)];
        if self.number > 0 {
            spans.push(Span::styled(format!("{:>1$}  ", row.number, self.number), theme.dim));
        }
        if self.time {
            spans.push(Span::styled(format!("{}  ", clock(row.at, around.zone)), theme.dim));
        }
        let mut room = self.request;
        if self.method > 0 {
            let method = pad(&cut(&visible(&row.method), self.method, glyphs), self.method);
            room = room.saturating_sub(self.method + 1);
            spans.push(Span::styled(format!("{method} "), theme.strong));
        }
        let path = cut_middle(&visible(&row.path), room, glyphs);
        let mut left = room.saturating_sub(width(&path));
        spans.push(Span::styled(path, theme.text));
        if self.hosts && left >= LEAST_HOST {
            let host = cut(&visible(&row.host), left - 2, glyphs);
            left -= 2 + width(&host);
            spans.push(Span::styled(format!("  {host}"), theme.dim));
        }
        spans.push(Span::raw(" ".repeat(left + 1)));
        let (badge, style) = badge(row.badge, look);
        let direct = around.taps > 1 && usize::from(row.tap.0) + 1 == around.taps;
        let left = self.badge.saturating_sub(width(&badge));
        spans.push(Span::styled(badge, style));
        if direct && left > width(" direct") {
            spans.push(Span::styled(" direct", theme.dim));
        }
        Line::from(spans)
    }
}

/// A badge's text and style.
pub(super) fn badge(badge: Badge, look: &Look) -> (String, Style) {
    let (theme, glyphs) = (&look.theme, look.glyphs);
    let status = |it: Option<u16>| it.map(|it| format!(" {it}")).unwrap_or_default();
    match badge {
        Badge::Allowed { error: None } => (glyphs.allowed.to_owned(), theme.ok),
        Badge::Allowed { error } => (format!("{}{}", glyphs.allowed, status(error)), theme.warn),
        Badge::Blocked { masked } => {
            (format!("{} cors{}", glyphs.refused, status(masked)), theme.blocked)
        }
        Badge::Failed(by) => (format!("{} {by}", glyphs.refused), theme.failed),
        Badge::Depends => ("?".to_owned(), theme.warn),
        Badge::Open => (glyphs.cut.to_owned(), theme.dim),
    }
}

/// A time of day.
pub(super) fn clock(at: Time, zone: chrono::FixedOffset) -> String {
    at.utc().with_timezone(&zone).format("%H:%M:%S").to_string()
}

/// The least cells of a row that has a number, and of one that has a method.
const LEAST_WITH_NUMBER: usize = 26;
const LEAST_WITH_METHOD: usize = 20;
/// The least cells that are worth a host's name.
const LEAST_HOST: usize = 8;
