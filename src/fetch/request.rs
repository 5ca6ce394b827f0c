//! A page and the requests its script makes: what `hopscope fetch` is asked to do.
//!
//! **Invariant:** these are the script's words, as written. What the api makes of them (an
//! `<img>` knows no method) is decided in one place, [`PageRequest::as_made`].

use crate::trace::Headers;

use super::{AddressSpace, Api, CacheMode, Credentials, Mode, RedirectMode, ReferrerPolicy};

/// A page, and the requests that its scripts make one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The serialised origin of the document; `null` for a sandboxed one.
    pub origin: String,
    /// Where the document was loaded from, when that is not its origin (a sandboxed page).
    pub served_from: Option<String>,
    /// The document's URL, where more than its origin is known.
    pub url: Option<String>,
    /// The document's own response headers: CSP, COEP.
    pub response_headers: Headers,
    /// The address space the document counts as; `None`: by its address.
    pub address_space: Option<AddressSpace>,
    /// Every request, in page order; the last is the one asked about.
    pub requests: Vec<PageRequest>,
}

/// One request as a script makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    pub api: Api,
    pub url: String,
    pub method: String,
    /// Headers that the script sets.
    pub headers: Headers,
    pub body: Option<String>,
    /// What the script wraps the body in.
    pub body_kind: BodyKind,
    /// The type of a [`BodyKind::Blob`].
    pub blob_type: Option<String>,
    pub mode: Mode,
    pub credentials: Credentials,
    pub redirect: RedirectMode,
    pub cache: CacheMode,
    pub referrer_policy: Option<ReferrerPolicy>,
    pub keepalive: bool,
    /// `duplex: 'half'` was given.
    pub half_duplex: bool,
    /// A listener on `XMLHttpRequest.upload`: forces a preflight.
    pub upload_listener: bool,
    /// The `crossorigin` attribute of an element, as written.
    pub crossorigin: Option<String>,
    /// The page's origin for this request, when it is not the page's own.
    pub page_origin: Option<String>,
    /// When the script gives up, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How long the script waits before the request, in milliseconds.
    pub wait_ms_before: u64,
}

/// What a body is wrapped in. Decides its type and whether it streams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BodyKind {
    #[default]
    Text,
    FormData,
    UrlEncoded,
    Blob,
    ArrayBuffer,
    /// A `ReadableStream`: forces a preflight.
    Stream,
}

impl BodyKind {
    /// The word of a page file; `None` for one that is not known.
    pub fn parse(word: &str) -> Option<BodyKind> {
        Some(match word {
            "text" => BodyKind::Text,
            "formdata" => BodyKind::FormData,
            "urlencoded" => BodyKind::UrlEncoded,
            "blob" => BodyKind::Blob,
            "arraybuffer" => BodyKind::ArrayBuffer,
            "stream" => BodyKind::Stream,
            _ => return None,
        })
    }
}

impl PageRequest {
    /// `fetch(url)` without options.
    pub fn get(url: impl Into<String>) -> PageRequest {
        PageRequest {
            api: Api::Fetch,
            url: url.into(),
            method: "GET".to_owned(),
            headers: Headers::new(),
            body: None,
            body_kind: BodyKind::Text,
            blob_type: None,
            mode: Mode::Cors,
            credentials: Credentials::SameOrigin,
            redirect: RedirectMode::Follow,
            cache: CacheMode::Default,
            referrer_policy: None,
            keepalive: false,
            half_duplex: false,
            upload_listener: false,
            crossorigin: None,
            page_origin: None,
            timeout_ms: None,
            wait_ms_before: 0,
        }
    }

    /// The request as its api really makes it. For every api but fetch, mode, redirect and
    /// method come from the api itself and from `crossorigin`, whatever was asked for
    /// ([CORS settings attributes](https://html.spec.whatwg.org/multipage/urls-and-fetching.html#cors-settings-attribute)).
    #[must_use]
    pub fn as_made(&self) -> PageRequest {
        let mut made = self.clone();
        if self.api == Api::Fetch {
            return made;
        }
        made.redirect = RedirectMode::Follow;
        made.cache =
            if self.api == Api::EventSource { CacheMode::NoStore } else { CacheMode::Default };
        made.mode = Mode::Cors;
        match self.api {
            Api::Fetch => {}
            Api::Xhr => {
                if self.credentials != Credentials::Include {
                    made.credentials = Credentials::SameOrigin;
                }
            }
            Api::EventSource => {
                made.plain_get();
                if self.credentials != Credentials::Include {
                    made.credentials = Credentials::SameOrigin;
                }
            }
            Api::Beacon => {
                // sendBeacon is a keepalive POST that always carries credentials; a body whose
                // type is not safelisted makes it a CORS request.
                "POST".clone_into(&mut made.method);
                made.headers = Headers::new();
                made.credentials = Credentials::Include;
                made.keepalive = true;
                made.mode = if made.body_type_is_safelisted() { Mode::NoCors } else { Mode::Cors };
            }
            Api::Font => {
                made.plain_get();
                made.credentials = Credentials::SameOrigin;
            }
            Api::Img | Api::Script | Api::Module | Api::Style => {
                made.plain_get();
                (made.mode, made.credentials) = match (self.crossorigin.as_deref(), self.api) {
                    (Some(it), _) if it.eq_ignore_ascii_case("use-credentials") => {
                        (Mode::Cors, Credentials::Include)
                    }
                    (Some(_), _) | (None, Api::Module) => (Mode::Cors, Credentials::SameOrigin),
                    (None, _) => (Mode::NoCors, Credentials::Include),
                };
            }
        }
        made
    }

    fn plain_get(&mut self) {
        "GET".clone_into(&mut self.method);
        self.headers = Headers::new();
        self.body = None;
        self.upload_listener = false;
    }

    fn body_type_is_safelisted(&self) -> bool {
        self.body_type().is_none_or(|it| super::safelist::is_safelisted_content_type(it.as_bytes()))
    }

    /// The `Content-Type` that the body brings along, if any
    /// ([extract a body](https://fetch.spec.whatwg.org/#concept-bodyinit-extract)).
    pub fn body_type(&self) -> Option<String> {
        self.body.as_ref()?;
        match self.body_kind {
            BodyKind::Text => Some("text/plain;charset=UTF-8".to_owned()),
            BodyKind::UrlEncoded => {
                Some("application/x-www-form-urlencoded;charset=UTF-8".to_owned())
            }
            BodyKind::FormData => Some(format!("multipart/form-data; boundary={BOUNDARY}")),
            BodyKind::Blob => {
                self.blob_type.clone().filter(|it| !it.is_empty()).map(|it| it.to_ascii_lowercase())
            }
            BodyKind::ArrayBuffer | BodyKind::Stream => None,
        }
    }

    /// The body's bytes on the wire. Form kinds hold the text in a field named `a`.
    pub fn body_bytes(&self) -> Option<Vec<u8>> {
        let text = self.body.as_ref()?;
        Some(match self.body_kind {
            BodyKind::UrlEncoded => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("a", text);
                form.finish().into_bytes()
            }
            BodyKind::FormData => format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{text}\r\n--{BOUNDARY}--\r\n"
            )
            .into_bytes(),
            _ => text.clone().into_bytes(),
        })
    }
}

/// No clock and no dice in the core: the boundary is always the same.
const BOUNDARY: &str = "----WebKitFormBoundaryhopscope00000000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_decides_mode_and_credentials() {
        use Credentials::{Include, SameOrigin};
        for (api, crossorigin, credentials, mode, made) in [
            (Api::Img, None, SameOrigin, Mode::NoCors, Include),
            (Api::Img, Some("anonymous"), SameOrigin, Mode::Cors, SameOrigin),
            (Api::Img, Some(""), SameOrigin, Mode::Cors, SameOrigin),
            (Api::Script, Some("Use-Credentials"), SameOrigin, Mode::Cors, Include),
            (Api::Module, None, Include, Mode::Cors, SameOrigin),
            (Api::Xhr, None, Credentials::Omit, Mode::Cors, SameOrigin),
            (Api::Xhr, None, Include, Mode::Cors, Include),
            (Api::Beacon, None, SameOrigin, Mode::NoCors, Include),
            (Api::Font, None, Include, Mode::Cors, SameOrigin),
        ] {
            let mut request = PageRequest::get("http://a.test/");
            request.api = api;
            request.crossorigin = crossorigin.map(str::to_owned);
            request.credentials = credentials;
            let it = request.as_made();
            assert_eq!((it.mode, it.credentials), (mode, made), "{api:?} {crossorigin:?}");
        }
    }
}
