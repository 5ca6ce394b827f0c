//! Where the lanes of a ladder stand, and how wide what is between them.

use super::Shown;
use crate::ladder::{HopRung, Mark, Note, Rung};
use crate::trace::visible;
use crate::tui::view::cells::width;

/// Where the lanes' lines stand.
pub(super) struct Lanes {
    /// First column of a rung's text.
    pub(super) start: usize,
    /// Column of the line of every lane but the first.
    pub(super) lines: Vec<usize>,
    /// Cells that methods are padded to.
    pub(super) method: usize,
}

impl Lanes {
    /// As wide as the texts want, then evenly wider or narrower until they fit.
    pub(super) fn new(it: &Shown<'_>, cells: usize) -> Lanes {
        let hops: Vec<&HopRung> = it.ladder.rungs.iter().filter_map(hop_of).collect();
        let digits = hops.len().to_string().len();
        let start = 2 + digits + 2;
        let method = hops.iter().flat_map(|it| &it.legs).map(|it| width(&it.method)).max();
        let method = method.unwrap_or_default().clamp(3, 7);
        let count = it.ladder.lanes.len().saturating_sub(1);
        let room = |words: Words| {
            let tails = hops.iter().map(|it| tail_wanted(it, count, words));
            let tail = tails.max().unwrap_or_default().clamp(14, 36);
            cells.saturating_sub(start + count + tail)
        };
        let mut segments: Vec<usize> = (0..count).map(|lane| wanted(&hops, lane, method)).collect();
        let fits = segments.iter().sum::<usize>() <= room(Words::Full);
        let room = room(if fits { Words::Full } else { Words::Short });
        while segments.iter().sum::<usize>() > room {
            match segments.iter_mut().max() {
                Some(widest) if *widest > 12 => *widest -= 1,
                _ => break,
            }
        }
        let spare = room.saturating_sub(segments.iter().sum());
        let more = (spare / (count + 1).max(1)).min(14);
        let mut at = start;
        let lines = segments.iter().map(|it| {
            at += it + more;
            let line = at;
            at += 1;
            line
        });
        let lines = lines.collect();
        Lanes { start, lines, method }
    }

    /// First and one-past-last column of what stands between lane `lane` and the next.
    pub(super) fn segment(&self, lane: usize, cells: usize) -> (usize, usize) {
        let from = match lane.checked_sub(1).and_then(|it| self.lines.get(it)) {
            Some(column) => column + 1,
            None => self.start,
        };
        (from, self.lines.get(lane).copied().unwrap_or(cells))
    }
}

/// Cells that the segment behind a lane would like to have.
fn wanted(hops: &[&HopRung], lane: usize, method: usize) -> usize {
    let lead = if lane == 0 { 0 } else { 2 };
    let legs = hops.iter().flat_map(|it| &it.legs).filter(|it| it.from == lane);
    let texts = legs.map(|it| lead + method + 1 + width(&visible(&it.path)) + 3);
    let here = hops
        .iter()
        .filter(|it| it.answered_at == lane && lane > 0)
        .map(|it| tail_width(it, Words::Short));
    texts.chain(here).max().unwrap_or_default().max(16)
}

/// Cells that a rung wants behind the last lane's line.
fn tail_wanted(rung: &HopRung, last: usize, words: Words) -> usize {
    if rung.answered_at == last { tail_width(rung, words) } else { 2 + width("never reached") }
}

/// How a mark is worded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Words {
    /// `/prod lost here`.
    Full,
    /// `/prod lost`, where every cell counts.
    Short,
}

impl Words {
    pub(super) fn of(self, mark: &Mark) -> String {
        let text = visible(&mark.text);
        match self {
            Words::Full => text.into_owned(),
            Words::Short => text.strip_suffix(" here").unwrap_or(&text).to_owned(),
        }
    }
}

/// Cells of a rung's answer.
fn tail_width(rung: &HopRung, words: Words) -> usize {
    let notes = rung.notes.iter().map(|it| match it {
        Note::Location(to) => 5 + width(&visible(to)),
        Note::AllowOrigin => 16,
        Note::Truncated(why) => 12 + width(why),
    });
    let stops = rung.never_reached || rung.failed_behind.is_some();
    let here = if stops { 2 + width("answered here") } else { 0 };
    let marks = rung.marks.iter().map(|it| 3 + width(&words.of(it))).max().unwrap_or(0);
    (1 + width(&rung.status) + notes.max().unwrap_or(0).max(here)).max(marks)
}

fn hop_of(rung: &Rung) -> Option<&HopRung> {
    match rung {
        Rung::Hop(rung) => Some(rung),
        Rung::Unseen(_) => None,
    }
}
