//! The machine: one fetch, step by step, without I/O.
//!
//! [`Fetch::start`] says what to do first, [`Fetch::answer`] takes what came of it and says what
//! to do next, until it is done. A driver answers from sockets, a judge from a recording.
//!
//! **Invariant:** time comes in as a value, and all that outlives a fetch is in [`Memory`].

mod allowed;
mod answered;
mod asking;
mod construct;
mod failed;
mod redirected;

use url::Url;

use crate::trace::{Failure, Headers, HopId, Response, Time};

use super::context::Context;
use super::end::{End, Ended, Readable, Tainting};
use super::http_cache::Stored;
use super::memory::Memory;
use super::outgoing::{FetchSite, Outgoing};
use super::preflight::Wanted;
use super::{AddressSpace, Api, Browser, FailedBy, Page, PageRequest, UnseenKind, method};

/// What the machine wants next.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Send this preflight.
    Preflight(Box<Outgoing>),
    /// Send this request.
    Send(Box<Outgoing>),
    /// Only open a connection: the request would be refused once it stands.
    Connect(Box<Outgoing>),
    /// It is over.
    Done(Box<End>),
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Answer<'a> {
    /// A response, with the hop that brought it.
    Response { response: &'a Response, hop: Option<HopId> },
    /// No proper answer.
    Failed(&'a Failure),
    /// The connection that [`Ask::Connect`] asked for stands.
    Connected,
    /// The recording does not have it. A preflight is then taken for passed.
    NotOnRecord,
}

/// A step that went without a wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    pub kind: UnseenKind,
    /// How many answers had been taken before it.
    pub after: usize,
    pub from: Option<HopId>,
}

/// One fetch on its way.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the standard by its own name")]
pub struct Fetch {
    browser: Browser,
    context: Context,
    request: PageRequest,
    first_url: String,
    url: Url,
    method: String,
    /// The script's headers and the body's type.
    headers: Headers,
    body: Option<Vec<u8>>,
    /// [Use-CORS-preflight flag](https://fetch.spec.whatwg.org/#use-cors-preflight-flag).
    forced_preflight: bool,
    streams: bool,
    redirects: u32,
    /// [Redirect-tainted origin](https://fetch.spec.whatwg.org/#concept-request-tainted-origin).
    tainted: bool,
    site: FetchSite,
    /// Firefox preflights every redirected request whose first was preflighted.
    preflighted: bool,
    on_record: bool,
    stage: Stage,
    wanted: Option<Wanted>,
    revalidating: Option<Stored>,
    /// A stored answer may be used that is fetched anew afterwards.
    may_be_stale: bool,
    /// One was used.
    stale: bool,
    /// What fetches it anew, and the end that is kept back until then.
    behind: Option<(Box<Fetch>, Box<End>)>,
    /// It is a beacon, and was taken.
    queued: bool,
    remarks: Vec<String>,
    steps: Vec<Step>,
    answers: usize,
    remembered: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Preflight,
    Send,
    Connect(AddressSpace),
    Done,
}

/// What an answer leads to.
enum Next {
    Follow,
    End(Ended),
}

impl Fetch {
    /// Begin `request` of `page`.
    pub fn start(
        page: &Page,
        request: &PageRequest,
        browser: Browser,
        memory: &mut Memory,
        now: Time,
    ) -> (Fetch, Ask) {
        let request = request.as_made();
        let context = Context::of(page, &request);
        let mut fetch = Fetch::new(request, context, browser);
        let ask = match fetch.construct() {
            Ok(()) if memory.document.has(&fetch.context.origin, &fetch.request) => {
                fetch.note(UnseenKind::AnswerCached, None);
                fetch.done(Ended::Allowed(Readable::bare(Tainting::Basic, 200)))
            }
            Ok(()) => {
                fetch.queued = fetch.request.api == Api::Beacon;
                fetch.main_fetch(memory, now)
            }
            Err(failing) => fetch.done(Ended::Failed(failing)),
        };
        let ask = fetch.fetch_anew(ask, memory, now);
        (fetch, ask)
    }

    /// Once a stale answer has been handed out, the whole fetch is made again behind the script's
    /// back ([stale-while-revalidate](https://fetch.spec.whatwg.org/#concept-stale-while-revalidate-response)).
    fn fetch_anew(&mut self, ask: Ask, memory: &mut Memory, now: Time) -> Ask {
        let Ask::Done(end) = ask else { return ask };
        if matches!(end.ended, Ended::Allowed(_)) {
            memory.document.keep(&self.request);
        }
        let came = match &end.ended {
            Ended::Allowed(_) => true,
            Ended::Failed(failing) => failing.by == FailedBy::Api,
            Ended::Refused(_) | Ended::NotRecorded => false,
        };
        if !self.stale || !came {
            return Ask::Done(end);
        }
        let mut again = Fetch::new(self.request.clone(), self.context.clone(), self.browser);
        again.may_be_stale = false;
        match again.construct().map(|()| again.main_fetch(memory, now)) {
            Err(_) | Ok(Ask::Done(_)) => Ask::Done(end),
            Ok(ask) => {
                self.behind = Some((Box::new(again), end));
                ask
            }
        }
    }

    /// Begin a request that is on record: it was made, so nothing that could have kept it back is
    /// asked about until [`Fetch::more_on_record`] says that the record ends.
    pub fn recorded(
        page: &Page,
        request: &PageRequest,
        browser: Browser,
        memory: &mut Memory,
        now: Time,
    ) -> (Fetch, Ask) {
        let request = request.as_made();
        let context = Context::of(page, &request);
        let mut fetch = Fetch::new(request, context, browser);
        fetch.on_record = true;
        fetch.queued = fetch.request.api == Api::Beacon;
        fetch.take_headers_and_body(&fetch.request.clone());
        let ask = fetch.main_fetch(memory, now);
        (fetch, ask)
    }

    /// The recording has nothing more, but the browser would have gone on.
    pub fn recording_ends(&mut self) -> Ask {
        self.done(Ended::NotRecorded)
    }

    /// How many redirects were followed.
    pub fn redirects(&self) -> usize {
        self.redirects as usize
    }

    /// Whether a cache held something for a URL that was asked for: then times came into it.
    pub fn remembered(&self) -> bool {
        self.remembered
    }

    /// Whether the recording has further hops of this fetch: what is on record was not kept back.
    pub fn more_on_record(&mut self, more: bool) {
        self.on_record = more;
    }

    fn new(request: PageRequest, context: Context, browser: Browser) -> Fetch {
        Fetch {
            browser,
            first_url: request.url.clone(),
            url: context_url(&request.url, &context),
            method: method::normalise(&request.method),
            headers: Headers::new(),
            body: None,
            forced_preflight: false,
            streams: false,
            redirects: 0,
            tainted: false,
            site: FetchSite::SameOrigin,
            preflighted: false,
            on_record: false,
            stage: Stage::Done,
            wanted: None,
            revalidating: None,
            may_be_stale: browser == Browser::Chromium,
            stale: false,
            behind: None,
            queued: false,
            remarks: Vec::new(),
            steps: Vec::new(),
            answers: 0,
            remembered: false,
            context,
            request,
        }
    }

    /// Steps that went without a wire so far.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The URL that is being fetched now.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// A recording shows a preflight where this machine sees no need for one (an upload listener
    /// is not on the wire): ask for it.
    pub fn insist_on_preflight(&mut self) -> Ask {
        self.forced_preflight = true;
        self.ask_preflight()
    }

    /// [Main fetch](https://fetch.spec.whatwg.org/#concept-main-fetch) of the current URL, as far
    /// as the first thing that needs a wire.
    fn main_fetch(&mut self, memory: &mut Memory, now: Time) -> Ask {
        if self.redirects == 0 {
            self.upgrade();
        }
        loop {
            self.remark_reports();
            if !self.on_record
                && let Err(ended) = self.before_the_network()
            {
                return self.done(ended);
            }
            self.site = self.site.max(FetchSite::between(&self.context.origin, &self.here()));
            if self.url.scheme() == "data" {
                return self.done(Ended::Allowed(Readable::bare(Tainting::Basic, 200)));
            }
            // A server that is nearer than the page needs the user's leave.
            if let Some(space) = self.refused_space().filter(|_| !self.on_record) {
                self.stage = Stage::Connect(space);
                return Ask::Connect(Box::new(self.sending(memory, now).request()));
            }
            // CORS-preflight fetch, unless the cache spares it.
            if let Some(wanted) = self.needs_preflight() {
                self.wanted = Some(wanted.clone());
                self.preflighted = true;
                self.remembered |= memory.preflights.has(&self.url);
                let covering = self.covering(memory, &wanted, now);
                match covering {
                    Some(it) => self.note(UnseenKind::PreflightCached, it.by),
                    None => return self.ask_preflight(),
                }
            }
            match self.http_network_or_cache_fetch(memory, now) {
                CacheStep::Ask(ask) => return ask,
                CacheStep::Cached(stored) => {
                    self.note(UnseenKind::AnswerCached, stored.hop);
                    match self.http_fetch_answer(&stored.response) {
                        Next::Follow => {}
                        Next::End(ended) => return self.done(ended),
                    }
                }
            }
        }
    }

    /// Take what came of the last [`Ask`].
    pub fn answer(&mut self, answer: Answer<'_>, memory: &mut Memory, now: Time) -> Ask {
        if let Some((mut again, end)) = self.behind.take() {
            let ask = again.answer(answer, memory, now);
            if matches!(ask, Ask::Done(_)) {
                return Ask::Done(end);
            }
            self.behind = Some((again, end));
            return ask;
        }
        let ask = self.answered(answer, memory, now);
        self.fetch_anew(ask, memory, now)
    }

    fn answered(&mut self, answer: Answer<'_>, memory: &mut Memory, now: Time) -> Ask {
        let stage = self.stage;
        self.answers += 1;
        match (stage, answer) {
            (Stage::Done, _) | (_, Answer::Connected) => match stage {
                Stage::Connect(space) => self.denied_locally(space),
                _ => self.done(Ended::NotRecorded),
            },
            (_, Answer::Failed(failure)) => {
                let failing = self.transport_failed(failure);
                self.done(Ended::Failed(failing))
            }
            (Stage::Preflight, Answer::Response { response, hop }) => {
                self.preflight_answered(response, hop, memory, now)
            }
            (Stage::Preflight, Answer::NotOnRecord) => self.after_preflight(memory, now),
            (Stage::Send | Stage::Connect(_), Answer::Response { response, hop }) => {
                self.request_answered(response, hop, memory, now)
            }
            (Stage::Send | Stage::Connect(_), Answer::NotOnRecord) => self.done(Ended::NotRecorded),
        }
    }

    fn note(&mut self, kind: UnseenKind, from: Option<HopId>) {
        self.steps.push(Step { kind, after: self.answers, from });
    }

    fn done(&mut self, ended: Ended) -> Ask {
        let in_preflight = self.stage == Stage::Preflight;
        self.stage = Stage::Done;
        // A beacon's script only learns that it was queued.
        let ended = match ended {
            Ended::Failed(failing) if self.queued && failing.by != FailedBy::Api => {
                Ended::Allowed(Readable {
                    net_error: failing.net_error.clone(),
                    console: failing.sentence(),
                    ..Readable::bare(Tainting::Queued, 0)
                })
            }
            ended => ended,
        };
        Ask::Done(Box::new(End {
            ended,
            first_url: self.first_url.clone(),
            last_url: self.url.to_string(),
            in_preflight,
            remarks: std::mem::take(&mut self.remarks),
        }))
    }
}

enum CacheStep {
    Ask(Ask),
    Cached(Stored),
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some_and(|it| !it.is_empty())
}

/// A URL to stand in until the request's own is parsed.
fn context_url(text: &str, context: &Context) -> Url {
    Url::parse(text).or_else(|_| Url::parse(&context.url())).unwrap_or_else(|_| about_blank())
}

#[expect(clippy::unwrap_used, reason = "a constant that parses, kept so by its test")]
fn about_blank() -> Url {
    Url::parse("about:blank").unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_in_url_parses() {
        assert_eq!(about_blank().as_str(), "about:blank");
    }
}
