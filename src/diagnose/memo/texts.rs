//! Every text of an analysis that may quote what was recorded.
//!
//! **Invariant:** every `String` of [`Analysis`] stands here; the patterns name every field, so
//! that a new one cannot be forgotten.

use super::super::shape::Tokens;
use super::super::{Analysis, Answered, Evidence, Finding};
use crate::diagnose::shape::has_token;
use crate::fetch::{Branch, Chromium, Firefox, Judged, Judgement, Verdict};
use crate::lineage::{Lineage, Mapping, Route, What};

/// The texts of one analysis, always in the same order.
pub(super) struct Texts<'a>(Vec<&'a mut String>);

impl<'a> Texts<'a> {
    pub(super) fn of(analysis: &'a mut Analysis) -> Texts<'a> {
        let mut all = Texts(Vec::with_capacity(64));
        let Analysis { chain: _, judgement, answered, actors: _, route, lineage, findings } =
            analysis;
        all.judgement(judgement);
        for Answered { by: _, product, why, sure: _ } in answered {
            all.0.extend(product);
            all.0.push(why);
        }
        if let Some(Route { mapping: Mapping { outer, inner }, clue: _ }) = route {
            all.0.extend([outer, inner]);
        }
        for Lineage { what, value, hops: _, changes: _ } in lineage {
            if let What::Header(name) = what {
                all.0.push(name);
            }
            all.0.extend(value);
        }
        for finding in findings {
            all.finding(finding);
        }
        all
    }

    /// The places of those that have tokens.
    pub(super) fn with_tokens(&self) -> Vec<usize> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, it)| has_token(it)).map(|(idx, _)| idx).collect()
    }

    pub(super) fn replace(&mut self, idx: usize, tokens: &Tokens<'_>) {
        if let Some(text) = self.0.get_mut(idx) {
            tokens.replace(text);
        }
    }

    fn judgement(&mut self, judgement: &'a mut Judgement) {
        let Judgement { request, unseen: _, verdict } = judgement;
        let Judged {
            api: _,
            method,
            url,
            origin,
            mode: _,
            credentials: _,
            redirect: _,
            assumed: _,
        } = request;
        self.0.extend([method, url]);
        self.0.extend(origin);
        let Verdict {
            browser: _,
            outcome: _,
            hop: _,
            failed: _,
            reading,
            chromium,
            firefox,
            depends,
        } = verdict;
        self.0.push(reading);
        let Chromium { outcome: _, code: _, parameter, net_error, console } = chromium;
        self.0.push(parameter);
        self.0.extend(net_error);
        self.0.extend(console);
        let Firefox { outcome: _, code: _, reason } = firefox;
        self.0.extend(reason);
        for Branch { on: _, value, outcome: _, code: _ } in depends {
            self.0.push(value);
        }
    }

    fn finding(&mut self, finding: &'a mut Finding) {
        let Finding { code: _, hop: _, by: _, because: _, title, evidence, fix, sources: _ } =
            finding;
        self.0.extend([title, fix]);
        for Evidence { hop: _, tap: _, place, text } in evidence {
            self.0.extend([place, text]);
        }
    }
}
