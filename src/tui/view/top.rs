//! The first line: what is open, whether it records, what of it and how much of the past, the taps,
//! the counts, the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cells::{cut_middle, width};
use super::panel::fit;
use crate::trace::{Tap, Target, Time, visible};
use crate::tui::message::{Feed, Status, Totals, Window};
use crate::tui::theme::Look;

/// What the line tells.
pub(super) struct Told<'a> {
    pub(super) status: &'a Status,
    pub(super) totals: Totals,
    pub(super) now: Option<Time>,
    pub(super) zone: chrono::FixedOffset,
}

/// Draw the line. What does not fit is left out, the taps first.
pub(super) fn top(it: &Told<'_>, area: Rect, buf: &mut Buffer, look: &Look) {
    let theme = &look.theme;
    let right = right(it, usize::from(area.width), look);
    let mut left = vec![Span::styled(" hopscope", theme.strong)];
    if !it.status.file.is_empty() {
        left.push(Span::styled(format!("  {}", visible(&it.status.file)), theme.text));
    }
    let (word, style) = match it.status.feed {
        Feed::Recording => (format!("  {} rec", look.glyphs.recording), theme.recording),
        Feed::Following => (format!("  {} following", look.glyphs.recording), theme.ok),
        Feed::Saved => (String::new(), theme.dim),
    };
    left.push(Span::styled(word, style));
    let room = usize::from(area.width).saturating_sub(Line::from(right.clone()).width() + 2);
    if !it.status.only.is_empty() {
        let so_far = Line::from(left.clone()).width() + width(ONLY);
        let words = visible(&it.status.only);
        let words =
            cut_middle(&words, room.saturating_sub(so_far).clamp(WORDS, UPSTREAM), look.glyphs);
        left.push(Span::styled(format!("{ONLY}{words}"), theme.key));
    }
    let mut so_far = Line::from(left.clone()).width();
    let keep = keep(&it.status.window);
    if so_far + width(&keep) <= room {
        so_far += width(&keep);
        left.push(Span::styled(keep, theme.key));
    }
    left.push(Span::styled(taps(&it.status.taps, room.saturating_sub(so_far), look), theme.dim));
    let right = Line::from(right);
    let cells = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    let room = usize::from(area.width - cells);
    if room >= NAME {
        buf.set_line(area.x, area.y, &fit(&Line::from(left), room, look), area.width);
    }
    buf.set_line(area.right() - cells, area.y, &right, cells);
}

/// `  keep 20MB, 2h (62%)`: the window of a flight recorder, and how full it is. Some of its room on
/// disk is for what comes next, so it is full before the last percent.
fn keep(window: &Window) -> String {
    let full = match window.full {
        _ if window.gone > 0 => " (full)".to_owned(),
        Some(percent) => format!(" ({percent}%)"),
        None => String::new(),
    };
    if window.limits.is_empty() { String::new() } else { format!("  keep {}{full}", window.limits) }
}

/// As many taps as fit, and how many there are besides.
fn taps(taps: &[Tap], cells: usize, look: &Look) -> String {
    let texts: Vec<String> = taps.iter().map(|it| format!("  {}", tap_text(it, look))).collect();
    for shown in (0..=texts.len()).rev() {
        let more = match texts.len() - shown {
            0 => String::new(),
            more if shown > 0 => format!("  +{more}"),
            1 => "  1 tap".to_owned(),
            more => format!("  {more} taps"),
        };
        let named = format!(" {}", texts.get(..shown).unwrap_or_default().concat());
        let text = format!("{named}{more}");
        if width(&text) <= cells {
            return text;
        }
        if shown > 0 && width(&named) <= cells {
            return named;
        }
    }
    String::new()
}

/// `edge :8080`, `origin :9001→:8000`, `har browser.har`.
fn tap_text(tap: &Tap, look: &Look) -> String {
    let name = visible(&tap.name);
    let address = short(&tap.address);
    match &tap.upstream {
        Some(upstream) => {
            let upstream = short(Target::parse(upstream).authority);
            let upstream = cut_middle(&upstream, UPSTREAM, look.glyphs);
            format!("{name} {address}{}{upstream}", look.glyphs.to)
        }
        None => format!("{name} {address}"),
    }
}

/// An address of this machine by its port alone.
fn short(address: &str) -> String {
    let local = ["127.0.0.1", "localhost", "[::1]"];
    let port = local.iter().find_map(|it| address.strip_prefix(it));
    visible(port.filter(|it| it.starts_with(':')).unwrap_or(address)).into_owned()
}

/// Counts and the time, as far as they fit into `cells`; the time only beside the names.
fn right(it: &Told<'_>, cells: usize, look: &Look) -> Vec<Span<'static>> {
    let theme = &look.theme;
    let count = |count: u64, one: &str, many: &str| {
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let mut parts = Vec::new();
    if it.status.unrecorded > 0 {
        let text = format!("{} {} not recorded", look.glyphs.guilty, it.status.unrecorded);
        parts.push(Span::styled(text, theme.lost));
    }
    parts.push(Span::styled(count(it.totals.chains, "chain", "chains"), theme.text));
    if it.totals.blocked > 0 {
        parts.push(Span::styled(format!("{} blocked", it.totals.blocked), theme.blocked));
    }
    if it.totals.failed > 0 {
        parts.push(Span::styled(format!("{} failed", it.totals.failed), theme.failed));
    }
    if it.status.guests > 0 {
        let guests = count(u64::from(it.status.guests), "guest", "guests");
        parts.push(Span::styled(guests, theme.text));
    }
    let taken = |parts: &[Span<'_>]| parts.iter().map(|it| it.width() + 2).sum::<usize>() + 1;
    while parts.len() > 1 && taken(&parts) > cells {
        parts.pop();
    }
    if let Some(now) = it.now {
        let clock = super::chains::clock(now, it.zone);
        let name = NAME + 2 + width(&visible(&it.status.file));
        if taken(&parts) + 2 + width(&clock) + name <= cells {
            parts.push(Span::styled(clock, theme.dim));
        }
    }
    let mut spans = Vec::new();
    for part in parts {
        spans.push(Span::raw("  "));
        spans.push(part);
    }
    spans.push(Span::raw(" "));
    spans
}

/// Cells of the program's name.
const NAME: usize = 9;
/// Before the words that choose what is kept.
const ONLY: &str = "  only ";
/// Cells of such words, at least.
const WORDS: usize = 6;
/// Cells of an upstream's name.
const UPSTREAM: usize = 26;
