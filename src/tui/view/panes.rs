//! The panes of the first screen: as many as there is room for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::panel::{Content, Frame, inner_width, panel};
use super::{chains, finding, ladder, lineage, verdict};
use crate::ladder::Ladder;
use crate::trace::{HopId, visible};
use crate::tui::model::{Model, Open, Pane};
use crate::tui::row::Badge;
use crate::tui::seen::{Seen, SeenPane};
use crate::tui::theme::Look;

/// How much fits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Room {
    Wide,
    Medium,
    Narrow,
}

impl Room {
    pub(super) fn of(area: Rect) -> Room {
        match (area.width, area.height) {
            (120.., 18..) => Room::Wide,
            (80.., 28..) => Room::Medium,
            _ => Room::Narrow,
        }
    }
}

/// Draw the panes that fit; the focused one is always among them.
pub(super) fn panes(
    model: &Model,
    focus: Pane,
    room: Room,
    area: Rect,
    buf: &mut Buffer,
    look: &Look,
) -> Seen {
    let mut it = Panes { model, focus, look, buf, seen: Vec::new() };
    match room {
        Room::Wide => it.wide(area),
        Room::Medium => it.medium(area),
        Room::Narrow => it.narrow(area),
    }
    let list = it.seen.iter().find(|it| it.pane == Pane::Chains);
    let list_rows = list.map_or(model.seen.list_rows, |it| it.inner.height);
    Seen { list_rows, panes: it.seen, ..Seen::default() }
}

struct Panes<'a> {
    model: &'a Model,
    focus: Pane,
    look: &'a Look,
    buf: &'a mut Buffer,
    seen: Vec<SeenPane>,
}

impl Panes<'_> {
    fn wide(&mut self, area: Rect) {
        let left = (area.width * 3 / 8).clamp(46, 64);
        let (left, right) = beside(area, left);
        let lineage = self.lines_of(Pane::Lineage, left) + 2;
        let (list, below) = stacked(left, left.height - lineage.clamp(4, left.height * 2 / 5));
        self.chains(list);
        self.pane(Pane::Lineage, below);
        let chain = self.lines_of(Pane::Chain, right) + 2;
        let (chain, below) = stacked(right, chain.clamp(6, right.height * 3 / 5));
        self.pane(Pane::Chain, chain);
        self.details(&[Pane::Finding, Pane::Verdict], below);
    }

    fn medium(&mut self, area: Rect) {
        let (list, rest) = stacked(area, (area.height / 4).clamp(7, 14));
        self.chains(list);
        let chain = self.lines_of(Pane::Chain, rest) + 2;
        let (chain, below) = stacked(rest, chain.clamp(6, rest.height * 3 / 5));
        self.pane(Pane::Chain, chain);
        self.details(&[Pane::Finding, Pane::Verdict, Pane::Lineage], below);
    }

    fn narrow(&mut self, area: Rect) {
        // What the pane shows comes before the names of the others.
        let (tabs, rest) = stacked(area, u16::from(area.height > LEAST_WITH_TABS));
        if tabs.height > 0 {
            self.tabs(tabs);
        }
        match self.focus {
            Pane::Chains => self.chains(rest),
            Pane::Chain if rest.height > 0 => self.chain_and_finding(rest),
            other => self.pane(other, rest),
        }
    }

    /// The ladder, and below it as much of the finding as there is room for.
    fn chain_and_finding(&mut self, area: Rect) {
        let wanted = self.lines_of(Pane::Chain, area).saturating_add(2);
        if wanted.saturating_add(LEAST) > area.height {
            return self.pane(Pane::Chain, area);
        }
        let (chain, below) = stacked(area, wanted);
        self.pane(Pane::Chain, chain);
        self.details(&[Pane::Finding], below);
    }

    /// The focused one of these, else the first; finding and verdict together where both fit.
    fn details(&mut self, choices: &[Pane], area: Rect) {
        let finding = self.lines_of(Pane::Finding, area).saturating_add(2);
        let verdict = self.lines_of(Pane::Verdict, area).saturating_add(2);
        let left = area.height.saturating_sub(finding);
        let focused = choices.iter().find(|it| **it == self.focus).copied();
        let pane = focused.or(choices.first().copied()).unwrap_or(Pane::Finding);
        if left >= verdict.min(READABLE) && pane != Pane::Lineage {
            let (finding, verdict) = stacked(area, area.height - left.min(verdict));
            self.pane(Pane::Finding, finding);
            self.pane(Pane::Verdict, verdict);
        } else {
            self.pane(pane, area);
        }
    }

    /// The names of all panes, the one that is shown marked.
    fn tabs(&mut self, area: Rect) {
        let theme = &self.look.theme;
        let mut spans = vec![Span::raw(" ")];
        for pane in Pane::ALL {
            let name = match pane {
                Pane::Chains => "chains",
                Pane::Chain | Pane::Hop => "chain",
                Pane::Lineage => "lineage",
                Pane::Finding => "finding",
                Pane::Verdict => "verdict",
            };
            let shown = pane == self.focus;
            let mark = if shown { self.look.glyphs.selected } else { " " };
            let style = if shown { theme.strong } else { theme.dim };
            spans.push(Span::styled(mark, theme.focus));
            spans.push(Span::styled(format!("{name}  "), style));
        }
        self.buf.set_line(area.x, area.y, &Line::from(spans), area.width);
    }

    fn chains(&mut self, area: Rect) {
        let around = chains::Around {
            zone: self.model.zone,
            taps: self.model.status.taps.len(),
            unrecorded_why: self.model.status.unrecorded_why.as_deref(),
            window: &self.model.status.window,
            focused: self.focus == Pane::Chains,
        };
        let seen = chains::chains(&self.model.list, around, area, self.buf, self.look);
        self.seen.push(seen);
    }

    /// Draw any pane but the list.
    fn pane(&mut self, pane: Pane, area: Rect) {
        let content = self.content(pane, area);
        let mut top = self.model.open.as_ref().map_or(0, |it| it.scroll.of(pane));
        if let Some(open) = self.model.open.as_ref().filter(|it| it.reveal && pane == Pane::Chain) {
            top = reveal(&content, open.hop, top, usize::from(area.height.saturating_sub(2)));
        }
        let title = self.title(pane);
        let foot = self.model.open.as_ref().filter(|_| pane == Pane::Chain).and_then(link_words);
        let it = Frame { pane, title, foot, focused: self.focus == pane };
        self.seen.push(panel(&it, &content, top, area, self.buf, self.look));
    }

    /// Lines that a pane would like to have.
    fn lines_of(&self, pane: Pane, area: Rect) -> u16 {
        u16::try_from(self.content(pane, area).lines.len()).unwrap_or(u16::MAX - 2)
    }

    fn content(&self, pane: Pane, area: Rect) -> Content {
        let Some(open) = &self.model.open else { return Content::default() };
        let cells = inner_width(area);
        let (analysis, taps) = (&open.analysis, &self.model.status.taps);
        let verdict = &analysis.judgement.verdict;
        match pane {
            Pane::Chain => {
                let ladder = Ladder::of(analysis, taps);
                let shown = ladder::Shown {
                    ladder: &ladder,
                    verdict,
                    headline: analysis.findings.first().map(|it| it.code),
                    selected: open.hop,
                    airy: ladder.rungs.len() * 4 < usize::from(self.model.height) / 2,
                };
                ladder::content(&shown, cells, self.look)
            }
            Pane::Lineage => {
                let hops = analysis.chain.hops.len();
                lineage::content(&analysis.lineage, hops, open.hop, taps, cells, self.look)
            }
            Pane::Finding => {
                let (findings, badge) = (&analysis.findings, Badge::of(analysis));
                finding::content(findings, open.finding, badge, taps, cells, self.look)
            }
            Pane::Verdict => verdict::content(&analysis.judgement, cells, self.look),
            Pane::Chains | Pane::Hop => Content::default(),
        }
    }

    fn title(&self, pane: Pane) -> Vec<Line<'static>> {
        let theme = &self.look.theme;
        let name = |name: &'static str| vec![Line::styled(name, theme.title)];
        let Some(open) = &self.model.open else {
            return match pane {
                Pane::Lineage => name("lineage"),
                Pane::Finding => name("finding"),
                Pane::Verdict => name("verdict"),
                Pane::Chain | Pane::Chains | Pane::Hop => name("chain"),
            };
        };
        match pane {
            Pane::Lineage => name("lineage"),
            Pane::Finding => finding::title(&open.analysis.findings, open.finding, self.look),
            Pane::Verdict => verdict::title(&open.analysis.judgement, self.look),
            Pane::Chain | Pane::Chains | Pane::Hop => self.chain_title(open),
        }
    }

    /// `chain 7  GET /prod/items  from https://my.front-end.com`.
    fn chain_title(&self, open: &Open) -> Vec<Line<'static>> {
        let theme = &self.look.theme;
        let request = &open.analysis.judgement.request;
        let has = |id: HopId| open.analysis.chain.hops.iter().any(|it| it.hop.id == id);
        let number = self.model.selected_row().filter(|it| has(it.id)).map(|it| it.number);
        let name = number.map_or("chain".to_owned(), |it| format!("chain {it}"));
        let target = crate::trace::Target::parse(&request.url);
        let what = format!("  {} {}", visible(&request.method), visible(&target.path_and_query()));
        let mut spans = vec![Span::styled(name, theme.title), Span::styled(what, theme.text)];
        if let Some(origin) = &request.origin {
            spans.push(Span::styled(format!("  from {}", visible(origin)), theme.dim));
        }
        vec![Line::from(spans)]
    }
}

/// The selected hop's link, for the chain's lower border.
fn link_words(open: &Open) -> Option<String> {
    let hops = &open.analysis.chain.hops;
    let link = hops.get(open.hop)?.link.as_ref()?;
    let to = hops.iter().position(|it| it.hop.id == link.to);
    let to = to.map_or(String::new(), |it| format!(" hop {}", it + 1));
    let sure = if link.clue.certain { "certain" } else { "inferred" };
    let clue = visible(&link.clue.text);
    Some(format!("hop {} {}{to}, {sure}: {clue}", open.hop + 1, link.why.as_str()))
}

/// The first line that shows all of a hop, as near to `top` as can be.
fn reveal(content: &Content, hop: usize, top: usize, height: usize) -> usize {
    let is_it = |it: &Option<usize>| *it == Some(hop);
    let Some(first) = content.hops.iter().position(is_it) else { return top };
    let last = content.hops.iter().rposition(is_it).unwrap_or(first);
    // The lanes' names stay in sight with the first hop.
    let first = if first <= 1 { 0 } else { first };
    top.max((last + 1).saturating_sub(height)).min(first)
}

/// Lines that are not worth a line of names.
const LEAST_WITH_TABS: u16 = 4;

/// The least lines of a panel that is worth showing.
const LEAST: u16 = 6;

/// The least lines of a verdict that is worth showing beside the finding.
const READABLE: u16 = 11;

fn beside(area: Rect, left: u16) -> (Rect, Rect) {
    let left = left.min(area.width);
    let right = Rect { x: area.x + left, width: area.width - left, ..area };
    (Rect { width: left, ..area }, right)
}

fn stacked(area: Rect, above: u16) -> (Rect, Rect) {
    let above = above.min(area.height);
    let below = Rect { y: area.y + above, height: area.height - above, ..area };
    (Rect { height: above, ..area }, below)
}
