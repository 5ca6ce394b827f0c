//! A browser's HTTP cache, as far as it decides what is asked and what is read.
//!
//! **Invariant:** an answer that was refused at its head is not kept (its body was never
//! read), a refused redirect is.

use chrono::DateTime;
use url::Url;

use crate::trace::{Headers, HopId, Response, Time};

use super::redirect::is_redirect_status;
use super::{CacheMode, Origin};

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
    /// A stored `GET` also answers `HEAD`; the other way round it does not.
    method: String,
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
}

/// Which request is meant.
#[derive(Clone, Debug)]
pub struct CacheKey<'a> {
    pub page: &'a Origin,
    pub url: &'a Url,
    pub method: &'a str,
    pub request: &'a Headers,
    pub mode: CacheMode,
}

impl CacheKey<'_> {
    fn partition(&self) -> String {
        self.page.site().unwrap_or_else(|| "null".to_owned())
    }

    fn url_text(&self) -> &str {
        without_fragment(self.url)
    }

    /// A script that sets conditions or ranges itself gets past the cache.
    fn goes_past(&self) -> bool {
        [
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
            "if-match",
            "if-range",
            "range",
        ]
        .iter()
        .any(|it| self.request.has(it))
    }
}

fn without_fragment(url: &Url) -> &str {
    url.as_str().split('#').next().unwrap_or_default()
}

impl HttpCache {
    /// The part of [HTTP-network-or-cache fetch](https://fetch.spec.whatwg.org/#http-network-or-cache-fetch)
    /// that asks the cache.
    pub fn lookup(&self, key: &CacheKey<'_>, now: Time) -> Lookup {
        if matches!(key.mode, CacheMode::NoStore | CacheMode::Reload)
            || !matches!(key.method, "GET" | "HEAD")
            || key.goes_past()
        {
            return Lookup::Miss;
        }
        let partition = key.partition();
        let Some(entry) = self.entries.iter().find(|it| {
            it.partition == partition
                && it.url == key.url_text()
                && (it.method == key.method || it.method == "GET")
        }) else {
            return Lookup::Miss;
        };
        let varies = !same_variant(&entry.stored.response.headers, &entry.request, key.request);
        let forced = matches!(key.mode, CacheMode::ForceCache | CacheMode::OnlyIfCached);
        if !varies && (forced || (key.mode == CacheMode::Default && is_fresh(&entry.stored, now))) {
            return Lookup::Fresh(entry.stored.clone());
        }
        let conditions = validators(&entry.stored.response.headers);
        if conditions.is_empty() || (varies && !entry.stored.response.headers.has("etag")) {
            Lookup::Miss
        } else {
            Lookup::Validate(entry.stored.clone(), conditions)
        }
    }

    /// Keep an answer, or forget what an unsafe method made stale.
    pub fn store(
        &mut self,
        key: &CacheKey<'_>,
        response: &Response,
        hop: Option<HopId>,
        now: Time,
    ) {
        let partition = key.partition();
        let same = |it: &Entry| it.partition == partition && it.url == key.url_text();
        if !matches!(key.method, "GET" | "HEAD") {
            if (200..400).contains(&response.status) && key.method != "OPTIONS" {
                self.entries.retain(|it| !same(it));
            }
            return;
        }
        if key.mode == CacheMode::NoStore || key.goes_past() || response.status == 206 {
            return;
        }
        if directive(&response.headers, "no-store").is_some() || response.truncated.is_some() {
            self.entries.retain(|it| !same(it));
            return;
        }
        self.entries.retain(|it| !(same(it) && (it.method == key.method || key.method == "GET")));
        self.entries.push(Entry {
            partition,
            url: key.url_text().to_owned(),
            method: key.method.to_owned(),
            request: key.request.clone(),
            stored: Stored { response: without_large_body(response), at: now, hop },
        });
    }

    /// Forget a URL's answer: a refused answer replaces what was stored.
    pub fn forget(&mut self, key: &CacheKey<'_>) {
        let partition = key.partition();
        self.entries.retain(|it| it.partition != partition || it.url != key.url_text());
    }
}

/// Nobody looks into a large body again.
fn without_large_body(response: &Response) -> Response {
    const LARGE: usize = 65_536;
    if response.body.bytes.len() < LARGE {
        return response.clone();
    }
    Response {
        body: crate::trace::Body::default(),
        headers: response.headers.clone(),
        reason: response.reason.clone(),
        truncated: None,
        ..*response
    }
}

/// [`Vary`](https://www.rfc-editor.org/rfc/rfc9111#section-4.1): do the named request headers
/// agree?
fn same_variant(answer: &Headers, stored: &Headers, now: &Headers) -> bool {
    let Some(vary) = answer.text("vary") else { return true };
    vary.split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .all(|name| name != "*" && stored.get(name) == now.get(name))
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

fn validators(answer: &Headers) -> Headers {
    let mut conditions = Headers::new();
    if let Some(etag) = answer.get("etag") {
        conditions.push("If-None-Match", etag);
    }
    if let Some(date) = answer.get("last-modified") {
        conditions.push("If-Modified-Since", date);
    }
    conditions
}

/// [Freshness](https://www.rfc-editor.org/rfc/rfc9111#section-4.2), in Chromium's order
/// (`net/http/http_response_headers.cc`, `GetFreshnessLifetimes`).
fn is_fresh(stored: &Stored, now: Time) -> bool {
    let headers = &stored.response.headers;
    let age = headers.text("age").and_then(|it| it.trim().parse::<i64>().ok()).unwrap_or(0);
    // An old `Date` counts as age, too.
    let received = stored.at.0 / 1_000_000;
    let date = headers.text("date").and_then(|it| http_date(&it)).unwrap_or(received);
    let age = age.max(received.saturating_sub(date));
    let age = age.saturating_add(now.since(stored.at) / 1_000_000);
    lifetime(stored).is_some_and(|it| age < it)
}

/// Seconds that an answer stays fresh; `None`: it must be validated.
fn lifetime(stored: &Stored) -> Option<i64> {
    let headers = &stored.response.headers;
    let pragma = headers.text("pragma").unwrap_or_default().to_ascii_lowercase();
    if directive(headers, "no-cache").is_some()
        || directive(headers, "no-store").is_some()
        || pragma.contains("no-cache")
        || headers.text("vary").is_some_and(|it| it.split(',').any(|it| it.trim() == "*"))
    {
        return None;
    }
    if let Some(seconds) = directive(headers, "max-age").and_then(|it| it.parse().ok()) {
        return Some(seconds);
    }
    let received = stored.at.0 / 1_000_000;
    let date = headers.text("date").and_then(|it| http_date(&it)).unwrap_or(received);
    if let Some(expires) = headers.text("expires") {
        return http_date(&expires).map(|it| it - date).filter(|it| *it > 0);
    }
    let status = stored.response.status;
    if matches!(status, 200 | 203) && directive(headers, "must-revalidate").is_none() {
        let modified = headers.text("last-modified").and_then(|it| http_date(&it))?;
        return (modified <= date).then_some((date - modified) / 10);
    }
    // These last for ever unless they say otherwise; a 302, 303 or 307 does not last at all.
    (matches!(status, 300 | 410) || (is_redirect_status(status) && matches!(status, 301 | 308)))
        .then_some(i64::MAX)
}

/// The value of a `Cache-Control` directive; empty when it has none.
fn directive(headers: &Headers, name: &str) -> Option<String> {
    let value = headers.text("cache-control")?;
    value.split(',').map(str::trim).find_map(|it| {
        let (key, value) = it.split_once('=').unwrap_or((it, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Seconds since the epoch of an [HTTP date](https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats).
fn http_date(text: &str) -> Option<i64> {
    // The day of the week is often wrong, and nobody minds.
    let text = text.split_once(", ").map_or(text, |(_, rest)| rest);
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|it| it.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(status: u16, headers: &[(&str, &str)], after: i64) -> bool {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
        let response = Response { status, headers, ..Response::default() };
        let at = Time(1_800_000_000 * 1_000_000);
        is_fresh(&Stored { response, at, hop: None }, at.plus(after * 1_000_000))
    }

    #[test]
    fn freshness_is_chromiums() {
        for (status, headers, after, expected) in [
            (200, vec![("Cache-Control", "max-age=600")], 599, true),
            (200, vec![("Cache-Control", "public, max-age=600")], 601, false),
            (200, vec![("Cache-Control", "max-age=600"), ("Age", "700")], 0, false),
            (200, vec![("Cache-Control", "max-age=600"), ("Pragma", "no-cache")], 0, false),
            (404, vec![("Cache-Control", "max-age=600")], 0, true),
            (200, vec![], 0, false),
            (200, vec![("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")], 0, true),
            (200, vec![("Expires", "Mon, 01 Jan 2035 00:00:00 GMT")], 0, true),
            (200, vec![("Expires", "0")], 0, false),
            (301, vec![], 9_999, true),
            (302, vec![], 0, false),
            (302, vec![("Cache-Control", "max-age=60")], 0, true),
            (301, vec![("Cache-Control", "no-cache")], 0, false),
            (200, vec![("Cache-Control", "s-maxage=600")], 0, false),
        ] {
            assert_eq!(fresh(status, &headers, after), expected, "{status} {headers:?}");
        }
    }
}
