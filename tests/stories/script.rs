//! The small language of stories.
//!
//! ```toml
//! [[story]]
//! title = "a slash redirect"
//! page = "http://page.test"                      # browsers send it as Origin and Referer
//! client = "chromium"                            # or firefox, curl
//! taps = ["edge http://gw.test", "origin http://app.test"]
//! hops = [
//!   "OPTIONS /items acrm=GET -> 204 allow=*",    # at the first tap, 10 ms after the last one
//!   "origin: GET /items @25 ~3 #2 -> 301 location=/items/",  # at 25 ms, for 3 ms, connection 2
//!   "GET /items/ -> reset",
//! ]
//! chains = ["1 2 3"]
//! links = ["1 preflight-of 2", "3 redirect-of 2 ?"]
//! ```
//!
//! `name=value` is a header, `-name` takes away one that the client would send, `body=text` the
//! body. Some names have a short form, see [`SHORT`].

use std::sync::Arc;

use hopscope::trace::{
    Body, ConnectionId, Exchange, Failure, FailureKind, Headers, Hop, HopId, Outcome, Request,
    Response, Tap, TapId, TapKind, Testimony, Time, Timing, Version,
};
use serde::Deserialize;

/// All stories of one file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    story: Vec<Story>,
}

/// One story.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Story {
    pub(crate) title: String,
    page: Option<String>,
    client: Option<String>,
    #[serde(default)]
    taps: Vec<String>,
    hops: Vec<String>,
    pub(crate) chains: Vec<String>,
    pub(crate) links: Option<Vec<String>>,
    pub(crate) outside: Option<Vec<String>>,
    pub(crate) sightings: Option<Vec<String>>,
    /// One a chain.
    pub(crate) verdicts: Option<Vec<String>>,
    /// Who answered each hop, `by product`.
    pub(crate) answered: Option<Vec<String>>,
    /// Those of all chains, in order.
    pub(crate) findings: Option<Vec<String>>,
}

pub(crate) fn read(text: &str) -> Result<Vec<Story>, String> {
    toml::from_str::<Book>(text).map(|it| it.story).map_err(|it| it.to_string())
}

impl Story {
    /// A story of a page, without an end.
    pub(crate) fn of(page: String, hops: Vec<String>) -> Story {
        Story {
            title: String::new(),
            page: Some(page),
            client: None,
            taps: Vec::new(),
            hops,
            chains: Vec::new(),
            links: None,
            outside: None,
            sightings: None,
            verdicts: None,
            answered: None,
            findings: None,
        }
    }

    /// Whether a recorder could have seen it this way: not when its clocks are tied.
    pub(crate) fn happens_in_order(&self) -> bool {
        !self.title.contains("clock ties")
    }

    /// Replace a piece of every hop's line.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        for hop in &mut self.hops {
            *hop = hop.replace(from, to);
        }
    }

    /// The recording that the story tells of.
    pub(crate) fn hops(&self) -> (Vec<Arc<Hop>>, Vec<Tap>) {
        let places: Vec<(&str, &str)> = if self.taps.is_empty() {
            vec![("edge", "http://gw.test")]
        } else {
            self.taps.iter().map(|it| it.split_once(' ').unwrap()).collect()
        };
        let mut hops = Vec::new();
        let mut now = 0;
        for line in &self.hops {
            let hop = self.hop(line, hops.len() as u64 + 1, now, &places);
            now = hop.started.0 / 1000 + 10;
            hops.push(Arc::new(hop));
        }
        let taps = places.iter().map(|(name, base)| Tap {
            name: (*name).to_owned(),
            kind: TapKind::Reverse,
            address: (*base).to_owned(),
            upstream: None,
        });
        (hops, taps.collect())
    }

    fn hop(&self, line: &str, number: u64, now: i64, places: &[(&str, &str)]) -> Hop {
        let (asked, answered) = line.split_once("->").unwrap_or((line, ""));
        let mut words = words(asked).into_iter();
        let mut first = words.next().unwrap();
        let named = first.strip_suffix(':').map(str::to_owned);
        let tap = named.map_or(0, |it| places.iter().position(|(name, _)| *name == it).unwrap());
        if first.ends_with(':') {
            first = words.next().unwrap();
        }
        let path = words.next().unwrap();
        let url = if path.starts_with('/') { format!("{}{path}", places[tap].1) } else { path };
        let mut hop = Hop {
            id: HopId { recorder: 1, sequence: number },
            tap: TapId(u16::try_from(tap).unwrap()),
            exchange: Exchange::Http,
            connection: None,
            started: Time(now * 1000),
            ended: None,
            request: Request {
                method: first,
                url,
                version: Version::Http11,
                headers: self.client_headers(),
                body: Body::default(),
            },
            outcome: Outcome::Pending,
            timing: Timing::default(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: None,
            own_changes: Vec::new(),
            testimony: Testimony::default(),
        };
        let mut took = 2;
        for word in words {
            match word.split_at(1) {
                ("@", at) => hop.started = Time(at.parse::<i64>().unwrap() * 1000),
                ("~", ms) => took = ms.parse().unwrap(),
                ("#", number) => hop.connection = Some(ConnectionId(number.parse().unwrap())),
                ("-", name) => hop.request.headers.remove(long(name)),
                _ => match word.split_once('=').unwrap() {
                    ("body", text) => hop.request.body = Body::full(text),
                    ("kind", "tunnel") => hop.exchange = Exchange::Tunnel,
                    ("kind", "websocket") => hop.exchange = Exchange::WebSocket,
                    (name, value) => hop.request.headers.set(long(name), value),
                },
            }
        }
        hop.outcome = outcome(answered);
        hop.ended = (hop.outcome != Outcome::Pending).then(|| hop.started.plus(took * 1000));
        hop
    }

    /// What the story's client sends by itself.
    fn client_headers(&self) -> Headers {
        let mut headers = Headers::new();
        let agent = match self.client.as_deref() {
            Some("curl") => "curl/8.5.0",
            Some("firefox") => {
                "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
            }
            _ => {
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"
            }
        };
        headers.push("User-Agent", agent);
        if let Some(page) = &self.page {
            headers.push("Origin", page.as_str());
            headers.push("Referer", format!("{page}/"));
        }
        headers
    }
}

fn outcome(text: &str) -> Outcome {
    let mut words = words(text).into_iter();
    let Some(first) = words.next() else { return Outcome::Pending };
    let Ok(status) = first.parse() else {
        let kind = FailureKind::parse(&first).unwrap();
        return Outcome::Failed(Failure { kind, detail: String::new() });
    };
    let mut response = Response { status, ..Response::default() };
    for word in words {
        match word.split_once('=').unwrap() {
            ("body", text) => response.body = Body::full(text),
            (name, value) => response.headers.push(long(name), value),
        }
    }
    Outcome::Answered(response)
}

/// Words at blanks; `'…'` keeps blanks.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|it| !it.is_empty());
    words
}

fn long(name: &str) -> &str {
    SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long)
}

const SHORT: &[(&str, &str)] = &[
    ("acrm", "Access-Control-Request-Method"),
    ("acrh", "Access-Control-Request-Headers"),
    ("allow", "Access-Control-Allow-Origin"),
    ("methods", "Access-Control-Allow-Methods"),
    ("headers", "Access-Control-Allow-Headers"),
    ("max-age", "Access-Control-Max-Age"),
    ("mode", "Sec-Fetch-Mode"),
    ("dest", "Sec-Fetch-Dest"),
    ("type", "Content-Type"),
];

/// Hops of few URLs, methods, outcomes, times and taps, so that everything could belong to
/// everything.
pub(crate) fn noise(lines: &[(usize, usize, usize, i64, u16)]) -> Vec<Arc<Hop>> {
    const ASKED: [&str; 6] = [
        "OPTIONS /a acrm=GET acrh=x-a",
        "GET /a x-a=1",
        "GET /b",
        "POST /a body=x",
        "GET /a origin=null",
        "OPTIONS /b acrm=POST",
    ];
    const ANSWERED: [&str; 7] = [
        "200 allow=* headers=x-a",
        "301 location=/a allow=*",
        "302 location=/b allow=*",
        "closed",
        "403",
        "",
        "401",
    ];
    let mut now = 0;
    let story = Story::of("http://page.test".to_owned(), Vec::new());
    let places = [("edge", "http://gw.test"); 3];
    let hops = lines.iter().enumerate().map(|(at, (asked, ends, answered, step, tap))| {
        now += step * i64::try_from(*ends).unwrap() * 3;
        let line = format!("{} @{now} ~{ends} -> {}", ASKED[*asked], ANSWERED[*answered]);
        let mut hop = story.hop(&line, at as u64 + 1, now, &places);
        hop.tap = TapId(*tap);
        Arc::new(hop)
    });
    hops.collect()
}
