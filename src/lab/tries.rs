//! The tries of the story: how the lab is set, and what the page asks for.
//!
//! Data, in the order in which they are told. What must come of each stands in `tests/lab.rs`.
//! **Invariant:** a try changes only the knobs it names; the rest are the story's.

use super::Knobs;

/// One try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Try {
    /// Short, for a command line or a test.
    pub name: &'static str,
    /// One line, for a person.
    pub title: &'static str,
    /// What is set otherwise than in the story: knob and word.
    pub knobs: &'static [(&'static str, &'static str)],
    pub request: TryRequest,
}

/// What the page asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TryRequest {
    pub to: To,
    /// `fetch` or `xhr`.
    pub api: &'static str,
    pub method: &'static str,
    /// Without the stage.
    pub path: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Option<&'static str>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum To {
    /// Through the gateway's stage.
    Gateway,
    /// Straight to the app.
    App,
}

impl Try {
    /// The story's knobs with this try's changes. What belongs to the place and not to the
    /// story (addresses, the stage, the time limit, allowed origins) stays as it is in `now`.
    pub fn knobs(&self, now: &Knobs) -> Knobs {
        let mut knobs = Knobs {
            stage: now.stage.clone(),
            backend: now.backend.clone(),
            gateway_url: now.gateway_url.clone(),
            app_url: now.app_url.clone(),
            timeout: now.timeout,
            origins: now.origins.clone(),
            ..Knobs::default()
        };
        for (knob, word) in self.knobs {
            // A test sets every one of them.
            let _set = knobs.set(knob, word);
        }
        knobs
    }
}

impl TryRequest {
    /// The URL, given the base URLs (`http://host:port`) of gateway and app.
    pub fn url(&self, stage: &str, gateway: &str, app: &str) -> String {
        match self.to {
            To::Gateway => format!("{gateway}/{stage}{}", self.path),
            To::App => format!("{app}{}", self.path),
        }
    }
}

/// Every try, as the story tells them.
pub fn tries() -> &'static [Try] {
    TRIES
}

const TOKEN: &[(&str, &str)] = &[("X-Token", "abc")];
const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];

const GET: TryRequest = TryRequest {
    to: To::Gateway,
    api: "fetch",
    method: "GET",
    path: "/items",
    headers: TOKEN,
    body: None,
};
const POST: TryRequest =
    TryRequest { method: "POST", headers: JSON, body: Some("{\"name\":\"x\"}"), ..GET };

const TRIES: &[Try] = &[
    Try {
        name: "direct-get",
        title: "GET straight to the app, no gateway",
        knobs: &[],
        request: TryRequest { to: To::App, path: "/items/", ..GET },
    },
    Try {
        name: "direct-post",
        title: "POST straight to the app, no gateway",
        knobs: &[],
        request: TryRequest { to: To::App, path: "/items/", ..POST },
    },
    Try { name: "get", title: "GET through the gateway", knobs: &[], request: GET },
    Try {
        name: "get-slash",
        title: "GET with the slash that the app wants: the gateway drops it",
        knobs: &[],
        request: TryRequest { path: "/items/", ..GET },
    },
    Try {
        name: "get-simple",
        title: "GET without a header of its own, so without a preflight",
        knobs: &[],
        request: TryRequest { headers: &[], ..GET },
    },
    Try { name: "post", title: "POST through the gateway", knobs: &[], request: POST },
    Try {
        name: "post-debug-off",
        title: "POST through the gateway, DEBUG off",
        knobs: &[("debug", "off")],
        request: POST,
    },
    Try {
        name: "direct-post-debug-off",
        title: "POST straight to the app without the slash, DEBUG off: the data is lost",
        knobs: &[("debug", "off")],
        request: TryRequest { to: To::App, ..POST },
    },
    Try {
        name: "app-down",
        title: "GET while the app is stopped",
        knobs: &[("app", "down")],
        request: GET,
    },
    Try {
        name: "options-by-gateway",
        title: "GET, OPTIONS answered by the gateway itself",
        knobs: &[("options", "gateway")],
        request: GET,
    },
    Try {
        name: "cors-after-slash",
        title: "GET, the app's CORS middleware after the slash redirect",
        knobs: &[("cors", "after")],
        request: GET,
    },
    Try {
        name: "fixed-get",
        title: "GET, fixed: the endpoint URL ends in a slash",
        knobs: &[("endpoint", "{proxy}/")],
        request: GET,
    },
    Try {
        name: "fixed-post",
        title: "POST, fixed: the endpoint URL ends in a slash",
        knobs: &[("endpoint", "{proxy}/")],
        request: POST,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_try_sets_knobs_that_exist() {
        for it in tries() {
            let mut knobs = Knobs::default();
            for (knob, word) in it.knobs {
                knobs.set(knob, word).unwrap_or_else(|error| panic!("{}: {error}", it.name));
            }
            assert_eq!(it.knobs(&Knobs::default()), knobs, "{}", it.name);
        }
    }

    #[test]
    fn a_try_keeps_what_belongs_to_the_place() {
        let mut now = Knobs::default();
        for (knob, word) in [("backend", "127.0.0.1:9"), ("stage", "dev"), ("debug", "off")] {
            now.set(knob, word).unwrap();
        }
        let get = tries().iter().find(|it| it.name == "get").unwrap();
        let set = get.knobs(&now);
        let words = ["backend", "stage", "debug"].map(|it| set.word(it).unwrap_or_default());
        assert_eq!(words, ["127.0.0.1:9", "dev", "on"]);
        assert_eq!(get.request.url("dev", "http://g:1", "http://a:2"), "http://g:1/dev/items");
    }
}
