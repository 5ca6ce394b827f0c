//! A redirect without `Access-Control-Allow-Origin`: the browser stops right there.
//!
//! The answer that redirects needs the header as much as the one it leads to
//! ([Fetch, HTTP fetch](https://fetch.spec.whatwg.org/#http-fetch)); the target is never asked.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_header, response_header, status_line};
use crate::diagnose::fix::{Fix, advise_layer};
use crate::lineage::{State, What};
use crate::trace::HopKind;

pub(super) const RULE: Rule = Rule {
    code: "allow-origin-missing-on-redirect",
    find: allow_origin_missing_on_redirect,
    causes: &["trailing-slash-dropped", "redirected-to-login"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`MIDDLEWARE.insert(0, \"corsheaders.middleware.CorsMiddleware\")`: CorsMiddleware has to stand above CommonMiddleware; asking for the form of the path that the app wants avoids the redirect (Django)",
        source: "https://github.com/adamchainz/django-cors-headers#setup",
    },
    Fix {
        product: "nginx",
        text: "`add_header Access-Control-Allow-Origin {origin} always;` where the redirect is made (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "",
        text: "send Access-Control-Allow-Origin on the redirect too (CORS has to be outermost in the chain of middleware), or ask for the form of the path that the app wants, which avoids the redirect",
        source: "https://fetch.spec.whatwg.org/#http-cors-protocol",
    },
];

fn allow_origin_missing_on_redirect(case: &Case<'_>) -> Vec<Finding> {
    let header = What::Header("access-control-allow-origin".to_owned());
    let mut found = Vec::new();
    for (idx, it, to) in case.redirects() {
        let is_lost = case.on_the_way(&header, idx, State::Dropped);
        let missing =
            it.hop.response().is_some_and(|it| !it.headers.has("access-control-allow-origin"));
        let stops_here = it.kind != HopKind::Preflight && case.is_blocked_at(idx);
        if !missing
            || is_lost
            || !stops_here
            || !case.is_cross_origin(&it.hop)
            || case.may_be_added_outside(&it.hop)
        {
            continue;
        }
        let mut evidence: Vec<_> = status_line(idx, &it.hop).into_iter().collect();
        evidence.extend(response_header(idx, it, "location"));
        evidence.extend(request_header(idx, &it.hop, "origin"));
        let origin = it.hop.request.headers.text("origin").unwrap_or_default();
        let advice = advise_layer(case, FIXES, &[("origin", &origin)], case.by(idx));
        found.push(Finding {
            code: RULE.code,
            hop: idx,
            by: case.by(idx),
            because: None,
            title: format!(
                "The redirect by {} has no Access-Control-Allow-Origin, so the browser stops before it asks for \"{to}\".",
                case.name_of(idx),
            ),
            evidence,
            fix: advice.text,
            sources: advice.sources,
        });
        break;
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_where_the_browser_stops_at_a_redirect() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/items 301 location=/items/",
                    "origin GET http://app.test/items 301 location=/items/",
                ][..],
                Some((1, "app")),
            ),
            (&["edge GET http://gw.test/items 301 location=/items/"], Some((1, "?"))),
            (
                &[
                    "edge GET http://gw.test/items 301 location=/items/ access-control-allow-origin=*",
                    "edge GET http://gw.test/items/ 200 access-control-allow-origin=*",
                ],
                None,
            ),
            // The gateway took it away: another finding.
            (
                &[
                    "edge GET http://gw.test/items 301 location=/items/",
                    "origin GET http://app.test/items 301 location=/items/ access-control-allow-origin=*",
                ],
                None,
            ),
            // Same origin, or no page at all.
            (&["edge GET http://page.test/items 301 location=/items/"], None),
            (&["edge GET http://gw.test/items 301 location=/items/ >origin=-"], None),
            // A redirected preflight has a finding of its own.
            (&["edge OPTIONS http://gw.test/items 301 location=/items/"], None),
        ] {
            check("allow-origin-missing-on-redirect", lines, found);
        }
    }
}
