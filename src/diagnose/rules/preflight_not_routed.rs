//! A preflight that nobody answers: there is no handler for `OPTIONS` at this path.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::HopKind;

pub(super) const RULE: Rule = Rule {
    code: "preflight-not-routed",
    find: preflight_not_routed,
    causes: &["app-unreachable", "stage-prefix-added", "permanent-redirect-cached"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway (HTTP)",
        text: "put {origin} into AllowOrigins of the HTTP API's CORS settings, with the methods and headers: the API then answers every preflight itself",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    },
    Fix {
        product: "AWS API Gateway (REST)",
        text: "add an OPTIONS method without authorization to the resource (\"Enable CORS\"), or let ANY pass it to the app, and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html",
    },
    Fix {
        product: "Django",
        text: "`CORS_ALLOWED_ORIGINS = [\"{origin}\"]` in the settings, with django-cors-headers installed and first: `MIDDLEWARE.insert(0, \"corsheaders.middleware.CorsMiddleware\")` (Django)",
        source: "https://github.com/adamchainz/django-cors-headers#setup",
    },
    Fix {
        product: "FastAPI",
        text: "`app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"], allow_methods=[\"*\"], allow_headers=[\"*\"])` (FastAPI, Starlette)",
        source: "https://fastapi.tiangolo.com/tutorial/cors/",
    },
    Fix {
        product: "Starlette",
        text: "`app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"], allow_methods=[\"*\"], allow_headers=[\"*\"])` (FastAPI, Starlette)",
        source: "https://fastapi.tiangolo.com/tutorial/cors/",
    },
    Fix {
        product: "Express",
        text: "`app.use(cors({ origin: \"{origin}\" }));` before the routes (Express)",
        source: "https://expressjs.com/en/resources/middleware/cors.html",
    },
    Fix {
        product: "Caddy",
        text: "route OPTIONS as well: `OPTIONS` beside the other methods of the matcher (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/matchers#method",
    },
    Fix {
        product: "HAProxy",
        text: "let OPTIONS through: `or METH_OPTIONS` beside the other methods of the rule (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#METH_OPTIONS",
    },
    Fix {
        product: "",
        text: "{how} with a 2xx status and the Access-Control-Allow-* headers",
        source: "https://fetch.spec.whatwg.org/#cors-preflight-fetch",
    },
];

fn preflight_not_routed(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter(|(idx, it, status)| {
        let not_routed =
            matches!(status, 404 | 405 | 501) || super::route_unknown::says_so(&it.hop);
        it.kind == HopKind::Preflight && not_routed && !case.is_off_the_route(*idx)
    });
    let Some((idx, it, status)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    evidence.extend(body(idx, &it.hop, "message"));
    let title = format!(
        "The preflight was answered {status} by {}: nobody handles OPTIONS at this path.",
        case.name_of(idx)
    );
    let by = case.by(idx);
    let origin = it.hop.request.headers.text("origin").unwrap_or_default();
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: FIXES,
            words: &[("origin", &origin), ("how", how(case, idx))],
        }
        .finding(case),
    ]
}

/// Who is to answer `OPTIONS`, as far as it is known who does not.
fn how(case: &Case<'_>, idx: usize) -> &'static str {
    let is_app = case.by(idx) == Actor::App && case.answered.get(idx).is_some_and(|it| it.sure);
    if is_app {
        "let the app answer OPTIONS here, before it routes and asks who it is (CORS middleware does so),"
    } else if case.is_made_on_the_way(idx) {
        "see that the gateway has a route for this path that takes OPTIONS, too, and let it or the app answer"
    } else {
        "let OPTIONS through in the gateway's settings, and let one layer answer it here"
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_options_has_no_handler() {
        for (lines, found) in [
            (
                &[
                    "edge OPTIONS http://gw.test/items 404",
                    "origin OPTIONS http://app.test/items 404",
                ][..],
                Some((1, "app")),
            ),
            (&["edge OPTIONS http://gw.test/items 405"], Some((1, "?"))),
            (
                &[
                    "edge OPTIONS http://gw.test/items 403 x-amzn-errortype=MissingAuthenticationTokenException",
                ],
                Some((1, "gateway")),
            ),
            (&["edge OPTIONS http://gw.test/items 403"], None),
            (
                &[
                    "edge OPTIONS http://gw.test/items 204 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // A redirect led there.
            (
                &[
                    "edge GET http://gw.test/prod/items 301 location=/items/ access-control-allow-origin=http://page.test",
                    "edge OPTIONS http://gw.test/items/ 404",
                ],
                None,
            ),
        ] {
            check("preflight-not-routed", lines, found);
        }
    }
}
