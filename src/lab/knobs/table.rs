//! The knobs by name: what each takes and does, for a command line, a page, a README.
//!
//! **Invariant:** only words here; `knobs.rs` gives them their meaning, and its tests walk
//! through this table.

/// What a knob is called, what it takes and what it does: for a command line, a page, a README.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Knob {
    pub name: &'static str,
    /// The words it takes, for a person.
    pub takes: &'static str,
    /// The words to choose from, where there are only these.
    pub choices: &'static [&'static str],
    pub help: &'static str,
}

/// Every knob, gateway first, in the order a person reads them.
pub const KNOBS: &[Knob] = &[
    Knob {
        name: "stage",
        takes: "a name, like prod",
        choices: &[],
        help: "The gateway's stage, the first segment of every path that it serves",
    },
    Knob {
        name: "slash",
        takes: "strip or keep",
        choices: &["strip", "keep"],
        help: "What the gateway does with a trailing slash; a REST API strips it",
    },
    Knob {
        name: "endpoint",
        takes: "a URL template, like {proxy} or {proxy}/ or http://host:8000/{proxy}",
        choices: &[],
        help: "The integration's endpoint URL; without a host it is the back-end's",
    },
    Knob {
        name: "backend",
        takes: "app, or HOST:PORT",
        choices: &[],
        help: "Where the gateway finds the app: the lab's own, or a tap in front of it",
    },
    Knob {
        name: "methods",
        takes: "ANY, or a list like GET,POST",
        choices: &[],
        help: "The methods that the gateway's resource has; an OPTIONS that is missing is refused",
    },
    Knob {
        name: "options",
        takes: "app or gateway",
        choices: &["app", "gateway"],
        help: "Who answers OPTIONS: the app, or the gateway itself (\"Enable CORS\")",
    },
    Knob {
        name: "gateway-responses",
        takes: "plain or cors",
        choices: &["plain", "cors"],
        help: "Whether the gateway's own error answers carry CORS headers",
    },
    Knob {
        name: "timeout",
        takes: "a time, like 29s or 500ms",
        choices: &[],
        help: "How long the gateway waits for the app",
    },
    Knob {
        name: "app",
        takes: "up or down",
        choices: &["up", "down"],
        help: "Whether the app runs",
    },
    Knob {
        name: "debug",
        takes: "on or off",
        choices: &["on", "off"],
        help: "The app's DEBUG: with it, a write without its slash is a 500, else a silent 301",
    },
    Knob {
        name: "cors",
        takes: "before, after or off",
        choices: &["before", "after", "off"],
        help: "Where the app's CORS middleware stands against the one that appends slashes",
    },
    Knob {
        name: "origins",
        takes: "any, star, or a list like http://a.test,http://b.test",
        choices: &[],
        help: "The origins that the app allows: any (echoed), star (answered with *), or these",
    },
    Knob {
        name: "credentials",
        takes: "on or off",
        choices: &["on", "off"],
        help: "Whether the app allows requests with cookies",
    },
    Knob {
        name: "delay",
        takes: "a time, like 0s or 40s",
        choices: &[],
        help: "How long the app takes for an answer",
    },
    Knob {
        name: "gateway-url",
        takes: "own, or a URL like http://127.0.0.1:8080",
        choices: &[],
        help: "Where the page sends its requests: the gateway, or a tap in front of it",
    },
    Knob {
        name: "app-url",
        takes: "own, or a URL like http://127.0.0.1:9001",
        choices: &[],
        help: "Where the page sends direct requests: the app, or a tap in front of it",
    },
];
