//! One replay: the recorded hops as answers to one hypothesis.
//!
//! **Invariant:** the machine asks, the recording answers; no hop is read twice and none is
//! made up.

use std::borrow::Cow;

use crate::trace::{Chain, ChainHop, Header, HopKind, LinkWhy, Outcome, Outside, Response};

use super::super::end::{End, Ended};
use super::super::machine::{Answer, Ask, Fetch};
use super::super::redirect::is_redirect;
use super::super::{Browser, FirefoxCode, Memory, Page, PageRequest, Refusal, Unseen, UnseenKind};
use super::Driven;

/// How a hypothesis fared.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(super) struct Replay {
    pub end: End,
    /// The hop whose answer decided.
    pub decided_at: Option<usize>,
    pub unseen: Vec<Unseen>,
    /// Whether it explains every hop on record.
    pub agrees: bool,
    pub from_cache: bool,
    /// A preflight passed, and nothing followed.
    pub is_open_after_preflight: bool,
    pub preflights: usize,
    pub redirects: usize,
    pub status: Option<u16>,
    /// The `Origin` of the last hop.
    pub sent_origin: Option<String>,
    /// A cache held something for a URL that was asked for.
    pub remembered: bool,
}

impl Replay {
    /// The browser's name of the refusal, or of the failure where it has one.
    pub(super) fn code(&self, browser: Browser) -> Option<&'static str> {
        match (&self.end.ended, browser) {
            (Ended::Refused(it), _) => Some(Refusal::code(it)),
            (Ended::Failed(it), Browser::Firefox) => it.firefox.map(FirefoxCode::as_str),
            _ => None,
        }
    }
}

struct Tape<'a> {
    chain: &'a Chain,
    /// The next hop to be read.
    at: usize,
    /// The cached redirect that led to the first hop, until it is read.
    cached_start: Option<&'a Outside>,
    unseen: Vec<Unseen>,
    /// Hops read when the n-th answer was taken.
    read: Vec<usize>,
}

/// Replay `chain` as `request` of `page`.
pub(super) fn replay(
    chain: &Chain,
    page: &Page,
    request: &PageRequest,
    browser: Browser,
) -> Replay {
    let mut memory = Memory::default();
    let mut tape =
        Tape { chain, at: 0, cached_start: cached_start(chain), unseen: Vec::new(), read: vec![0] };
    let now = chain.hops.first().map(|it| it.hop.started).unwrap_or_default();
    let (mut fetch, mut ask) = Fetch::recorded(page, request, browser, &mut memory, now);
    let end = loop {
        ask = match ask {
            Ask::Done(end) => break *end,
            Ask::Preflight(_) => tape.preflight(&mut fetch, &mut memory),
            Ask::Send(_) if tape.cached_start.is_none() && tape.next_is(HopKind::Preflight) => {
                fetch.insist_on_preflight()
            }
            Ask::Send(_) | Ask::Connect(_) => tape.request(&mut fetch, &mut memory),
        };
    };
    tape.finish(&fetch, end)
}

impl<'a> Tape<'a> {
    fn next(&self) -> Option<&'a ChainHop> {
        self.chain.hops.get(self.at)
    }

    fn next_is(&self, kind: HopKind) -> bool {
        self.next().is_some_and(|it| it.kind == kind)
    }

    /// A hop of another chain that this step leaned on.
    fn outside(&self, why: LinkWhy) -> Option<&'a Outside> {
        self.chain.outside.iter().find(|it| it.at == self.at && it.link.why == why)
    }

    fn preflight(&mut self, fetch: &mut Fetch, memory: &mut Memory) -> Ask {
        if let Some(outside) = self.cached_start {
            // Whatever leave the cached redirect needed, the browser still had it.
            self.unseen.push(Unseen { kind: UnseenKind::PreflightCached, before: 0, from: None });
            self.read.push(0);
            return fetch.answer(Answer::NotOnRecord, memory, outside.hop.started);
        }
        if self.next_is(HopKind::Preflight) {
            return self.feed(fetch, memory);
        }
        let covering = self.outside(LinkWhy::CoveredBy);
        let more = self.next().is_some();
        if covering.is_some() || more {
            let kind = if covering.is_some() {
                UnseenKind::PreflightCached
            } else {
                UnseenKind::NotRecorded
            };
            let from = covering.map(|it| it.hop.id);
            self.unseen.push(Unseen { kind, before: self.at, from });
        }
        // What was sent afterwards shows that it passed.
        fetch.more_on_record(more);
        let answer = match covering.and_then(|it| it.hop.response()) {
            Some(response) if !more => {
                Answer::Response { response, hop: covering.map(|it| it.hop.id) }
            }
            _ => Answer::NotOnRecord,
        };
        let now = self.chain.hops.get(self.at).map(|it| it.hop.started).unwrap_or_default();
        let ask = if more || covering.is_some() {
            fetch.answer(answer, memory, now)
        } else {
            fetch.recording_ends()
        };
        self.read.push(self.at);
        ask
    }

    fn request(&mut self, fetch: &mut Fetch, memory: &mut Memory) -> Ask {
        let start = self.cached_start.take();
        if let Some((outside, response)) = start.and_then(|it| Some((it, it.hop.response()?))) {
            let from = Some(outside.hop.id);
            self.unseen.push(Unseen { kind: UnseenKind::AnswerCached, before: 0, from });
            self.read.push(0);
            fetch.more_on_record(true);
            let answer = Answer::Response { response, hop: from };
            return fetch.answer(answer, memory, outside.hop.started);
        }
        if self.next().is_some() {
            return self.feed(fetch, memory);
        }
        let cached = self.outside(LinkWhy::CachedFrom);
        match cached.and_then(|it| it.hop.response().map(|response| (it, response))) {
            Some((outside, response)) => {
                let from = Some(outside.hop.id);
                self.unseen.push(Unseen { kind: UnseenKind::AnswerCached, before: self.at, from });
                fetch.more_on_record(false);
                let ask = fetch.answer(
                    Answer::Response { response, hop: from },
                    memory,
                    outside.hop.started,
                );
                self.read.push(self.at);
                ask
            }
            None => fetch.recording_ends(),
        }
    }

    /// Read the next hop, past those that were sent again.
    fn feed(&mut self, fetch: &mut Fetch, memory: &mut Memory) -> Ask {
        while let (Some(it), Some(again)) = (self.next(), self.chain.hops.get(self.at + 1))
            && is_retry(it, again)
        {
            self.at += 1;
        }
        let Some(it) = self.next() else { return fetch.recording_ends() };
        let stored = self.outside(LinkWhy::CachedFrom).and_then(|it| it.hop.response());
        self.at += 1;
        self.read.push(self.at);
        fetch.more_on_record(self.next().is_some());
        let now = it.hop.ended.unwrap_or(it.hop.started);
        match &it.hop.outcome {
            Outcome::Answered(response) => {
                let response = &*tidy(response);
                match stored.filter(|_| response.status == 304) {
                    Some(stored) => {
                        let whole = super::super::http_cache::freshen(stored, response);
                        fetch.answer(
                            Answer::Response { response: &whole, hop: Some(it.hop.id) },
                            memory,
                            now,
                        )
                    }
                    None => fetch.answer(
                        Answer::Response { response, hop: Some(it.hop.id) },
                        memory,
                        now,
                    ),
                }
            }
            Outcome::Failed(failure) => fetch.answer(Answer::Failed(failure), memory, now),
            Outcome::Pending => fetch.recording_ends(),
        }
    }

    fn finish(self, fetch: &Fetch, end: End) -> Replay {
        let mut unseen = self.unseen;
        for step in fetch.steps() {
            let before = self.read.get(step.after).copied().unwrap_or(self.at);
            unseen.push(Unseen { kind: step.kind, before, from: step.from });
        }
        unseen.sort_by_key(|it| it.before);
        // Decided by what lay in the cache, after the last hop that was read.
        let from_cache =
            unseen.iter().any(|it| it.kind == UnseenKind::AnswerCached && it.before == self.at);
        let read = self.chain.hops.get(..self.at).unwrap_or_default();
        let last = read.last();
        let response = last.and_then(|it| it.hop.response());
        Replay {
            decided_at: if from_cache { None } else { self.at.checked_sub(1) },
            is_open_after_preflight: end.ended == Ended::NotRecorded
                && last.is_some_and(|it| it.kind == HopKind::Preflight),
            agrees: self.at == self.chain.hops.len(),
            preflights: read.iter().filter(|it| it.kind == HopKind::Preflight).count(),
            redirects: fetch.redirects(),
            status: response.map(|it: &Response| it.status),
            sent_origin: last.and_then(|it| it.hop.request.headers.text("origin")),
            remembered: fetch.remembered(),
            from_cache,
            unseen,
            end,
        }
    }
}

/// The redirect out of a browser's cache that led to the first hop, when nothing else explains it.
pub(super) fn cached_start(chain: &Chain) -> Option<&Outside> {
    chain.outside.iter().find(|it| {
        it.at == 0
            && it.link.why == LinkWhy::CachedFrom
            && it.link.clue.certain
            && it.hop.response().is_some_and(is_redirect)
    })
}

/// A source that is no wire (a HAR) may show the white space around names and values.
fn tidy(response: &Response) -> Cow<'_, Response> {
    let untidy =
        |it: &Header| it.name.trim() != it.name || it.value.trim_ascii().len() != it.value.len();
    if !response.headers.iter().any(untidy) {
        return Cow::Borrowed(response);
    }
    let mut tidy = response.clone();
    tidy.headers = response
        .headers
        .iter()
        .map(|it| (it.name.trim().to_owned(), it.value.trim_ascii()))
        .collect();
    Cow::Owned(tidy)
}

/// A driven fetch, as if it had been replayed.
pub(super) fn of_driven(driven: &Driven<'_>) -> Replay {
    let tape = Tape {
        chain: driven.chain,
        at: driven.chain.hops.len(),
        cached_start: None,
        unseen: Vec::new(),
        read: driven.hops_after.to_vec(),
    };
    tape.finish(driven.fetch, driven.end.clone())
}

/// The same request sent again, because the first brought nothing.
fn is_retry(it: &ChainHop, again: &ChainHop) -> bool {
    let linked = again.link.as_ref().is_some_and(|it| it.why == LinkWhy::RetryOf);
    let same = it.kind == again.kind
        && it.hop.request.method == again.hop.request.method
        && it.hop.request.url == again.hop.request.url;
    linked || (same && it.hop.response().is_none() && matches!(it.hop.outcome, Outcome::Failed(_)))
}
