//! An error that a gateway made itself, without CORS headers: the browser reports CORS and
//! hides the real status.

use super::{Rule, stage_unknown};
use crate::content;
use crate::diagnose::case::{Case, body, outer_header, status_line};
use crate::diagnose::fix::{Fix, advise_layer};
use crate::diagnose::{Evidence, Finding};
use crate::trace::{ChainHop, Hop};

pub(super) const RULE: Rule = Rule {
    code: "gateway-error-without-cors",
    find: gateway_error_without_cors,
    causes: &[
        "app-unreachable",
        "gateway-got-no-answer",
        "gateway-unavailable",
        "gateway-timeout",
        "stage-prefix-lost",
        "prefix-doubled",
        "stage-prefix-added",
        "location-internal-host",
        "permanent-redirect-cached",
        "answer-replaced",
        "payload-too-large-masked",
        "rate-limited-masked",
        "stage-unknown",
        "route-unknown",
        "preflight-not-routed",
        "preflight-refused",
        "trailing-slash-dropped",
        "redirect-loop",
        "redirected-to-login",
    ],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway (REST)",
        text: "to make such errors readable, add Access-Control-Allow-Origin to the Gateway Responses DEFAULT_4XX and DEFAULT_5XX and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html",
    },
    Fix {
        product: "AWS API Gateway (HTTP)",
        text: "configure CORS on the HTTP API, which then covers the gateway's own errors",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    },
    Fix {
        product: "nginx",
        text: "mend what the {status} says; to make such errors readable, set the header here for every answer and hide the app's: `add_header Access-Control-Allow-Origin {origin} always; proxy_hide_header Access-Control-Allow-Origin;` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "mend what the {status} says; to make such errors readable, set the header here for every answer: `Header onsuccess unset Access-Control-Allow-Origin` and `Header always set Access-Control-Allow-Origin \"{origin}\"` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "mend what the {status} says; to make such errors readable: `http-after-response set-header Access-Control-Allow-Origin {origin}` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "mend what the {status} says; to make such errors readable: `header Access-Control-Allow-Origin {origin}` in handle_errors, or beside the respond that made it (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/handle_errors",
    },
    Fix {
        product: "Kong",
        text: "enable the cors plugin globally, so that it covers Kong's own errors",
        source: "https://developer.konghq.com/plugins/cors/",
    },
    Fix {
        product: "Varnish",
        text: "mend what the {status} says; to make such errors readable: `set beresp.http.Access-Control-Allow-Origin = \"{origin}\";` in vcl_backend_error, and the same with resp in vcl_synth (Varnish)",
        source: "https://varnish-cache.org/docs/trunk/reference/vcl.html",
    },
    Fix {
        product: "Traefik",
        text: "mend what the {status} says; to make such errors readable: `accessControlAllowOriginList: [\"{origin}\"]` in a headers middleware of the router (Traefik)",
        source: "https://doc.traefik.io/traefik/middlewares/http/headers/#cors-headers",
    },
    Fix {
        product: "Envoy",
        text: "mend what the {status} says; to make such errors readable, add the filter envoy.filters.http.cors with `allow_origin_string_match: [{ exact: \"{origin}\" }]`, which covers Envoy's own answers (Envoy)",
        source: "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/cors_filter",
    },
    Fix {
        product: "",
        text: "mend what the {status} says; to make such errors readable, add Access-Control-Allow-Origin: {origin} in the gateway's settings for its own answers",
        source: "https://fetch.spec.whatwg.org/#http-cors-protocol",
    },
];

fn gateway_error_without_cors(case: &Case<'_>) -> Vec<Finding> {
    let errors = case.hops().filter(|(idx, it)| is_masked(case, *idx, it));
    errors.take(1).filter_map(|(idx, it)| finding(case, idx, it)).collect()
}

fn is_masked(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    let Some(response) = hop.hop.response() else { return false };
    response.status >= 400
        && !response.headers.has("access-control-allow-origin")
        && case.is_made_on_the_way(idx)
        && case.is_cross_origin(&hop.hop)
        && case.is_blocked_at(idx)
}

fn finding(case: &Case<'_>, idx: usize, hop: &ChainHop) -> Option<Finding> {
    let status = hop.hop.status()?;
    let mut evidence: Vec<Evidence> = status_line(idx, &hop.hop).into_iter().collect();
    evidence.extend(outer_header(idx, hop, "x-amzn-errortype"));
    evidence.extend(outer_header(idx, hop, "server"));
    evidence.extend(body(idx, &hop.hop, "message"));
    let origin = hop.hop.request.headers.text("origin").unwrap_or_default();
    let words = [("status", &*status.to_string()), ("origin", &*origin)];
    let advice = advise_layer(case, FIXES, &words, case.by(idx));
    let meaning = meaning(case, &hop.hop).map_or_else(String::new, |it| format!(" ({it})"));
    Some(Finding {
        code: RULE.code,
        hop: idx,
        by: case.by(idx),
        because: None,
        title: format!(
            "The CORS message is a side effect: the real answer is {status}{meaning}, made by {} and not by the app.",
            case.name_of(idx),
        ),
        evidence,
        fix: advice.text,
        sources: advice.sources,
    })
}

/// What a gateway's own words mean, where they are known to mislead.
fn meaning(case: &Case<'_>, hop: &Hop) -> Option<&'static str> {
    let response = hop.response()?;
    let kind = response.headers.text("x-amzn-errortype");
    let body = content::of_response(response);
    match kind.as_deref() {
        Some(_) if stage_unknown::says_so(hop) && stage_unknown::is_known(case, hop) => {
            Some("refused by an API key, a resource policy or the firewall")
        }
        Some("ForbiddenException") if body.contains("\"Forbidden\"") => {
            Some("no such stage at this path, or refused by a key or the firewall")
        }
        Some("MissingAuthenticationTokenException") => Some("no such resource or method"),
        Some(_) if response.status == 500 => {
            Some("a wrong integration, authorizer or permission: see the API's execution log")
        }
        _ if response.headers.has("cf-mitigated") => {
            Some("a challenge, which no fetch can solve: let the API's path skip it")
        }
        _ if body.contains("Network error communicating with endpoint") => {
            Some("the app could not be reached")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_an_unreadable_error_of_the_gateways_own() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/items/ 403 x-amzn-errortype=ForbiddenException body='{\"message\":\"Forbidden\"}'",
                ][..],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items/ 404 body='{\"message\":\"no Route matched with those values\"}'",
                ],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/items/ 503 body='No server is available to handle this request.'",
                ],
                Some((1, "proxy")),
            ),
            // Never arrived inside, though the first hop did: no fingerprint needed.
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=*",
                    "origin OPTIONS http://app.test/items 200 access-control-allow-origin=*",
                    "edge GET http://gw.test/items 429",
                ],
                Some((2, "gateway")),
            ),
            // Readable.
            (
                &[
                    "edge GET http://gw.test/items/ 403 x-amzn-errortype=ForbiddenException access-control-allow-origin=*",
                ],
                None,
            ),
            // The app's own error.
            (&["edge GET http://gw.test/items 403", "origin GET http://app.test/items 403"], None),
            // Nobody can be named.
            (&["edge GET http://gw.test/items 403"], None),
            // No page waits for it.
            (
                &[
                    "edge GET http://gw.test/items/ 403 x-amzn-errortype=ForbiddenException >origin=-",
                ],
                None,
            ),
        ] {
            check("gateway-error-without-cors", lines, found);
        }
    }
}
