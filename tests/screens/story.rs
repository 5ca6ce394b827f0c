//! The story of a lost stage, built by hand: what the screens are tested with.

use std::sync::Arc;

use hopscope::diagnose::{Analysis, Answered, Evidence, Finding};
use hopscope::fetch::{
    Api, Branch, Browser, Chromium, Credentials, Firefox, Judged, Judgement, Mode, On,
    RedirectMode, Unseen, UnseenKind, Verdict, VerdictOutcome,
};
use hopscope::lineage::{Actor, Actors, Change, Lineage, State, What};
use hopscope::trace::{
    Body, Chain, ChainHop, Clue, ConnectionId, Failure, FailureKind, Headers, Hop, HopId, HopKind,
    Link, LinkWhy, Outcome, Request, Response, Sighting, Tap, TapId, TapKind, Time, Timing,
};
use hopscope::tui::{Badge, ChainRow};

const PAGE: &str = "https://my.front-end.com";
const GATEWAY: &str = "https://a1b2c3.execute-api.eu-west-1.amazonaws.com";
const APP: &str = "http://my.server.host:12345";

/// 12:04:09 UTC on the day of the incident.
pub(crate) const NOON: i64 = 1_790_337_849_000_000;

pub(crate) fn taps() -> Vec<Tap> {
    let tap = |name: &str, address: &str, upstream: &str| Tap {
        name: name.to_owned(),
        kind: TapKind::Reverse,
        address: address.to_owned(),
        upstream: Some(upstream.to_owned()),
    };
    vec![tap("edge", "127.0.0.1:8080", GATEWAY), tap("origin", "127.0.0.1:9001", APP)]
}

/// The blocked GET: preflight, a redirect that forgets the stage, a preflight to nowhere.
pub(crate) fn blocked_get() -> Analysis {
    let cors = [("access-control-allow-origin", PAGE), ("vary", "origin")];
    let redirect = [
        ("location", "/items/"),
        ("access-control-allow-origin", PAGE),
        ("content-type", "text/html; charset=utf-8"),
    ];
    let forbidden = [
        ("content-type", "application/json"),
        ("x-amzn-errortype", "ForbiddenException"),
        ("x-amz-apigw-id", "5e705356cfdf483="),
    ];
    let hops = vec![
        both(1, "OPTIONS", "/prod/items", "/items", answer(200, &cors, b""), Some(preflight_of(3))),
        both(3, "GET", "/prod/items", "/items", answer(301, &redirect, b""), None),
        step(
            hop(
                5,
                0,
                "OPTIONS",
                GATEWAY,
                "/items/",
                answer(403, &forbidden, br#"{"message":"Forbidden"}"#),
            ),
            HopKind::Preflight,
            Some(link(LinkWhy::RedirectOf, 3, "Location /items/ of hop 2, same connection")),
        ),
    ];
    let console = format!(
        "Access to fetch at '{GATEWAY}/items/' (redirected from '{GATEWAY}/prod/items') from origin \
         '{PAGE}' has been blocked by CORS policy: Response to preflight request doesn't pass access \
         control check: No 'Access-Control-Allow-Origin' header is present on the requested resource."
    );
    Analysis {
        chain: Arc::new(Chain { hops, outside: Vec::new() }),
        judgement: Judgement {
            request: judged("GET", "/prod/items"),
            unseen: Vec::new(),
            verdict: Verdict {
                browser: Browser::Chromium,
                outcome: VerdictOutcome::Blocked,
                hop: Some(2),
                failed: None,
                reading: "The preflight passed; the redirected request was preflighted again at a \
                          path without the stage, and that answer carries no \
                          Access-Control-Allow-Origin."
                    .to_owned(),
                chromium: Chromium {
                    code: Some("PreflightMissingAllowOriginHeader"),
                    console: Some(console),
                    ..Chromium::default()
                },
                firefox: Firefox {
                    code: Some("CORSMissingAllowOrigin2"),
                    reason: Some("CORS header ‘Access-Control-Allow-Origin’ missing".to_owned()),
                    outcome: None,
                },
                depends: Vec::new(),
            },
        },
        answered: vec![by_app(), by_app(), by_gateway()],
        actors: Actors {
            answered: vec![Actor::App, Actor::App, Actor::Gateway],
            between: Actor::Gateway,
        },
        route: None,
        lineage: vec![
            lineage(
                What::Prefix,
                "/prod",
                &[State::Kept, State::Kept, State::Absent],
                &[change(1, State::Dropped, Actor::App)],
            ),
            lineage(
                What::Slash,
                "/",
                &[State::Absent, State::Absent, State::Added],
                &[change(1, State::Added, Actor::App)],
            ),
            lineage(
                What::Header("access-control-allow-origin".to_owned()),
                PAGE,
                &[State::Kept, State::Kept, State::Absent],
                &[],
            ),
        ],
        findings: vec![stage_prefix_lost(), gateway_error()],
    }
}

/// The app is stopped: the gateway answers the preflight itself.
pub(crate) fn app_down() -> Analysis {
    let mut analysis = blocked_get();
    let headers = [
        ("content-type", "application/json"),
        ("x-amzn-errortype", "InternalServerErrorException"),
    ];
    let body = br#"{"message":"Network error communicating with endpoint"}"#;
    let preflight = hop(11, 0, "OPTIONS", GATEWAY, "/prod/items", answer(504, &headers, body));
    let origin = hop(
        12,
        1,
        "OPTIONS",
        APP,
        "/items",
        Outcome::Failed(Failure {
            kind: FailureKind::Refused,
            detail: "connection refused by 10.0.0.7:12345".to_owned(),
        }),
    );
    let mut preflight = step(preflight, HopKind::Preflight, None);
    preflight.sightings.push(sighting(origin, 11));
    analysis.chain = Arc::new(Chain { hops: vec![preflight], outside: Vec::new() });
    analysis.judgement.verdict.hop = Some(0);
    analysis.answered = vec![by_gateway()];
    analysis.lineage = Vec::new();
    analysis.findings = vec![Finding {
        code: "app-unreachable",
        hop: 0,
        by: Actor::App,
        because: None,
        title: "The app refused the gateway's connection.".to_owned(),
        evidence: Vec::new(),
        fix: "Start the app, or correct the endpoint URL.".to_owned(),
        sources: Vec::new(),
    }];
    analysis
}

/// The second try: a cached preflight and a cached redirect, so only the last preflight was on
/// a wire.
pub(crate) fn second_try() -> Analysis {
    let mut analysis = blocked_get();
    let last = analysis.chain.hops.last().cloned();
    analysis.chain = Arc::new(Chain { hops: last.into_iter().collect(), outside: Vec::new() });
    let unseen = |kind, from| Unseen { kind, before: 0, from: Some(id(from)) };
    analysis.judgement.unseen =
        vec![unseen(UnseenKind::PreflightCached, 1), unseen(UnseenKind::AnswerCached, 3)];
    let verdict = &mut analysis.judgement.verdict;
    verdict.hop = Some(0);
    verdict.depends = vec![Branch {
        on: On::Credentials,
        value: "include".to_owned(),
        outcome: VerdictOutcome::Blocked,
        code: Some("PreflightMissingAllowOriginHeader"),
    }];
    analysis.answered = vec![by_gateway()];
    analysis.lineage = Vec::new();
    analysis.findings = vec![Finding { hop: 0, because: None, ..gateway_error() }];
    analysis.findings[0].evidence[0].hop = 0;
    analysis
}

/// Straight to the app, which the origin tap alone saw; it answers slowly and is still at it.
pub(crate) fn direct() -> Analysis {
    let mut analysis = blocked_get();
    let cors = [("access-control-allow-origin", "*"), ("content-type", "application/json")];
    let list = br#"[{"id":1,"name":"anvil"},{"id":2,"name":"rope, 20 m"}]"#;
    let mut it = hop(31, 1, "GET", APP, "/items/", answer(200, &cors, list));
    it.request.headers.remove("x-forwarded-for");
    it.request.headers.remove("x-amzn-trace-id");
    let hops = vec![step(it, HopKind::Request, None)];
    analysis.chain = Arc::new(Chain { hops, outside: Vec::new() });
    analysis.judgement.request = judged("GET", "/items/");
    let verdict = &mut analysis.judgement.verdict;
    (verdict.outcome, verdict.hop) = (VerdictOutcome::Allowed, Some(0));
    verdict.reading = String::from("The page reads the answer.");
    (verdict.chromium, verdict.firefox) = (Chromium::default(), Firefox::default());
    analysis.answered = vec![by_app()];
    analysis.lineage = Vec::new();
    analysis.findings = Vec::new();
    analysis
}

/// Twenty redirects in a row, longer than any small screen.
pub(crate) fn redirect_loop() -> Analysis {
    let mut analysis = blocked_get();
    let headers = [("location", "/a/very/long/way/to/go/for/nothing/at/all?and=more")];
    let path = "/a/very/long/way/to/go/for/nothing/at/all?and=more";
    let hops =
        (0..20).map(|it| both(41 + 2 * it, "GET", path, path, answer(302, &headers, b""), None));
    analysis.chain = Arc::new(Chain { hops: hops.collect(), outside: Vec::new() });
    analysis.judgement.verdict.outcome = VerdictOutcome::Failed;
    analysis.judgement.verdict.failed = Some(hopscope::fetch::FailedBy::Redirect);
    analysis.judgement.verdict.chromium.code = None;
    analysis.judgement.verdict.chromium.net_error = Some("net::ERR_TOO_MANY_REDIRECTS".to_owned());
    analysis.judgement.verdict.hop = Some(19);
    analysis.answered = vec![by_app(); 20];
    analysis.lineage = vec![lineage(What::Prefix, "/a", &[State::Kept; 20], &[])];
    analysis.findings = Vec::new();
    analysis
}

/// Traffic that wants to do harm to the terminal.
pub(crate) fn hostile() -> Analysis {
    let mut analysis = blocked_get();
    let headers = [("x-title", "\x1b]0;owned\x07"), ("x-bidi", "abc\u{202e}gpj.exe")];
    let body = b"\x1b[2J\x1b[1;1Hnothing to see\r\n\xff\xfe";
    let path = "/prod/\x1b[31mitems?q=\u{200b}\u{202e}";
    let it = hop(21, 0, "GE\x1bT", GATEWAY, path, answer(200, &headers, body));
    analysis.chain =
        Arc::new(Chain { hops: vec![step(it, HopKind::Request, None)], outside: vec![] });
    analysis.judgement.request = judged("GE\x1bT", path);
    analysis.judgement.verdict.hop = Some(0);
    analysis.judgement.verdict.chromium.console = Some("\x1b[31mred\x1b[0m".to_owned());
    analysis.answered = vec![by_app()];
    analysis.lineage = vec![lineage(
        What::Prefix,
        "/\x1b[5m",
        &[State::Kept],
        &[change(0, State::Dropped, Actor::App)],
    )];
    for it in &mut analysis.findings {
        it.hop = 0;
        it.title = format!("A title with {} in it.", "\x1b[7m");
        it.evidence.truncate(0);
        it.fix = String::from("\x1b[2J");
    }
    analysis
}

/// The rows of the list, oldest first.
pub(crate) fn rows() -> Vec<ChainRow> {
    let row = |number: u64, seconds: i64, method: &str, path: &str, badge, tap| ChainRow {
        id: id(number * 100),
        number,
        at: Time(NOON + seconds * 1_000_000),
        method: method.to_owned(),
        host: "a1b2c3.execute-api.eu-west-1.amazonaws.com".to_owned(),
        path: path.to_owned(),
        badge,
        tap: TapId(tap),
        hops: 2,
    };
    let ok = Badge::Allowed { error: None };
    let mut rows = vec![
        row(1, -31, "GET", "/prod/health", ok, 0),
        row(2, -24, "GET", "/prod/items?page=2", Badge::Depends, 0),
        row(3, -19, "PUT", "/prod/items/7", Badge::Failed("net"), 0),
        row(4, -12, "GET", "/prod/users/a-very-long-path/that-does-not-fit/in-the-list", ok, 0),
        row(5, -7, "GET", "/prod/users", ok, 0),
        row(6, -4, "GET", "/items", ok, 1),
        row(7, 0, "GET", "/prod/items", Badge::Blocked { masked: Some(403) }, 0),
        row(8, 6, "POST", "/prod/items", Badge::Allowed { error: Some(500) }, 0),
        row(9, 12, "GET", "/prod/items", Badge::Blocked { masked: Some(504) }, 0),
    ];
    if let Some(direct) = rows.get_mut(5) {
        direct.host = String::from("my.server.host:12345");
    }
    for (at, sequence) in [(6, 1), (8, 11)] {
        if let Some(it) = rows.get_mut(at) {
            it.id = id(sequence);
        }
    }
    rows
}

pub(crate) fn id(sequence: u64) -> HopId {
    HopId { recorder: 7, sequence }
}

fn stage_prefix_lost() -> Finding {
    Finding {
        code: "stage-prefix-lost",
        hop: 1,
        by: Actor::App,
        because: None,
        title: "The redirect's Location \"/items/\" leaves the stage \"/prod\". The app never saw \
                \"/prod\"; the gateway passed its answer back unchanged."
            .to_owned(),
        evidence: vec![
            evidence(1, 1, "request line", "GET /items"),
            evidence(1, 1, "response location", "/items/"),
            evidence(1, 0, "request line", "GET /prod/items"),
        ],
        fix: "Let the endpoint URL end in a slash: http://my.server.host:12345/{proxy}/".to_owned(),
        sources: vec!["https://docs.aws.amazon.com/apigateway/latest/developerguide/"],
    }
}

fn gateway_error() -> Finding {
    Finding {
        code: "gateway-error-without-cors",
        hop: 2,
        by: Actor::Gateway,
        because: Some("stage-prefix-lost"),
        title: "The gateway answered 403 itself, without CORS headers.".to_owned(),
        evidence: vec![evidence(2, 0, "response body", "{\"message\":\"Forbidden\"}")],
        fix: "Add Access-Control-Allow-Origin to the gateway's own responses.".to_owned(),
        sources: Vec::new(),
    }
}

fn evidence(hop: usize, tap: u16, place: &str, text: &str) -> Evidence {
    Evidence { hop, tap: TapId(tap), place: place.to_owned(), text: text.to_owned() }
}

fn lineage(what: What, value: &str, hops: &[State], changes: &[Change]) -> Arc<Lineage> {
    let value = Some(value.to_owned());
    Arc::new(Lineage { what, value, hops: hops.to_vec(), changes: changes.to_vec() })
}

fn change(hop: usize, state: State, by: Actor) -> Change {
    Change { hop, state, by, between: None }
}

fn by_app() -> Answered {
    Answered {
        by: Some(Actor::App),
        product: Some("django-cors-headers".to_owned()),
        why: "seen at tap origin".to_owned(),
        sure: true,
    }
}

fn by_gateway() -> Answered {
    Answered {
        by: Some(Actor::Gateway),
        product: Some("AWS API Gateway (REST)".to_owned()),
        why: "never seen at tap origin".to_owned(),
        sure: true,
    }
}

fn judged(method: &str, path: &str) -> Judged {
    Judged {
        api: Api::Fetch,
        method: method.to_owned(),
        url: format!("{GATEWAY}{path}"),
        origin: Some(PAGE.to_owned()),
        mode: Mode::Cors,
        credentials: Credentials::SameOrigin,
        redirect: RedirectMode::Follow,
        assumed: vec!["api", "credentials"],
    }
}

/// A hop seen at both taps.
fn both(
    sequence: u64,
    method: &str,
    outer: &str,
    inner: &str,
    outcome: Outcome,
    link: Option<Link>,
) -> ChainHop {
    let kind = if link.is_some() { HopKind::Preflight } else { HopKind::Request };
    let mut it = step(hop(sequence, 0, method, GATEWAY, outer, outcome.clone()), kind, link);
    it.sightings.push(sighting(hop(sequence + 1, 1, method, APP, inner, outcome), sequence));
    it
}

fn sighting(hop: Hop, to: u64) -> Sighting {
    let clue = "path ends the same, inside in time";
    Sighting { hop: Arc::new(hop), link: link(LinkWhy::SameRequestAt, to, clue) }
}

fn step(hop: Hop, kind: HopKind, link: Option<Link>) -> ChainHop {
    ChainHop { hop: Arc::new(hop), kind, link, sightings: Vec::new() }
}

fn preflight_of(to: u64) -> Link {
    link(LinkWhy::PreflightOf, to, "Access-Control-Request-Method GET, same URL")
}

fn link(why: LinkWhy, to: u64, clue: &str) -> Link {
    let certain = why != LinkWhy::SameRequestAt;
    Link { why, to: id(to), clue: Clue { text: clue.to_owned(), certain } }
}

fn hop(sequence: u64, tap: u16, method: &str, base: &str, path: &str, outcome: Outcome) -> Hop {
    let host = base.split("://").last().unwrap_or_default();
    let mut headers: Headers =
        [("host", host), ("origin", PAGE), ("accept", "*/*")].into_iter().collect();
    headers.push("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0");
    match method {
        "OPTIONS" => {
            headers.push("access-control-request-method", "GET");
            headers.push("access-control-request-headers", "x-token");
        }
        _ => headers.push("x-token", "a"),
    }
    if tap > 0 {
        headers.push("x-forwarded-for", "203.0.113.9");
        headers.push("x-amzn-trace-id", "Root=1-65e4c1-0a1b2c3d4e5f");
    }
    let started = Time(NOON + i64::try_from(sequence).unwrap_or(0) * 1_500);
    Hop {
        id: id(sequence),
        tap: TapId(tap),
        exchange: hopscope::trace::Exchange::Http,
        connection: Some(ConnectionId(3)),
        started,
        ended: Some(started.plus(42_000)),
        request: Request {
            method: method.to_owned(),
            url: format!("{base}{path}"),
            headers,
            ..Request::default()
        },
        outcome,
        timing: Timing {
            connect: Some(9_200),
            tls: Some(14_000),
            wait: Some(38_400),
            receive: Some(600),
        },
        interim: Vec::new(),
        frames: <_>::default(),
        tls: None,
        trailers: None,
        own_changes: Vec::new(),
        testimony: hopscope::trace::Testimony::default(),
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Outcome {
    Outcome::Answered(Response {
        status,
        headers: headers.iter().copied().collect(),
        body: Body::full(body),
        ..Response::default()
    })
}
