//! What a browser remembers between requests.
//!
//! **Invariant:** nothing else carries over from one request to the next.

use url::Url;

use crate::trace::{HopId, Time};

use super::cookies::CookieJar;
use super::http_cache::HttpCache;
use super::preflight::{Grant, Wanted};
use super::{Api, Browser, Origin, PageRequest};

/// Preflight cache, HTTP cache, cookies.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub preflights: PreflightCache,
    pub answers: HttpCache,
    pub cookies: CookieJar,
    pub document: Document,
}

/// What a document has loaded and does not fetch twice: its
/// [module map](https://html.spec.whatwg.org/multipage/webappapis.html#module-map) and its
/// [list of available images](https://html.spec.whatwg.org/multipage/images.html#the-list-of-available-images).
#[derive(Clone, Debug, Default)]
pub struct Document {
    origin: String,
    loaded: Vec<(Api, String, Option<String>)>,
}

impl Document {
    /// Whether the document of this origin has it. Another document forgets.
    pub fn has(&mut self, origin: &Origin, request: &PageRequest) -> bool {
        let origin = origin.serialise();
        if self.origin != origin {
            *self = Document { origin, loaded: Vec::new() };
        }
        self.loaded.contains(&Document::named(request))
    }

    /// The document loaded this.
    pub fn keep(&mut self, request: &PageRequest) {
        if matches!(request.api, Api::Module | Api::Img) {
            self.loaded.push(Document::named(request));
        }
    }

    fn named(request: &PageRequest) -> (Api, String, Option<String>) {
        (request.api, request.url.clone(), request.crossorigin.clone())
    }
}

/// [CORS-preflight cache](https://fetch.spec.whatwg.org/#concept-cache). Chromium keeps one
/// answer per page origin and URL (with its query); credentials are looked at when it is used.
#[derive(Clone, Debug, Default)]
pub struct PreflightCache {
    entries: Vec<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    origin: String,
    url: String,
    grant: Grant,
    hop: Option<HopId>,
}

/// A preflight that need not be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Covered {
    /// The hop whose answer is still good, where it is on record.
    pub by: Option<HopId>,
}

impl PreflightCache {
    /// Whether there is an answer for this URL, good or not.
    pub(super) fn has(&self, url: &Url) -> bool {
        let url = url.as_str().split('#').next().unwrap_or_default();
        self.entries.iter().any(|it| it.url == url)
    }

    /// The grant that spares this request its preflight, with the hop that brought it. An opaque
    /// origin is never remembered. Chromium forgets a grant that is not enough.
    pub fn covering(
        &mut self,
        origin: &Origin,
        url: &Url,
        wanted: &Wanted,
        browser: Browser,
        now: Time,
    ) -> Option<Covered> {
        let (origin, url) = key(origin, url)?;
        let at = self.entries.iter().position(|it| it.origin == origin && it.url == url)?;
        let kept = self.entries.get(at)?;
        if kept.grant.covers(wanted, browser, now) {
            return Some(Covered { by: kept.hop });
        }
        if browser == Browser::Chromium {
            self.entries.remove(at);
        }
        None
    }

    pub fn store(&mut self, origin: &Origin, url: &Url, grant: Grant, hop: Option<HopId>) {
        let Some((origin, url)) = key(origin, url) else { return };
        self.entries.retain(|it| it.origin != origin || it.url != url);
        self.entries.push(Kept { origin, url, grant, hop });
    }
}

fn key(origin: &Origin, url: &Url) -> Option<(String, String)> {
    // Chromium compares the whole URL, its fragment, too.
    match origin {
        Origin::Opaque => None,
        it @ Origin::Tuple { .. } => Some((it.serialise(), url.to_string())),
    }
}
