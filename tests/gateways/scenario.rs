//! Scenarios as they stand in `mistakes.toml` and `healthy.toml`.

use std::net::SocketAddr;

use hopscope::fetch::{Credentials, Page, PageRequest};
use serde::Deserialize;

/// One pair of gateway and framework, with one mistake, or with none.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) gateway: String,
    /// `django`, `fastapi`, `flask`, `express`; `down`: nobody listens there; `silent`: nobody
    /// answers there.
    pub(crate) app: String,
    #[serde(default)]
    pub(crate) options: String,
    #[serde(default)]
    pub(crate) config: String,
    /// What the page asks for: `GET /api/items X-Token=a`, with `body=…`, `length=…` (a body
    /// of so many bytes), `credentials=…` and `origin=…` (`same`: the edge's own).
    pub(crate) requests: Vec<String>,
    /// Scheme and name in the URL, where they are not the edge tap's own. `https`: as if TLS
    /// ended right before the edge tap.
    pub(crate) host: Option<String>,
    /// Who answered each hop, and every finding, with both taps.
    #[serde(default)]
    pub(crate) answered: String,
    #[serde(default)]
    pub(crate) findings: Vec<String>,
    /// The findings with the edge tap alone, and with the origin tap alone.
    #[serde(default)]
    pub(crate) edge: Vec<String>,
    #[serde(default)]
    pub(crate) origin: Vec<String>,
    /// What of it is changed, so that all is well.
    pub(crate) fix: Option<Fix>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fix {
    pub(crate) config: Option<String>,
    pub(crate) options: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) requests: Option<Vec<String>>,
}

impl Scenario {
    /// The scenario after its fix.
    pub(crate) fn fixed(&self) -> Option<Scenario> {
        let fix = self.fix.clone()?;
        let mut fixed = self.clone();
        fixed.config = fix.config.unwrap_or(fixed.config);
        fixed.options = fix.options.unwrap_or(fixed.options);
        fixed.app = fix.app.unwrap_or(fixed.app);
        fixed.requests = fix.requests.unwrap_or(fixed.requests);
        Some(fixed)
    }

    /// The page that asks for all this at the edge.
    pub(crate) fn page(&self, edge: SocketAddr) -> Page {
        let host = self.host.clone().unwrap_or_else(|| format!("http://{edge}"));
        let requests = self.requests.iter().map(|it| request(it, &host)).collect();
        Page { origin: "http://page.test".to_owned(), requests, ..Page::default() }
    }
}

fn request(text: &str, host: &str) -> PageRequest {
    let mut words = text.split_whitespace();
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let mut request = PageRequest::get(format!("{host}{target}"));
    method.clone_into(&mut request.method);
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        let value = &value.replace("%20", " ");
        match name {
            "body" => request.body = Some(value.clone()),
            "length" => request.body = Some("x".repeat(value.parse().unwrap())),
            "credentials" => request.credentials = Credentials::parse(value).unwrap(),
            "origin" if value == "same" => request.page_origin = Some(host.to_owned()),
            "origin" => request.page_origin = Some(value.clone()),
            _ => request.headers.push(name, value.as_str()),
        }
    }
    request
}
