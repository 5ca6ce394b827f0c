//! A browser's HTTP cache, as far as it decides what is asked and what is read.
//!
//! The steps are those of Chromium's `net/http/http_cache_transaction.cc`, which keeps one
//! answer a URL, given to a `GET`. What is left out: ranges that are put together from parts.
//!
//! **Invariant:** an answer that was refused at its head is not kept (its body was never
//! read), a refused redirect is.

mod access;
mod freshness;

use url::Url;

use crate::trace::{Body, Headers, HopId, Response, Time, Version};

use super::{CacheMode, Origin};
use access::Access;

/// [HTTP cache](https://fetch.spec.whatwg.org/#http-cache-partitions), partitioned by the
/// page's site.
#[derive(Clone, Debug, Default)]
pub struct HttpCache {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    partition: String,
    url: String,
    request: Headers,
    stored: Stored,
}

/// A stored answer.
#[derive(Clone, Debug)]
pub struct Stored {
    pub response: Response,
    pub at: Time,
    /// The hop that brought it.
    pub hop: Option<HopId>,
}

/// What the cache has for a request.
#[derive(Clone, Debug)]
pub enum Lookup {
    Miss,
    /// Use this, ask nobody.
    Fresh(Stored),
    /// Ask with these headers; a 304 then means the stored answer.
    Validate(Stored, Headers),
    /// Use this and ask afterwards whether it still holds, or ask first, with these headers.
    Stale(Stored, Headers),
    /// Nothing is stored, and nobody may be asked.
    Impossible,
}

/// Which request is meant.
#[derive(Clone, Debug)]
pub struct CacheKey<'a> {
    /// The page's origin. What an opaque one loads is not kept.
    pub page: &'a Origin,
    pub url: &'a Url,
    pub method: &'a str,
    pub request: &'a Headers,
    pub has_body: bool,
    pub mode: CacheMode,
}

impl CacheKey<'_> {
    fn names(&self, entry: &Entry) -> bool {
        self.page.site().is_some_and(|it| it == entry.partition)
            && without_fragment(self.url) == entry.url
    }
}

fn without_fragment(url: &Url) -> &str {
    url.as_str().split('#').next().unwrap_or_default()
}

impl HttpCache {
    /// Whether there is an answer for this URL, good or not.
    pub(super) fn has(&self, url: &Url) -> bool {
        self.entries.iter().any(|it| it.url == without_fragment(url))
    }

    /// The part of [HTTP-network-or-cache fetch](https://fetch.spec.whatwg.org/#http-network-or-cache-fetch)
    /// that asks the cache.
    pub fn lookup(&self, key: &CacheKey<'_>, now: Time) -> Lookup {
        let access = Access::of(key);
        if access == Access::Impossible {
            return Lookup::Impossible;
        }
        let nothing = if access == Access::Read { Lookup::Impossible } else { Lookup::Miss };
        if !matches!(access, Access::Read | Access::ReadWrite) {
            return nothing;
        }
        let Some(entry) = self.entries.iter().find(|it| key.names(it)) else { return nothing };
        let stored = &entry.stored;
        let varies = !freshness::is_same_variant(&stored.response, &entry.request, key.request);
        let forced = matches!(key.mode, CacheMode::ForceCache | CacheMode::OnlyIfCached);
        let is_good =
            !varies && (forced || (!access::is_validated(key) && freshness::is_fresh(stored, now)));
        let range = key.request.text("range").filter(|_| key.method == "GET");
        match range {
            Some(range) if is_good && stored.response.status == 200 => {
                return match access::part(&stored.response, &range) {
                    Some(response) => Lookup::Fresh(Stored { response, ..stored.clone() }),
                    // Chromium gives all of it.
                    None => Lookup::Fresh(stored.clone()),
                };
            }
            _ if is_good => return Lookup::Fresh(stored.clone()),
            _ => {}
        }
        if access == Access::Read {
            return Lookup::Impossible;
        }
        let conditions = validators(&stored.response, varies);
        let stale = key.method == "GET"
            && range.is_none()
            && !varies
            && !access::is_validated(key)
            && freshness::is_good_enough(stored, now);
        if stale {
            return Lookup::Stale(stored.clone(), conditions);
        }
        if conditions.is_empty() || range.is_some() || !matches!(key.method, "GET" | "HEAD") {
            Lookup::Miss
        } else {
            Lookup::Validate(stored.clone(), conditions)
        }
    }

    /// Take what came: keep it, or forget what it replaces or made stale. `whole` says whether
    /// its body is read.
    pub fn store(
        &mut self,
        key: &CacheKey<'_>,
        response: &Response,
        whole: bool,
        hop: Option<HopId>,
        now: Time,
    ) {
        let access = Access::of(key);
        let succeeded = (200..400).contains(&response.status);
        match (access, key.method) {
            (Access::None, "POST") if succeeded && !access::is_disabled(key) => self.forget(key),
            (Access::ReadWrite, "PUT" | "DELETE" | "PATCH") if !succeeded => {}
            (Access::Write, "PUT" | "DELETE" | "PATCH")
            | (Access::ReadWrite, "PUT" | "DELETE" | "PATCH" | "HEAD") => self.forget(key),
            (Access::Update, "GET" | "HEAD") => self.update(key, response, whole, hop, now),
            (Access::Write | Access::ReadWrite, "GET") => match response.status {
                // These leave the cache as it is.
                401 | 407 | 416 => {}
                206 if access == Access::ReadWrite && !key.request.has("range") => {}
                205 | 206 => self.forget(key),
                _ => self.put(key, response, whole, hop, now),
            },
            _ => {}
        }
    }

    /// A stored answer, made fresh by a 304.
    pub fn refresh(
        &mut self,
        key: &CacheKey<'_>,
        merged: &Response,
        hop: Option<HopId>,
        now: Time,
    ) {
        self.put(key, merged, true, hop, now);
    }

    /// The script set the conditions itself: what it gets is news to the cache only where
    /// it asked about what is stored.
    fn update(
        &mut self,
        key: &CacheKey<'_>,
        response: &Response,
        whole: bool,
        hop: Option<HopId>,
        now: Time,
    ) {
        let Some(entry) = self.entries.iter().find(|it| key.names(it)) else { return };
        let stored = entry.stored.response.clone();
        let same = [("if-none-match", "etag"), ("if-modified-since", "last-modified")]
            .iter()
            .filter(|(asked, _)| key.request.has(asked))
            .all(|(asked, name)| {
                key.request.text(asked) == Some(stored.headers.text(name).unwrap_or_default())
            });
        if stored.status != 200 || !same {
            return;
        }
        match (response.status, key.method) {
            (304, _) => self.put(key, &freshen(&stored, response), true, hop, now),
            (_, "HEAD") => self.forget(key),
            _ => self.put(key, response, whole, hop, now),
        }
    }

    fn put(
        &mut self,
        key: &CacheKey<'_>,
        response: &Response,
        whole: bool,
        hop: Option<HopId>,
        now: Time,
    ) {
        self.forget(key);
        let Some(partition) = key.page.site() else { return };
        let kept = whole
            && response.truncated.is_none()
            && !freshness::has_token(&response.headers, "cache-control", "no-store");
        if kept {
            self.entries.push(Entry {
                partition,
                url: without_fragment(key.url).to_owned(),
                request: key.request.clone(),
                stored: Stored { response: without_large_body(response), at: now, hop },
            });
        }
    }

    fn forget(&mut self, key: &CacheKey<'_>) {
        self.entries.retain(|it| !key.names(it));
    }
}

/// Nobody looks into a large body again.
fn without_large_body(response: &Response) -> Response {
    const LARGE: usize = 65_536;
    if response.body.bytes.len() < LARGE {
        return response.clone();
    }
    Response {
        body: Body::default(),
        headers: response.headers.clone(),
        reason: response.reason.clone(),
        truncated: None,
        ..*response
    }
}

/// The freshening of a stored answer by a 304
/// ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111#section-3.2)).
pub fn freshen(stored: &Response, not_modified: &Response) -> Response {
    const KEPT: &[&str] = &[
        "connection",
        "content-encoding",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "etag",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let mut merged = stored.clone();
    let updates = || {
        not_modified
            .headers
            .iter()
            .filter(|it| !KEPT.iter().any(|k| it.name.eq_ignore_ascii_case(k)))
    };
    for update in updates() {
        merged.headers.remove(&update.name);
    }
    for update in updates() {
        merged.headers.push(update.name.clone(), update.value.clone());
    }
    merged
}

/// What to ask with whether a stored answer still holds; empty where that cannot be asked.
fn validators(answer: &Response, varies: bool) -> Headers {
    let mut conditions = Headers::new();
    if answer.status != 200 {
        return conditions;
    }
    let said = |name: &'static str| answer.headers.all(name).next().filter(|it| !it.is_empty());
    if let Some(etag) = said("etag").filter(|_| answer.version != Version::Http10) {
        conditions.push("If-None-Match", etag);
    } else if varies {
        return conditions;
    }
    if let Some(date) = said("last-modified").filter(|_| !varies) {
        conditions.push("If-Modified-Since", date);
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
        Response {
            status,
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect(),
            body: Body::full("0123456789"),
            ..Response::default()
        }
    }

    #[test]
    fn what_is_stored_answers_whom_it_may() {
        let page = Origin::parse("http://a.test");
        let url = Url::parse("http://b.test/x#f").unwrap();
        let none = Headers::new();
        let get = CacheKey {
            page: &page,
            url: &url,
            method: "GET",
            request: &none,
            has_body: false,
            mode: CacheMode::Default,
        };
        let mut cache = HttpCache::default();
        let fresh = answer(200, &[("Cache-Control", "max-age=60"), ("ETag", "\"v\"")]);
        cache.store(&get, &fresh, true, None, Time(0));
        let ask = |cache: &HttpCache, method, mode, headers: &[(&str, &str)]| {
            let request = headers.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
            let key = CacheKey { method, mode, request: &request, ..get.clone() };
            match cache.lookup(&key, Time(1)) {
                Lookup::Miss => 0,
                Lookup::Fresh(it) => it.response.status,
                Lookup::Validate(..) => 304,
                Lookup::Stale(..) => 299,
                Lookup::Impossible => 504,
            }
        };
        for (method, mode, headers, expected) in [
            ("GET", CacheMode::Default, &[][..], 200),
            ("HEAD", CacheMode::Default, &[], 200),
            ("PUT", CacheMode::Default, &[], 0),
            ("GET", CacheMode::NoCache, &[], 304),
            ("GET", CacheMode::Reload, &[], 0),
            ("GET", CacheMode::OnlyIfCached, &[], 200),
            ("POST", CacheMode::OnlyIfCached, &[], 504),
            ("GET", CacheMode::Default, &[("Range", "bytes=2-3")], 206),
            ("GET", CacheMode::Default, &[("If-None-Match", "\"v\"")], 0),
            ("GET", CacheMode::Default, &[("Pragma", "no-cache")], 0),
        ] {
            assert_eq!(ask(&cache, method, mode, headers), expected, "{method} {mode:?}");
        }
        // A request that goes past the cache leaves it alone; one that changes things does not.
        for (method, mode, left) in
            [("GET", CacheMode::NoStore, 200), ("POST", CacheMode::Default, 0)]
        {
            let key = CacheKey { method, mode, ..get.clone() };
            cache.store(&key, &answer(200, &[]), true, None, Time(1));
            assert_eq!(ask(&cache, "GET", CacheMode::Default, &[]), left, "{method}");
        }
        cache.store(&get, &fresh, false, None, Time(0));
        assert_eq!(ask(&cache, "GET", CacheMode::Default, &[]), 0, "its body was never read");
    }
}
