//! `Authorization` did not arrive: browsers leave it out after a redirect to another origin, and
//! some gateways keep it to themselves.

use super::Rule;
use crate::diagnose::Evidence;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::{Actor, path};
use crate::trace::ChainHop;

pub(super) const RULE: Rule = Rule {
    code: "authorization-dropped",
    find: authorization_dropped,
    causes: &["location-internal-host"],
};

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "ask for the address that the redirect leads to, so that nothing is left out on the way; and let gateways pass Authorization on",
    source: "https://fetch.spec.whatwg.org/#http-redirect-fetch",
}];

fn authorization_dropped(case: &Case<'_>) -> Vec<Finding> {
    let refused = case.hops().filter(|(_, it)| it.hop.status() == Some(401));
    let found = refused
        .filter_map(|(at, it)| by_redirect(case, at, it).or_else(|| on_the_way(case, at, it)));
    let mut found = found.take(1);
    let Some((idx, by, title, evidence)) = found.next() else { return Vec::new() };
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

type Found = (usize, Actor, String, Vec<Evidence>);

fn by_redirect(case: &Case<'_>, at: usize, hop: &ChainHop) -> Option<Found> {
    let crossing = case.redirects().take_while(|(idx, ..)| *idx < at).filter(|(_, it, to)| {
        it.hop.request.headers.has(NAME)
            && path::server_of(&it.hop.request.url) != path::server_of(to)
    });
    let (idx, redirect, to) = crossing.last()?;
    if hop.hop.request.headers.has(NAME) {
        return None;
    }
    let mut evidence = vec![request_line(idx, &redirect.hop)];
    evidence.extend(outer_header(idx, redirect, "location"));
    evidence.extend(status_line(at, &hop.hop));
    let title = format!(
        "The redirect crossed to \"{to}\", another origin, so the browser left Authorization out, and the answer was 401."
    );
    Some((idx, Actor::Browser, title, evidence))
}

fn on_the_way(case: &Case<'_>, at: usize, hop: &ChainHop) -> Option<Found> {
    let inner = &hop.sightings.last()?.hop;
    let gone = hop.hop.request.headers.has(NAME)
        && !inner.request.headers.has(NAME)
        && inner.status() == Some(401);
    let mut evidence: Vec<Evidence> = request_header(at, &hop.hop, NAME).into_iter().collect();
    evidence.push(request_line(at, inner));
    evidence.extend(status_line(at, inner));
    let title = "Authorization was sent and never reached the app, which answered 401.".to_owned();
    gone.then_some((at, case.actors.between, title, evidence))
}

const NAME: &str = "authorization";

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_credentials_did_not_arrive() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://a.test/x 302 location=http://b.test/x access-control-allow-origin=http://page.test >authorization=x",
                    "edge GET http://b.test/x 401 access-control-allow-origin=http://page.test",
                ][..],
                Some((1, "browser")),
            ),
            (
                &[
                    "edge GET http://a.test/x 401 >authorization=x",
                    "origin GET http://app.test/x 401",
                ],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://a.test/x 302 location=/y access-control-allow-origin=http://page.test >authorization=x",
                    "edge GET http://a.test/y 401 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            (
                &[
                    "edge GET http://a.test/x 401 >authorization=x",
                    "origin GET http://app.test/x 401 >authorization=x",
                ],
                None,
            ),
            // It was let in all the same.
            (
                &[
                    "edge GET http://a.test/x 302 location=http://b.test/x access-control-allow-origin=http://page.test >authorization=x",
                    "edge GET http://b.test/x 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            (&["edge GET http://a.test/x 401"], None),
        ] {
            check("authorization-dropped", lines, found);
        }
    }
}
