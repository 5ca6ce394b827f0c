//! An answer out of a cache that was stored for somebody else: without allow-origin, or with
//! another origin's.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::{ChainHop, LinkWhy};

pub(super) const RULE: Rule = Rule {
    code: "cached-answer-without-allow-origin",
    find: cached_answer_without_allow_origin,
    causes: &[],
};

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "send Access-Control-Allow-Origin with Vary: Origin on every answer of this URL, also to requests without Origin (an <img>, a link), and clear the cache once",
    source: "https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches",
}];

fn cached_answer_without_allow_origin(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter(|(idx, it, _)| {
        !case.may_be_added_outside(&it.hop) && is_cached(case, *idx, it) && !allows(it)
    });
    let Some((idx, it, _)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    for name in ["age", "x-cache", "cf-cache-status", "access-control-allow-origin"] {
        evidence.extend(outer_header(idx, it, name));
    }
    let title = "The answer came out of a cache and does not allow this page's origin.".to_owned();
    let by = match case.by(idx) {
        Actor::Cdn => Actor::Cdn,
        _ => Actor::Cache,
    };
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

fn is_cached(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    let Some(response) = hop.hop.response() else { return false };
    let hit = |name: &str| {
        response.headers.text(name).is_some_and(|it| it.to_ascii_lowercase().contains("hit"))
    };
    let aged = response.headers.text("age").and_then(|it| it.trim().parse::<u64>().ok());
    let linked = case.chain.outside.iter().any(|it| {
        it.at == idx
            && it.link.why == LinkWhy::CachedFrom
            && it.hop.request.url == hop.hop.request.url
    });
    let kept = case.by(idx) == Actor::Cache && response.status < 400;
    kept || hop.hop.testimony.from_cache
        || linked
        || aged.is_some_and(|it| it > 0)
        || ["x-cache", "cf-cache-status", "x-cache-status", "x-varnish-cache"]
            .iter()
            .any(|it| hit(it))
}

fn allows(hop: &ChainHop) -> bool {
    let allowed = hop.hop.response().and_then(|it| it.headers.text("access-control-allow-origin"));
    allowed.is_some_and(|it| it == "*" || Some(it) == hop.hop.request.headers.text("origin"))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_what_was_stored_for_another() {
        for (lines, found) in [
            (&["edge GET http://cdn.test/a 200 age=30"][..], Some((1, "cache"))),
            (
                &[
                    "edge GET http://cdn.test/a 200 x-cache='Hit from cloudfront' access-control-allow-origin=http://other.test",
                ],
                Some((1, "cdn")),
            ),
            (
                &[
                    "edge GET http://cdn.test/a 200 age=30 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            (&["edge GET http://cdn.test/a 200 age=0"], None),
            (&["edge GET http://cdn.test/a 200 x-cache=MISS"], None),
        ] {
            check("cached-answer-without-allow-origin", lines, found);
        }
    }
}
