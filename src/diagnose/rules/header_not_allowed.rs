//! The preflight asked for a header that the answer does not allow.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::{ChainHop, HopKind};

pub(super) const RULE: Rule =
    Rule { code: "header-not-allowed", find: header_not_allowed, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`CORS_ALLOW_HEADERS = (*default_headers, {quoted})` in the settings (django-cors-headers)",
        source: "https://github.com/adamchainz/django-cors-headers#cors_allow_headers-sequencestr",
    },
    Fix {
        product: "Starlette",
        text: "`app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"], allow_methods=[\"*\"], allow_headers=[{asked}])` in place of the one that is there (FastAPI, Starlette)",
        source: "https://www.starlette.io/middleware/#corsmiddleware",
    },
    Fix {
        product: "Werkzeug",
        text: "`CORS(app, origins=[\"{origin}\"], allow_headers=[{asked}])` in place of the one that is there (flask-cors)",
        source: "https://flask-cors.readthedocs.io/en/latest/configuration.html",
    },
    Fix {
        product: "Express",
        text: "`app.use(cors({ origin: \"{origin}\", allowedHeaders: [{asked}] }));` in place of the one that is there (Express)",
        source: "https://expressjs.com/en/resources/middleware/cors.html",
    },
    Fix {
        product: "nginx",
        text: "`add_header Access-Control-Allow-Headers \"{all}\" always;` in place of the one that is there (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "`Header always set Access-Control-Allow-Headers \"{all}\"` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "`http-after-response set-header Access-Control-Allow-Headers \"{all}\"` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "`header >Access-Control-Allow-Headers \"{all}\"` (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/header",
    },
    Fix {
        product: "AWS API Gateway",
        text: "add {names} to Access-Control-Allow-Headers of the OPTIONS method, and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html",
    },
    Fix {
        product: "",
        text: "add {names} to Access-Control-Allow-Headers in the answer to OPTIONS, where that is made; or do not send it",
        source: "https://fetch.spec.whatwg.org/#cors-preflight-fetch",
    },
];

fn header_not_allowed(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter_map(|(idx, it, status)| {
        let may_be = it.kind == HopKind::Preflight && (status < 300 || status == 400);
        let missing = missing(case, it);
        (may_be && !missing.is_empty() && allows_origin(it)).then_some((idx, it, missing))
    });
    let Some((idx, it, missing)) = found.next() else { return Vec::new() };
    let name = "access-control-allow-headers";
    let mut evidence: Vec<_> =
        request_header(idx, &it.hop, "access-control-request-headers").into_iter().collect();
    evidence.extend(outer_header(idx, it, name));
    let tracing = missing.iter().find(|it| is_tracing(it));
    let tracing =
        tracing.map_or_else(String::new, |it| format!(" \"{it}\" is added by a tracing SDK."));
    let names = missing.join(", ");
    let title = format!(
        "The preflight asks for the header {names}, which the answer does not allow.{tracing}"
    );
    let by = case.known_author(name, idx);
    let all = it.hop.request.headers.text("access-control-request-headers").unwrap_or_default();
    let all: Vec<&str> = all.split(',').map(str::trim).collect();
    let quoted = quote(missing.iter().map(String::as_str));
    let asked = quote(all.iter().copied());
    let origin = it.hop.request.headers.text("origin").unwrap_or_default();
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: FIXES,
            words: &[
                ("names", &names),
                ("quoted", &quoted),
                ("asked", &asked),
                ("all", &all.join(", ")),
                ("origin", &origin),
            ],
        }
        .finding(case),
    ]
}

/// `"a", "b"`, as most languages write a list.
fn quote<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ")
}

/// Names asked for and not granted. `*` grants every name, but not with credentials.
fn missing(case: &Case<'_>, hop: &ChainHop) -> Vec<String> {
    let asked = hop.hop.request.headers.text("access-control-request-headers").unwrap_or_default();
    let granted = hop.hop.response().and_then(|it| it.headers.text("access-control-allow-headers"));
    let granted = granted.unwrap_or_default().to_ascii_lowercase();
    let granted: Vec<&str> = granted.split(',').map(str::trim).collect();
    let star = granted.contains(&"*") && !case.has_credentials(&hop.hop);
    let names =
        asked.split(',').map(|it| it.trim().to_ascii_lowercase()).filter(|it| !it.is_empty());
    names.filter(|it| !star && !granted.contains(&it.as_str())).collect()
}

fn allows_origin(hop: &ChainHop) -> bool {
    let allowed = hop.hop.response().and_then(|it| it.headers.text("access-control-allow-origin"));
    allowed.is_some_and(|it| it == "*" || Some(it) == hop.hop.request.headers.text("origin"))
}

/// Headers that monitoring SDKs put on requests without being asked.
fn is_tracing(name: &str) -> bool {
    matches!(
        name,
        "traceparent"
            | "tracestate"
            | "baggage"
            | "sentry-trace"
            | "b3"
            | "uber-trace-id"
            | "newrelic"
            | "elastic-apm-traceparent"
            | "request-id"
            | "request-context"
            | "x-amzn-trace-id"
            | "x-cloud-trace-context"
    ) || name.starts_with("x-datadog-")
        || name.starts_with("x-b3-")
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_a_name_that_is_not_granted() {
        for (lines, found) in [
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test access-control-allow-headers=content-type >access-control-request-headers=content-type,traceparent",
                ][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test >access-control-request-headers=x-a",
                    "origin OPTIONS http://app.test/items 200 access-control-allow-origin=http://page.test >access-control-request-headers=x-a",
                ],
                Some((1, "app")),
            ),
            // Starlette says 400.
            (
                &[
                    "edge OPTIONS http://gw.test/items 400 access-control-allow-origin=http://page.test >access-control-request-headers=x-a",
                ],
                Some((1, "?")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test access-control-allow-headers='X-A, b' >access-control-request-headers=x-a",
                ],
                None,
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test access-control-allow-headers=* >access-control-request-headers=x-a",
                    "edge GET http://gw.test/items 200 access-control-allow-origin=http://page.test >x-a=1",
                ],
                None,
            ),
            // Without allow-origin that is the cause.
            (&["edge OPTIONS http://gw.test/items 200 >access-control-request-headers=x-a"], None),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
        ] {
            check("header-not-allowed", lines, found);
        }
    }
}
