//! The request as it goes on the wire: what a browser adds to what the script asked.
//!
//! **Invariant:** a script's own header wins only where the standard lets it; what a browser
//! adds never makes a preflight necessary.

use url::Url;

use crate::trace::Headers;

use super::context::Context;
use super::preflight::Wanted;
use super::{Api, Browser, CacheMode, Mode, Origin, ReferrerPolicy};

/// One request to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub method: String,
    /// Absolute, without fragment and userinfo.
    pub url: Url,
    /// In Chromium's order.
    pub headers: Headers,
    pub body: Vec<u8>,
    /// Whether cookies may go along: browsers keep sockets with and without them apart.
    pub with_credentials: bool,
}

/// What the headers of one request are made from.
pub(super) struct Sending<'a> {
    pub browser: Browser,
    pub context: &'a Context,
    pub api: Api,
    pub mode: Mode,
    pub method: &'a str,
    pub url: &'a Url,
    pub script: &'a Headers,
    pub body: Option<&'a [u8]>,
    pub cache: CacheMode,
    pub referrer_policy: Option<ReferrerPolicy>,
    /// `Origin`, where one is sent.
    pub origin: Option<String>,
    pub site: FetchSite,
    pub includes_credentials: bool,
    /// The credentials mode is `include`.
    pub wants_credentials: bool,
    pub cookie: Option<String>,
    pub conditions: Option<&'a Headers>,
}

/// [`Sec-Fetch-Site`](https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header): how
/// far the page is from the farthest URL of the chain.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FetchSite {
    SameOrigin,
    SameSite,
    CrossSite,
}

impl FetchSite {
    pub fn between(page: &Origin, url: &Origin) -> FetchSite {
        if page.same(url) {
            FetchSite::SameOrigin
        } else if page.same_site(url) {
            FetchSite::SameSite
        } else {
            FetchSite::CrossSite
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            FetchSite::SameOrigin => "same-origin",
            FetchSite::SameSite => "same-site",
            FetchSite::CrossSite => "cross-site",
        }
    }
}

impl Sending<'_> {
    /// The request itself.
    pub(super) fn request(&self) -> Outgoing {
        let mut it = self.common();
        let script_wins = |name: &str| self.script.has(name);
        if let Some(body) = self.body {
            it.push("Content-Length", body.len().to_string());
        } else if matches!(self.method, "POST" | "PUT") {
            it.push("Content-Length", "0");
        }
        self.no_cache(&mut it);
        let trustworthy = Origin::of(self.url).is_potentially_trustworthy();
        let hints = self.browser == Browser::Chromium && trustworthy;
        if hints {
            it.push("sec-ch-ua-platform", "\"Linux\"");
        }
        if !script_wins("user-agent") {
            it.push("User-Agent", user_agent(self.browser));
        }
        if hints {
            it.push("sec-ch-ua", "\"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"");
        }
        for header in self.script.iter() {
            it.push(header.name.clone(), header.value.clone());
        }
        if hints {
            it.push("sec-ch-ua-mobile", "?0");
        }
        if !script_wins("accept") {
            it.push("Accept", accept(self.api));
        }
        if let Some(origin) = &self.origin {
            it.push("Origin", origin.clone());
        }
        if trustworthy {
            it.push("Sec-Fetch-Site", self.site.as_str());
            it.push("Sec-Fetch-Mode", self.mode.as_str());
            it.push("Sec-Fetch-Dest", destination(self.api));
            if hints && self.wants_credentials && self.site == FetchSite::CrossSite {
                it.push("Sec-Fetch-Storage-Access", "none");
            }
        }
        self.rest(&mut it);
        if let Some(cookie) = &self.cookie {
            it.push("Cookie", cookie.clone());
        }
        for header in self.conditions.into_iter().flat_map(Headers::iter) {
            it.push(header.name.clone(), header.value.clone());
        }
        Outgoing {
            method: self.method.to_owned(),
            url: bare(self.url),
            headers: it,
            body: self.body.unwrap_or_default().to_vec(),
            with_credentials: self.includes_credentials,
        }
    }

    /// Its preflight.
    pub(super) fn preflight(&self, wanted: &Wanted) -> Outgoing {
        let mut it = self.common();
        self.no_cache(&mut it);
        it.push("Accept", "*/*");
        it.push("Access-Control-Request-Method", wanted.method.clone());
        if !wanted.headers.is_empty() {
            it.push("Access-Control-Request-Headers", wanted.headers.join(","));
        }
        if let Some(origin) = &self.origin {
            it.push("Origin", origin.clone());
        }
        it.push("User-Agent", user_agent(self.browser));
        if Origin::of(self.url).is_potentially_trustworthy() {
            it.push("Sec-Fetch-Mode", "cors");
            it.push("Sec-Fetch-Site", self.site.as_str());
            it.push("Sec-Fetch-Dest", destination(self.api));
        }
        self.rest(&mut it);
        Outgoing {
            method: "OPTIONS".to_owned(),
            url: bare(self.url),
            headers: it,
            body: Vec::new(),
            with_credentials: false,
        }
    }

    fn common(&self) -> Headers {
        let host = self.url.host_str().unwrap_or_default();
        let host = match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        [("Host", host), ("Connection", "keep-alive".to_owned())].into_iter().collect()
    }

    /// [HTTP-network-or-cache fetch](https://fetch.spec.whatwg.org/#http-network-or-cache-fetch),
    /// the steps that tell caches on the way about the cache mode.
    fn no_cache(&self, it: &mut Headers) {
        match self.cache {
            CacheMode::NoStore | CacheMode::Reload => {
                it.push("Pragma", "no-cache");
                it.push("Cache-Control", "no-cache");
            }
            CacheMode::NoCache => it.push("Cache-Control", "max-age=0"),
            CacheMode::Default | CacheMode::ForceCache | CacheMode::OnlyIfCached => {}
        }
    }

    fn rest(&self, it: &mut Headers) {
        if let Some(referrer) = self.referrer() {
            it.push("Referer", referrer);
        }
        let ranged = self.script.has("range");
        it.push("Accept-Encoding", if ranged { "identity" } else { "gzip, deflate, br, zstd" });
        if !self.script.has("accept-language") {
            it.push("Accept-Language", "en-US,en;q=0.9");
        }
    }

    /// [Determine request's referrer](https://w3c.github.io/webappsec-referrer-policy/#determine-requests-referrer)
    fn referrer(&self) -> Option<String> {
        if matches!(self.context.origin, Origin::Opaque) {
            return None;
        }
        let target = Origin::of(self.url);
        let same = self.context.origin.same(&target);
        let downgrade = self.context.origin.is_potentially_trustworthy()
            && !target.is_potentially_trustworthy();
        let full = || Some(self.context.url());
        let origin = || Some(format!("{}/", self.context.origin.serialise()));
        let policy = self.referrer_policy.unwrap_or(ReferrerPolicy::StrictOriginWhenCrossOrigin);
        match policy {
            ReferrerPolicy::NoReferrer => None,
            ReferrerPolicy::UnsafeUrl => full(),
            ReferrerPolicy::Origin => origin(),
            ReferrerPolicy::SameOrigin => full().filter(|_| same),
            ReferrerPolicy::OriginWhenCrossOrigin => {
                if same {
                    full()
                } else {
                    origin()
                }
            }
            ReferrerPolicy::NoReferrerWhenDowngrade => full().filter(|_| !downgrade),
            ReferrerPolicy::StrictOrigin => origin().filter(|_| !downgrade),
            ReferrerPolicy::StrictOriginWhenCrossOrigin if same => full(),
            ReferrerPolicy::StrictOriginWhenCrossOrigin => origin().filter(|_| !downgrade),
        }
    }
}

fn bare(url: &Url) -> Url {
    let mut bare = url.clone();
    bare.set_fragment(None);
    // Only a URL without a host refuses this, and such a URL is never sent.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare
}

/// [Request destination](https://fetch.spec.whatwg.org/#concept-request-destination)
fn destination(api: Api) -> &'static str {
    match api {
        Api::Fetch | Api::Xhr | Api::Beacon | Api::EventSource => "empty",
        Api::Img => "image",
        Api::Script | Api::Module => "script",
        Api::Style => "style",
        Api::Font => "font",
    }
}

fn accept(api: Api) -> &'static str {
    match api {
        Api::Img => "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        Api::Style => "text/css,*/*;q=0.1",
        Api::EventSource => "text/event-stream",
        _ => "*/*",
    }
}

fn user_agent(browser: Browser) -> &'static str {
    match browser {
        Browser::Chromium => {
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/156.0.0.0 Safari/537.36"
        }
        Browser::Firefox => {
            "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
        }
    }
}
