//! Properties of the machine: whatever servers say, driving and judging agree, and neither panics.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use hopscope::fetch::judge::{Driven, conclude};
use hopscope::fetch::{
    Answer, Api, Ask, Browser, Credentials, Fetch, Judgement, Known, Memory, Mode, Outgoing, Page,
    PageRequest, RedirectMode, VerdictOutcome, judge,
};
use hopscope::trace::{
    Body, Chain, ChainHop, Exchange, Failure, FailureKind, Headers, Hop, HopId, HopKind, Outcome,
    Request, Response, TapId, Testimony, Time, Timing,
};

const PAGE: &str = "http://127.0.0.1:1001";

/// Values that servers get wrong in practice.
fn value(of: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::weighted(0.8, proptest::sample::select(of))
}

fn response() -> impl Strategy<Value = Response> {
    (
        proptest::sample::select(&[200_u16, 204, 301, 302, 303, 304, 307, 308, 401, 404, 500][..]),
        value(&["*", "http://127.0.0.1:1001", "null", "http://other.test", "", "a, b"]),
        value(&["true", "True", "false"]),
        value(&["*", "GET, PUT", "PUT DELETE", "put"]),
        value(&["*", "x-token", "x-token; y", "authorization, x-token, content-type"]),
        value(&[
            "/a",
            "http://127.0.0.2:1002/b",
            "http://127.0.0.3:1003/c",
            "//u:p@127.0.0.2:1002/",
            "data:,x",
            "http://",
            "",
        ]),
        value(&["0", "600", "x"]),
        value(&["max-age=600", "no-store", "no-cache"]),
    )
        .prop_map(|(status, origin, credentials, methods, headers, location, age, cache)| {
            let mut response =
                Response { status, body: Body::full(b"x".to_vec()), ..Response::default() };
            for (name, value) in [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Credentials", credentials),
                ("Access-Control-Allow-Methods", methods),
                ("Access-Control-Allow-Headers", headers),
                ("Location", location),
                ("Access-Control-Max-Age", age),
                ("Cache-Control", cache),
            ] {
                if let Some(value) = value {
                    response.headers.push(name, value);
                }
            }
            response
        })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        9 => response().prop_map(Outcome::Answered),
        1 => proptest::sample::select(&[FailureKind::Reset, FailureKind::Closed, FailureKind::Malformed][..])
            .prop_map(|kind| Outcome::Failed(Failure { kind, detail: String::new() })),
    ]
}

fn request() -> impl Strategy<Value = PageRequest> {
    (
        proptest::sample::select(&["/a", "http://127.0.0.2:1002/b", "http://127.0.0.3:1003/c"][..]),
        proptest::sample::select(&["GET", "HEAD", "POST", "PUT", "patch"][..]),
        proptest::sample::select(Credentials::ALL),
        proptest::sample::select(RedirectMode::ALL),
        proptest::sample::select(&[Api::Fetch, Api::Xhr][..]),
        any::<(bool, bool, bool)>(),
    )
        .prop_map(|(url, method, credentials, redirect, api, (token, authorization, json))| {
            let url = if url.starts_with('/') { format!("{PAGE}{url}") } else { url.to_owned() };
            let mut request = PageRequest::get(url);
            method.clone_into(&mut request.method);
            request.credentials = credentials;
            request.redirect = redirect;
            request.api = api;
            if token {
                request.headers.push("X-Token", "1");
            }
            if authorization {
                request.headers.push("Authorization", "Bearer t");
            }
            if json && !matches!(method, "GET" | "HEAD") {
                request.headers.push("Content-Type", "application/json");
                request.body = Some("{}".to_owned());
            }
            request
        })
}

/// Drive a request against answers that come one after another.
fn drive(request: &PageRequest, answers: &[Outcome], browser: Browser) -> (Chain, Judgement) {
    let page = Page { origin: PAGE.to_owned(), ..Page::default() };
    let mut memory = Memory::default();
    let mut chain = Chain::default();
    let mut hops_after = vec![0];
    let mut answers = answers.iter().cycle();
    let (mut fetch, mut ask) = Fetch::start(&page, request, browser, &mut memory, Time(0));
    let end = loop {
        let (out, kind) = match ask {
            Ask::Done(end) => break end,
            Ask::Preflight(out) => (out, HopKind::Preflight),
            Ask::Send(out) | Ask::Connect(out) => (out, HopKind::Request),
        };
        let outcome = answers.next().unwrap();
        chain.hops.push(hop(&out, kind, outcome.clone(), chain.hops.len() as u64 + 1));
        hops_after.push(chain.hops.len());
        let now = Time(i64::try_from(chain.hops.len()).unwrap());
        ask = match outcome {
            Outcome::Answered(response) => {
                fetch.answer(Answer::Response { response, hop: None }, &mut memory, now)
            }
            Outcome::Failed(failure) => fetch.answer(Answer::Failed(failure), &mut memory, now),
            Outcome::Pending => unreachable!(),
        };
    };
    let judgement = conclude(&Driven {
        page: &page,
        request,
        browser,
        chain: &chain,
        fetch: &fetch,
        end: &end,
        hops_after: &hops_after,
    });
    (chain, judgement)
}

fn hop(out: &Outgoing, kind: HopKind, outcome: Outcome, sequence: u64) -> ChainHop {
    let at = Time(i64::try_from(sequence).unwrap());
    let hop = Hop {
        id: HopId { recorder: 1, sequence },
        tap: TapId(0),
        exchange: Exchange::Http,
        connection: None,
        started: at,
        ended: Some(at),
        request: Request {
            method: out.method.clone(),
            url: out.url.to_string(),
            headers: out.headers.clone(),
            ..Request::default()
        },
        outcome,
        timing: Timing::default(),
        interim: Vec::new(),
        frames: <_>::default(),
        tls: None,
        trailers: None,
        own_changes: Vec::new(),
        testimony: Testimony::default(),
    };
    ChainHop { hop: Arc::new(hop), kind, link: None, sightings: Vec::new() }
}

fn known(request: &PageRequest, browser: Browser) -> Known {
    let made = request.as_made();
    Known {
        browser: Some(browser),
        api: Some(made.api),
        mode: Some(made.mode),
        credentials: Some(made.credentials),
        redirect: Some(made.redirect),
        crossorigin: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn driver_and_judge_agree(
        request in request(),
        answers in proptest::collection::vec(outcome(), 1..6),
        firefox in any::<bool>(),
    ) {
        let browser = if firefox { Browser::Firefox } else { Browser::Chromium };
        let (chain, driven) = drive(&request, &answers, browser);
        prop_assume!(!chain.hops.is_empty());
        let judged = judge(&chain, &known(&request, browser));
        prop_assert_eq!(judged.verdict.outcome, driven.verdict.outcome, "{:?}\n{:?}", judged, driven);
        prop_assert_eq!(judged.verdict.chromium.code, driven.verdict.chromium.code);
        prop_assert_eq!(judged.verdict.firefox.code, driven.verdict.firefox.code);
        prop_assert_eq!(judged.verdict.chromium.console, driven.verdict.chromium.console);
        prop_assert_eq!(judged.verdict.hop, driven.verdict.hop);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Without options the truth is the verdict, or one of its branches.
    #[test]
    fn the_truth_is_among_the_branches(
        request in request(),
        answers in proptest::collection::vec(outcome(), 1..6),
    ) {
        let (chain, driven) = drive(&request, &answers, Browser::Chromium);
        prop_assume!(!chain.hops.is_empty());
        let judged = judge(&chain, &Known::default());
        let truth = (driven.verdict.outcome, driven.verdict.chromium.code);
        let named = (judged.verdict.outcome, judged.verdict.chromium.code) == truth
            || judged.verdict.outcome == VerdictOutcome::Depends
            || judged.verdict.depends.iter().any(|it| (it.outcome, it.code) == truth)
            || request.redirect != RedirectMode::Follow;
        prop_assert!(named, "{:?}\n{:?}", driven, judged);
    }

    #[test]
    fn judging_garbage_never_panics(
        hops in proptest::collection::vec(garbage(), 0..8),
        credentials in proptest::option::of(proptest::sample::select(Credentials::ALL)),
        mode in proptest::option::of(proptest::sample::select(Mode::ALL)),
        api in proptest::option::of(proptest::sample::select(Api::ALL)),
    ) {
        let chain = Chain { hops, outside: Vec::new() };
        let judged = judge(&chain, &Known { credentials, mode, api, ..Known::default() });
        prop_assert!(judged.verdict.hop.is_none_or(|it| it < chain.hops.len()));
    }
}

/// A hop with anything in it.
fn garbage() -> impl Strategy<Value = ChainHop> {
    let headers = proptest::collection::vec(
        (
            proptest::sample::select(
                &[
                    "Origin",
                    "Location",
                    "Access-Control-Allow-Origin",
                    "access-control-request-method",
                    "Access-Control-Request-Headers",
                    "Sec-Fetch-Mode",
                    "Sec-Fetch-Site",
                    "User-Agent",
                    "Content-Length",
                    "Referer",
                    "Cache-Control",
                    "Age",
                    "Date",
                    "Expires",
                    "Vary",
                    "X",
                ][..],
            ),
            proptest::collection::vec(any::<u8>(), 0..20),
        ),
        0..8,
    )
    .prop_map(|it| it.into_iter().collect::<Headers>());
    (".{0,12}", "\\PC{0,30}", headers.clone(), headers, any::<u16>(), 0..4_u8).prop_map(
        |(method, url, asked, answered, status, shape)| {
            let outcome = match shape {
                0 => Outcome::Pending,
                1 => Outcome::Failed(Failure { kind: FailureKind::Reset, detail: String::new() }),
                _ => {
                    Outcome::Answered(Response { status, headers: answered, ..Response::default() })
                }
            };
            let kind = match shape {
                2 => HopKind::Preflight,
                _ => HopKind::Request,
            };
            let hop = Hop {
                id: HopId { recorder: 1, sequence: 1 },
                tap: TapId(0),
                exchange: Exchange::Http,
                connection: None,
                started: Time(i64::from(status)),
                ended: None,
                request: Request { method, url, headers: asked, ..Request::default() },
                outcome,
                timing: Timing::default(),
                interim: Vec::new(),
                frames: <_>::default(),
                tls: None,
                trailers: None,
                own_changes: Vec::new(),
                testimony: Testimony::default(),
            };
            ChainHop { hop: Arc::new(hop), kind, link: None, sightings: Vec::new() }
        },
    )
}

#[test]
fn ten_thousand_redirects_are_judged_at_once() {
    let mut request = PageRequest::get("http://127.0.0.2:1002/0");
    request.headers.push("X-Token", "1");
    let page = Page { origin: PAGE.to_owned(), ..Page::default() };
    let mut memory = Memory::default();
    let (_, ask) = Fetch::start(&page, &request, Browser::Chromium, &mut memory, Time(0));
    let Ask::Preflight(mut out) = ask else { panic!("a preflight goes first") };
    out.method = "GET".to_owned();
    let mut chain = Chain::default();
    for n in 0..10_000_u64 {
        let mut response = Response { status: 302, ..Response::default() };
        response.headers.push("Location", format!("/{}", n + 1));
        response.headers.push("Access-Control-Allow-Origin", "*");
        out.url.set_path(&n.to_string());
        chain.hops.push(hop(&out, HopKind::Request, Outcome::Answered(response), n + 1));
    }
    let began = Instant::now();
    let judged = judge(&chain, &Known::default());
    assert_eq!(judged.verdict.chromium.net_error.as_deref(), Some("net::ERR_TOO_MANY_REDIRECTS"));
    assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
}
