//! Every text of an analysis that may quote what was recorded.
//!
//! **Invariant:** every `String` of [`Analysis`] is visited; the patterns name every field, so
//! that a new one cannot be forgotten.

use std::sync::Arc;

use super::super::shape::Tokens;
use super::super::{Analysis, Answered, Evidence, Finding};
use crate::diagnose::shape::has_token;
use crate::fetch::{Branch, Chromium, Firefox, Judged, Judgement, Verdict};
use crate::lineage::{Lineage, Mapping, Route, What};

/// Which texts of an analysis have tokens, in the order in which they are visited: those outside
/// of its lineage, and those of each part of its lineage.
#[derive(Debug, Default)]
pub(super) struct Worded {
    plain: Vec<usize>,
    /// Parts of the lineage by their place, each with its texts.
    lineage: Vec<(usize, Vec<usize>)>,
}

impl Worded {
    pub(super) fn of(analysis: &mut Analysis) -> Worded {
        let plain = numbers(|act| visit(analysis, act));
        let parts = analysis.lineage.iter_mut().enumerate();
        let lineage = parts.map(|(at, it)| (at, numbers(|act| of_lineage(Arc::make_mut(it), act))));
        Worded { plain, lineage: lineage.filter(|it| !it.1.is_empty()).collect() }
    }

    /// Put what the tokens stand for into the texts that have some.
    pub(super) fn fill(&self, analysis: &mut Analysis, tokens: &Tokens<'_>) {
        if !self.plain.is_empty() {
            replace(&self.plain, tokens, |act| visit(analysis, act));
        }
        for (at, texts) in &self.lineage {
            if let Some(it) = analysis.lineage.get_mut(*at) {
                replace(texts, tokens, |act| of_lineage(Arc::make_mut(it), act));
            }
        }
    }
}

/// The numbers of the texts that have tokens.
fn numbers(each: impl FnOnce(&mut dyn FnMut(&mut String))) -> Vec<usize> {
    let (mut at, mut worded) = (0, Vec::new());
    each(&mut |text| {
        if has_token(text) {
            worded.push(at);
        }
        at += 1;
    });
    worded
}

fn replace(worded: &[usize], tokens: &Tokens<'_>, each: impl FnOnce(&mut dyn FnMut(&mut String))) {
    let (mut at, mut rest) = (0, worded);
    each(&mut |text| {
        if rest.first() == Some(&at) {
            rest = &rest[1..];
            tokens.replace(text);
        }
        at += 1;
    });
}

/// Visit the texts of one analysis, but those of its lineage, always in the same order.
fn visit(analysis: &mut Analysis, act: &mut dyn FnMut(&mut String)) {
    let Analysis { chain: _, judgement, answered, actors: _, route, lineage: _, findings } =
        analysis;
    of_judgement(judgement, act);
    for Answered { by: _, product, why, sure: _ } in answered {
        product.iter_mut().chain([why]).for_each(&mut *act);
    }
    if let Some(Route { mapping: Mapping { outer, inner }, clue: _ }) = route {
        [outer, inner].into_iter().for_each(&mut *act);
    }
    for Finding { code: _, hop: _, by: _, because: _, title, evidence, fix, sources: _ } in findings
    {
        [title, fix].into_iter().for_each(&mut *act);
        for Evidence { hop: _, tap: _, place, text } in evidence {
            [place, text].into_iter().for_each(&mut *act);
        }
    }
}

fn of_lineage(lineage: &mut Lineage, act: &mut dyn FnMut(&mut String)) {
    let Lineage { what, value, hops: _, changes: _ } = lineage;
    if let What::Header(name) = what {
        act(name);
    }
    value.iter_mut().for_each(act);
}

fn of_judgement(judgement: &mut Judgement, act: &mut dyn FnMut(&mut String)) {
    let Judgement { request, unseen: _, verdict } = judgement;
    let Judged { api: _, method, url, origin, mode: _, credentials: _, redirect: _, assumed: _ } =
        request;
    [method, url].into_iter().chain(origin).for_each(&mut *act);
    let Verdict { browser: _, outcome: _, hop: _, failed: _, reading, chromium, firefox, depends } =
        verdict;
    act(reading);
    let Chromium { outcome: _, code: _, parameter, net_error, console } = chromium;
    act(parameter);
    net_error.iter_mut().chain(console).for_each(&mut *act);
    let Firefox { outcome: _, code: _, reason } = firefox;
    reason.iter_mut().for_each(&mut *act);
    for Branch { on: _, value, outcome: _, code: _ } in depends {
        act(value);
    }
}
