//! Two `Access-Control-Allow-Origin` values in one answer: two layers each added one.
//!
//! Two lines count as one value with a comma, which is no origin, even when both are the same
//! ([Fetch, CORS check](https://fetch.spec.whatwg.org/#concept-cors-check)).

use super::Rule;
use crate::diagnose::Evidence;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, response_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::Hop;

pub(super) const RULE: Rule =
    Rule { code: "allow-origin-duplicated", find: allow_origin_duplicated, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "remove the add_header, or hide the app's: `proxy_hide_header Access-Control-Allow-Origin;` beside it (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_hide_header",
    },
    Fix {
        product: "Apache",
        text: "`Header onsuccess unset Access-Control-Allow-Origin` before the line that adds it, or leave it to the app (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "Caddy",
        text: "`header_down -Access-Control-Allow-Origin` in reverse_proxy, or remove the header directive (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#headers",
    },
    Fix {
        product: "HAProxy",
        text: "`http-response del-header Access-Control-Allow-Origin` before the line that adds it, or leave it to the app (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-response%20del-header",
    },
    Fix {
        product: "AWS Lambda function URL",
        text: "the function URL's CORS settings add it already: let the function send none itself",
        source: "https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html",
    },
    Fix { product: "WebFlux", ..SPRING },
    SPRING,
    Fix {
        product: "",
        text: "let one layer alone add Access-Control-Allow-Origin: remove it from the gateway's settings or from the app",
        source: "https://fetch.spec.whatwg.org/#concept-cors-check",
    },
];

const SPRING: Fix = Fix {
    product: "Spring",
    text: "let the gateway or the app alone have a CORS configuration; in a Spring Cloud Gateway, `spring.cloud.gateway.default-filters=DedupeResponseHeader=Access-Control-Allow-Origin Access-Control-Allow-Credentials` keeps one (Spring)",
    source: "https://docs.spring.io/spring-cloud-gateway/reference/spring-cloud-gateway-server-webflux/gatewayfilter-factories/deduperesponseheader-factory.html",
};

fn allow_origin_duplicated(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter(|(_, it, _)| values(&it.hop) > 1);
    let Some((idx, it, _)) = found.next() else { return Vec::new() };
    let (outer, inner) = (values(&it.hop), it.sightings.last().map(|it| values(&it.hop)));
    let mut evidence: Vec<Evidence> = outer_header(idx, it, NAME).into_iter().collect();
    if inner.is_some_and(|it| it > 0) {
        evidence.extend(response_header(idx, it, NAME));
    }
    let by = match inner {
        Some(inner) if inner < outer => case.actors.between,
        Some(_) => Actor::App,
        None => Actor::Unknown,
    };
    let who = match by {
        Actor::App => "the app sent it more than once",
        Actor::Unknown => "two layers each add one",
        _ if inner == Some(0) => "it was added twice on the way",
        _ => "the app sent one, and another was added on the way",
    };
    let title = format!("The answer has {outer} values of Access-Control-Allow-Origin: {who}.");
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

const NAME: &str = "access-control-allow-origin";

/// Lines, and values within a line.
fn values(hop: &Hop) -> usize {
    let lines = hop.response().and_then(|it| it.headers.text(NAME)).unwrap_or_default();
    if lines.is_empty() { 0 } else { lines.split(',').count() }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_more_than_one_value() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=* access-control-allow-origin=*",
                    "origin GET http://app.test/a 200 access-control-allow-origin=*",
                ][..],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test access-control-allow-origin=http://page.test",
                    "origin GET http://app.test/a 200 access-control-allow-origin=http://page.test access-control-allow-origin=http://page.test",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin='http://page.test, *'",
                ],
                Some((1, "?")),
            ),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test"], None),
            // Nobody is hurt.
            (
                &[
                    "edge GET http://page.test/a 200 access-control-allow-origin=* access-control-allow-origin=*",
                ],
                None,
            ),
        ] {
            check("allow-origin-duplicated", lines, found);
        }
    }
}
