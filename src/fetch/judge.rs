//! Judging: recorded hops replayed into the machine.
//!
//! What the wire does not show is tried out: each hypothesis (credentials, redirect mode, …) is
//! one replay. One that would have sent other hops than the recorded ones is ruled out; those
//! that are left and end differently become the verdict's `depends`.
//!
//! **Invariant:** judging never fails. A chain with holes gives a verdict that says so.

mod clues;
mod replay;

use crate::trace::{Chain, HopKind, Testimony};

use clues::{Clues, Hypothesis};
use replay::{Replay, replay};

use super::end::{End, Ended};
use super::machine::Fetch;
use super::words::{self, Told};
use super::{
    Api, Branch, Browser, Chromium, Credentials, Firefox, Judged, Judgement, Mode, On, Page,
    PageRequest, RedirectMode, Unseen, Verdict, VerdictOutcome,
};

/// What is known of a chain beside its hops: `--assume`, `--as`, the options of
/// `hopscope fetch`. `None`: find out from the hops, or assume.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// The browser to judge as.
    pub browser: Option<Browser>,
    pub api: Option<Api>,
    pub mode: Option<Mode>,
    pub credentials: Option<Credentials>,
    pub redirect: Option<RedirectMode>,
    /// The `crossorigin` attribute, as written.
    pub crossorigin: Option<String>,
}

/// What a browser concludes from `chain`.
pub fn judge(chain: &Chain, known: &Known) -> Judgement {
    judge_and_remember(chain, known).0
}

/// [`judge`], unless times came into it: an earlier answer of the same URL lay in a cache, and
/// whether it was still good is a matter of times.
pub fn judge_timeless(chain: &Chain, known: &Known) -> Option<Judgement> {
    let (judgement, remembered) = judge_and_remember(chain, known);
    (!remembered).then_some(judgement)
}

/// The judgement, and whether what lay in a cache was looked at.
fn judge_and_remember(chain: &Chain, known: &Known) -> (Judgement, bool) {
    let clues = Clues::read(chain, known);
    let first = chain.hops.first().map(|it| it.kind);
    // A WebSocket's Origin is for the server to judge, and nobody looks into a tunnel.
    let knows_cors = !matches!(first, Some(HopKind::WebSocket | HopKind::Tunnel));
    if !clues.is_browser || !knows_cors {
        return (plain_client(chain, &clues), false);
    }
    let browser = clues.browser;
    let page = clues.page();
    let run = |it: &Hypothesis, browser| replay(chain, &page, &clues.request(it), browser);
    let tried: Vec<(Hypothesis, Option<On>, Replay)> = clues
        .hypotheses()
        .into_iter()
        .map(|(it, on)| {
            let done = run(&it, browser);
            (it, on, done)
        })
        .collect();
    let chosen = best(&tried);
    let Some((hypothesis, _, main)) = tried.get(chosen) else {
        return (plain_client(chain, &clues), false);
    };
    let other = run(hypothesis, other_browser(browser));
    let remembered = other.remembered || tried.iter().any(|(_, _, it)| it.remembered);
    let mut verdict = verdict(browser, clues.origin.as_deref(), hypothesis.api, main, &other);
    verdict.depends = branches(&tried, chosen, &verdict);
    if verdict.depends.iter().any(|it| it.outcome != verdict.outcome) {
        verdict.outcome = VerdictOutcome::Depends;
    }
    if main.end.ended == Ended::NotRecorded && was_stopped(chain) {
        testify(&mut verdict, &main.end.last_url);
    }
    let mut assumed = clues.assumed.clone();
    // Told by the hops after all: no other credentials mode would have sent them.
    if clues.credentials.is_none() && hypothesis.credentials != Credentials::SameOrigin {
        assumed.retain(|it| *it != "credentials");
    }
    let judgement = Judgement {
        request: Judged {
            api: hypothesis.api,
            method: clues.method.clone(),
            url: clues.url.clone(),
            origin: clues.origin.clone(),
            mode: hypothesis.mode,
            credentials: hypothesis.credentials,
            redirect: hypothesis.redirect,
            assumed,
        },
        unseen: main.unseen.clone(),
        verdict,
    };
    (judgement, remembered)
}

/// Whether the browser says that it stopped what the chain's last redirect led to.
fn was_stopped(chain: &Chain) -> bool {
    let last = chain.hops.last().map(|it| &it.hop);
    last.is_some_and(|it| {
        it.response().is_some() && it.testimony.error.as_deref() == Some(Testimony::STOPPED)
    })
}

/// The recording has no answer, but the browser says how it ended: a refusal, of which only the
/// code is not known.
fn testify(verdict: &mut Verdict, last_url: &str) {
    verdict.outcome = VerdictOutcome::Blocked;
    verdict.hop = None;
    verdict.chromium.net_error = Some(Testimony::STOPPED.to_owned());
    verdict.reading = format!(
        "The browser went on to {last_url} and stopped the request itself, as it does for a CORS \
         refusal; the answer that it refused (of a preflight, as a rule) is not in the recording."
    );
    verdict.depends = vec![Branch {
        on: On::Recording,
        value: "complete".to_owned(),
        outcome: VerdictOutcome::Blocked,
        code: None,
    }];
}

/// The default, unless the recording itself rules it out, or only another credentials mode or
/// mode explains why nothing followed.
fn best(tried: &[(Hypothesis, Option<On>, Replay)]) -> usize {
    let explains = |(_, on, it): &(Hypothesis, Option<On>, Replay)| {
        it.agrees && it.end.ended != Ended::NotRecorded && *on != Some(On::Redirect)
    };
    let default_is_open =
        tried.first().is_none_or(|(_, _, it)| it.is_open_after_preflight || !it.agrees);
    let explaining = tried.iter().position(explains).filter(|_| default_is_open);
    explaining.or_else(|| tried.iter().position(|(_, _, it)| it.agrees)).unwrap_or(0)
}

/// A fetch that was driven: everything about it is known.
#[derive(Clone, Debug)]
pub struct Driven<'a> {
    pub page: &'a Page,
    pub request: &'a PageRequest,
    pub browser: Browser,
    /// What was on the wire.
    pub chain: &'a Chain,
    /// The machine, when it was done.
    pub fetch: &'a Fetch,
    pub end: &'a End,
    /// How many hops there were when the n-th answer was taken.
    pub hops_after: &'a [usize],
}

/// The judgement of a driven fetch: the machine's own end, in words.
pub fn conclude(driven: &Driven<'_>) -> Judgement {
    let made = driven.request.as_made();
    let main = replay::of_driven(driven);
    let other = replay(driven.chain, driven.page, driven.request, other_browser(driven.browser));
    let origin = made.page_origin.as_deref().unwrap_or(&driven.page.origin);
    Judgement {
        verdict: verdict(driven.browser, Some(origin), made.api, &main, &other),
        unseen: main.unseen,
        request: Judged {
            api: made.api,
            method: made.method,
            url: made.url,
            origin: Some(origin.to_owned()),
            mode: made.mode,
            credentials: made.credentials,
            redirect: made.redirect,
            assumed: Vec::new(),
        },
    }
}

fn other_browser(browser: Browser) -> Browser {
    match browser {
        Browser::Chromium => Browser::Firefox,
        Browser::Firefox => Browser::Chromium,
    }
}

/// The outcome that an end means.
pub(super) fn outcome(ended: &Ended) -> VerdictOutcome {
    match ended {
        Ended::Allowed(_) => VerdictOutcome::Allowed,
        Ended::Refused(_) => VerdictOutcome::Blocked,
        Ended::Failed(_) => VerdictOutcome::Failed,
        Ended::NotRecorded => VerdictOutcome::Depends,
    }
}

fn verdict(
    browser: Browser,
    origin: Option<&str>,
    api: Api,
    main: &Replay,
    other: &Replay,
) -> Verdict {
    let (in_chromium, in_firefox) = match browser {
        Browser::Chromium => (main, other),
        Browser::Firefox => (other, main),
    };
    let page = origin.unwrap_or("null");
    let mut chromium = words::chromium(&in_chromium.end, api, page);
    let mut firefox = words::firefox(&in_firefox.end);
    let (mine, theirs) = (outcome(&main.end.ended), outcome(&other.end.ended));
    if mine != theirs && theirs != VerdictOutcome::Depends {
        match browser {
            Browser::Chromium => firefox.outcome = Some(theirs),
            Browser::Firefox => chromium.outcome = Some(theirs),
        }
    }
    Verdict {
        browser,
        outcome: mine,
        hop: main.decided_at,
        failed: match &main.end.ended {
            Ended::Failed(failing) => Some(failing.by),
            _ => None,
        },
        reading: words::reading(
            &main.end,
            &Told {
                origin: page,
                sent_origin: main.sent_origin.as_deref().unwrap_or(page),
                preflights: main.preflights,
                redirects: main.redirects,
                from_cache: main.from_cache,
                status: main.status,
            },
        ),
        chromium,
        firefox,
        depends: Vec::new(),
    }
}

/// Every other hypothesis that the recording allows and that ends otherwise.
fn branches(
    tried: &[(Hypothesis, Option<On>, Replay)],
    chosen: usize,
    verdict: &Verdict,
) -> Vec<Branch> {
    let code = code_of(verdict);
    let mut branches: Vec<Branch> = Vec::new();
    if verdict.outcome == VerdictOutcome::Depends {
        branches.push(Branch {
            on: On::Recording,
            value: "complete".to_owned(),
            outcome: VerdictOutcome::Depends,
            code: None,
        });
    }
    for (at, (it, on, done)) in tried.iter().enumerate() {
        let Some(on) = on.filter(|_| at != chosen && done.agrees) else { continue };
        let ends = outcome(&done.end.ended);
        // What leaves the end of the recording unexplained is no rival of what explains it.
        if ends == VerdictOutcome::Depends {
            continue;
        }
        // A script that looks at redirects itself is rare: it counts only where the
        // recording ends before the redirect was followed.
        if on == On::Redirect && verdict.outcome != VerdictOutcome::Depends {
            continue;
        }
        let its_code = done.code(verdict.browser);
        if ends != verdict.outcome || its_code != code {
            branches.push(Branch {
                on,
                value: it.value(on).to_owned(),
                outcome: ends,
                code: its_code,
            });
        }
    }
    branches
}

fn code_of(verdict: &Verdict) -> Option<&'static str> {
    match verdict.browser {
        Browser::Chromium => verdict.chromium.code,
        Browser::Firefox => verdict.firefox.code,
    }
}

/// A client that knows no CORS takes whatever comes.
fn plain_client(chain: &Chain, clues: &Clues) -> Judgement {
    let last = chain.hops.len().checked_sub(1);
    let hop = last.and_then(|it| chain.hops.get(it));
    let tunnel = hop.is_some_and(|it| it.kind == HopKind::Tunnel);
    let failure = hop
        .and_then(|it| it.hop.failure())
        .filter(|_| hop.is_some_and(|it| it.hop.response().is_none()));
    let (outcome, failed, reading) = match (hop, failure) {
        (Some(it), None) if it.hop.response().is_some() || tunnel => (
            VerdictOutcome::Allowed,
            None,
            match hop.map(|it| it.kind) {
                Some(HopKind::WebSocket) => "A WebSocket needs no CORS leave.",
                Some(HopKind::Tunnel) => "A tunnel: what went through it was not read.",
                _ => "This client is no browser page: it reads whatever comes.",
            }
            .to_owned(),
        ),
        (_, Some(failure)) => (
            VerdictOutcome::Failed,
            Some(super::FailedBy::Network),
            format!("No proper answer came ({}).", failure.kind.as_str()),
        ),
        _ => (VerdictOutcome::Depends, None, "The recording ends before an answer.".to_owned()),
    };
    let depends = (outcome == VerdictOutcome::Depends).then(|| Branch {
        on: On::Recording,
        value: "complete".to_owned(),
        outcome: VerdictOutcome::Depends,
        code: None,
    });
    Judgement {
        request: Judged {
            api: clues.api.unwrap_or(Api::Fetch),
            method: clues.method.clone(),
            url: clues.url.clone(),
            origin: clues.origin.clone(),
            mode: clues.mode.unwrap_or(Mode::NoCors),
            credentials: clues.credentials.unwrap_or(Credentials::SameOrigin),
            redirect: clues.redirect.unwrap_or(RedirectMode::Follow),
            assumed: clues.assumed.clone(),
        },
        unseen: Vec::<Unseen>::new(),
        verdict: Verdict {
            browser: clues.browser,
            outcome,
            hop: last,
            failed,
            reading,
            chromium: Chromium::default(),
            firefox: Firefox::default(),
            depends: depends.into_iter().collect(),
        },
    }
}
