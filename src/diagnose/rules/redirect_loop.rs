//! Redirects that come back to where they began.
//!
//! Often two layers with opposite rules: one adds a slash, the other takes it away; or the app
//! wants https and sees http, because TLS ends before it.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::{Actor, path};
use crate::trace::{ChainHop, Hop, Target};

pub(super) const RULE: Rule =
    Rule { code: "redirect-loop", find: redirect_loop, causes: &["trailing-slash-dropped"] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "let the endpoint URL end in a slash: `http://{app}/{proxy}/` and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html",
    },
    Fix {
        product: "Next.js",
        text: "make both layers agree on the slash: `trailingSlash: true` in next.config.js, or ask for the path that the app wants (Next.js)",
        source: "https://nextjs.org/docs/app/api-reference/config/next-config-js/trailingSlash",
    },
    Fix {
        product: "",
        text: "make the layers agree on one form of the URL; when the app redirects to https behind TLS, pass X-Forwarded-Proto and let it trust that; a browser may keep a 301, so clear its cache before trying again",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header",
    },
];

fn redirect_loop(case: &Case<'_>) -> Vec<Finding> {
    let redirects: Vec<(usize, &ChainHop, String)> = case.redirects().collect();
    let looped = redirects.iter().enumerate().find_map(|(at, (idx, it, to))| {
        let again =
            redirects.iter().skip(at + 1).find(|(_, later, _)| is_same(&it.hop, &later.hop));
        let again = again.map(|(later, ..)| *later);
        let closed = redirects.iter().skip(at + 1).find(|(idx, later, to)| {
            closes_for_good(case, *idx, &later.hop) && leads_back(&it.hop, &later.hop, to)
        });
        let again = again.or(closed.map(|(later, ..)| *later + 1));
        (again.is_some() || leads_to_itself(&it.hop, to)).then_some((*idx, *it, to, again))
    });
    let Some((idx, it, to, again)) = looped else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(outer_header(idx, it, "location"));
    let mut authors = vec![case.name_of(idx)];
    for (other, hop, _) in
        redirects.iter().filter(|(other, ..)| *other > idx && Some(*other) < again)
    {
        evidence.push(request_line(*other, &hop.hop));
        evidence.extend(outer_header(*other, hop, "location"));
        authors.push(case.name_of(*other));
    }
    authors.dedup();
    let here = Target::parse(&it.hop.request.url).path_and_query();
    let title = if again.is_none()
        || authors.len() == 1 && path::is_related(&it.hop.request.url, to) && evidence.len() == 2
    {
        format!("{} redirects \"{here}\" to itself, without end.", authors.concat())
    } else {
        format!("The redirects of {} lead back to \"{here}\", without end.", authors.join(" and "))
    };
    // A layer that redirects to what it was asked for was asked for something else by the one
    // before it, or it is at odds with itself: from outside alone nobody can tell.
    let alone = authors.len() == 1 && !case.answered.get(idx).is_some_and(|it| it.sure);
    let by = if alone { Actor::Unknown } else { case.by(idx) };
    let words = [("app", case.app_authority().unwrap_or("YOUR-APP"))];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding_on_either_side(case),
    ]
}

fn is_same(a: &Hop, b: &Hop) -> bool {
    let location = |it: &Hop| it.response().and_then(|it| it.headers.get("location"));
    a.request.method == b.request.method
        && a.request.url == b.request.url
        && location(a) == location(b)
        && a.request.headers.get("cookie") == b.request.headers.get("cookie")
        // A client that asks twice on purpose makes two chains; a cookie may end the loop.
        && !a.response().is_some_and(|it| it.headers.has("set-cookie"))
}

/// A redirect that a browser keeps, with which the chain ends: what follows it comes out of the
/// browser's cache, without a hop.
fn closes_for_good(case: &Case<'_>, idx: usize, hop: &Hop) -> bool {
    idx + 1 == case.chain.hops.len() && matches!(hop.status(), Some(301 | 308))
}

/// A redirect back to where a redirect that a browser keeps had begun.
fn leads_back(first: &Hop, later: &Hop, to: &str) -> bool {
    let sets = |it: &Hop| it.response().is_some_and(|it| it.headers.has("set-cookie"));
    matches!(first.status(), Some(301 | 308))
        && first.request.method == later.request.method
        && !sets(first)
        && !sets(later)
        && to.split('#').next() == Some(first.request.url.as_str())
}

/// A redirect to the very same request. A form that leads back to its page is none, and a
/// cookie that was set makes the next request another one.
fn leads_to_itself(hop: &Hop, to: &str) -> bool {
    let to = to.split('#').next().unwrap_or_default();
    let keeps = matches!(hop.request.method.as_str(), "GET" | "HEAD")
        || matches!(hop.status(), Some(307 | 308));
    let sets = hop.response().is_some_and(|it| it.headers.has("set-cookie"));
    keeps && !sets && to == hop.request.url
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_redirects_come_back() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/prod/items/ 301 location=/prod/items/",
                    "origin GET http://app.test/items 301 location=/prod/items/",
                ][..],
                Some((1, "app")),
            ),
            // Two layers, each with a rule of its own.
            (
                &[
                    "edge GET http://gw.test/x 308 location=/x/",
                    "edge GET http://gw.test/x/ 308 location=/x",
                    "edge GET http://gw.test/x 308 location=/x/",
                ],
                Some((1, "?")),
            ),
            (&["edge GET https://gw.test/x 301 location=https://gw.test/x"], Some((1, "?"))),
            // The first one comes out of the browser's cache when it is asked for again.
            (
                &[
                    "edge GET http://page.test/x/ 301 location=/x >origin=-",
                    "edge GET http://page.test/x 308 location=/x/ >origin=-",
                ],
                Some((1, "?")),
            ),
            (
                &[
                    "edge GET http://page.test/x/ 302 location=/x >origin=-",
                    "edge GET http://page.test/x 302 location=/x/ >origin=-",
                ],
                None,
            ),
            // From outside it cannot be told whose mistake it is.
            (
                &["edge GET http://page.test/x/ 301 location=/x/ x-powered-by=Express >origin=-"],
                Some((1, "?")),
            ),
            // A cookie, then the same page again; and a form.
            (
                &[
                    "edge GET http://gw.test/x 302 location=/x set-cookie=a=1",
                    "edge GET http://gw.test/x 200",
                ],
                None,
            ),
            (
                &["edge POST http://gw.test/x 302 location=/x", "edge GET http://gw.test/x 200"],
                None,
            ),
            (
                &["edge GET http://gw.test/x 301 location=/x/", "edge GET http://gw.test/x/ 200"],
                None,
            ),
        ] {
            check("redirect-loop", lines, found);
        }
    }
}
