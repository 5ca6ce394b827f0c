//! Chains from one-line hops, for the rules' tables.
//!
//! `edge GET http://gw.test/prod/items 301 location=/items/ >cookie=a body='b c'`: tap, method,
//! URL, status or failure, then response headers, request headers with `>`, and bodies. A line
//! at another tap is a sighting of the hop above it; one that repeats a hop that failed is its
//! retry; `said='a word'` is a failure's detail, `after=1000` when the answer came,
//! in ms, `cut=reset` what ended its body. Every request carries the page's `Origin` unless it
//! says `>origin=-`.
//!
//! **Invariant:** what a line does not say is not there.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Analysis, Fingerprints, Memo, Servers, analyse};
use crate::fetch::{Known, judge};
use crate::trace::*;

pub(super) const PAGE: &str = "http://page.test";

/// Assert that the chain of `lines` gives the finding `code` at the hop (counted from 1) by
/// the actor, or, for `None`, not at all.
#[track_caller]
pub(super) fn check(code: &str, lines: &[&str], found: Option<(usize, &str)>) {
    let analysis = analysed(lines);
    let finding = analysis.findings.iter().find(|it| it.code == code);
    let finding = finding.map(|it| (it.hop + 1, it.by.as_str().unwrap_or("?")));
    assert_eq!(finding, found, "{code}\n{}\n{:#?}", lines.join("\n"), analysis.findings);
    for finding in &analysis.findings {
        assert!(
            !finding.fix.is_empty() && !finding.title.is_empty() && !finding.evidence.is_empty()
        );
        assert!(!has_gap(&finding.fix), "unfilled: {}", finding.fix);
    }
}

/// A `{word}` that the rule did not fill in. `{proxy}` is API Gateway's own.
fn has_gap(fix: &str) -> bool {
    let mut words = fix.split('{').skip(1).filter_map(|it| Some(it.split_once('}')?.0));
    words.any(|it| it != "proxy" && it.bytes().all(|it| it.is_ascii_lowercase()))
}

/// The codes of the findings, each with its cause: `a < b` for an `a` because of `b`.
pub(super) fn codes(lines: &[&str]) -> Vec<String> {
    let words = |it: &super::Finding| match it.because {
        Some(because) => format!("{} {} < {because}", it.hop + 1, it.code),
        None => format!("{} {}", it.hop + 1, it.code),
    };
    analysed(lines).findings.iter().map(words).collect()
}

pub(super) fn analysed(lines: &[&str]) -> Analysis {
    analysed_after(lines, &Servers::default())
}

pub(super) fn analysed_after(lines: &[&str], servers: &Servers) -> Analysis {
    let (chain, taps) = story(lines);
    concluded(&Arc::new(chain), &taps, servers)
}

pub(super) fn analysed_chain(chain: Chain, taps: &[Tap]) -> Analysis {
    concluded(&Arc::new(chain), taps, &Servers::default())
}

/// What is concluded of the whole chain, which must be what is concluded of its shape. If it is
/// not, a rule reads what `shape/names.rs` does not list.
fn concluded(chain: &Arc<Chain>, taps: &[Tap], servers: &Servers) -> Analysis {
    let judgement = judge(chain, &Known::default());
    let whole = analyse(Arc::clone(chain), taps, judgement, servers);
    let mut memo = Memo::new(Known::default(), Cow::Borrowed(Fingerprints::builtin()));
    for _ in 0..2 {
        assert_eq!(memo.conclude(Arc::clone(chain), taps, servers), whole, "by its shape");
    }
    whole
}

/// The chain and the taps of some lines.
pub(super) fn story(lines: &[&str]) -> (Chain, Vec<Tap>) {
    let mut taps: Vec<Tap> = Vec::new();
    let mut chain = Chain::default();
    for (idx, line) in lines.iter().enumerate() {
        let (tap, hop) = hop(line, idx);
        let id = taps.iter().position(|it| it.name == tap).unwrap_or_else(|| {
            taps.push(new_tap(&tap));
            taps.len() - 1
        });
        let hop = Hop { tap: TapId(u16::try_from(id).unwrap()), ..hop };
        let is_outer = chain.hops.first().is_none_or(|it| it.hop.tap == hop.tap);
        let clue = Clue { text: "told".to_owned(), certain: true };
        if is_outer {
            let kind = if hop.is_preflight() { HopKind::Preflight } else { HopKind::Request };
            let broken = chain.hops.last().map(|it| &it.hop).filter(|it| {
                it.failure().is_some()
                    && (&it.request.method, &it.request.url)
                        == (&hop.request.method, &hop.request.url)
            });
            let link = broken.map(|it| Link { why: LinkWhy::RetryOf, to: it.id, clue });
            chain.hops.push(ChainHop { hop: Arc::new(hop), kind, link, sightings: vec![] });
        } else {
            let outer = chain.hops.last_mut().unwrap();
            let link = Link { why: LinkWhy::SameRequestAt, to: outer.hop.id, clue };
            outer.sightings.push(Sighting { hop: Arc::new(hop), link });
        }
    }
    (chain, taps)
}

fn new_tap(name: &str) -> Tap {
    let (kind, upstream) = match name {
        "reverse" => (TapKind::Reverse, Some("http://up.test:8000".to_owned())),
        _ => (TapKind::File, None),
    };
    Tap { name: name.to_owned(), kind, address: format!("{name}.har"), upstream }
}

fn hop(line: &str, idx: usize) -> (String, Hop) {
    let words = words(line);
    let at = i64::try_from(idx).unwrap() * 1000;
    let [tap, method, url, status, fields @ ..] = words.as_slice() else { panic!("short: {line}") };
    let mut request = Request { method: method.clone(), url: url.clone(), ..Request::default() };
    let mut response =
        Response { status: status.parse().unwrap_or_default(), ..Response::default() };
    let mut origin = PAGE.to_owned();
    let mut asks = "GET".to_owned();
    let mut said = String::new();
    let mut testimony = Testimony::default();
    let mut timing = Timing::default();
    response.body.complete = true;
    for field in fields {
        let (name, value) = field.split_once('=').unwrap_or_else(|| panic!("no `=`: {field}"));
        match name {
            "after" => timing.wait = Some(value.parse::<u64>().unwrap() * 1000),
            "cut" => {
                let kind = FailureKind::parse(value).unwrap();
                response.truncated = Some(Failure { kind, detail: String::new() });
            }
            "said" => value.clone_into(&mut said),
            "told" => testimony.error = Some(value.to_owned()),
            "body" => response.body = Body::full(value),
            ">body" => request.body = Body::full(value),
            ">origin" => value.clone_into(&mut origin),
            ">access-control-request-method" => value.clone_into(&mut asks),
            _ => match name.strip_prefix('>') {
                Some(name) => request.headers.push(name, value),
                None => response.headers.push(name, value),
            },
        }
    }
    if origin != "-" {
        request.headers.push("origin", origin);
    }
    if method == "OPTIONS" && asks != "-" {
        request.headers.push("access-control-request-method", asks);
    }
    let outcome = match FailureKind::parse(status) {
        Some(kind) => Outcome::Failed(Failure { kind, detail: said }),
        None if status == "-" => Outcome::Pending,
        None => Outcome::Answered(response),
    };
    let hop = Hop {
        id: HopId { recorder: 1, sequence: idx as u64 + 1 },
        tap: TapId(0),
        exchange: Exchange::Http,
        connection: None,
        started: Time(at),
        ended: Some(Time(at + 500)),
        request,
        outcome,
        timing,
        interim: Vec::new(),
        frames: <_>::default(),
        tls: None,
        trailers: None,
        own_changes: vec![],
        testimony,
    };
    (tap.clone(), hop)
}

/// Split at blanks, except within single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for it in line.chars() {
        match it {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(it),
        }
    }
    words.retain(|it| !it.is_empty());
    words
}
