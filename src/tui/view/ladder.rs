//! The ladder: lanes for the actors, one rung a hop, scissors where something vanished.
//!
//! ```text
//!      browser                 gateway                  app
//!   1  OPTIONS /prod/items ─────▶│─ OPTIONS /items ──────▶│ 200  allow-origin ✓
//! ▸!2  GET     /prod/items ─────▶│─ GET     /items ──────▶│ 301  → /items/
//!                                │                        │ ✂ /prod lost here
//! ```

mod lanes;

use ratatui::style::Style;

use super::cells::{Row, cut, cut_middle, pad, width};
use super::panel::Content;
use crate::fetch::{Verdict, VerdictOutcome};
use crate::ladder::{HopRung, Ladder, Leg, Mark, Note, Rung, UnseenRung};
use crate::lineage::{Actor, State};
use crate::trace::visible;
use crate::tui::theme::Look;
use lanes::{Lanes, Words};

/// What the ladder of a chain is drawn from.
pub(super) struct Shown<'a> {
    pub(super) ladder: &'a Ladder,
    pub(super) verdict: &'a Verdict,
    /// The headline finding's code, for a guilty rung without scissors.
    pub(super) headline: Option<&'static str>,
    /// Index of the selected hop.
    pub(super) selected: usize,
    /// Whether a line of lanes stands between two rungs.
    pub(super) airy: bool,
}

/// The ladder in `cells` columns.
pub(super) fn content(it: &Shown<'_>, cells: usize, look: &Look) -> Content {
    let draw = Drawing { it, look, lanes: Lanes::new(it, cells), cells };
    let mut content = Content::default();
    content.push(draw.labels().line());
    content.hops.push(None);
    for (n, rung) in it.ladder.rungs.iter().enumerate() {
        if it.airy && n > 0 {
            content.push(draw.bars(None).line());
            content.hops.push(None);
        }
        match rung {
            Rung::Hop(rung) => {
                for row in draw.hop(rung) {
                    content.push(row);
                    content.hops.push(Some(rung.hop));
                }
            }
            Rung::Unseen(rung) => {
                content.push(draw.unseen(rung).line());
                content.hops.push(None);
            }
        }
    }
    if it.verdict.hop.is_none() {
        content.push(draw.verdict(it.verdict.outcome).line());
        content.hops.push(None);
    }
    content
}

/// One ladder being drawn.
struct Drawing<'a> {
    it: &'a Shown<'a>,
    look: &'a Look,
    lanes: Lanes,
    cells: usize,
}

impl Drawing<'_> {
    /// The names of the lanes, each over its line.
    fn labels(&self) -> Row {
        let mut row = Row::new(self.cells);
        for (n, name) in self.it.ladder.lanes.iter().enumerate() {
            let x = match n.checked_sub(1).and_then(|it| self.lanes.lines.get(it)) {
                None => self.lanes.start,
                Some(line) => {
                    line.saturating_sub(width(name) / 2).min(self.cells.saturating_sub(width(name)))
                }
            };
            row.put(x, name, self.look.theme.dim);
        }
        row
    }

    /// The lanes' lines; dotted behind the lane that a request never passed.
    fn bars(&self, unreached_behind: Option<usize>) -> Row {
        let mut row = Row::new(self.cells);
        for (n, x) in self.lanes.lines.iter().enumerate() {
            let reached = unreached_behind.is_none_or(|it| n < it);
            let glyphs = self.look.glyphs;
            let line = if reached { glyphs.lane } else { glyphs.lane_unreached };
            row.put(*x, line, self.look.theme.lane);
        }
        row
    }

    /// A hop: its rung, its marks, and the verdict if it was decided here.
    fn hop(&self, rung: &HopRung) -> Vec<ratatui::text::Line<'static>> {
        let unreached = rung.never_reached.then_some(rung.answered_at);
        let mut lines = vec![self.rung(rung, unreached)];
        if rung.failed_behind.is_some() {
            let mut row = self.bars(None);
            self.answer(&mut row, rung);
            lines.push(row.line());
        }
        lines.extend(rung.marks.iter().map(|it| self.mark(rung, it, unreached).line()));
        if let Some(code) = self.it.headline.filter(|_| rung.guilty && rung.marks.is_empty()) {
            let mut row = self.bars(unreached);
            let text = format!("{} {code}", self.look.glyphs.guilty);
            self.place(&mut row, self.line_of(rung.answered_at) + 2, &text, self.look.theme.lost);
            lines.push(row.line());
        }
        if let Some(outcome) = rung.decides {
            lines.push(self.verdict(outcome).line());
        }
        lines
    }

    fn rung(&self, rung: &HopRung, unreached: Option<usize>) -> ratatui::text::Line<'static> {
        let theme = &self.look.theme;
        let selected = rung.hop == self.it.selected;
        let mut row = self.bars(unreached);
        if selected {
            row.put(0, self.look.glyphs.selected, theme.focus);
        }
        let number = (rung.hop + 1).to_string();
        let at = self.lanes.start.saturating_sub(2 + width(&number));
        if rung.guilty {
            row.put(at.saturating_sub(1), self.look.glyphs.guilty, theme.lost);
        }
        row.put(at, &number, if rung.guilty { theme.lost } else { theme.dim });
        for leg in &rung.legs {
            self.leg(&mut row, leg);
        }
        match rung.failed_behind {
            Some(why) => self.failed_behind(&mut row, rung, why),
            None => self.answer(&mut row, rung),
        }
        let line = row.line();
        if selected { line.style(theme.selected) } else { line }
    }

    /// A request crossing from one lane to the next.
    fn leg(&self, row: &mut Row, leg: &Leg) {
        let (theme, glyphs) = (&self.look.theme, self.look.glyphs);
        let (mut x, end) = self.lanes.segment(leg.from, self.cells);
        if leg.from > 0 {
            row.put(x, glyphs.arrow, theme.lane);
            x += 2;
        }
        let method = cut(&visible(&leg.method), self.lanes.method, glyphs);
        row.put(x, &pad(&method, self.lanes.method), theme.strong);
        x += self.lanes.method + 1;
        let path = cut_middle(&visible(&leg.path), end.saturating_sub(x + 3), glyphs);
        row.put(x, &path, theme.text);
        x += width(&path) + 1;
        while x + 1 < end {
            row.put(x, glyphs.arrow, theme.lane);
            x += 1;
        }
        row.put(end.saturating_sub(1), glyphs.arrow_head, theme.lane);
    }

    /// Status and notes, behind the lane that answered.
    fn answer(&self, row: &mut Row, rung: &HopRung) {
        let (theme, glyphs) = (&self.look.theme, self.look.glyphs);
        let (_, end) = self.lanes.segment(rung.answered_at, self.cells);
        let mut x = self.line_of(rung.answered_at) + 2;
        let status = match rung.status.as_str() {
            "…" => glyphs.cut.to_owned(),
            other => visible(other).into_owned(),
        };
        row.put(x, &status, self.status_style(&rung.status));
        x += width(&status) + 2;
        if rung.never_reached {
            self.never_reached(row, rung.answered_at);
        }
        if rung.never_reached || rung.failed_behind.is_some() {
            row.put(x, "answered here", theme.dim);
            return;
        }
        for note in &rung.notes {
            let room = end.saturating_sub(x);
            let (text, style) = match note {
                Note::Location(to) => {
                    let to = visible(to);
                    let arrow = glyphs.to;
                    let left = room.saturating_sub(width(arrow) + 1);
                    (format!("{arrow} {}", cut_middle(&to, left, glyphs)), theme.warn)
                }
                Note::AllowOrigin => (format!("allow-origin {}", glyphs.allowed), theme.ok),
                Note::Truncated(why) => (format!("cut short: {why}"), theme.failed),
            };
            if width(&text) > room {
                return;
            }
            row.put(x, &text, style);
            x += width(&text) + 2;
        }
    }

    /// How the request failed behind the lane that then answered for it.
    fn failed_behind(&self, row: &mut Row, rung: &HopRung, why: &str) {
        let x = self.line_of(rung.answered_at + 1) + 2;
        let text = format!("{} {why}", self.look.glyphs.refused);
        row.put(
            x,
            &cut(&text, self.cells.saturating_sub(x), self.look.glyphs),
            self.look.theme.failed,
        );
    }

    fn never_reached(&self, row: &mut Row, answered_at: usize) {
        let text = "never reached";
        for (lane, line) in self.lanes.lines.iter().enumerate().skip(answered_at) {
            let (from, end) = self.lanes.segment(lane + 1, self.cells);
            if end.saturating_sub(from) > width(text) {
                row.put(line + 2, text, self.look.theme.dim);
            }
        }
    }

    /// Something that vanished, in the lane of who did it.
    fn mark(&self, rung: &HopRung, mark: &Mark, unreached: Option<usize>) -> Row {
        let glyphs = self.look.glyphs;
        let (sign, style) = match mark.state {
            State::Dropped | State::Absent | State::Kept => (glyphs.scissors, self.look.theme.lost),
            State::Added => ("+", self.look.theme.added),
            State::Changed | State::Doubled => ("~", self.look.theme.changed),
        };
        let mut row = self.bars(unreached);
        let x = match mark.by {
            Actor::Browser => self.lanes.start,
            Actor::App => self.line_of(self.lanes.lines.len().min(rung.answered_at)) + 2,
            Actor::Gateway | Actor::Proxy | Actor::Cdn => self.line_of(1) + 2,
            Actor::Cache | Actor::Hopscope | Actor::Unknown => self.line_of(rung.answered_at) + 2,
        };
        let full = format!("{sign} {}", Words::Full.of(mark));
        let fits = x + width(&full) <= self.cells;
        let text = if fits { full } else { format!("{sign} {}", Words::Short.of(mark)) };
        self.place(&mut row, x, &text, style);
        row
    }

    /// Put an annotation at `x`, or further left when it would not fit.
    fn place(&self, row: &mut Row, x: usize, text: &str, style: Style) {
        let text = cut(text, self.cells.saturating_sub(self.lanes.start), self.look.glyphs);
        let x = x.min(self.cells.saturating_sub(width(&text)));
        row.put(x, &text, style);
        // Keep a lane's line that the text only touched from sticking to it.
        row.put(x + width(&text), " ", Style::new());
    }

    fn unseen(&self, rung: &UnseenRung) -> Row {
        let (theme, glyphs) = (&self.look.theme, self.look.glyphs);
        let mut row = self.bars(Some(0));
        let (start, end) = self.lanes.segment(0, self.cells);
        for x in start..start + 3.min(end.saturating_sub(start)) {
            row.put(x, glyphs.dotted, theme.lane);
        }
        self.place(&mut row, start + 4, &rung.text, theme.dim);
        row
    }

    /// The verdict's line: sign, outcome, Chromium's code.
    fn verdict(&self, outcome: VerdictOutcome) -> Row {
        let (theme, glyphs) = (&self.look.theme, self.look.glyphs);
        let verdict = self.it.verdict;
        let mut row = Row::new(self.cells);
        let (sign, style) = match outcome {
            VerdictOutcome::Allowed => (glyphs.allowed, theme.ok),
            VerdictOutcome::Blocked => (glyphs.refused, theme.blocked),
            VerdictOutcome::Failed => (glyphs.refused, theme.failed),
            VerdictOutcome::Depends => ("?", theme.warn),
        };
        let head = format!("{sign} {}", outcome.as_str());
        row.put(self.lanes.start, &head, style);
        let code = verdict.chromium.code.map(str::to_owned);
        let why = code.or_else(|| verdict.chromium.net_error.clone()).unwrap_or_default();
        let x = self.lanes.start + width(&head) + 2;
        let why = cut(&visible(&why), self.cells.saturating_sub(x), glyphs);
        row.put(x, &why, if outcome == VerdictOutcome::Allowed { theme.dim } else { theme.text });
        row
    }

    fn line_of(&self, lane: usize) -> usize {
        match lane.checked_sub(1).and_then(|it| self.lanes.lines.get(it)) {
            Some(column) => *column,
            None => self.lanes.start.saturating_sub(2),
        }
    }

    fn status_style(&self, status: &str) -> Style {
        let theme = &self.look.theme;
        match status.as_bytes().first() {
            Some(b'2') => theme.ok,
            Some(b'1' | b'3') => theme.warn,
            Some(b'4' | b'5') => theme.blocked,
            Some(b'a'..=b'z') => theme.failed,
            _ => theme.dim,
        }
    }
}
