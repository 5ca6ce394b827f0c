//! From an analysis to the contract's shapes.
//!
//! **Invariant:** indices become numbers from 1 here and nowhere else, and every recorded text
//! passes [`Secrets`].

use super::socket::{Interim, Socket, Trailers};
use super::{
    Answered, Branch, Chain, Change, Chromium, Evidence, Failed, Finding, Firefox, From, Hop,
    Lineage, Link, Note, OwnChange, Request, Sighting, Unseen, Verdict, tls,
};
use crate::diagnose::{self, Analysis};
use crate::fetch::{Judgement, UnseenKind, VerdictOutcome};
use crate::formats::Secrets;
use crate::formats::json::Place;
use crate::lineage::{self, What};
use crate::trace::{self, ByHop, Outcome, Tap, TapId};

/// What the conversions need beside the analysis.
#[derive(Clone, Copy)]
pub(in crate::formats::json) struct Context<'a> {
    pub(in crate::formats::json) taps: &'a [Tap],
    pub(in crate::formats::json) notes: &'a [trace::Note],
    pub(in crate::formats::json) places: &'a ByHop<Place>,
    pub(in crate::formats::json) secrets: &'a Secrets,
}

impl Context<'_> {
    /// The chain with this ordinal.
    pub(in crate::formats::json) fn chain(&self, id: usize, analysis: &Analysis) -> Chain {
        let hops = analysis.chain.hops.iter().enumerate();
        Chain {
            id,
            request: self.request(&analysis.judgement),
            hops: hops.map(|(idx, it)| self.hop(idx, it, analysis.answered.get(idx))).collect(),
            unseen: self.unseen(&analysis.judgement),
            verdict: self.verdict(&analysis.judgement),
            lineage: analysis.lineage.iter().map(|it| self.lineage(it)).collect(),
            findings: analysis.findings.iter().map(|it| self.finding(it)).collect(),
        }
    }

    fn tap(&self, id: TapId) -> String {
        self.taps.get(usize::from(id.0)).map(|it| it.name.clone()).unwrap_or_default()
    }

    fn request(&self, judgement: &Judgement) -> Request {
        let request = &judgement.request;
        Request {
            api: request.api.as_str(),
            method: request.method.clone(),
            url: self.secrets.url(&request.url),
            origin: request.origin.clone(),
            mode: request.mode.as_str(),
            credentials: request.credentials.as_str(),
            redirect: request.redirect.as_str(),
            assumed: request.assumed.clone(),
        }
    }

    fn hop(&self, idx: usize, it: &trace::ChainHop, answered: Option<&diagnose::Answered>) -> Hop {
        let hop = &it.hop;
        let request = &hop.request;
        let fallback = diagnose::Answered::default();
        let answered = answered.unwrap_or(&fallback);
        let location = hop.response().and_then(|it| it.headers.text("location"));
        Hop {
            n: idx + 1,
            kind: it.kind.as_str(),
            tap: self.tap(hop.tap),
            method: request.method.clone(),
            url: self.secrets.url(&request.url),
            origin: request.headers.text("origin"),
            status: hop.status(),
            error: error(hop),
            truncated: hop.response().and(hop.failure()).map(|it| it.kind.as_str()),
            access_control_request_method: request.headers.text("access-control-request-method"),
            access_control_request_headers: request.headers.text("access-control-request-headers"),
            location: location.map(|it| self.secrets.url(&it)),
            answered_by: answered.by.and_then(lineage::Actor::as_str),
            answered: Answered {
                product: answered.product.clone(),
                why: self.secrets.text(&answered.why),
                sure: answered.sure,
            },
            link: it.link.as_ref().map(|it| self.link(it)),
            own_changes: hop.own_changes.iter().map(|it| self.own_change(it)).collect(),
            interim: hop.interim.iter().map(|it| Interim::of(it, self.secrets)).collect(),
            websocket: Socket::of(hop, self.secrets),
            trailers: hop.trailers.as_deref().map(|it| Trailers::of(it, self.secrets)),
            protocol: tls::Protocol::of(hop),
            tls: hop.tls.as_deref().map(tls::Tls::of),
            notes: trace::Note::on(self.notes, it).map(|(note, on)| self.note(note, on)).collect(),
            sightings: it.sightings.iter().map(|it| self.sighting(it)).collect(),
        }
    }

    fn link(&self, link: &trace::Link) -> Link {
        Link {
            why: link.why.as_str(),
            to: self.places.get(link.to).map(|(_, hop)| *hop),
            certain: link.clue.certain,
            clue: self.secrets.text(&link.clue.text),
        }
    }

    fn note(&self, note: &trace::Note, on: &trace::Hop) -> Note {
        Note {
            tap: self.tap(on.tap),
            at: note.at.rfc3339(),
            author: (!note.author.is_empty()).then(|| note.author.clone()),
            text: self.secrets.text(&note.text),
        }
    }

    fn own_change(&self, change: &trace::OwnChange) -> OwnChange {
        OwnChange {
            place: change.place.clone(),
            from: change.from.as_deref().map(|it| self.secrets.text(it)),
            to: change.to.as_deref().map(|it| self.secrets.text(it)),
        }
    }

    fn sighting(&self, sighting: &trace::Sighting) -> Sighting {
        let hop = &sighting.hop;
        Sighting {
            tap: self.tap(hop.tap),
            method: hop.request.method.clone(),
            url: self.secrets.url(&hop.request.url),
            status: hop.status(),
            error: error(hop),
            certain: sighting.link.clue.certain,
            clue: self.secrets.text(&sighting.link.clue.text),
        }
    }

    fn unseen(&self, judgement: &Judgement) -> Vec<Unseen> {
        let unseen = judgement.unseen.iter();
        unseen
            .map(|it| Unseen {
                kind: match it.kind {
                    UnseenKind::PreflightCached => "preflight",
                    UnseenKind::AnswerCached | UnseenKind::NotRecorded => "request",
                },
                before_hop: it.before + 1,
                why: match it.kind {
                    UnseenKind::PreflightCached => "preflight-cached",
                    UnseenKind::AnswerCached => "answer-cached",
                    UnseenKind::NotRecorded => "not-recorded",
                },
                from: it
                    .from
                    .and_then(|id| self.places.get(id))
                    .map(|(chain, hop)| From { chain: *chain, hop: *hop }),
            })
            .collect()
    }

    fn verdict(&self, judgement: &Judgement) -> Verdict {
        let verdict = &judgement.verdict;
        Verdict {
            browser: verdict.browser.as_str(),
            outcome: verdict.outcome.as_str(),
            hop: verdict.hop.map(|it| it + 1),
            failed: verdict.failed.map(|it| Failed { by: it.as_str() }),
            reading: self.secrets.text(&verdict.reading),
            chromium: Chromium {
                outcome: verdict.chromium.outcome.map(VerdictOutcome::as_str),
                code: verdict.chromium.code,
                parameter: self.secrets.text(&verdict.chromium.parameter),
                net_error: verdict.chromium.net_error.clone(),
                console: verdict.chromium.console.as_deref().map(|it| self.secrets.text(it)),
            },
            firefox: Firefox {
                outcome: verdict.firefox.outcome.map(VerdictOutcome::as_str),
                code: verdict.firefox.code,
                reason: verdict.firefox.reason.as_deref().map(|it| self.secrets.text(it)),
            },
            depends: verdict
                .depends
                .iter()
                .map(|it| Branch {
                    on: it.on.as_str(),
                    value: it.value.clone(),
                    outcome: it.outcome.as_str(),
                    code: it.code,
                })
                .collect(),
        }
    }

    fn lineage(&self, it: &lineage::Lineage) -> Lineage {
        Lineage {
            what: it.what.to_string(),
            value: it.value.as_deref().map(|value| self.value(&it.what, value)),
            hops: it.hops.iter().map(|it| it.as_str()).collect(),
            changes: it
                .changes
                .iter()
                .map(|it| Change {
                    hop: it.hop + 1,
                    state: it.state.as_str(),
                    by: it.by.as_str(),
                    between: it.between.map(|(a, b)| [self.tap(a), self.tap(b)]),
                })
                .collect(),
        }
    }

    /// A followed value, redacted as what it is.
    fn value(&self, what: &What, value: &str) -> String {
        match what {
            What::Header(name) => self.secrets.header(name, value),
            What::Cookie => self.secrets.header("cookie", value),
            What::Query => self.secrets.query(value),
            What::Body => self.secrets.text(value),
            _ => value.to_owned(),
        }
    }

    fn finding(&self, it: &diagnose::Finding) -> Finding {
        Finding {
            code: it.code,
            hop: it.hop + 1,
            by: it.by.as_str(),
            because: it.because,
            title: self.secrets.text(&it.title),
            evidence: it.evidence.iter().map(|it| self.evidence(it)).collect(),
            fix: self.secrets.advice(&it.fix),
            sources: it.sources.clone(),
        }
    }

    fn evidence(&self, it: &diagnose::Evidence) -> Evidence {
        Evidence {
            hop: it.hop + 1,
            tap: self.tap(it.tap),
            place: it.place.clone(),
            text: self.secrets.quoted(&it.place, &it.text),
        }
    }
}

/// The contract's `error`: set when no proper answer came.
fn error(hop: &trace::Hop) -> Option<&'static str> {
    match &hop.outcome {
        Outcome::Failed(failure) => Some(failure.kind.as_str()),
        Outcome::Pending | Outcome::Answered(_) => None,
    }
}
