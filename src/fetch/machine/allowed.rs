//! What ends a fetch before a byte is sent: the page's policy, mode, scheme, port, nearness.
//!
//! **Invariant:** each check is asked of every URL of the chain, the redirected ones too.

use super::super::end::{Ended, Failing};
use super::super::refusal::{CorsError, FirefoxCode, Refusal};
use super::super::{AddressSpace, Api, Browser, FailedBy, Mode, RedirectMode, csp, loaded, port};
use super::{Fetch, has_userinfo};

impl Fetch {
    /// Everything that ends a fetch before a byte is sent: the page's policy, mode, scheme, port.
    pub(super) fn before_the_network(&self) -> Result<(), Ended> {
        let url = self.url.as_str();
        let failed = |it: Failing| Err(Ended::Failed(it));
        // [Should request be blocked by Content Security Policy?]
        if let Some(it) = csp::violations(
            &self.context.policies,
            false,
            self.request.api,
            &self.url,
            &self.context.served_from,
            0 < self.redirects,
        )
        .next()
        {
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
            return Err(match self.browser {
                Browser::Chromium => {
                    Ended::Refused(Refusal::chromium(CorsError::NoCorsRedirectModeNotFollow, ""))
                }
                Browser::Firefox => Ended::Failed(Failing::new(
                    FailedBy::Api,
                    "no-cors needs the redirect mode follow.",
                )),
            });
        }
        // A user name in a URL is for documents, not for what they load. XMLHttpRequest may.
        if has_userinfo(&self.url)
            && !matches!(self.request.api, Api::Xhr | Api::Beacon)
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

    /// [Upgrade request to a potentially trustworthy URL](https://w3c.github.io/webappsec-upgrade-insecure-requests/#upgrade-request):
    /// near servers are spared, though not where a redirect leads.
    pub(super) fn upgrade(&mut self) {
        let spared = self.redirects == 0 && self.here().is_potentially_trustworthy();
        let insecure = self.url.scheme() == "http" && !spared && !self.on_record;
        if insecure && csp::upgrades(&self.context.policies) {
            // From one scheme with a host to another, this cannot fail.
            let _ = self.url.set_scheme("https");
        }
    }

    /// What policies that only report say of this URL.
    pub(super) fn remark_reports(&mut self) {
        let reported = csp::violations(
            &self.context.policies,
            true,
            self.request.api,
            &self.url,
            &self.context.served_from,
            0 < self.redirects,
        );
        let url = self.url.as_str();
        let said = reported.map(|it| it.sentence(self.request.api, url));
        self.remarks.extend(said.collect::<Vec<_>>());
    }

    pub(super) fn left_home(&self) -> Result<(), Ended> {
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
    pub(super) fn scheme_is_fetched(&self) -> Result<(), Ended> {
        let scheme = self.url.scheme();
        let url = self.url.as_str();
        if matches!(scheme, "http" | "https") || (scheme == "data" && self.redirects == 0) {
            return Ok(());
        }
        let failed = |it: Failing| Err(Ended::Failed(it));
        let fetch_at_start = self.request.api == Api::Fetch && self.redirects == 0;
        if scheme == "view-source" {
            let failing = Failing::new(FailedBy::Url, format!("A page may not load {url}."))
                .console(format!("Not allowed to load local resource: {url}"));
            return failed(if 0 < self.redirects { failing.net("ABORTED") } else { failing });
        }
        if scheme == "file" || (scheme == "blob" && !fetch_at_start) {
            let failing = Failing::new(FailedBy::Url, format!("A page may not load {url}."))
                .console(format!("Not allowed to load local resource: {url}"));
            return failed(self.in_firefox(failing, 0 < self.redirects));
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
    pub(super) fn is_mixed_content(&self) -> bool {
        self.context.served_from.scheme() == "https"
            && self.url.scheme() == "http"
            && !self.here().is_potentially_trustworthy()
            && self.request.api != Api::Img
    }

    /// [Local Network Access](https://wicg.github.io/local-network-access/): a public page that
    /// asks a server nearer by. Without anybody to ask for leave it is denied. Firefox does not
    /// know it.
    pub(super) fn refused_space(&self) -> Option<AddressSpace> {
        let space = self.here().address_space()?;
        (self.browser == Browser::Chromium
            && self.context.space == Some(AddressSpace::Public)
            && space != AddressSpace::Public
            && !self.context.origin.same(&self.here()))
        .then_some(space)
    }
}
