//! What an answer means: to the preflight, to the caches, to CORS and to the api.
//!
//! **Invariant:** the order is Chromium's: the head itself, CORS, resource policy, redirect.

use std::borrow::Cow;

use crate::trace::{HopId, Response, Time};

use super::super::cors_check::{Asked, cors_check};
use super::super::end::{Ended, Failing, Tainting};
use super::super::http_cache::{self, CacheKey};
use super::super::memory::Memory;
use super::super::outgoing::FetchSite;
use super::super::preflight;
use super::super::redirect::{self, Location};
use super::super::refusal::{FirefoxCode, Refusal};
use super::super::{Browser, FailedBy, Mode, RedirectMode, corp, loaded};
use super::{Ask, CacheStep, Fetch, Next, UnseenKind};

impl Fetch {
    pub(super) fn preflight_answered(
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

    pub(super) fn after_preflight(&mut self, memory: &mut Memory, now: Time) -> Ask {
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

    pub(super) fn request_answered(
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
        let (answer, refreshed) = match self.revalidating.take() {
            Some(stored) if answer.status == 304 => {
                (Cow::Owned(http_cache::freshen(&stored.response, answer)), true)
            }
            _ => (Cow::Borrowed(answer), false),
        };
        let sent = self.sending(memory, now).request().headers;
        let (url, method) = (self.url.clone(), self.method.clone());
        let page = self.context.origin.clone();
        let has_body = self.body.is_some();
        let next = self.http_fetch_answer(&answer);
        let key = CacheKey {
            page: &page,
            url: &url,
            method: &method,
            request: &sent,
            has_body,
            mode: self.request.cache,
        };
        if refreshed {
            memory.answers.refresh(&key, &answer, hop, now);
        } else {
            memory.answers.store(&key, &answer, is_read(&next, &answer), hop, now);
        }
        match next {
            Next::Follow => self.main_fetch(memory, now),
            Next::End(ended) => self.done(ended),
        }
    }

    /// Heads that Chromium's network stack refuses before anybody looks at CORS.
    pub(super) fn unreadable_head(&self, answer: &Response) -> Option<Failing> {
        let differ = |name: &str| {
            let mut all = answer.headers.all(name);
            all.next().is_some_and(|first| all.any(|it| it != first))
        };
        let chunked = answer.headers.has("transfer-encoding");
        let chromium = self.browser == Browser::Chromium;
        if answer.status == 407 && chromium {
            let failing = Failing::new(
                FailedBy::Network,
                "The server asks for a proxy's password, and it is no proxy.",
            );
            return Some(failing.net("UNEXPECTED_PROXY_AUTH"));
        }
        let error = if differ("location") {
            "RESPONSE_HEADERS_MULTIPLE_LOCATION"
        } else if differ("content-length") && !chunked {
            "RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH"
        } else if differ("content-disposition") {
            "RESPONSE_HEADERS_MULTIPLE_CONTENT_DISPOSITION"
        } else {
            return None;
        };
        let failing = Failing::new(
            FailedBy::Network,
            "A header that may stand only once stands twice, with two values.",
        );
        Some(self.in_firefox(failing.net(error), true))
    }

    /// [HTTP fetch](https://fetch.spec.whatwg.org/#concept-http-fetch), from the answer on.
    pub(super) fn http_fetch_answer(&mut self, answer: &Response) -> Next {
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
                self.browser,
            )
        {
            return Next::End(Ended::Failed(withheld_by(withheld)));
        }
        match location {
            Location::Url(url) => self.redirected(answer, url),
            Location::None | Location::Invalid => Next::End(self.loaded(answer)),
        }
    }

    /// The answer stands: what its api makes of it.
    pub(super) fn loaded(&self, answer: &Response) -> Ended {
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
            first_url: &self.first_url,
            answer,
        })
    }
}

/// Whether the body of an answer is read to its end. That of a refused one is not, nor what no
/// element may have; a redirect has none.
fn is_read(next: &Next, answer: &Response) -> bool {
    let withheld = |it: &str| it.ends_with("BLOCKED_BY_ORB");
    redirect::is_redirect(answer)
        || match next {
            Next::Follow => true,
            Next::End(Ended::Allowed(readable)) => {
                readable.net_error.as_deref() != Some("net::ERR_ABORTED") || answer.body.is_empty()
            }
            Next::End(Ended::Refused(_) | Ended::NotRecorded) => false,
            Next::End(Ended::Failed(failing)) => {
                failing.by == FailedBy::Api && !failing.net_error.as_deref().is_some_and(withheld)
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
