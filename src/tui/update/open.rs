//! The open chain: selected hop and finding, scrolling.

use std::sync::Arc;

use crate::diagnose::Analysis;
use crate::tui::message::Notice;
use crate::tui::model::{Model, Open, Pane, Screen};
use crate::tui::seen::Seen;

/// Lines that a page keeps of the one before.
const OVERLAP: usize = 2;

pub(super) fn opened(model: &mut Model, analysis: Arc<Analysis>) {
    if analysis.chain.hops.is_empty() {
        return;
    }
    match &mut model.open {
        Some(open) if open.is_same(&analysis) => {
            let last = analysis.chain.hops.len() - 1;
            // Who stands at the end wants to stay there as the chain grows.
            let was_last = open.hop + 1 >= open.analysis.chain.hops.len();
            let grew = last >= open.analysis.chain.hops.len();
            open.hop = if was_last && grew { last } else { open.hop.min(last) };
            open.finding = open.finding.min(analysis.findings.len().saturating_sub(1));
            open.reveal |= grew;
            open.analysis = analysis;
        }
        other => *other = Some(Open::new(analysis)),
    }
}

/// Remember the frame. Views clamp what they scroll; here their clamping is taken over.
pub(super) fn drawn(model: &mut Model, seen: Seen) {
    if let Some(open) = &mut model.open {
        // A pane that was not drawn still owes it.
        open.reveal &= seen.pane(Pane::Chain).is_none();
        if seen.pane(Pane::Hop).is_some() {
            open.search.seek = None;
        }
        for it in &seen.panes {
            open.scroll.set(it.pane, it.top);
        }
    }
    model.seen = seen;
}

pub(super) fn step_hop(model: &mut Model, by: isize) {
    model.list.follow = false;
    let Some(open) = &mut model.open else { return };
    let last = open.analysis.chain.hops.len().saturating_sub(1);
    let next = open.hop.saturating_add_signed(by).min(last);
    if next != open.hop {
        (open.hop, open.compare, open.scroll.hop) = (next, 0, 0);
    }
    open.reveal = true;
}

pub(super) fn step_finding(model: &mut Model, by: isize) {
    let was_there = model.focus() == Pane::Finding;
    super::focus(model, Pane::Finding);
    let Some(open) = &mut model.open else { return };
    let count = open.analysis.findings.len();
    if count == 0 {
        return;
    }
    if was_there || count > 1 {
        open.finding = (open.finding + count).saturating_add_signed(by) % count;
        open.scroll.finding = 0;
    }
    if let Some(hop) = open.finding().map(|it| it.hop) {
        open.hop = hop.min(open.analysis.chain.hops.len().saturating_sub(1));
        open.reveal = true;
    }
}

/// Open what the pane has selected: a chain's hop, a finding's hop, the hop that decided.
pub(super) fn enter(model: &mut Model) {
    let focus = model.focus();
    model.list.follow = false;
    let Some(open) = &mut model.open else { return };
    let hop = match focus {
        Pane::Chains => {
            model.screen = match model.screen {
                Screen::Alone(_) => Screen::Alone(Pane::Chain),
                _ => Screen::Panes(Pane::Chain),
            };
            return;
        }
        Pane::Finding => open.finding().map(|it| it.hop),
        Pane::Verdict => open.analysis.judgement.verdict.hop,
        Pane::Chain | Pane::Lineage | Pane::Hop => None,
    };
    let last = open.analysis.chain.hops.len().saturating_sub(1);
    open.hop = hop.unwrap_or(open.hop).min(last);
    (open.compare, open.scroll.hop) = (0, 0);
    model.screen = Screen::Hop;
}

/// Scroll a pane by lines.
pub(super) fn scroll(model: &mut Model, pane: Pane, by: isize) {
    if pane == Pane::Chains {
        super::list::step(model, by as i64);
        return;
    }
    let Some(seen) = model.seen.pane(pane) else { return };
    let Some(open) = &mut model.open else { return };
    let top = open.scroll.of(pane).saturating_add_signed(by).min(seen.last_top());
    open.scroll.set(pane, top);
}

pub(super) fn page(model: &mut Model, direction: isize) {
    let pane = model.focus();
    let height = match model.seen.pane(pane) {
        Some(it) => usize::from(it.inner.height),
        None => usize::from(model.height),
    };
    let lines = isize::try_from(height.saturating_sub(OVERLAP).max(1)).unwrap_or(isize::MAX);
    scroll(model, pane, lines.saturating_mul(direction));
}

/// Scroll to the next section's heading; from the last one back to the first.
pub(super) fn next_section(model: &mut Model) {
    let pane = model.focus();
    let Some(seen) = model.seen.pane(pane) else { return };
    let Some(open) = &mut model.open else { return };
    let top = open.scroll.of(pane);
    let next = seen.sections.iter().copied().find(|it| *it > top && top < seen.last_top());
    open.scroll.set(pane, next.unwrap_or_default().min(seen.last_top()));
}

/// Compare the hop with the next of its choices.
pub(super) fn compare(model: &mut Model) {
    let Some(open) = &mut model.open else { return };
    let choices = crate::tui::compare::choices(&open.analysis.chain, open.hop).len();
    open.compare = (open.compare + 1) % choices.max(1);
    if choices < 2 {
        let text = "there is nothing else to compare this hop with".to_owned();
        model.notice = Some(Notice::Done(text));
    }
}
