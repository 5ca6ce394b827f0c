//! Following a redirect: whether, and what it changes.
//!
//! **Invariant:** what a redirect took away (method, body, `Authorization`, the origin's good
//! name) never comes back.

use url::Url;

use crate::trace::Response;

use super::super::end::{Ended, Failing, Readable, Tainting};
use super::super::redirect;
use super::super::refusal::{CorsError, FirefoxCode};
use super::super::{Browser, FailedBy, Mode, Origin, RedirectMode};
use super::{Fetch, Next, has_userinfo};

impl Fetch {
    /// [HTTP-redirect fetch](https://fetch.spec.whatwg.org/#http-redirect-fetch)
    pub(super) fn redirected(&mut self, answer: &Response, url: Url) -> Next {
        let failed = |it: Failing| Next::End(Ended::Failed(it));
        let target = Origin::of(&url);
        let home = self.context.origin.same(&target);
        // A user name in the Location of a CORS request.
        let names_user = has_userinfo(&url)
            && self.request.mode == Mode::Cors
            && (self.tainted || !home || self.cors_flag());
        // Redirect mode. Chromium looks at the user name first.
        let looks_first = names_user && self.browser == Browser::Chromium;
        match self.request.redirect {
            RedirectMode::Error if !looks_first => {
                let what = "The script asked that a redirect be an error.";
                return failed(Failing::new(FailedBy::Redirect, what).net("FAILED"));
            }
            RedirectMode::Follow | RedirectMode::Error => {}
            RedirectMode::Manual => {
                let mut readable = Readable::bare(Tainting::OpaqueRedirect, 0);
                readable.net_error = Some("net::ERR_ABORTED".to_owned());
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
        if names_user {
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
                "about"
                    | "file"
                    | "filesystem"
                    | "blob"
                    | "data"
                    | "chrome"
                    | "chrome-extension"
                    | "chrome-untrusted"
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

    pub(super) fn follow(&mut self, status: u16, url: Url, target: &Origin) {
        let here = self.here();
        self.redirects += 1;
        // Leaving a URL that was not the page's own for yet another origin taints the origin.
        // Chromium says `null` of what no CORS check will see at any other origin.
        let unchecked = self.browser == Browser::Chromium && self.request.mode == Mode::NoCors;
        if !here.same(target) && (unchecked || !self.context.origin.same(&here)) {
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
        self.upgrade();
    }
}
