//! Chains by chance: few values, so that equal ones meet, and everything that can stand where.

use std::sync::Arc;

use hopscope::trace::{
    Body, Chain, ChainHop, Clue, Exchange, Failure, FailureKind, Headers, Hop, HopId, HopKind,
    Link, LinkWhy, Outcome, Outside, Request, Response, Sighting, TapId, Testimony, Time, Timing,
    Version,
};

/// Random numbers that a seed repeats.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    pub(crate) fn roll(&mut self, below: usize) -> usize {
        for shift in [13, -7, 17_i32] {
            let it = self.0;
            self.0 ^= if shift > 0 { it << shift } else { it >> -shift };
        }
        usize::try_from((self.0 >> 11) % below as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Any chain of up to four steps.
pub(crate) fn chain(dice: &mut Dice) -> Chain {
    let mut chain = Chain::default();
    let mut ids = 0;
    for step in 0..=dice.roll(4) {
        let hop = Arc::new(hop(dice, &mut ids, 0));
        let kind = match (hop.is_preflight(), dice.roll(30)) {
            (_, 0) => HopKind::WebSocket,
            (_, 1) => HopKind::Tunnel,
            (true, _) => HopKind::Preflight,
            (false, _) => HopKind::Request,
        };
        let whys = [LinkWhy::RedirectOf, LinkWhy::PreflightOf, LinkWhy::RetryOf];
        let why = whys[dice.roll(3)];
        let linked = (step > 0 && dice.roll(4) > 0).then(|| link(why, hop.id, true));
        let mut sightings = Vec::new();
        if dice.roll(3) == 0 {
            let mut inner = self::hop(dice, &mut ids, 1);
            if dice.roll(3) > 0 {
                inner.request = Request { url: pick_url(dice), ..hop.request.clone() };
                inner.outcome = hop.outcome.clone();
            }
            let link = link(LinkWhy::SameRequestAt, hop.id, false);
            sightings.push(Sighting { hop: Arc::new(inner), link });
        }
        chain.hops.push(ChainHop { hop, kind, link: linked, sightings });
    }
    if dice.roll(4) == 0 {
        let whys = [LinkWhy::CoveredBy, LinkWhy::CachedFrom, LinkWhy::PageOf];
        let (why, at) = (whys[dice.roll(3)], dice.roll(chain.hops.len() + 1));
        let hop = Arc::new(hop(dice, &mut ids, 0));
        let link = link(why, hop.id, dice.roll(2) == 0);
        chain.outside.push(Outside { at, link, hop });
    }
    chain
}

fn link(why: LinkWhy, to: HopId, certain: bool) -> Link {
    Link { why, to, clue: Clue { text: "by chance".to_owned(), certain } }
}

fn hop(dice: &mut Dice, ids: &mut u64, tap: u16) -> Hop {
    *ids += 1;
    let preflight = dice.roll(4) == 0;
    let mut headers = headers(dice, ASKED);
    if preflight {
        headers.push("access-control-request-method", dice.pick(METHODS));
        headers.push("Origin", dice.pick(PAGES));
    }
    let method = if preflight { "OPTIONS" } else { dice.pick(METHODS) };
    let started = Time(i64::try_from(dice.roll(1 << 40)).unwrap());
    let body = if dice.roll(3) == 0 { Body::full(dice.pick(BODIES)) } else { Body::default() };
    let wait = [None, Some(10), Some(2_000_000)][dice.roll(3)];
    let exchange = [Exchange::Http, Exchange::Tunnel, Exchange::WebSocket];
    Hop {
        id: HopId { recorder: 3, sequence: *ids * 7 },
        tap: TapId(tap),
        exchange: exchange[dice.roll(40).saturating_sub(37)],
        connection: None,
        started,
        ended: (dice.roll(2) == 0).then(|| started.plus(500)),
        request: Request {
            method: method.to_owned(),
            url: pick_url(dice),
            version: Version::Http11,
            headers,
            body,
        },
        outcome: outcome(dice),
        timing: Timing { wait, ..Timing::default() },
        own_changes: Vec::new(),
        interim: Vec::new(),
        frames: <_>::default(),
        tls: None,
        trailers: None,
        testimony: testimony(dice),
    }
}

fn outcome(dice: &mut Dice) -> Outcome {
    let kinds = [FailureKind::Refused, FailureKind::Timeout, FailureKind::RefusedByTap];
    let mut failure = || Failure { kind: kinds[dice.roll(3)], detail: "os error 111".to_owned() };
    let failure = failure();
    match dice.roll(12) {
        0 => Outcome::Pending,
        1 => Outcome::Failed(failure),
        _ => {
            let mut headers = headers(dice, ANSWERED);
            if dice.roll(3) > 0 {
                headers.push("access-control-allow-origin", dice.pick(ALLOWED));
            }
            let statuses = [
                200, 200, 204, 301, 302, 304, 307, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504,
            ];
            let mut body = Body::full(dice.pick(BODIES));
            if dice.roll(10) == 0 {
                headers.push("content-encoding", "gzip");
                body = Body::full(CODED);
            }
            body.complete = dice.roll(8) > 0;
            body.length += u64::from(dice.roll(8) == 0);
            Outcome::Answered(Response {
                status: statuses[dice.roll(statuses.len())],
                reason: dice.pick(&["", "OK", "Bad Gateway"]).as_bytes().to_vec(),
                headers,
                body,
                truncated: (dice.roll(20) == 0).then_some(failure),
                ..Response::default()
            })
        }
    }
}

fn testimony(dice: &mut Dice) -> Testimony {
    if dice.roll(8) > 0 {
        return Testimony::default();
    }
    let word = |it: &str| Some(it.to_owned());
    Testimony {
        api: word(dice.pick(&["fetch", "xhr", "img", "script"])),
        credentials: word(dice.pick(&["omit", "include"])),
        error: (dice.roll(2) == 0).then(|| Testimony::STOPPED.to_owned()),
        from_cache: dice.roll(3) == 0,
        initiator: word(dice.pick(&["a.js:1", "a.js:2"])),
        ..Testimony::default()
    }
}

fn headers(dice: &mut Dice, from: &[(&str, &[&str])]) -> Headers {
    let mut headers = Headers::new();
    for _ in 0..dice.roll(9) {
        let (name, values) = from[dice.roll(from.len())];
        let name = if dice.roll(8) == 0 { name.to_ascii_uppercase() } else { name.to_owned() };
        headers.push(name, dice.pick(values));
    }
    headers
}

fn pick_url(dice: &mut Dice) -> String {
    let server = dice.pick(&["http://gw.test", "https://gw.test:8443", "http://app.test:8000"]);
    let query = dice.pick(&["", "", "?a=1", "?a=2", "?q='x y'", "?next=http://app.test/", "?"]);
    format!("{server}{}{query}", dice.pick(PATHS))
}

const PATHS: &[&str] = &[
    "/prod/items",
    "/prod/items/",
    "/items",
    "/items/",
    "/prod/items/12",
    "/items/12",
    "/items/12/",
    "/7/items/12",
    "/prod/prod/items",
    "/prod/jobs/0f8fad5b-d9cb-469f-a165-70867728950e",
    "/a%20b/12",
    "/",
    "",
];
const METHODS: &[&str] = &["GET", "GET", "POST", "PUT", "HEAD"];
const PAGES: &[&str] = &["http://page.test", "http://gw.test", "null", "https://other.test:444"];
const ALLOWED: &[&str] = &["*", "http://page.test", "http://gw.test", "null", "", "a, b"];
const BODIES: &[&str] = &[
    "",
    " ",
    "ok",
    "{\"id\":12}",
    " [1]",
    "<!doctype html><p>12",
    "{\"next\":\"http://gw.test/items/?page=2\",\"own\":\"http://app.test:8000/items/12\"}",
    "http://gw.test/items",
    "{\"message\":\"Forbidden\"}",
    "{\"message\":\"Missing Authentication Token\"}",
    "RuntimeError: You called this URL via POST, but … APPEND_SLASH set",
    "<html><center>nginx</center></html>",
    "\u{89}PNG",
    "504 Gateway Time-out",
];
/// `{"next":"http://gw.test/items/?page=2"}`, as gzip writes it.
const CODED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x4b\xad\x28\x51\xb2\x52\xca\x28\x29\x29\xb0\xd2\xd7\x4f\x2f\xd7\x2b\x49\x2d\x2e\xd1\xcf\x2c\x49\xcd\x2d\xd6\xb7\x2f\x48\x4c\x4f\xb5\x35\x52\xaa\x05\x00\x5f\x84\x1a\xd2\x27\x00\x00\x00";
const DATES: &[&str] = &["Sun, 22 Nov 2026 17:00:00 GMT", "Sun, 22 Nov 2020 17:00:00 GMT", "x"];
const ASKED: &[(&str, &[&str])] = &[
    ("origin", PAGES),
    ("origin", PAGES),
    ("host", &["gw.test", "app.test:8000"]),
    ("user-agent", &["Mozilla/5.0 Chrome/156.0.0.0", "Mozilla/5.0 Firefox/153.0", "curl/8"]),
    ("sec-fetch-mode", &["cors", "no-cors", "navigate", "same-origin"]),
    ("sec-fetch-site", &["cross-site", "same-origin"]),
    ("sec-fetch-dest", &["empty", "image", "script", "document", "font"]),
    ("accept", &["*/*", "text/event-stream", "a\"b"]),
    ("content-type", &["application/json", "text/plain", "83150274691"]),
    ("cookie", &["sid=1", "sid=2", "", "sid=1, sid=2"]),
    ("cookie", &["sid=2", "a=1"]),
    ("authorization", &["Bearer 1", "Bearer 2"]),
    ("referer", &["http://page.test/a/12?x=1", "http://page.test/", "http://gw.test/7"]),
    ("x-token", &["1", "8315027469101"]),
    ("range", &["bytes=0-9", "x"]),
    ("access-control-request-headers", &["x-token", "authorization,x-token", ""]),
    ("x-forwarded-prefix", &["/prod", "/7", ""]),
    ("x-forwarded-proto", &["https"]),
    ("x-request-id", &["a1", "a2", "b"]),
    ("content-length", &["10", "2000000", "x"]),
    ("if-none-match", &["\"1\"", "\"2\""]),
    (" odd ", &["1"]),
];
const ANSWERED: &[(&str, &[&str])] = &[
    (
        "location",
        &["/items/", "/prod/items/", "/items/12?a=1", "http://app.test:8000/items/", "x", ""],
    ),
    (
        "location",
        &["https://gw.test:8443/prod/items?a=1", "/prod/items/12", "//gw.test/12", "http://:"],
    ),
    ("access-control-allow-origin", ALLOWED),
    ("access-control-allow-credentials", &["true", "TRUE"]),
    ("access-control-allow-headers", &["x-token", "*", "authorization"]),
    ("access-control-allow-methods", &["PUT", "*", "a b"]),
    ("access-control-max-age", &["600", "0"]),
    ("vary", &["Origin", "*", "accept, origin"]),
    ("cache-control", &["no-store", "max-age=600", "no-cache"]),
    ("content-type", &["application/json", "text/html; charset=utf-8", "image/png", "text/csv"]),
    ("content-length", &["0", "12", "13", "x"]),
    ("content-encoding", &["gzip"]),
    ("server", &["nginx/1.22.1", "gunicorn", "awselb/2.0", "WSGIServer/0.2"]),
    ("date", DATES),
    ("expires", DATES),
    ("last-modified", DATES),
    ("etag", &["\"1\"", "\"2\""]),
    ("age", &["0", "7", "8", "00", "x", " 9"]),
    ("set-cookie", &["sid=1", "laravel_session=1", "laravel_session=2"]),
    ("x-cache", &["Hit from cloudfront", "Miss"]),
    ("x-amzn-errortype", &["ForbiddenException", "MissingAuthenticationTokenException"]),
    ("x-amzn-remapped-server", &["a", "b"]),
    ("www-authenticate", &["Basic", "Bearer"]),
    ("x-content-type-options", &["nosniff"]),
    ("cross-origin-resource-policy", &["same-origin", "cross-origin"]),
    ("cross-origin-embedder-policy", &["require-corp"]),
    ("content-security-policy", &["connect-src 'none'", "connect-src http://gw.test/items/12"]),
    ("content-disposition", &["inline", "attachment"]),
    ("x-request-id", &["a1", "a2", "b"]),
    ("retry-after", &["1", "20"]),
    ("via", &["1.1 Caddy", "kong/3"]),
    ("allow", &["GET"]),
];
