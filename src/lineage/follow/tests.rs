//! Chains in short, and what became of each thing.

use std::sync::Arc;

use super::super::{Actor, Actors, Route, State, What, follow_header};
use super::follow;
use crate::trace::{
    Body, Chain, ChainHop, Clue, Exchange, Headers, Hop, HopId, HopKind, Link, LinkWhy, Outcome,
    Request, Response, Sighting, TapId, Testimony, Time, Timing,
};

/// Hops as `(method and URL, request headers, status, response headers)`; an inner sighting
/// has a URL that starts with `http://app`.
type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a [(&'a str, &'a str)]);

fn chain(lines: &[Line<'_>]) -> Chain {
    let mut chain = Chain::default();
    for (idx, (what, asked, status, answered)) in lines.iter().enumerate() {
        let (method, url) = what.split_once(' ').unwrap();
        let is_inner = url.starts_with("http://app");
        let headers = |fields: &[(&str, &str)]| fields.iter().copied().collect::<Headers>();
        let body = if method == "POST" { Body::full("x") } else { Body::default() };
        let hop = Arc::new(Hop {
            id: HopId { recorder: 1, sequence: idx as u64 },
            tap: TapId(u16::from(is_inner)),
            exchange: Exchange::Http,
            connection: None,
            started: Time(0),
            ended: None,
            request: Request {
                method: method.to_owned(),
                url: url.to_owned(),
                headers: headers(asked),
                body,
                ..Request::default()
            },
            outcome: Outcome::Answered(Response {
                status: *status,
                headers: headers(answered),
                ..Response::default()
            }),
            timing: Timing::default(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: None,
            own_changes: vec![],
            testimony: Testimony::default(),
        });
        if is_inner {
            let clue = Clue { text: String::new(), certain: true };
            let outer = chain.hops.last_mut().unwrap();
            let link = Link { why: LinkWhy::SameRequestAt, to: outer.hop.id, clue };
            outer.sightings.push(Sighting { hop, link });
        } else {
            let kind = if hop.is_preflight() { HopKind::Preflight } else { HopKind::Request };
            chain.hops.push(ChainHop { hop, kind, link: None, sightings: vec![] });
        }
    }
    chain
}

fn actors(chain: &Chain) -> Actors {
    Actors { answered: vec![Actor::App; chain.hops.len()], between: Actor::Gateway }
}

/// `kept kept absent; 2 dropped by app`, as the contract writes it.
fn words(lineage: &super::Lineage) -> String {
    let states: Vec<&str> = lineage.hops.iter().map(|it| it.as_str()).collect();
    let changes = lineage.changes.iter().map(|it| {
        let by = it.by.as_str().unwrap_or("?");
        let way = if it.between.is_some() { " on the way" } else { "" };
        format!("; {} {} by {by}{way}", it.hop + 1, it.state.as_str())
    });
    format!("{}{}", states.join(" "), changes.collect::<String>())
}

#[track_caller]
fn check(what: &What, lines: &[Line<'_>], expected: Option<&str>) {
    let chain = chain(lines);
    let route = Route::learn(&chain, None);
    let all = follow(&chain, &actors(&chain), route.as_ref());
    let found = all.iter().find(|it| it.what == *what);
    assert_eq!(found.map(words).as_deref(), expected, "{what}: {lines:?}");
}

const PAGE: (&str, &str) = ("origin", "http://page.test");
const ALLOW: (&str, &str) = ("access-control-allow-origin", "http://page.test");
const ASK: (&str, &str) = ("access-control-request-method", "GET");

/// The story of the lost stage, with the slash that the gateway drops.
const STORY: &[Line<'_>] = &[
    ("OPTIONS http://gw/prod/items/?a=1", &[PAGE, ASK], 200, &[ALLOW]),
    ("OPTIONS http://app/items?a=1", &[PAGE, ASK], 200, &[ALLOW]),
    ("GET http://gw/prod/items/?a=1", &[PAGE], 301, &[ALLOW, ("location", "/items/")]),
    ("GET http://app/items?a=1", &[PAGE], 301, &[ALLOW, ("location", "/items/")]),
    ("OPTIONS http://gw/items/", &[PAGE, ASK], 403, &[]),
];

#[test]
fn the_loss_stands_at_the_hop_that_lost_it() {
    for (what, expected) in [
        (What::Prefix, "kept kept absent; 2 dropped by app"),
        (
            What::Slash,
            "dropped dropped kept; 1 dropped by gateway on the way; 2 dropped by gateway on the way",
        ),
        (What::Query, "kept kept absent; 2 dropped by app"),
        (What::Method, "kept kept kept"),
        (What::Scheme, "kept kept kept"),
        (What::Host, "kept kept kept"),
        (What::Origin, "kept kept kept"),
        (What::Header("access-control-allow-origin".to_owned()), "kept kept absent"),
        (What::Header("location".to_owned()), "absent kept absent"),
    ] {
        check(&what, STORY, Some(expected));
    }
    check(&What::Body, STORY, None);
    check(&What::Cookie, STORY, None);
}

#[test]
fn what_a_redirect_changes_stands_at_the_redirect() {
    for (what, to, expected) in [
        (What::Prefix, "/dev/dev/a", None),
        (What::Scheme, "http://gw/dev/a/", Some("kept; 1 changed by app")),
        (What::Host, "https://inside:8000/dev/a/", Some("kept; 1 changed by app")),
        (What::Slash, "/dev/a/", Some("absent; 1 added by app")),
        (What::Query, "/dev/a/", Some("kept; 1 dropped by app")),
        (What::Query, "/login", Some("kept")),
    ] {
        check(&what, &[("POST https://gw/dev/a?q", &[], 301, &[("location", to)])], expected);
    }
    let lines: &[Line<'_>] = &[
        (
            "POST http://gw/items",
            &[PAGE, ("cookie", "a=1")],
            301,
            &[("location", "http://b/items/")],
        ),
        ("GET http://b/items/", &[("origin", "null")], 200, &[]),
    ];
    check(&What::Method, lines, Some("kept changed; 1 changed by app"));
    check(&What::Body, lines, Some("kept absent; 1 dropped by app"));
    check(&What::Origin, lines, Some("kept changed; 1 changed by browser"));
    check(&What::Cookie, lines, Some("kept absent; 1 dropped by browser"));
    check(&What::Slash, lines, Some("absent added; 1 added by app"));
}

#[test]
fn what_a_gateway_changes_stands_between_the_taps() {
    let lines: &[Line<'_>] = &[
        ("GET http://gw/prod/items", &[PAGE, ("cookie", "a")], 200, &[]),
        ("HEAD http://app/items/?q", &[("x", "1")], 200, &[]),
    ];
    check(&What::Slash, lines, Some("added; 1 added by gateway on the way"));
    check(&What::Query, lines, Some("added; 1 added by gateway on the way"));
    check(&What::Method, lines, Some("changed; 1 changed by gateway on the way"));
    check(&What::Origin, lines, Some("dropped; 1 dropped by gateway on the way"));
    check(&What::Cookie, lines, Some("dropped; 1 dropped by gateway on the way"));
    // No header at all: the tool that saw it does not tell.
    let lines: &[Line<'_>] = &[
        ("OPTIONS http://gw/items", &[PAGE, ASK], 504, &[]),
        ("OPTIONS http://app/items", &[], 504, &[]),
    ];
    check(&What::Origin, lines, Some("kept"));
    check(&What::Method, lines, Some("kept"));
}

#[test]
fn a_prefix_can_be_doubled() {
    let lines: &[Line<'_>] = &[
        ("GET http://gw/dev/admin", &[], 301, &[("location", "/dev/dev/admin/")]),
        ("GET http://app/admin", &[], 301, &[("location", "/dev/admin/")]),
        ("GET http://gw/dev/dev/admin/", &[], 404, &[]),
    ];
    check(&What::Prefix, lines, Some("kept doubled; 1 doubled by gateway on the way"));
}

#[test]
fn any_header_can_be_followed() {
    let lines: &[Line<'_>] = &[
        (
            "GET http://gw/a",
            &[("Authorization", "x")],
            302,
            &[("location", "http://b/"), ("via", "gw")],
        ),
        (
            "GET http://app/a",
            &[("x-added", "1")],
            302,
            &[("location", "http://b/"), ("x-app", "1")],
        ),
        ("GET http://b/", &[], 200, &[("via", "1"), ("via", "1")]),
    ];
    let chain = chain(lines);
    for (name, expected) in [
        ("Authorization", "dropped absent; 1 dropped by browser; 1 dropped by gateway on the way"),
        ("x-added", "added absent; 1 added by gateway on the way"),
        ("via", "added doubled; 1 added by gateway on the way; 2 doubled by app"),
        ("X-App", "dropped absent; 1 dropped by gateway on the way"),
        ("nothing", "absent absent"),
    ] {
        let mut lineage = follow_header(&chain, name, &actors(&chain));
        lineage.changes.sort_by_key(|it| (it.hop, it.between.is_some()));
        assert_eq!(words(&lineage), expected, "{name}");
    }
    assert_eq!(
        follow_header(&chain, "via", &actors(&chain)).change(State::Doubled).unwrap().hop,
        1
    );
}
