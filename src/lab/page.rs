//! The front-end: one page on an origin of its own, and the paths by which it reads and sets
//! the knobs.
//!
//! ```text
//! GET  /              the page
//! GET  /__lab/knobs   every knob, where everything listens, where the page sends its requests
//! POST /__lab/knobs   set some, as JSON ({"slash":"keep"}) or as a form; answers like GET
//! GET  /__lab/tries   the tries of the story
//! GET  /__lab/log     the app's log, line by line
//! POST /__lab/tries   {"name":"get"}: set the knobs of that try; answers like GET /__lab/knobs
//! ```
//!
//! **Invariant:** no other page can turn a knob: a change with a foreign `Origin` is refused.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::message::{Request, Response};
use super::server::Service;
use super::tries::{To, tries};
use super::{KNOBS, LabError, LabHandle};

const PAGE: &str = include_str!("../../assets/frontend/index.html");

/// The page's server.
pub(super) struct Page {
    lab: LabHandle,
}

impl Page {
    pub(super) fn new(lab: LabHandle) -> Page {
        Page { lab }
    }

    async fn set_knobs(&self, request: &Request) -> Response {
        let Some(changes) = changes(request) else {
            return refused(400, "cannot read the knobs to set", "send a JSON object or a form");
        };
        let changes = changes.iter().map(|(knob, word)| (knob.as_str(), word.as_str()));
        self.changed(self.lab.set_all(changes).await)
    }

    async fn set_try(&self, request: &Request) -> Response {
        let name = changes(request)
            .and_then(|it| it.into_iter().find(|(key, _)| key == "name"))
            .map(|(_, name)| name);
        let Some(it) = tries().iter().find(|it| name.as_deref() == Some(it.name)) else {
            let names: Vec<_> = tries().iter().map(|it| it.name).collect();
            let hint = format!("the tries are {}", names.join(", "));
            return refused(400, "there is no such try", &hint);
        };
        self.changed(self.lab.change(it.knobs(&self.lab.knobs())).await)
    }

    fn changed(&self, result: Result<(), LabError>) -> Response {
        match result {
            Ok(()) => json_response(200, &self.state()),
            Err(error @ LabError::Listen { .. }) => refused(500, &error.to_string(), &error.hint()),
            Err(error) => refused(400, &error.to_string(), &error.hint()),
        }
    }

    fn state(&self) -> Value {
        let knobs = self.lab.knobs();
        let addresses = self.lab.addresses();
        let base = |it: std::net::SocketAddr| format!("http://{it}");
        let list: Vec<_> = KNOBS
            .iter()
            .map(|it| {
                json!({
                    "name": it.name,
                    "value": knobs.word(it.name),
                    "takes": it.takes,
                    "choices": it.choices,
                    "help": it.help,
                })
            })
            .collect();
        json!({
            "page": base(addresses.page),
            "gateway": base(addresses.gateway),
            "app": base(addresses.app),
            "gateway_url": self.lab.gateway_url(),
            "app_url": self.lab.app_url(),
            "stage": knobs.stage,
            "knobs": list,
        })
    }
}

impl Service for Page {
    const NAME: &'static str = "page";

    async fn answer(&self, request: Request, _client: IpAddr) -> Response {
        let mut response = match (request.method.as_str(), request.path.as_str()) {
            ("GET" | "HEAD", "/" | "/index.html") => {
                Response::new(200, "text/html; charset=utf-8", PAGE)
            }
            ("GET", "/__lab/knobs") => json_response(200, &self.state()),
            ("GET", "/__lab/tries") => json_response(200, &tries_json()),
            ("GET", "/__lab/log") => json_response(200, &json!(self.lab.app_log())),
            ("POST", _) if is_foreign(&request) => {
                refused(403, "another page cannot set the lab", "use the lab's own page")
            }
            ("POST", "/__lab/knobs") => self.set_knobs(&request).await,
            ("POST", "/__lab/tries") => self.set_try(&request).await,
            _ => Response::new(404, "text/plain", "There is only the page, at /.\n"),
        };
        response.headers.push("Cache-Control", "no-store");
        response
    }
}

fn tries_json() -> Value {
    let fields = |it: &[(&str, &str)]| {
        it.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    };
    tries()
        .iter()
        .map(|it| {
            let (request, headers): (_, Map<_, _>) = (it.request, fields(it.request.headers));
            json!({
                "name": it.name,
                "title": it.title,
                "knobs": Value::Object(fields(it.knobs)),
                "request": {
                    "to": match request.to { To::Gateway => "gateway", To::App => "app" },
                    "api": request.api,
                    "method": request.method,
                    "path": request.path,
                    "headers": headers,
                    "body": request.body,
                },
            })
        })
        .collect()
}

/// A browser names the page that asks; a script without a browser names none. A host name of
/// somebody's own could point here for an attack (DNS rebinding), an address or `localhost`
/// cannot.
fn is_foreign(request: &Request) -> bool {
    let host = request.header("host").unwrap_or_default();
    let origin = request.header("origin");
    let same_origin = origin.is_none_or(|it| it == format!("http://{host}"));
    let name = host.parse::<http::uri::Authority>().map(|it| it.host().to_owned());
    let name = name.unwrap_or_default();
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    !same_origin || !(address || name.eq_ignore_ascii_case("localhost"))
}

/// Names and words of a JSON object or of a form.
fn changes(request: &Request) -> Option<Vec<(String, String)>> {
    let is_json = request.header("content-type").is_some_and(|it| it.contains("json"));
    if !is_json {
        let fields = url::form_urlencoded::parse(&request.body);
        return Some(fields.map(|(knob, word)| (knob.into_owned(), word.into_owned())).collect());
    }
    let object: Map<String, Value> = serde_json::from_slice(&request.body).ok()?;
    let word = |it: Value| match it {
        Value::String(word) => Some(word),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    object.into_iter().map(|(knob, it)| Some((knob, word(it)?))).collect()
}

fn json_response(status: u16, content: &Value) -> Response {
    Response::new(status, "application/json", content.to_string())
}

fn refused(status: u16, error: &str, hint: &str) -> Response {
    json_response(status, &json!({ "error": error, "hint": hint }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_labs_own_page_may_set_knobs() {
        let table = [
            ("127.0.0.1:8000", None, false),
            ("127.0.0.1:8000", Some("http://127.0.0.1:8000"), false),
            ("[::1]:8000", Some("http://[::1]:8000"), false),
            ("localhost:8000", Some("http://localhost:8000"), false),
            ("127.0.0.1:8000", Some("http://evil.test"), true),
            ("127.0.0.1:8000", Some("null"), true),
            ("127.0.0.1:8000", Some("http://127.0.0.1:8001"), true),
            ("rebound.test:8000", Some("http://rebound.test:8000"), true),
            ("rebound.test:8000", None, true),
        ];
        for (host, origin, foreign) in table {
            let origin = origin.map(|it| ("origin", it));
            let headers = [("host", host)].into_iter().chain(origin).collect();
            let request = Request { headers, ..Request::default() };
            assert_eq!(is_foreign(&request), foreign, "{host} {origin:?}");
        }
    }
}
