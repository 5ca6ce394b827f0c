//! The request as the script makes it, and what throws before anything is fetched.
//!
//! **Invariant:** nothing here asks the network or the memory.

use url::Url;

use super::super::end::Failing;
use super::super::resolve::resolve;
use super::super::{
    Api, BodyKind, Browser, CacheMode, FailedBy, Mode, PageRequest, method, safelist,
};
use super::{Fetch, has_userinfo};

impl Fetch {
    /// The [`Request` constructor](https://fetch.spec.whatwg.org/#dom-request) and
    /// [`open()`](https://xhr.spec.whatwg.org/#the-open()-method), `send()`: what throws before
    /// anything is fetched.
    pub(super) fn construct(&mut self) -> Result<(), Failing> {
        let it = self.request.clone();
        let script = matches!(it.api, Api::Fetch | Api::Xhr);
        let by_api = |what: String| Err(Failing::new(FailedBy::Api, what));
        // The URL.
        let page = Url::parse(&self.context.url()).ok();
        let url = match &page {
            Some(page) => resolve(page, &it.url, self.browser),
            None => Url::parse(&it.url).ok(),
        };
        let Some(url) = url else {
            return Err(Failing::new(FailedBy::Url, format!("{} is not a URL.", it.url)));
        };
        self.url = url;
        self.first_url = self.url.to_string();
        if it.api == Api::Fetch && has_userinfo(&self.url) {
            return Err(Failing::new(
                FailedBy::Url,
                "fetch takes no URL with a user name or password.",
            ));
        }
        // The method.
        if script && !method::is_method(&it.method) {
            return by_api(format!("{:?} is no HTTP method.", it.method));
        }
        if script && method::is_forbidden(it.method.as_bytes()) {
            return by_api(format!("Scripts may not use the method {}.", it.method));
        }
        if it.api == Api::Fetch {
            if it.mode == Mode::Navigate {
                return by_api("Scripts may not use the mode navigate.".to_owned());
            }
            if it.mode == Mode::NoCors && !method::is_safelisted(&self.method) {
                return by_api(format!("no-cors does not allow the method {}.", self.method));
            }
            if it.cache == CacheMode::OnlyIfCached && it.mode != Mode::SameOrigin {
                return by_api("only-if-cached needs the mode same-origin.".to_owned());
            }
            if it.body.is_some() && matches!(self.method.as_str(), "GET" | "HEAD") {
                return by_api(format!("A {} has no body.", self.method));
            }
            if it.body.is_some() && it.body_kind == BodyKind::Stream && it.mode == Mode::NoCors {
                return by_api("no-cors does not allow a streaming body.".to_owned());
            }
            let streams = it.body.is_some() && it.body_kind == BodyKind::Stream;
            if streams && self.browser == Browser::Chromium && !it.half_duplex {
                return by_api("A streaming body needs duplex: 'half'.".to_owned());
            }
        }
        for header in it.headers.iter() {
            if !method::is_token(header.name.as_bytes())
                || header.value.iter().any(|it| matches!(it, b'\0' | b'\r' | b'\n'))
                || is_beyond_bytes(&header.value)
            {
                return by_api(format!("{:?} is no header a script can set.", header.name));
            }
        }
        self.take_headers_and_body(&it);
        Ok(())
    }

    pub(super) fn take_headers_and_body(&mut self, it: &PageRequest) {
        let no_cors = it.mode == Mode::NoCors && it.api == Api::Fetch;
        for header in it.headers.iter() {
            let (name, value) = (header.name.as_str(), header.value.trim_ascii());
            // Forbidden names are dropped silently, and in no-cors all but four.
            let forbidden = safelist::is_forbidden_request_header(name, value, self.browser);
            if forbidden && it.api == Api::Xhr {
                self.remarks.push(format!("Refused to set unsafe header \"{name}\""));
            }
            if forbidden || (no_cors && !safelist::is_no_cors_safelisted(name, value, self.browser))
            {
                continue;
            }
            match self.headers.get(name) {
                Some(mut earlier) => {
                    earlier.extend_from_slice(b", ");
                    earlier.extend_from_slice(value);
                    self.headers.set(name, earlier);
                }
                None => self.headers.push(name, value),
            }
        }
        // Chromium takes a script's own conditions for the wish to have a stored answer validated.
        let conditional = ["if-match", "if-modified-since", "if-none-match", "if-range"]
            .iter()
            .chain(&["if-unmodified-since"])
            .any(|it| self.headers.has(it));
        if conditional
            && self.browser == Browser::Chromium
            && self.request.cache == CacheMode::Default
        {
            self.request.cache = CacheMode::NoCache;
        }
        // Firefox asks first whatever there is to upload.
        self.forced_preflight = it.upload_listener && self.browser == Browser::Firefox;
        // XMLHttpRequest drops the body of a GET or HEAD.
        if it.body.is_none() || matches!(self.method.as_str(), "GET" | "HEAD") {
            return;
        }
        self.body = it.body_bytes();
        self.streams = it.api == Api::Fetch && it.body_kind == BodyKind::Stream;
        let mut kind = it.body_type();
        if self.streams && self.browser == Browser::Firefox {
            // Firefox does not stream bodies: it sends the object's name.
            self.streams = false;
            self.body = Some(b"[object ReadableStream]".to_vec());
            kind = Some("text/plain;charset=UTF-8".to_owned());
        }
        if let Some(kind) = kind
            && !self.headers.has("content-type")
        {
            self.headers.push("Content-Type", kind);
        }
        self.forced_preflight = self.streams || it.upload_listener;
    }
}

/// Whether this was a string with characters of more than a byte, which stay UTF-8.
fn is_beyond_bytes(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|it| it.chars().any(|it| '\u{FF}' < it))
}
