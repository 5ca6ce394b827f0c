//! The gateway answers 503 by itself: a limit, maintenance, or no server that it holds for healthy.
//! The app was not asked.

use super::Rule;
use crate::content;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, outer_header, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::ChainHop;

pub(super) const RULE: Rule =
    Rule { code: "gateway-unavailable", find: gateway_unavailable, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "raise rate or burst of limit_req, or the number of limit_conn, or take away what returns 503; `limit_req_status 429;` says which it was (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_limit_req_module.html#limit_req_status",
    },
    Fix {
        product: "",
        text: "look in the gateway's settings for what answers 503: a limit of rate or connections, a maintenance page, or health checks that the app fails",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-503-service-unavailable",
    },
];

fn gateway_unavailable(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.hops().filter(|(idx, it)| is_all_told(case, *idx, it));
    let Some((idx, it)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    evidence.extend(outer_header(idx, it, "retry-after"));
    evidence.extend(body(idx, &it.hop, "navailable"));
    let title = format!(
        "{} answered 503 by itself: a limit, maintenance, or no server that it holds for healthy.",
        case.name_at_start(idx)
    );
    let by = case.by(idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

/// Whether this is all that is known of the hop.
pub(super) fn is_all_told(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    hop.hop.status() == Some(503)
        && hop.sightings.is_empty()
        && case.is_made_on_the_way(idx)
        && !super::is_gateway_timeout(&hop.hop)
        && !speaks_of_app(case, idx, hop)
}

/// Whether its words, or that it has no other use for a 503, say that it tried the app.
fn speaks_of_app(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    let product = case.answered.get(idx).and_then(|it| it.product.as_deref());
    let tried = |it: &str| TRIED.iter().any(|known| it.starts_with(known));
    let Some(response) = hop.hop.response() else { return false };
    let words = content::of_response(response);
    let says = |all: &[&str]| all.iter().any(|it| words.contains(it));
    // A tap stands where the app is, and was not even tried.
    let sure = case.answered.get(idx).is_some_and(|it| it.sure);
    product.is_some_and(tried) || says(WORDS) || says(NO_SERVER) && !sure
}

/// Products whose 503 is about what is behind them.
const TRIED: &[&str] = &[
    "AWS API Gateway",
    "Fastly",
    "Heroku router",
    "Railway",
    "Render",
    "Spring Cloud Gateway",
    "Squid",
    "ingress-nginx",
    "lighttpd",
];

/// What others write then: Varnish, Envoy, Apache; Apigee and WSO2, of an endpoint that they
/// stopped asking.
const WORDS: &[&str] = &[
    "Backend fetch failed",
    "upstream connect error",
    "temporarily unable to service your",
    "messaging.adaptors.http.flow.ServiceUnavailable",
    "NoActiveTargets",
    "\"code\":\"303001\"",
    "\"code\":\"101503\"",
];

/// What some write whether they tried, hold none for healthy, or were told to deny: `HAProxy`,
/// Envoy, Traefik, Kong.
const NO_SERVER: &[&str] = &[
    "failure to get a peer from the ring-balancer",
    "name resolution failed",
    "No server is available to handle this request",
    "no healthy upstream",
    "no available server",
];

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_a_503_that_does_not_speak_of_the_app() {
        let nginx = |status: &str| {
            format!(
                "edge GET http://gw.test/a {status} server=nginx/1.22.1 content-type=text/html body='<hr><center>nginx/1.22.1</center>'"
            )
        };
        let (nginx, other) = (nginx("503"), nginx("502"));
        for (lines, found) in [
            (&[nginx.as_str()][..], Some((1, "proxy"))),
            (&[other.as_str()], None),
            (
                &[
                    "edge GET http://gw.test/a 503 body='No server is available to handle this request.'",
                ],
                None,
            ),
            // A tap stands before the app, and saw nothing of it.
            (
                &[
                    "edge OPTIONS http://gw.test/a 200 access-control-allow-origin=*",
                    "origin OPTIONS http://app.test/a 200 access-control-allow-origin=*",
                    "edge GET http://gw.test/a 503 body='No server is available to handle this request.'",
                ],
                Some((2, "proxy")),
            ),
            // It was tried, and answered so itself.
            (&["edge GET http://gw.test/a 503", "origin GET http://app.test/a refused"], None),
            (&["edge GET http://gw.test/a 503", "origin GET http://app.test/a 503"], None),
            // Anybody may have said so.
            (&["edge GET http://gw.test/a 503"], None),
        ] {
            check("gateway-unavailable", lines, found);
        }
    }
}
