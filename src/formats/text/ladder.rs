//! The ladder in text: one line a rung, marks below it.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Glyphs, Text};
use crate::fetch::VerdictOutcome;
use crate::ladder::{HopRung, Ladder, Leg, Note, Rung};
use crate::lineage::{Actor, State};
use crate::trace::visible;

/// Cells before the first lane: marker, number, blanks.
const MARGIN: usize = 7;

/// Draw `ladder`, each line ended. Nothing where nothing was asked: lanes alone say nothing.
pub(super) fn draw(ladder: &Ladder, text: &Text<'_>) -> String {
    if ladder.rungs.is_empty() {
        return String::new();
    }
    let labels: Vec<Vec<String>> = ladder.rungs.iter().map(|it| labels(it, text)).collect();
    let widths = widths(ladder, &labels, text);
    let mut out = String::new();
    heading(&mut out, ladder, &widths);
    for (rung, labels) in ladder.rungs.iter().zip(&labels) {
        match rung {
            Rung::Unseen(it) => {
                let dots = text.glyphs.pick("┄┄", "..");
                let _ = writeln!(out, "{:MARGIN$}{dots} {} {dots}", "", it.text);
            }
            Rung::Hop(it) => hop(&mut out, it, labels, &widths, text),
        }
    }
    out
}

/// The width of the column between each lane and the next.
fn widths(ladder: &Ladder, labels: &[Vec<String>], text: &Text<'_>) -> Vec<usize> {
    let n = ladder.lanes.len().saturating_sub(1);
    let room = text.width.saturating_sub(MARGIN + 24).max(20 * n) / n.max(1);
    let mut widths: Vec<usize> = ladder.lanes.iter().take(n).map(|it| it.width() + 4).collect();
    for (rung, labels) in ladder.rungs.iter().zip(labels) {
        let Rung::Hop(rung) = rung else { continue };
        for (leg, label) in rung.legs.iter().zip(labels) {
            if let Some(width) = widths.get_mut(leg.from) {
                *width = (*width).max(label.width() + 7).min(room.max(20));
            }
        }
    }
    widths
}

fn heading(out: &mut String, ladder: &Ladder, widths: &[usize]) {
    let mut line = " ".repeat(MARGIN);
    for (idx, lane) in ladder.lanes.iter().enumerate() {
        let width = widths.get(idx).map_or(0, |it| it + 1);
        let _ = write!(line, "{lane:<width$}");
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn hop(out: &mut String, rung: &HopRung, labels: &[String], widths: &[usize], text: &Text<'_>) {
    let marker = if rung.guilty { text.glyphs.pick("▸", ">") } else { " " };
    let mut line = format!("  {marker}{:>2}  ", rung.hop + 1);
    let bar = text.glyphs.pick("│", "|");
    for (lane, width) in widths.iter().enumerate() {
        match rung.legs.iter().zip(labels).find(|it| it.0.from == lane) {
            Some((_, label)) => line.push_str(&arrow(lane, label, *width, text)),
            None if lane < rung.answered_at => line.push_str(&" ".repeat(*width)),
            None => break,
        }
        line.push_str(bar);
    }
    let mut column = line.width() + 1;
    if let Some(why) = rung.failed_behind {
        let _ = writeln!(out, "{line} {why}");
        column = lane_column(rung.answered_at, widths);
        line = format!("{:1$}{bar}", "", column.saturating_sub(2));
        let _ = write!(line, " {}  answered here", answer(rung, text));
    } else {
        let _ = write!(line, " {}", answer(rung, text));
        if rung.never_reached {
            line.push_str("  answered here, app never reached");
        }
    }
    let _ = writeln!(out, "{}", line.trim_end());
    for mark in &rung.marks {
        let sign = match mark.state {
            State::Dropped | State::Absent => text.glyphs.pick("✂", "%<"),
            _ => text.glyphs.pick("≠", "!="),
        };
        // What the gateway did on the way stands below the gateway.
        let on_the_way = matches!(mark.by, Actor::Gateway | Actor::Proxy | Actor::Cdn);
        let at = if on_the_way && rung.answered_at > 1 { lane_column(1, widths) } else { column };
        let _ = writeln!(out, "{:at$}{sign} {}", "", visible(&mark.text));
    }
    if let Some(outcome @ (VerdictOutcome::Blocked | VerdictOutcome::Failed)) = rung.decides {
        let sign = text.glyphs.pick("✗", "x");
        let _ = writeln!(out, "{:column$}{sign} {} here", "", outcome.as_str());
    }
}

/// Where text behind the line of `lane` begins.
fn lane_column(lane: usize, widths: &[usize]) -> usize {
    let before: usize = widths.iter().take(lane).map(|it| it + 1).sum();
    MARGIN + before + 1
}

/// `GET /prod/items ────▶`, exactly `width` cells.
fn arrow(from: usize, label: &str, width: usize, text: &Text<'_>) -> String {
    let (line, head) = match text.glyphs {
        Glyphs::Unicode => ("─", "▶"),
        Glyphs::Ascii => ("-", ">"),
    };
    let lead = if from == 0 { String::new() } else { format!("{line} ") };
    let label = cut(label, width.saturating_sub(5 + lead.width()), text.glyphs);
    let used = lead.width() + label.width() + 2;
    format!("{lead}{label} {}{head}", line.repeat(width.saturating_sub(used)))
}

/// What stands on each of its arrows.
fn labels(rung: &Rung, text: &Text<'_>) -> Vec<String> {
    let Rung::Hop(rung) = rung else { return Vec::new() };
    let label = |leg: &Leg| {
        let path = text.secrets.url(&leg.path);
        visible(&format!("{} {path}", leg.method)).into_owned()
    };
    rung.legs.iter().map(label).collect()
}

fn answer(rung: &HopRung, text: &Text<'_>) -> String {
    let mut out = rung.status.clone();
    for note in &rung.notes {
        match note {
            Note::Location(to) => {
                let to = text.secrets.url(to);
                let _ = write!(out, "  {} {}", text.glyphs.pick("→", "->"), visible(&to));
            }
            Note::AllowOrigin => {
                let _ = write!(out, "  allow-origin {}", text.glyphs.pick("✓", "ok"));
            }
            Note::Truncated(why) => {
                let _ = write!(out, "  body cut short ({why})");
            }
        }
    }
    out
}

/// `text` in at most `width` cells, its middle replaced when it is longer.
fn cut(text: &str, width: usize, glyphs: Glyphs) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let gap = glyphs.pick("…", "..");
    let half = width.saturating_sub(gap.width()) / 2;
    let start = take(text.chars(), width.saturating_sub(gap.width() + half));
    let end: String = take(text.chars().rev(), half).chars().rev().collect();
    format!("{start}{gap}{end}")
}

/// As many characters as fit into `width` cells.
fn take(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut cells = 0;
    chars
        .take_while(|it| {
            cells += it.width().unwrap_or_default();
            cells <= width
        })
        .collect()
}
