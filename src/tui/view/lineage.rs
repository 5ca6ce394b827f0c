//! Lineage: one line a thing, one column a hop.

use std::sync::Arc;

use ratatui::style::Style;

use super::cells::{Row, cut, cut_middle, width};
use super::panel::Content;
use crate::lineage::{Change, Lineage, State, What};
use crate::trace::{Tap, visible};
use crate::tui::theme::Look;

/// The table, and below it every change in words.
pub(super) fn content(
    lineages: &[Arc<Lineage>],
    hops: usize,
    selected: usize,
    taps: &[Tap],
    cells: usize,
    look: &Look,
) -> Content {
    let mut content = Content::default();
    if lineages.is_empty() {
        content.paragraph(
            "Nothing in this chain was lost, added or changed on its way.",
            0,
            cells,
            look.theme.dim,
        );
        return content;
    }
    let mut lineages: Vec<&Lineage> = lineages.iter().map(|it| &**it).collect();
    lineages.sort_by_key(|it| rank(it));
    let labels: Vec<String> = lineages.iter().map(|it| label(it)).collect();
    let widest = labels.iter().map(|it| width(it)).max().unwrap_or_default();
    let columns = Columns::new(hops, selected, widest.min(cells * 2 / 5), cells);
    content.push(columns.header(selected, look).line());
    for (lineage, label) in lineages.iter().zip(&labels) {
        content.push(columns.row(lineage, label, look).line());
    }
    let changes: Vec<(&Lineage, &Change)> = lineages
        .iter()
        .copied()
        .flat_map(|it| it.changes.iter().map(move |change| (it, change)))
        .collect();
    if !changes.is_empty() {
        content.blank();
    }
    for (lineage, change) in changes {
        change_line(lineage, change, taps, cells, look, &mut content);
    }
    content
}

/// What somebody changed comes first, what stayed as it was last.
fn rank(lineage: &Lineage) -> usize {
    let first = lineage.hops.first();
    match () {
        () if !lineage.changes.is_empty() => 0,
        () if lineage.hops.iter().any(|it| Some(it) != first) => 1,
        () => 2,
    }
}

/// Which hops have a column, and where.
struct Columns {
    label: usize,
    step: usize,
    first: usize,
    count: usize,
    cells: usize,
}

impl Columns {
    fn new(hops: usize, selected: usize, label: usize, cells: usize) -> Columns {
        let room = cells.saturating_sub(label + 2);
        let step = (room / hops.max(1)).clamp(3, 7);
        let count = (room / step).clamp(1, hops.max(1));
        // Too many hops for the width: those around the selected one.
        let first = selected.saturating_sub(count / 2).min(hops.saturating_sub(count));
        Columns { label, step, first, count, cells }
    }

    fn x(&self, hop: usize) -> usize {
        self.label + 2 + (hop - self.first) * self.step
    }

    fn hops(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.count
    }

    fn header(&self, selected: usize, look: &Look) -> Row {
        let mut row = Row::new(self.cells);
        for hop in self.hops() {
            let style = if hop == selected { look.theme.focus } else { look.theme.dim };
            row.put(self.x(hop), &(hop + 1).to_string(), style);
        }
        row
    }

    fn row(&self, lineage: &Lineage, label: &str, look: &Look) -> Row {
        let mut row = Row::new(self.cells);
        let quiet = rank(lineage) == 2;
        let style = if quiet { look.theme.dim } else { look.theme.text };
        row.put(0, &cut_middle(label, self.label, look.glyphs), style);
        for hop in self.hops() {
            let (sign, style) = sign(lineage, hop, look);
            if hop + 1 < self.hops().end && is_there(lineage, hop) {
                for x in self.x(hop) + 1..self.x(hop + 1) {
                    row.put(x, look.glyphs.wire, look.theme.lane);
                }
            }
            row.put(self.x(hop), sign, if quiet { look.theme.lane } else { style });
        }
        row
    }
}

/// Whether a thing leaves a hop: a wire is drawn to the next, up to where it is missed.
fn is_there(lineage: &Lineage, hop: usize) -> bool {
    lineage.hops.get(hop).is_some_and(|it| !matches!(it, State::Absent))
}

/// The sign at a hop: what happened there, else whether it was there.
fn sign(lineage: &Lineage, hop: usize, look: &Look) -> (&'static str, Style) {
    let (theme, glyphs) = (&look.theme, look.glyphs);
    let state = lineage.hops.get(hop).copied().unwrap_or(State::Absent);
    let changed = lineage.changes.iter().find(|it| it.hop == hop).map(|it| it.state);
    match changed.unwrap_or(state) {
        State::Kept => (glyphs.kept, theme.ok),
        State::Added => ("+", theme.added),
        State::Changed => ("~", theme.changed),
        State::Dropped => (glyphs.scissors, theme.lost),
        State::Doubled => ("2", theme.changed),
        State::Absent => {
            let later = lineage.hops.iter().skip(hop).any(|it| *it != State::Absent);
            (if later { glyphs.absent_yet } else { glyphs.absent }, theme.dim)
        }
    }
}

/// `✂ hop 2  /prod dropped by app`.
fn change_line(
    lineage: &Lineage,
    change: &Change,
    taps: &[Tap],
    cells: usize,
    look: &Look,
    content: &mut Content,
) {
    let (theme, glyphs) = (&look.theme, look.glyphs);
    let (sign, style) = match change.state {
        State::Dropped | State::Absent => (glyphs.scissors, theme.lost),
        State::Added => ("+", theme.added),
        State::Changed => ("~", theme.changed),
        State::Doubled => ("2", theme.changed),
        State::Kept => (glyphs.kept, theme.ok),
    };
    let mut text = format!("{} {}", label(lineage), change.state.as_str());
    if let Some(by) = change.by.as_str() {
        text.push_str(" by ");
        text.push_str(by);
    }
    let name = |id: crate::trace::TapId| {
        taps.get(usize::from(id.0))
            .map_or_else(|| format!("tap {}", id.0 + 1), |it| it.name.clone())
    };
    if let Some((outer, inner)) = change.between {
        for part in [", between ", &name(outer), " and ", &name(inner)] {
            text.push_str(part);
        }
    }
    let mut row = Row::new(cells);
    row.put(0, sign, style);
    let hop = format!("hop {}", change.hop + 1);
    row.put(2, &hop, theme.dim);
    let x = 2 + width(&hop) + 2;
    row.put(x, &cut(&text, cells.saturating_sub(x), glyphs), theme.text);
    content.push(row.line());
}

/// What a person calls it: `prefix /prod`, `allow-origin`.
pub(super) fn label(lineage: &Lineage) -> String {
    match &lineage.what {
        What::Prefix => match &lineage.value {
            Some(value) => format!("prefix {}", visible(value)),
            None => "prefix".to_owned(),
        },
        What::Slash => "trailing slash".to_owned(),
        What::Query => "query".to_owned(),
        What::Method => "method".to_owned(),
        What::Scheme => "scheme".to_owned(),
        What::Host => "host".to_owned(),
        What::Origin => "origin".to_owned(),
        What::Cookie => "cookies".to_owned(),
        What::Body => "body".to_owned(),
        What::Header(name) => {
            visible(name.strip_prefix("access-control-").unwrap_or(name)).into_owned()
        }
    }
}
