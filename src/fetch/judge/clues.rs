//! Clues: what hops tell of the request that made them.
//!
//! **Invariant:** a clue that is certain is taken; anything else is a default, named in
//! `assumed`, and tried against its alternatives.

mod api;
mod script;

use crate::trace::{Chain, Headers, Hop, HopKind, LinkWhy, Target};

use super::super::{
    Api, BodyKind, Browser, Credentials, Mode, On, Origin, Page, PageRequest, RedirectMode, method,
    safelist,
};
use super::{Known, replay};

/// What the hops and the testimony say.
pub(super) struct Clues {
    /// Something about the request is a browser's.
    pub is_browser: bool,
    pub browser: Browser,
    pub url: String,
    pub method: String,
    /// The page's origin, serialised.
    pub origin: Option<String>,
    pub api: Option<Api>,
    pub mode: Option<Mode>,
    pub credentials: Option<Credentials>,
    pub redirect: Option<RedirectMode>,
    /// Certainly not `include`.
    without_credentials: bool,
    crossorigin: Option<String>,
    /// Headers that the script must have set.
    script: Headers,
    pub page: Headers,
    /// Only a streamed body, or an upload listener, explains the preflight.
    streams: bool,
    /// The document's URL, where a request to its own origin named it.
    page_url: Option<String>,
    pub assumed: Vec<&'static str>,
}

/// One way the unseen could have been.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hypothesis {
    pub api: Api,
    pub mode: Mode,
    pub credentials: Credentials,
    pub redirect: RedirectMode,
}

impl Hypothesis {
    /// The value it has for `on`.
    pub(super) fn value(&self, on: On) -> &'static str {
        match on {
            On::Credentials => self.credentials.as_str(),
            On::Mode => self.mode.as_str(),
            On::Redirect => self.redirect.as_str(),
            On::Api => self.api.as_str(),
            On::Recording => "complete",
        }
    }
}

impl Clues {
    pub(super) fn read(chain: &Chain, known: &Known) -> Clues {
        // A cached redirect is where the fetch began, though no hop of this chain shows it.
        let first = replay::cached_start(chain)
            .map(|it| it.hop.as_ref())
            .or_else(|| chain.hops.first().map(|it| it.hop.as_ref()));
        let preflight =
            chain.hops.first().filter(|it| it.kind == HopKind::Preflight).map(|it| it.hop.as_ref());
        let request =
            chain.hops.iter().find(|it| it.kind == HopKind::Request).map(|it| it.hop.as_ref());
        let ua = first.and_then(|it| it.request.headers.text("user-agent")).unwrap_or_default();
        let origin = page_origin(chain, first);
        let mut clues = Clues {
            is_browser: known.api.is_some()
                || known.mode.is_some()
                || chain.hops.iter().any(|it| is_browsers(&it.hop)),
            browser: known.browser.unwrap_or(if ua.contains("Firefox/") {
                Browser::Firefox
            } else {
                Browser::Chromium
            }),
            url: first.map(|it| it.request.url.clone()).unwrap_or_default(),
            method: request
                .map(|it| it.request.method.clone())
                .or_else(|| {
                    preflight
                        .and_then(|it| it.request.headers.text("access-control-request-method"))
                })
                .or_else(|| first.map(|it| it.request.method.clone()))
                .unwrap_or_default(),
            api: known.api.or_else(|| api::told(chain, preflight, request)),
            mode: None,
            credentials: None,
            redirect: known.redirect.or_else(|| redirect(chain)),
            without_credentials: false,
            crossorigin: known.crossorigin.clone(),
            script: script::headers(preflight, request),
            streams: false,
            page: page_headers(chain),
            page_url: first
                .and_then(|it| it.request.headers.text("referer"))
                .filter(|it| origin.as_ref().is_some_and(|origin| it.starts_with(origin.as_str()))),
            assumed: Vec::new(),
            origin,
        };
        clues.streams = request.is_none()
            && clues.method == "POST"
            && safelist::unsafe_request_header_names(&clues.script, clues.browser).is_empty();
        clues.mode = known.mode.or_else(|| clues.tell_mode(chain, preflight, request));
        clues.credentials = known.credentials.or_else(|| clues.tell_credentials(chain));
        clues.by_the_api(known);
        // A module, or a script with `crossorigin`.
        let may_be_module =
            known.api.is_none() && clues.api == Some(Api::Script) && clues.mode == Some(Mode::Cors);
        for (name, known) in [
            ("api", clues.api.is_some() && !may_be_module),
            ("mode", clues.mode.is_some()),
            ("credentials", clues.credentials.is_some()),
            ("redirect", clues.redirect.is_some()),
        ] {
            if !known {
                clues.assumed.push(name);
            }
        }
        clues
    }

    /// For every api but fetch, much is the api's own.
    fn by_the_api(&mut self, known: &Known) {
        let Some(api) = self.api.filter(|it| *it != Api::Fetch) else { return };
        self.redirect = Some(RedirectMode::Follow);
        let mut request = PageRequest::get("");
        request.api = api;
        request.crossorigin.clone_from(&known.crossorigin);
        let element = matches!(api, Api::Img | Api::Script | Api::Style | Api::Module);
        if element
            && known.crossorigin.is_none()
            && self.mode == Some(Mode::Cors)
            && api != Api::Module
        {
            // A `crossorigin` attribute stood there; which one is told by the credentials.
            self.crossorigin = self.credentials.map(|it| match it {
                Credentials::Include => "use-credentials".to_owned(),
                _ => "anonymous".to_owned(),
            });
            return;
        }
        if element && known.crossorigin.is_none() && api == Api::Module {
            return;
        }
        if api == Api::Xhr {
            if self.credentials == Some(Credentials::Omit) {
                self.credentials = Some(Credentials::SameOrigin);
            }
            self.mode = Some(Mode::Cors);
            return;
        }
        if api == Api::EventSource {
            self.mode = Some(Mode::Cors);
            return;
        }
        let made = request.as_made();
        self.credentials = Some(made.credentials);
        if api != Api::Beacon {
            self.mode = Some(made.mode);
        }
    }

    fn tell_mode(
        &self,
        chain: &Chain,
        preflight: Option<&Hop>,
        request: Option<&Hop>,
    ) -> Option<Mode> {
        let said = chain.hops.iter().find_map(|it| it.hop.testimony.mode.clone());
        if let Some(mode) = said.and_then(|it| Mode::parse(&it)) {
            return Some(mode);
        }
        if preflight.is_some() || chain.hops.iter().any(|it| it.kind == HopKind::Preflight) {
            return Some(Mode::Cors);
        }
        let headers = &request?.request.headers;
        if let Some(mode) = headers.text("sec-fetch-mode") {
            return Mode::parse(&mode);
        }
        let simple = method::is_safelisted(&self.method)
            && safelist::unsafe_request_header_names(&self.script, self.browser).is_empty();
        let reads = matches!(self.method.as_str(), "GET" | "HEAD");
        match (headers.has("origin"), reads) {
            // Only a CORS request says where a GET comes from.
            (true, true) => Some(Mode::Cors),
            (true, false) if !simple => Some(Mode::Cors),
            // And a CORS request to another origin always says it.
            (false, true) if self.crosses() => Some(Mode::NoCors),
            _ => None,
        }
    }

    /// Whether the first URL is of another origin than the page.
    fn crosses(&self) -> bool {
        self.origin.as_ref().is_some_and(|it| {
            !Origin::parse(it).same(&Origin::parse(&Target::parse(&self.url).origin()))
        })
    }

    fn tell_credentials(&mut self, chain: &Chain) -> Option<Credentials> {
        let said = chain.hops.iter().find_map(|it| it.hop.testimony.credentials.clone());
        if let Some(it) = said.and_then(|it| Credentials::parse(&it)) {
            return Some(it);
        }
        let page = self.origin.as_deref().map_or(Origin::Opaque, Origin::parse);
        for (_, hop) in chain.requests() {
            let headers = &hop.hop.request.headers;
            let away = !page.same(&Origin::parse(&Target::parse(&hop.hop.request.url).origin()));
            // Chromium says so across sites, and cookies never go to another origin otherwise.
            if headers.has("sec-fetch-storage-access") || (away && headers.has("cookie")) {
                return Some(Credentials::Include);
            }
            if headers.text("sec-fetch-site").as_deref() == Some("cross-site")
                && tells_storage_access(headers)
            {
                self.without_credentials = true;
            }
        }
        None
    }

    /// The default first, then whatever else could be, one thing changed at a time.
    pub(super) fn hypotheses(&self) -> Vec<(Hypothesis, Option<On>)> {
        let default = Hypothesis {
            api: self.api.unwrap_or(Api::Fetch),
            mode: self.mode.unwrap_or(Mode::Cors),
            credentials: self.credentials.unwrap_or(Credentials::SameOrigin),
            redirect: self.redirect.unwrap_or(RedirectMode::Follow),
        };
        let mut all = vec![(default.clone(), None)];
        if self.credentials.is_none() {
            let mut others = vec![Credentials::Include];
            if self.api != Some(Api::Xhr) && self.api != Some(Api::EventSource) {
                others.push(Credentials::Omit);
            }
            if self.without_credentials {
                others.retain(|it| *it != Credentials::Include);
            }
            for credentials in others {
                all.push((Hypothesis { credentials, ..default.clone() }, Some(On::Credentials)));
            }
        }
        if self.mode.is_none() {
            for mode in [Mode::NoCors, Mode::SameOrigin] {
                all.push((Hypothesis { mode, ..default.clone() }, Some(On::Mode)));
            }
        }
        if self.redirect.is_none() {
            for redirect in [RedirectMode::Manual, RedirectMode::Error] {
                all.push((Hypothesis { redirect, ..default.clone() }, Some(On::Redirect)));
            }
        }
        if self.api.is_none() && self.mode.is_none_or(|it| it == Mode::Cors) {
            all.push((Hypothesis { api: Api::Xhr, ..default }, Some(On::Api)));
        } else if self.api == Some(Api::Script) && self.assumed.contains(&"api") {
            all.push((Hypothesis { api: Api::Module, ..default }, Some(On::Api)));
        }
        all
    }

    /// The page as the hops show it.
    pub(super) fn page(&self) -> Page {
        Page {
            origin: self.origin.clone().unwrap_or_else(|| Target::parse(&self.url).origin()),
            url: self.page_url.clone(),
            response_headers: self.page.clone(),
            ..Page::default()
        }
    }

    /// The request that a hypothesis makes of the hops.
    pub(super) fn request(&self, it: &Hypothesis) -> PageRequest {
        let mut request = PageRequest::get(self.url.clone());
        request.api = it.api;
        request.method.clone_from(&self.method);
        request.headers.clone_from(&self.script);
        request.mode = it.mode;
        request.credentials = it.credentials;
        request.redirect = it.redirect;
        // Nothing on the wire asked for this preflight, and nothing followed it: a streamed body.
        if self.streams && it.api == Api::Fetch {
            request.body = Some(String::new());
            request.body_kind = BodyKind::Stream;
            request.half_duplex = true;
        }
        request.crossorigin = match (it.api, it.mode, it.credentials) {
            (Api::Img | Api::Script | Api::Style, Mode::Cors, Credentials::Include)
            | (Api::Module, _, Credentials::Include) => Some("use-credentials".to_owned()),
            (Api::Img | Api::Script | Api::Style, Mode::Cors, _) => Some("anonymous".to_owned()),
            (Api::Img | Api::Script | Api::Style, ..) => None,
            _ => self.crossorigin.clone(),
        };
        request
    }
}

fn is_browsers(hop: &Hop) -> bool {
    let headers = &hop.request.headers;
    headers.has("origin")
        || headers.has("sec-fetch-mode")
        || headers.has("sec-fetch-site")
        || headers.text("user-agent").is_some_and(|it| it.starts_with("Mozilla/"))
        || hop.testimony.api.is_some()
        || hop.testimony.mode.is_some()
}

/// Where the page is from: its `Origin`, else what the hops say otherwise.
fn page_origin(chain: &Chain, first: Option<&Hop>) -> Option<String> {
    let headers = &first?.request.headers;
    let url = &first?.request.url;
    // Even where a gateway gave it another scheme or host before it came here.
    if headers.text("sec-fetch-site").as_deref() == Some("same-origin") {
        return Some(Origin::parse(&Target::parse(url).origin()).serialise());
    }
    if let Some(origin) = headers.text("origin") {
        return Some(origin);
    }
    let referrer = || {
        let text = headers.text("referer")?;
        match Origin::parse(&text) {
            Origin::Opaque => None,
            it @ Origin::Tuple { .. } => Some(it.serialise()),
        }
    };
    referrer().or_else(|| chain.origin().filter(|it| it != "null"))
}

fn redirect(chain: &Chain) -> Option<RedirectMode> {
    let said = chain.hops.iter().find_map(|it| it.hop.testimony.redirect.clone());
    if let Some(it) = said.and_then(|it| RedirectMode::parse(&it)) {
        return Some(it);
    }
    let followed = chain
        .hops
        .iter()
        .any(|it| it.link.as_ref().is_some_and(|it| it.why == LinkWhy::RedirectOf));
    followed.then_some(RedirectMode::Follow)
}

/// The document's headers, when its hop is on record.
fn page_headers(chain: &Chain) -> Headers {
    chain
        .outside
        .iter()
        .find(|it| it.link.why == LinkWhy::PageOf)
        .and_then(|it| it.hop.response())
        .map(|it| it.headers.clone())
        .unwrap_or_default()
}

/// Chromium sends `Sec-Fetch-Storage-Access` since version 133.
fn tells_storage_access(headers: &Headers) -> bool {
    let ua = headers.text("user-agent").unwrap_or_default();
    ua.split_once("Chrome/")
        .and_then(|(_, rest)| rest.split('.').next())
        .and_then(|it| it.parse::<u32>().ok())
        .is_some_and(|it| 133 <= it)
}
