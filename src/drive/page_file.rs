//! A page file: the page and its requests as JSON, for `hopscope fetch --page`.
//!
//! **Invariant:** a word that is not known is refused, never taken for a default; a field that
//! is not known is passed over, because other tools write some of their own.

use serde::Deserialize;

use crate::fetch::{
    AddressSpace, Api, BodyKind, CacheMode, Credentials, Mode, Page, PageRequest, RedirectMode,
    ReferrerPolicy,
};
use crate::trace::Headers;

/// Why a page file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the page file: it is not the JSON of a page")]
    Json(#[from] serde_json::Error),
    #[error("cannot use the page file: `{word}` is no {field}")]
    Word { field: &'static str, word: String },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Json(_) => Some(
                "it needs `origin` and `request` with a `url`, as in {\"origin\": \"http://page.test\", \
                 \"request\": {\"url\": \"http://api.test/items\"}}"
                    .to_owned(),
            ),
            Error::Word { field, .. } => Some(format!("see `hopscope fetch --help` for what `{field}` may be")),
        }
    }
}

#[derive(Deserialize)]
struct PageJson {
    origin: String,
    served_from: Option<String>,
    url: Option<String>,
    page_origin: Option<String>,
    #[serde(default)]
    response_headers: Vec<(String, String)>,
    address_space: Option<String>,
    timeout_ms: Option<u64>,
    wait_ms_before: Option<u64>,
    #[serde(default)]
    earlier: Vec<RequestJson>,
    request: RequestJson,
}

#[derive(Deserialize)]
struct RequestJson {
    url: String,
    method: Option<String>,
    headers: Option<HeadersJson>,
    body: Option<String>,
    body_kind: Option<String>,
    blob_type: Option<String>,
    credentials: Option<String>,
    mode: Option<String>,
    redirect: Option<String>,
    api: Option<String>,
    cache: Option<String>,
    #[serde(rename = "referrerPolicy", alias = "referrer_policy")]
    referrer_policy: Option<String>,
    keepalive: Option<bool>,
    duplex: Option<String>,
    upload_listener: Option<bool>,
    crossorigin: Option<String>,
    page_origin: Option<String>,
    timeout_ms: Option<u64>,
    wait_ms_before: Option<u64>,
}

/// Script headers stand as an object or as a list of pairs.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeadersJson {
    Pairs(Vec<(String, String)>),
    Object(serde_json::Map<String, serde_json::Value>),
}

/// Read a page file.
pub fn parse(text: &str) -> Result<Page, Error> {
    let json: PageJson = serde_json::from_str(text)?;
    let defaults = Defaults {
        page_origin: json.page_origin,
        timeout_ms: json.timeout_ms,
        wait_ms_before: json.wait_ms_before,
    };
    let mut requests = Vec::new();
    for request in json.earlier.into_iter().chain([json.request]) {
        requests.push(request.into_core(&defaults)?);
    }
    Ok(Page {
        origin: json.origin,
        served_from: json.served_from,
        url: json.url,
        response_headers: json.response_headers.into_iter().collect(),
        address_space: word("address_space", json.address_space, AddressSpace::parse)?,
        requests,
    })
}

/// What a page says for all its requests.
struct Defaults {
    page_origin: Option<String>,
    timeout_ms: Option<u64>,
    wait_ms_before: Option<u64>,
}

impl RequestJson {
    fn into_core(self, defaults: &Defaults) -> Result<PageRequest, Error> {
        let plain = PageRequest::get(self.url);
        Ok(PageRequest {
            api: word("api", self.api, Api::parse)?.unwrap_or(plain.api),
            method: self.method.unwrap_or_else(|| plain.method.clone()),
            headers: self.headers.map(HeadersJson::into_core).unwrap_or_default(),
            body: self.body,
            body_kind: word("body_kind", self.body_kind, BodyKind::parse)?.unwrap_or_default(),
            blob_type: self.blob_type,
            mode: word("mode", self.mode, Mode::parse)?.unwrap_or(plain.mode),
            credentials: word("credentials", self.credentials, Credentials::parse)?
                .unwrap_or(plain.credentials),
            redirect: word("redirect", self.redirect, RedirectMode::parse)?
                .unwrap_or(plain.redirect),
            cache: word("cache", self.cache, CacheMode::parse)?.unwrap_or(plain.cache),
            referrer_policy: word(
                "referrerPolicy",
                self.referrer_policy.filter(|it| !it.is_empty()),
                ReferrerPolicy::parse,
            )?,
            keepalive: self.keepalive.unwrap_or_default(),
            half_duplex: self.duplex.as_deref() == Some("half"),
            upload_listener: self.upload_listener.unwrap_or_default(),
            crossorigin: self.crossorigin,
            page_origin: self.page_origin.or_else(|| defaults.page_origin.clone()),
            timeout_ms: self.timeout_ms.or(defaults.timeout_ms),
            wait_ms_before: self.wait_ms_before.or(defaults.wait_ms_before).unwrap_or_default(),
            url: plain.url,
        })
    }
}

impl HeadersJson {
    fn into_core(self) -> Headers {
        match self {
            HeadersJson::Pairs(pairs) => {
                pairs.into_iter().map(|(name, value)| (name, bytes(&value))).collect()
            }
            HeadersJson::Object(map) => map
                .into_iter()
                .map(|(name, value)| match value {
                    serde_json::Value::String(text) => (name, bytes(&text)),
                    other => (name, other.to_string().into_bytes()),
                })
                .collect(),
        }
    }
}

/// A script's string as the bytes of a field: one a character. What does not fit stays UTF-8, for
/// the machine to refuse ([`ByteString`](https://webidl.spec.whatwg.org/#es-ByteString)).
fn bytes(text: &str) -> Vec<u8> {
    let bytes: Result<Vec<u8>, _> = text.chars().map(|it| u8::try_from(u32::from(it))).collect();
    bytes.unwrap_or_else(|_| text.into())
}

fn word<T>(
    field: &'static str,
    word: Option<String>,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    match word {
        None => Ok(None),
        Some(word) => parse(&word).map(Some).ok_or(Error::Word { field, word }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_page_and_its_requests_in_order() {
        let page = parse(
            r#"{"origin":"http://a.test","served_elsewhere":true,
                "earlier":[{"url":"http://b.test/1","headers":{"X-A":"1"}}],
                "request":{"url":"http://b.test/2","headers":[["X-B","2"]],"body":null,"api":"xhr",
                           "cache":"no-store","referrerPolicy":"no-referrer"}}"#,
        )
        .unwrap();
        let urls: Vec<&str> = page.requests.iter().map(|it| it.url.as_str()).collect();
        assert_eq!(urls, ["http://b.test/1", "http://b.test/2"]);
        assert_eq!(page.requests[1].api, Api::Xhr);
        assert_eq!(page.requests[1].cache, CacheMode::NoStore);
        assert_eq!(page.requests[0].headers.text("x-a").as_deref(), Some("1"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (text, message) in [
            ("[]", "cannot read the page file: it is not the JSON of a page"),
            (
                r#"{"origin":"http://a.test","request":{"url":"x","mode":"core"}}"#,
                "cannot use the page file: `core` is no mode",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.hint().is_some());
        }
    }
}
