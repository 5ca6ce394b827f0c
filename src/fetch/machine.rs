//! The machine: one fetch, step by step, without I/O.
//!
//! [`Fetch::start`] says what to do first, [`Fetch::answer`] takes what came of it and says what
//! to do next, until it is done. A driver answers from sockets, a judge from a recording.
//!
//! **Invariant:** time comes in as a value, and all that outlives a fetch is in [`Memory`].

use std::borrow::Cow;

use url::Url;

use crate::trace::{Failure, FailureKind, Headers, HopId, Response, Time};

use super::context::Context;
use super::cors_check::{Asked, cors_check};
use super::end::{End, Ended, Failing, Readable, Tainting};
use super::http_cache::{self, CacheKey, Lookup, Stored};
use super::memory::{Covered, Memory};
use super::outgoing::{FetchSite, Outgoing, Sending};
use super::preflight::{self, Wanted};
use super::redirect::{self, Location};
use super::refusal::{CorsError, FirefoxCode, Refusal};
use super::{
    AddressSpace, Api, BodyKind, Browser, CacheMode, Credentials, FailedBy, Mode, Origin, Page,
    PageRequest, RedirectMode, UnseenKind, corp, csp, loaded, method, port, safelist,
};

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
    steps: Vec<Step>,
    answers: usize,
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
            Ok(()) => fetch.main_fetch(memory, now),
            Err(failing) => fetch.done(Ended::Failed(failing)),
        };
        (fetch, ask)
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
            steps: Vec::new(),
            answers: 0,
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

    // --- the request, as the script makes it ---

    /// The [`Request` constructor](https://fetch.spec.whatwg.org/#dom-request) and
    /// [`open()`](https://xhr.spec.whatwg.org/#the-open()-method), `send()`: what throws before
    /// anything is fetched.
    fn construct(&mut self) -> Result<(), Failing> {
        let it = self.request.clone();
        let script = matches!(it.api, Api::Fetch | Api::Xhr);
        let by_api = |what: String| Err(Failing::new(FailedBy::Api, what));
        // The URL.
        let Ok(url) = Url::parse(&it.url) else {
            return Err(Failing::new(FailedBy::Url, format!("{} is not a URL.", it.url)));
        };
        self.url = url;
        self.first_url = self.url.to_string();
        if it.api == Api::Fetch && has_userinfo(&self.url) {
            return Err(Failing::new(
                FailedBy::Url,
                "fetch takes no URL with a user name or password.",
            ));
        }
        // The method.
        if script && !method::is_method(&it.method) {
            return by_api(format!("{:?} is no HTTP method.", it.method));
        }
        if script && method::is_forbidden(it.method.as_bytes()) {
            return by_api(format!("Scripts may not use the method {}.", it.method));
        }
        if it.api == Api::Fetch {
            if it.mode == Mode::Navigate {
                return by_api("Scripts may not use the mode navigate.".to_owned());
            }
            if it.mode == Mode::NoCors && !method::is_safelisted(&self.method) {
                return by_api(format!("no-cors does not allow the method {}.", self.method));
            }
            if it.cache == CacheMode::OnlyIfCached && it.mode != Mode::SameOrigin {
                return by_api("only-if-cached needs the mode same-origin.".to_owned());
            }
            if it.body.is_some() && matches!(self.method.as_str(), "GET" | "HEAD") {
                return by_api(format!("A {} has no body.", self.method));
            }
            let streams = it.body.is_some() && it.body_kind == BodyKind::Stream;
            if streams && self.browser == Browser::Chromium && !it.half_duplex {
                return by_api("A streaming body needs duplex: 'half'.".to_owned());
            }
        }
        for header in it.headers.iter() {
            if !method::is_token(header.name.as_bytes())
                || header.value.iter().any(|it| matches!(it, b'\0' | b'\r' | b'\n'))
            {
                return by_api(format!("{:?} is no header a script can set.", header.name));
            }
        }
        self.take_headers_and_body(&it);
        Ok(())
    }

    fn take_headers_and_body(&mut self, it: &PageRequest) {
        let no_cors = it.mode == Mode::NoCors && it.api == Api::Fetch;
        for header in it.headers.iter() {
            let (name, value) = (header.name.as_str(), header.value.trim_ascii());
            // Forbidden names are dropped silently, and in no-cors all but four.
            if safelist::is_forbidden_request_header(name, value, self.browser)
                || (no_cors && !safelist::is_no_cors_safelisted(name, value, self.browser))
            {
                continue;
            }
            match self.headers.get(name) {
                Some(mut earlier) => {
                    earlier.extend_from_slice(b", ");
                    earlier.extend_from_slice(value);
                    self.headers.set(name, earlier);
                }
                None => self.headers.push(name, value),
            }
        }
        // XMLHttpRequest drops the body of a GET or HEAD.
        if it.body.is_none() || matches!(self.method.as_str(), "GET" | "HEAD") {
            return;
        }
        self.body = it.body_bytes();
        self.streams = it.api == Api::Fetch && it.body_kind == BodyKind::Stream;
        let mut kind = it.body_type();
        if self.streams && self.browser == Browser::Firefox {
            // Firefox does not stream bodies: it sends the object's name.
            self.streams = false;
            self.body = Some(b"[object ReadableStream]".to_vec());
            kind = Some("text/plain;charset=UTF-8".to_owned());
        }
        if let Some(kind) = kind
            && !self.headers.has("content-type")
        {
            self.headers.push("Content-Type", kind);
        }
        self.forced_preflight = self.streams || it.upload_listener;
    }

    // --- fetching ---

    /// [Main fetch](https://fetch.spec.whatwg.org/#concept-main-fetch) of the current URL, as far
    /// as the first thing that needs a wire.
    fn main_fetch(&mut self, memory: &mut Memory, now: Time) -> Ask {
        loop {
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

    /// Everything that ends a fetch before a byte is sent: the page's policy, mode, scheme, port.
    fn before_the_network(&self) -> Result<(), Ended> {
        let url = self.url.as_str();
        let failed = |it: Failing| Err(Ended::Failed(it));
        // [Should request be blocked by Content Security Policy?]
        if let Some(it) = csp::violation(
            &self.context.policies,
            self.request.api,
            &self.url,
            &self.context.served_from,
            0 < self.redirects,
        ) {
            let failing = Failing::new(
                FailedBy::Csp,
                format!(
                    "The page's Content-Security-Policy ({}) does not allow {url}.",
                    it.directive
                ),
            )
            .console(it.sentence(self.request.api, url));
            let failing = if 0 < self.redirects { failing.net("ABORTED") } else { failing };
            return failed(self.in_firefox(failing, 0 < self.redirects));
        }
        // [Should fetching request be blocked as mixed content?]
        if self.is_mixed_content() {
            let page = self.context.url();
            return failed(
                Failing::new(FailedBy::Url, format!("A page over HTTPS may not load {url}."))
                    .console(format!(
                        "Mixed Content: The page at '{page}' was loaded over HTTPS, but requested \
                         an insecure {} '{url}'. This request has been blocked; the content must be \
                         served over HTTPS.",
                        loaded::mixed_content_word(self.request.api)
                    )),
            );
        }
        let same_origin = self.context.origin.same(&self.here());
        // Mode same-origin stays at home.
        if self.request.mode == Mode::SameOrigin && !same_origin {
            return self.left_home();
        }
        if self.request.mode == Mode::NoCors
            && self.request.redirect != RedirectMode::Follow
            && !same_origin
            && self.request.api == Api::Fetch
        {
            return Err(Ended::Refused(self.refusal(
                CorsError::NoCorsRedirectModeNotFollow,
                "",
                None,
            )));
        }
        // A user name in a URL is for documents, not for what they load. XMLHttpRequest may.
        if has_userinfo(&self.url)
            && self.request.api != Api::Xhr
            && self.browser == Browser::Chromium
        {
            let failing = Failing::new(
                FailedBy::Url,
                format!("A URL with a user name or password may not be loaded: {url}."),
            );
            return failed(if 0 < self.redirects { failing.net("ABORTED") } else { failing });
        }
        self.scheme_is_fetched()?;
        if port::is_bad_port(&self.url) {
            return failed(
                self.in_firefox(
                    Failing::new(FailedBy::Network, format!("Browsers refuse the port of {url}."))
                        .net("UNSAFE_PORT"),
                    true,
                ),
            );
        }
        Ok(())
    }

    fn left_home(&self) -> Result<(), Ended> {
        let url = self.url.as_str();
        if self.redirects == 0 {
            return Err(match self.browser {
                Browser::Chromium => {
                    Ended::Refused(Refusal::chromium(CorsError::DisallowedByMode, ""))
                }
                Browser::Firefox => Ended::Failed(Failing::new(
                    FailedBy::Url,
                    "The mode same-origin does not leave the page's origin.",
                )),
            });
        }
        Err(Ended::Failed(
            Failing::new(
                FailedBy::Redirect,
                format!("The mode same-origin does not follow a redirect to {url}."),
            )
            .net("ABORTED")
            .console(format!(
                "Unsafe attempt to load URL {url} from frame with URL {}. Domains, protocols and \
                 ports must match.\n",
                self.context.url()
            )),
        ))
    }

    /// [Scheme fetch](https://fetch.spec.whatwg.org/#concept-scheme-fetch): only HTTP is fetched
    /// across origins.
    fn scheme_is_fetched(&self) -> Result<(), Ended> {
        let scheme = self.url.scheme();
        let url = self.url.as_str();
        if matches!(scheme, "http" | "https") || (scheme == "data" && self.redirects == 0) {
            return Ok(());
        }
        let failed = |it: Failing| Err(Ended::Failed(it));
        let fetch_at_start = self.request.api == Api::Fetch && self.redirects == 0;
        if scheme == "file" || (scheme == "blob" && !fetch_at_start) {
            return failed(
                Failing::new(FailedBy::Url, format!("A page may not load {url}."))
                    .console(format!("Not allowed to load local resource: {url}")),
            );
        }
        if self.request.mode == Mode::NoCors && !fetch_at_start {
            return failed(
                Failing::new(FailedBy::Url, format!("The scheme {scheme} is not fetched."))
                    .net("UNKNOWN_URL_SCHEME"),
            );
        }
        if scheme == "ftp" && self.redirects == 0 && !fetch_at_start {
            return failed(
                Failing::new(FailedBy::Url, "FTP is not fetched.").console("FTP is not supported."),
            );
        }
        let firefox = if 0 < self.redirects && matches!(scheme, "javascript" | "data" | "blob") {
            FirefoxCode::CORSDidNotSucceed2
        } else {
            FirefoxCode::CORSRequestNotHttp
        };
        let parameter = if fetch_at_start { scheme } else { "" };
        Err(Ended::Refused(self.refusal(CorsError::CorsDisabledScheme, parameter, Some(firefox))))
    }

    /// [Mixed content](https://w3c.github.io/webappsec-mixed-content/#should-block-fetch). Images
    /// are upgraded, not blocked.
    fn is_mixed_content(&self) -> bool {
        self.context.served_from.scheme() == "https"
            && self.url.scheme() == "http"
            && !self.here().is_potentially_trustworthy()
            && self.request.api != Api::Img
    }

    /// [Local Network Access](https://wicg.github.io/local-network-access/): a public page that
    /// asks a server nearer by. Without anybody to ask for leave it is denied. Firefox does not
    /// know it.
    fn refused_space(&self) -> Option<AddressSpace> {
        let space = self.here().address_space()?;
        (self.browser == Browser::Chromium
            && self.context.space == Some(AddressSpace::Public)
            && space != AddressSpace::Public
            && !self.context.origin.same(&self.here()))
        .then_some(space)
    }

    /// [CORS flag](https://fetch.spec.whatwg.org/#http-fetch): the answer must allow this origin.
    fn cors_flag(&self) -> bool {
        self.request.mode == Mode::Cors && (self.tainted || !self.context.origin.same(&self.here()))
    }

    /// Whether a preflight goes first, and for what. Chromium and the standard look at each
    /// request anew; Firefox preflights a redirected request whenever the first one was.
    fn needs_preflight(&self) -> Option<Wanted> {
        if !self.cors_flag() {
            return None;
        }
        let headers = safelist::unsafe_request_header_names(&self.headers, self.browser);
        let needed = self.forced_preflight
            || !method::is_safelisted(&self.method)
            || !headers.is_empty()
            || (self.browser == Browser::Firefox && self.preflighted);
        needed.then(|| Wanted {
            method: self.method.clone(),
            headers,
            credentials: self.request.credentials,
        })
    }

    fn covering(&self, memory: &Memory, wanted: &Wanted, now: Time) -> Option<Covered> {
        // A request that goes past the HTTP cache goes past this one, too.
        if matches!(self.request.cache, CacheMode::NoStore | CacheMode::Reload | CacheMode::NoCache)
            || self.tainted
        {
            return None;
        }
        memory.preflights.covering(&self.context.origin, &self.url, wanted, self.browser, now)
    }

    fn ask_preflight(&mut self) -> Ask {
        self.stage = Stage::Preflight;
        let wanted = self.wanted.clone().unwrap_or_else(|| Wanted {
            method: self.method.clone(),
            headers: safelist::unsafe_request_header_names(&self.headers, self.browser),
            credentials: self.request.credentials,
        });
        self.preflighted = true;
        let outgoing = {
            let mut sending = self.sending(&Memory::default(), Time::default());
            sending.origin = Some(self.preflight_origin());
            sending.preflight(&wanted)
        };
        self.wanted = Some(wanted);
        Ask::Preflight(Box::new(outgoing))
    }

    /// Firefox's preflight names the page even where the request itself will say `null`.
    fn preflight_origin(&self) -> String {
        match self.browser {
            Browser::Chromium => self.serialised_origin(),
            Browser::Firefox => self.context.origin.serialise(),
        }
    }

    /// [Serialising a request origin](https://fetch.spec.whatwg.org/#serializing-a-request-origin)
    fn serialised_origin(&self) -> String {
        if self.tainted { "null".to_owned() } else { self.context.origin.serialise() }
    }

    /// [Append a request `Origin` header](https://fetch.spec.whatwg.org/#append-a-request-origin-header)
    fn origin_header(&self) -> Option<String> {
        if self.cors_flag() {
            return Some(self.serialised_origin());
        }
        if matches!(self.method.as_str(), "GET" | "HEAD") {
            return None;
        }
        let silent = self.request.mode != Mode::Cors
            && self.request.referrer_policy == Some(super::ReferrerPolicy::NoReferrer);
        Some(if silent { "null".to_owned() } else { self.serialised_origin() })
    }

    fn here(&self) -> Origin {
        Origin::of(&self.url)
    }

    /// Whether cookies go along.
    fn includes_credentials(&self) -> bool {
        let home = self.context.origin.same(&self.here()) && !self.tainted;
        let without = self.context.embedder == corp::EmbedderPolicy::Credentialless
            && self.request.mode == Mode::NoCors
            && !home;
        match self.request.credentials {
            Credentials::Include => !without,
            Credentials::SameOrigin => home,
            Credentials::Omit => false,
        }
    }

    fn sending(&self, memory: &Memory, now: Time) -> Sending<'_> {
        let includes_credentials = self.includes_credentials();
        let same_site = self.site != FetchSite::CrossSite;
        Sending {
            browser: self.browser,
            context: &self.context,
            api: self.request.api,
            mode: self.request.mode,
            method: &self.method,
            url: &self.url,
            script: &self.headers,
            body: self.body.as_deref(),
            cache: self.request.cache,
            referrer_policy: self.request.referrer_policy,
            origin: self.origin_header(),
            site: self.site,
            includes_credentials,
            wants_credentials: self.request.credentials == Credentials::Include,
            cookie: includes_credentials
                .then(|| memory.cookies.header(&self.url, same_site, now))
                .flatten(),
            conditions: None,
        }
    }

    fn cache_key<'a>(&'a self, sent: &'a Headers) -> CacheKey<'a> {
        CacheKey {
            page: &self.context.served_from,
            url: &self.url,
            method: &self.method,
            request: sent,
            mode: self.request.cache,
        }
    }

    /// [HTTP-network-or-cache fetch](https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch)
    fn http_network_or_cache_fetch(&mut self, memory: &Memory, now: Time) -> CacheStep {
        // A streamed body needs HTTP/2, which nobody spoke of yet.
        if self.streams && self.url.scheme() == "http" && !self.on_record {
            return CacheStep::Ask(
                self.done(Ended::Failed(
                    Failing::new(
                        FailedBy::Network,
                        "Chromium streams a request's body over HTTP/2 or later only.",
                    )
                    .net("ALPN_NEGOTIATION_FAILED"),
                )),
            );
        }
        let mut outgoing = self.sending(memory, now).request();
        let lookup = memory.answers.lookup(&self.cache_key(&outgoing.headers), now);
        self.revalidating = None;
        match lookup {
            // Firefox did not replay redirects across origins.
            Lookup::Fresh(stored)
                if self.browser == Browser::Firefox
                    && redirect::is_redirect_status(stored.response.status) => {}
            Lookup::Fresh(stored) => return CacheStep::Cached(stored),
            Lookup::Validate(stored, conditions) => {
                let mut sending = self.sending(memory, now);
                sending.conditions = Some(&conditions);
                outgoing = sending.request();
                self.revalidating = Some(stored);
            }
            Lookup::Miss => {}
        }
        self.stage = Stage::Send;
        CacheStep::Ask(Ask::Send(Box::new(outgoing)))
    }

    // --- answers ---

    /// Take what came of the last [`Ask`].
    pub fn answer(&mut self, answer: Answer<'_>, memory: &mut Memory, now: Time) -> Ask {
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

    fn denied_locally(&mut self, space: AddressSpace) -> Ask {
        let refusal =
            Refusal::chromium(CorsError::LocalNetworkAccessPermissionDenied, space.as_str());
        self.done(Ended::Refused(refusal))
    }

    fn preflight_answered(
        &mut self,
        answer: &Response,
        hop: Option<HopId>,
        memory: &mut Memory,
        now: Time,
    ) -> Ask {
        if let Some(failing) = self.unreadable_head(answer) {
            return self.done(Ended::Failed(failing));
        }
        let Some(wanted) = self.wanted.clone() else { return self.after_preflight(memory, now) };
        let origin = self.preflight_origin();
        // Back home, Firefox takes the preflight's answer without a check.
        let home = self.browser == Browser::Firefox && self.context.origin.same(&self.here());
        let expected = (!home).then_some(origin.as_str());
        match preflight::check_answer(&wanted, expected, answer, self.browser, now) {
            Err(refusal) => {
                let manual = self.browser == Browser::Firefox
                    && self.request.redirect == RedirectMode::Manual
                    && redirect::is_redirect(answer);
                let refusal = if manual {
                    Refusal::firefox(FirefoxCode::CORSPreflightDidNotSucceed3, "")
                } else {
                    refusal
                };
                self.done(Ended::Refused(refusal))
            }
            Ok(grant) => {
                if !self.tainted {
                    memory.preflights.store(&self.context.origin, &self.url, grant, hop);
                }
                self.after_preflight(memory, now)
            }
        }
    }

    fn after_preflight(&mut self, memory: &mut Memory, now: Time) -> Ask {
        match self.http_network_or_cache_fetch(memory, now) {
            CacheStep::Ask(ask) => ask,
            CacheStep::Cached(stored) => {
                self.note(UnseenKind::AnswerCached, stored.hop);
                match self.http_fetch_answer(&stored.response) {
                    Next::Follow => self.main_fetch(memory, now),
                    Next::End(ended) => self.done(ended),
                }
            }
        }
    }

    fn request_answered(
        &mut self,
        answer: &Response,
        hop: Option<HopId>,
        memory: &mut Memory,
        now: Time,
    ) -> Ask {
        if let Some(failing) = self.unreadable_head(answer) {
            return self.done(Ended::Failed(failing));
        }
        // A blocked answer has set its cookie all the same.
        if self.includes_credentials() {
            let same_site = self.site != FetchSite::CrossSite;
            memory.cookies.receive(&self.url, &answer.headers, same_site, now);
        }
        // A 304 to our own question means the stored answer.
        let answer = match self.revalidating.take() {
            Some(stored) if answer.status == 304 => {
                Cow::Owned(http_cache::freshen(&stored.response, answer))
            }
            _ => Cow::Borrowed(answer),
        };
        let sent = self.sending(memory, now).request().headers;
        let (url, method) = (self.url.clone(), self.method.clone());
        let page = self.context.served_from.clone();
        let next = self.http_fetch_answer(&answer);
        let key = CacheKey {
            page: &page,
            url: &url,
            method: &method,
            request: &sent,
            mode: self.request.cache,
        };
        if is_kept(&next, &answer) {
            memory.answers.store(&key, &answer, hop, now);
        } else {
            memory.answers.forget(&key);
        }
        match next {
            Next::Follow => self.main_fetch(memory, now),
            Next::End(ended) => self.done(ended),
        }
    }

    /// Heads that Chromium's network stack refuses before anybody looks at CORS.
    fn unreadable_head(&self, answer: &Response) -> Option<Failing> {
        let differ = |name: &str| {
            let mut all = answer.headers.all(name);
            all.next().is_some_and(|first| all.any(|it| it != first))
        };
        let chunked = answer.headers.has("transfer-encoding");
        let error = if differ("location") {
            "RESPONSE_HEADERS_MULTIPLE_LOCATION"
        } else if differ("content-length") && !chunked {
            "RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH"
        } else if differ("content-disposition") {
            "RESPONSE_HEADERS_MULTIPLE_CONTENT_DISPOSITION"
        } else {
            return None;
        };
        (self.browser == Browser::Chromium).then(|| {
            Failing::new(
                FailedBy::Network,
                "A header that may stand only once stands twice, with two values.",
            )
            .net(error)
        })
    }

    /// [HTTP fetch](https://fetch.spec.whatwg.org/#concept-http-fetch), from the answer on.
    fn http_fetch_answer(&mut self, answer: &Response) -> Next {
        let location = redirect::location_url(&self.url, answer, self.browser);
        // A Location that is no URL is found out by the network stack, before CORS.
        if location == Location::Invalid {
            return Next::End(Ended::Failed(
                self.in_firefox(
                    Failing::new(FailedBy::Redirect, "The redirect's Location is no URL.")
                        .net("INVALID_REDIRECT"),
                    true,
                ),
            ));
        }
        // The CORS check, of redirects and final answers alike.
        if self.cors_flag() {
            let origin = self.serialised_origin();
            let asked = Asked {
                origin: &origin,
                credentials: self.request.credentials,
                browser: self.browser,
            };
            if let Err(refusal) = cors_check(&asked, &answer.headers) {
                return Next::End(Ended::Refused(refusal));
            }
        }
        // Cross-origin resource policy, of redirects and final answers alike.
        if self.request.mode == Mode::NoCors
            && let Some(withheld) = corp::check(
                &answer.headers,
                &self.context.origin,
                &self.here(),
                self.context.embedder,
            )
        {
            return Next::End(Ended::Failed(withheld_by(withheld)));
        }
        match location {
            Location::Url(url) => self.redirected(answer, url),
            Location::None | Location::Invalid => Next::End(self.loaded(answer)),
        }
    }

    /// [HTTP-redirect fetch](https://fetch.spec.whatwg.org/#http-redirect-fetch)
    fn redirected(&mut self, answer: &Response, url: Url) -> Next {
        let failed = |it: Failing| Next::End(Ended::Failed(it));
        // Redirect mode.
        match self.request.redirect {
            RedirectMode::Follow => {}
            RedirectMode::Error => {
                return failed(
                    self.in_firefox(
                        Failing::new(
                            FailedBy::Redirect,
                            "The script asked that a redirect be an error.",
                        )
                        .net("FAILED"),
                        true,
                    ),
                );
            }
            RedirectMode::Manual => {
                let mut readable = Readable::bare(Tainting::OpaqueRedirect, 0);
                readable.net_error = Some("ABORTED");
                return Next::End(Ended::Allowed(readable));
            }
        }
        // No more than twenty.
        if self.redirects == redirect::LIMIT {
            return failed(
                self.in_firefox(
                    Failing::new(FailedBy::Redirect, "More than 20 redirects.")
                        .net("TOO_MANY_REDIRECTS"),
                    true,
                ),
            );
        }
        let target = Origin::of(&url);
        let home = self.context.origin.same(&target);
        // A user name in the Location of a CORS request.
        if has_userinfo(&url)
            && self.request.mode == Mode::Cors
            && (self.tainted || !home || self.cors_flag())
        {
            return Next::End(Ended::Refused(self.refusal(
                CorsError::RedirectContainsCredentials,
                "",
                Some(FirefoxCode::CORSDidNotSucceed2),
            )));
        }
        // Schemes that no redirect may lead to.
        if self.browser == Browser::Chromium
            && matches!(
                url.scheme(),
                "about" | "file" | "filesystem" | "blob" | "data" | "chrome" | "chrome-untrusted"
            )
        {
            return failed(
                Failing::new(
                    FailedBy::Redirect,
                    format!("A redirect may not lead to the scheme {}.", url.scheme()),
                )
                .net("UNSAFE_REDIRECT"),
            );
        }
        self.follow(answer.status, url, &target);
        Next::Follow
    }

    fn follow(&mut self, status: u16, url: Url, target: &Origin) {
        let here = self.here();
        self.redirects += 1;
        // Leaving a URL that was not the page's own for yet another origin taints the origin.
        if !here.same(target) && !self.context.origin.same(&here) {
            self.tainted = true;
        }
        // Method and body.
        if let Some(method) = redirect::new_method(status, &self.method) {
            method.clone_into(&mut self.method);
            self.body = None;
            self.streams = false;
            for name in redirect::BODY_HEADERS {
                self.headers.remove(name);
            }
        }
        // `Authorization` does not leave the origin it was meant for.
        if !here.same(target) {
            self.headers.remove("authorization");
        }
        self.url = url;
    }

    /// The answer stands: what its api makes of it.
    fn loaded(&self, answer: &Response) -> Ended {
        let tainting = if self.cors_flag() {
            Tainting::Cors
        } else if self.request.mode == Mode::NoCors && !self.context.origin.same(&self.here()) {
            Tainting::Opaque
        } else {
            Tainting::Basic
        };
        loaded::loaded(&loaded::Loading {
            api: self.request.api,
            browser: self.browser,
            tainting,
            credentials: self.request.credentials,
            url: self.url.as_str(),
            answer,
        })
    }

    fn transport_failed(&self, failure: &Failure) -> Failing {
        let (by, net, what) = match failure.kind {
            FailureKind::Refused => {
                (FailedBy::Network, "CONNECTION_REFUSED", "The connection was refused.")
            }
            FailureKind::Unreachable => {
                (FailedBy::Network, "ADDRESS_UNREACHABLE", "The address cannot be reached.")
            }
            FailureKind::Dns => {
                (FailedBy::Network, "NAME_NOT_RESOLVED", "The name does not resolve.")
            }
            FailureKind::Reset => {
                (FailedBy::Network, "CONNECTION_RESET", "The connection was reset.")
            }
            FailureKind::Closed => {
                (FailedBy::Network, "EMPTY_RESPONSE", "The server closed without an answer.")
            }
            FailureKind::Timeout => {
                (FailedBy::Timeout, "ABORTED", "No answer came before the script gave up.")
            }
            FailureKind::Tls => {
                (FailedBy::Network, "SSL_PROTOCOL_ERROR", "The TLS handshake failed.")
            }
            FailureKind::Malformed => {
                (FailedBy::Network, "INVALID_HTTP_RESPONSE", "The answer is not HTTP.")
            }
            FailureKind::Aborted => (FailedBy::Network, "ABORTED", "The request was given up."),
            FailureKind::RefusedByTap => {
                (FailedBy::Network, "EMPTY_RESPONSE", "The tap refused the request.")
            }
        };
        let failing = Failing::new(by, what).net(net);
        self.in_firefox(failing, failure.kind != FailureKind::Timeout)
    }

    // --- small things ---

    /// Firefox words every failure of a CORS request the same way.
    fn in_firefox(&self, failing: Failing, worded: bool) -> Failing {
        if worded && self.request.mode == Mode::Cors {
            failing.firefox(FirefoxCode::CORSDidNotSucceed2)
        } else {
            failing
        }
    }

    fn refusal(&self, code: CorsError, parameter: &str, firefox: Option<FirefoxCode>) -> Refusal {
        match self.browser {
            Browser::Chromium => Refusal::chromium(code, parameter),
            Browser::Firefox => {
                Refusal::firefox(firefox.unwrap_or(FirefoxCode::CORSDidNotSucceed2), parameter)
            }
        }
    }

    fn note(&mut self, kind: UnseenKind, from: Option<HopId>) {
        self.steps.push(Step { kind, after: self.answers, from });
    }

    fn done(&mut self, ended: Ended) -> Ask {
        let in_preflight = self.stage == Stage::Preflight;
        self.stage = Stage::Done;
        Ask::Done(Box::new(End {
            ended,
            first_url: self.first_url.clone(),
            last_url: self.url.to_string(),
            in_preflight,
        }))
    }
}

enum CacheStep {
    Ask(Ask),
    Cached(Stored),
}

/// A refused answer is not kept: its body was never read. A redirect has none.
fn is_kept(next: &Next, answer: &Response) -> bool {
    match next {
        Next::Follow | Next::End(Ended::Allowed(_)) => true,
        Next::End(Ended::Refused(_) | Ended::NotRecorded) => redirect::is_redirect(answer),
        Next::End(Ended::Failed(failing)) => {
            redirect::is_redirect(answer) || failing.by == FailedBy::Api
        }
    }
}

fn withheld_by(withheld: corp::Withheld) -> Failing {
    use corp::Withheld::{
        NotSameOrigin, NotSameOriginAfterDefaultedToSameOriginByCoep, NotSameSite,
    };
    let (by, what) = match withheld {
        NotSameOrigin | NotSameSite => {
            (FailedBy::Corp, "Its Cross-Origin-Resource-Policy keeps this page out.")
        }
        NotSameOriginAfterDefaultedToSameOriginByCoep => (
            FailedBy::Coep,
            "The page's Cross-Origin-Embedder-Policy wants a Cross-Origin-Resource-Policy, \
             and the answer has none that lets this page in.",
        ),
    };
    Failing::new(by, what).net(&format!("BLOCKED_BY_RESPONSE.{}", withheld.as_str()))
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
