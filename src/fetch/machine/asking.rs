//! What is asked: the preflight, the request, and whether a cache spares either.
//!
//! **Invariant:** a preflight is decided from the request alone; what was asked before matters
//! only through the memory (and, in Firefox, through the redirect).

use crate::trace::{Headers, Time};

use super::super::corp::EmbedderPolicy;
use super::super::end::{Ended, Failing};
use super::super::http_cache::{CacheKey, Lookup};
use super::super::memory::{Covered, Memory};
use super::super::outgoing::{FetchSite, Sending};
use super::super::preflight::Wanted;
use super::super::{
    Api, Browser, CacheMode, Credentials, FailedBy, Mode, Origin, ReferrerPolicy, method, redirect,
    safelist,
};
use super::{Ask, CacheStep, Fetch, Stage};

impl Fetch {
    /// [CORS flag](https://fetch.spec.whatwg.org/#http-fetch): the answer must allow this origin.
    pub(super) fn cors_flag(&self) -> bool {
        self.request.mode == Mode::Cors && (self.tainted || !self.context.origin.same(&self.here()))
    }

    /// Whether a preflight goes first, and for what. Chromium and the standard look at each
    /// request anew; Firefox preflights a redirected request whenever the first one was.
    pub(super) fn needs_preflight(&self) -> Option<Wanted> {
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

    pub(super) fn covering(
        &self,
        memory: &mut Memory,
        wanted: &Wanted,
        now: Time,
    ) -> Option<Covered> {
        // A request that goes past the HTTP cache goes past this one, too.
        if matches!(self.request.cache, CacheMode::NoStore | CacheMode::Reload | CacheMode::NoCache)
            || self.tainted
        {
            return None;
        }
        memory.preflights.covering(&self.context.origin, &self.url, wanted, self.browser, now)
    }

    pub(super) fn ask_preflight(&mut self) -> Ask {
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
    pub(super) fn preflight_origin(&self) -> String {
        match self.browser {
            Browser::Chromium => self.serialised_origin(),
            Browser::Firefox => self.context.origin.serialise(),
        }
    }

    /// [Serialising a request origin](https://fetch.spec.whatwg.org/#serializing-a-request-origin)
    pub(super) fn serialised_origin(&self) -> String {
        if self.tainted { "null".to_owned() } else { self.context.origin.serialise() }
    }

    /// [Append a request `Origin` header](https://fetch.spec.whatwg.org/#append-a-request-origin-header)
    pub(super) fn origin_header(&self) -> Option<String> {
        // Chromium's elements say it at home, too.
        let element = matches!(
            self.request.api,
            Api::Img | Api::Script | Api::Module | Api::Style | Api::Font
        );
        let always = element && self.request.mode == Mode::Cors;
        if self.cors_flag() || (always && self.browser == Browser::Chromium) {
            return Some(self.serialised_origin());
        }
        if matches!(self.method.as_str(), "GET" | "HEAD") {
            return None;
        }
        let silent = self.request.mode != Mode::Cors
            && self.request.referrer_policy == Some(ReferrerPolicy::NoReferrer);
        Some(if silent { "null".to_owned() } else { self.serialised_origin() })
    }

    pub(super) fn here(&self) -> Origin {
        Origin::of(&self.url)
    }

    /// Whether cookies go along.
    pub(super) fn includes_credentials(&self) -> bool {
        let home = self.context.origin.same(&self.here()) && !self.tainted;
        let without = self.context.embedder == EmbedderPolicy::Credentialless
            && self.request.mode == Mode::NoCors
            && !home;
        match self.request.credentials {
            Credentials::Include => !without,
            Credentials::SameOrigin => home,
            Credentials::Omit => false,
        }
    }

    pub(super) fn sending(&self, memory: &Memory, now: Time) -> Sending<'_> {
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

    pub(super) fn cache_key<'a>(&'a self, sent: &'a Headers) -> CacheKey<'a> {
        CacheKey {
            page: &self.context.origin,
            url: &self.url,
            method: &self.method,
            request: sent,
            has_body: self.body.is_some(),
            mode: self.request.cache,
        }
    }

    /// [HTTP-network-or-cache fetch](https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch)
    pub(super) fn http_network_or_cache_fetch(&mut self, memory: &Memory, now: Time) -> CacheStep {
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
        self.remembered |= memory.answers.has(&self.url);
        let mut outgoing = self.sending(memory, now).request();
        let lookup = memory.answers.lookup(&self.cache_key(&outgoing.headers), now);
        self.revalidating = None;
        match lookup {
            // Firefox did not replay redirects across origins.
            Lookup::Fresh(stored)
                if self.browser == Browser::Firefox
                    && redirect::is_redirect_status(stored.response.status) => {}
            Lookup::Fresh(stored) => return CacheStep::Cached(stored),
            Lookup::Stale(stored, _) if self.may_be_stale => {
                self.stale = true;
                return CacheStep::Cached(stored);
            }
            Lookup::Stale(_, conditions) if conditions.is_empty() => {}
            Lookup::Validate(stored, conditions) | Lookup::Stale(stored, conditions) => {
                let mut sending = self.sending(memory, now);
                sending.conditions = Some(&conditions);
                outgoing = sending.request();
                self.revalidating = Some(stored);
            }
            Lookup::Miss => {}
            Lookup::Impossible => {
                let failing = Failing::new(
                    FailedBy::Network,
                    "The script wants only what is in the cache, and it is not there.",
                );
                return CacheStep::Ask(self.done(Ended::Failed(failing.net("CACHE_MISS"))));
            }
        }
        self.stage = Stage::Send;
        CacheStep::Ask(Ask::Send(Box::new(outgoing)))
    }
}
