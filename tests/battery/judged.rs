//! Recorded hops, judged: with the case's options given, and without.

use std::borrow::Cow;
use std::sync::Arc;

use hopscope::diagnose::{self, Fingerprints, Memo, Servers};
use hopscope::fetch::{Api, Known, On, VerdictOutcome, judge};
use hopscope::link;
use hopscope::trace::{
    Body, Chain, Exchange, Failure, FailureKind, Hop, HopId, Outcome, Request, Response, TapId,
    Testimony, Time, Timing,
};

use super::case::{self, Case, TrueHop, Truth};

/// The chain of the last request, as the linker finds it among all hops.
pub(crate) fn chain(truth: &Truth) -> Chain {
    let mut last = 0;
    let hops: Vec<Arc<Hop>> = truth
        .hops
        .iter()
        .enumerate()
        .map(|(at, it)| {
            // Several hops within a millisecond keep their order.
            last = (it.t_ms * 1_000).max(last + 1);
            Arc::new(hop(it, at as u64 + 1, last))
        })
        .collect();
    let step = truth.hops.iter().map(|it| it.step).max().unwrap_or(1);
    let chain = link::chains(&hops, &[]).pop().unwrap();
    let expected = truth.hops.iter().filter(|it| it.step == step).count();
    assert_eq!(chain.hops.len(), expected, "the linker found another chain");
    chain
}

fn hop(it: &TrueHop, sequence: u64, micros: i64) -> Hop {
    let started = Time(1_700_000_000_000_000).plus(micros);
    let outcome = match it.status {
        Some(status) => Outcome::Answered(Response {
            status,
            reason: it.status_text.clone().unwrap_or_default().into_bytes(),
            headers: it.response_headers.iter().cloned().collect(),
            body: Body::full(it.response_body.clone().unwrap_or_default()),
            ..Response::default()
        }),
        None => Outcome::Failed(Failure {
            kind: match it.transport.as_deref() {
                Some("connection reset") => FailureKind::Reset,
                Some("never answered") => FailureKind::Timeout,
                Some(_) => FailureKind::Closed,
                None => FailureKind::Malformed,
            },
            detail: String::new(),
        }),
    };
    Hop {
        id: HopId { recorder: 1, sequence },
        tap: TapId(0),
        exchange: Exchange::Http,
        connection: None,
        started,
        ended: Some(started),
        request: Request {
            method: it.method.clone(),
            url: it.url.clone(),
            headers: it.request_headers.iter().cloned().collect(),
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
    }
}

/// The case's options, as `--assume` would give them.
pub(crate) fn options(case: &Case) -> Known {
    let page = case.page();
    let request = page.requests.last().unwrap();
    let made = request.as_made();
    let mut known = Known {
        api: Some(request.api),
        crossorigin: request.crossorigin.clone(),
        ..Known::default()
    };
    if matches!(request.api, Api::Fetch | Api::Xhr | Api::EventSource) {
        known.credentials = Some(made.credentials);
    }
    if request.api == Api::Fetch {
        known.mode = Some(made.mode);
        known.redirect = Some(made.redirect);
    }
    known
}

/// By its shape, a chain ends as it does as a whole.
fn same_by_its_shape(chain: &Chain, known: &Known) {
    let (taps, servers) = ([], Servers::default());
    let mut memo = Memo::new(known.clone(), Cow::Borrowed(Fingerprints::builtin()));
    let chain = Arc::new(chain.clone());
    let whole = diagnose::analyse(Arc::clone(&chain), &taps, judge(&chain, known), &servers);
    assert_eq!(memo.conclude(chain, &taps, &servers), whole);
}

#[test]
fn shapes_end_as_their_chains_do() {
    let cases = case::cases(18_001);
    for case in cases.iter().filter(|it| it.har.enough && !it.chromium.hops.is_empty()) {
        let chain = chain(&case.chromium);
        same_by_its_shape(&chain, &options(case));
        same_by_its_shape(&chain, &Known::default());
    }
}

/// The recorded answer broke in a way that the hops as written down do not show.
fn is_broken_on_the_wire(truth: &Truth) -> bool {
    matches!(
        truth.net_error.as_deref(),
        Some("net::ERR_INVALID_CHUNKED_ENCODING" | "net::ERR_CONTENT_DECODING_FAILED")
    )
}

#[test]
fn judging_agrees_with_the_options_given() {
    let cases = case::cases(18_001);
    let (mut total, mut disagreeing) = (0, Vec::new());
    for case in cases.iter().filter(|it| it.har.enough && !it.chromium.hops.is_empty()) {
        total += 1;
        let mut truth = case.chromium.clone();
        if is_broken_on_the_wire(&truth) {
            truth.net_error = None;
            truth.console.clear();
        }
        let judged = judge(&chain(&truth), &options(case));
        let mut found = case::differences(&truth, &judged);
        if !judged.verdict.depends.is_empty() {
            found.push(format!("depends: {:?}", judged.verdict.depends));
        }
        if !found.is_empty() {
            disagreeing.push((case.id.clone(), found));
        }
    }
    case::ratchet("judged with options", total, &disagreeing, 275);
}

#[test]
fn judging_agrees_without_options() {
    let cases = case::cases(18_001);
    let (mut total, mut disagreeing) = (0, Vec::new());
    for case in cases.iter().filter(|it| it.har.enough && !it.chromium.hops.is_empty()) {
        total += 1;
        let judged = judge(&chain(&case.chromium), &Known::default());
        let verdict = &judged.verdict;
        let mut found = Vec::new();
        if verdict.outcome != case::outcome(&case.chromium) {
            found.push(format!("{:?} {:?}", verdict.outcome, verdict.depends));
        }
        if verdict.chromium.code != case.chromium.cors_error.as_deref() {
            found.push(format!("{:?} != {:?}", case.chromium.cors_error, verdict.chromium.code));
        }
        if verdict.depends.iter().any(|it| it.on == On::Credentials) {
            found.push(format!("depends {:?}", verdict.depends));
        }
        if !found.is_empty() {
            disagreeing.push((case.id.clone(), found));
        }
    }
    case::ratchet("judged without options", total, &disagreeing, 275);
}

/// Where the code turns on the credentials mode, both measured verdicts are named.
#[test]
fn the_unseen_credentials_mode_is_named() {
    let cases = case::cases(18_001);
    let (mut total, mut disagreeing) = (0, Vec::new());
    for case in &cases {
        let Some(flip) = &case.har.flip else { continue };
        total += 1;
        let judged = judge(&chain(&case.chromium), &Known::default());
        let verdict = &judged.verdict;
        let code =
            |it: &str| flip.get(it).and_then(|it| it.strip_prefix("error ")).map(str::to_owned);
        let default = code("same-origin").unwrap_or_default();
        let include = code("include").unwrap_or_default();
        let other =
            verdict.depends.iter().find(|it| it.on == On::Credentials && it.value == "include");
        let mut found = Vec::new();
        if verdict.chromium.code.unwrap_or_default() != default {
            found.push(format!("default {default} != {:?}", verdict.chromium.code));
        }
        if other.and_then(|it| it.code).unwrap_or_default() != include {
            found.push(format!("include {include} != {other:?}"));
        }
        if !default.is_empty() && verdict.outcome != VerdictOutcome::Blocked {
            found.push(format!("outcome {:?}", verdict.outcome));
        }
        if !found.is_empty() {
            disagreeing.push((case.id.clone(), found));
        }
    }
    case::ratchet("credentials flips", total, &disagreeing, 29);
}

/// A cached redirect is part of the chain though it left no hop: the page is the first origin,
/// and the console names the URL that was asked for.
#[test]
fn a_cached_redirect_is_where_the_fetch_began() {
    let text = r#"{"id":"x","har":{"enough":true},"page":{},"servers":[],"chromium":{"ok":false,"hops":[
        {"step":1,"kind":"actual","method":"GET","url":"http://b.test/items","origin":"http://a.test","status":301,
         "request_headers":[["Origin","http://a.test"],["Sec-Fetch-Mode","cors"],["User-Agent","Mozilla/5.0"]],
         "response_headers":[["Location","http://c.test/x"],["Access-Control-Allow-Origin","http://a.test"]]},
        {"step":1,"kind":"actual","method":"GET","url":"http://c.test/x","origin":"null","status":200,"t_ms":1,
         "request_headers":[["Origin","null"],["Sec-Fetch-Mode","cors"],["User-Agent","Mozilla/5.0"]],
         "response_headers":[["Access-Control-Allow-Origin","*"]]},
        {"step":2,"kind":"actual","method":"GET","url":"http://c.test/x","origin":"null","status":200,"t_ms":60000,
         "request_headers":[["Origin","null"],["Sec-Fetch-Mode","cors"],["User-Agent","Mozilla/5.0"]],
         "response_headers":[["Access-Control-Allow-Origin","http://a.test"]]}]}}"#;
    let case: Case = serde_json::from_str(text).unwrap();
    let judged = judge(&chain(&case.chromium), &Known::default());
    assert_eq!(judged.verdict.chromium.code, Some("AllowOriginMismatch"));
    let console = judged.verdict.chromium.console.unwrap();
    assert!(
        console.starts_with(
            "Access to fetch at 'http://c.test/x' (redirected from 'http://b.test/items') from \
             origin 'http://a.test' has been blocked"
        ),
        "{console}"
    );
    let cached = hopscope::fetch::UnseenKind::AnswerCached;
    assert!(
        judged.unseen.iter().any(|it| it.kind == cached && it.before == 0),
        "{:?}",
        judged.unseen
    );
    assert_eq!(judged.verdict.hop, Some(0));
}
