//! The preflight asked for a method that the answer does not allow.
//!
//! Methods are compared with their case, and fetch does not put `patch` in upper case.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::{ChainHop, HopKind};

pub(super) const RULE: Rule =
    Rule { code: "method-not-allowed", find: method_not_allowed, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`CORS_ALLOW_METHODS = (*default_methods, \"{method}\")` in the settings (django-cors-headers)",
        source: "https://github.com/adamchainz/django-cors-headers#cors_allow_methods-sequencestr",
    },
    Fix {
        product: "Starlette",
        text: "`app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"], allow_methods=[\"{method}\"], allow_headers=[\"*\"])` in place of the one that is there (FastAPI, Starlette)",
        source: "https://www.starlette.io/middleware/#corsmiddleware",
    },
    Fix {
        product: "Werkzeug",
        text: "`CORS(app, origins=[\"{origin}\"], methods=[\"{method}\"])` in place of the one that is there (flask-cors)",
        source: "https://flask-cors.readthedocs.io/en/latest/configuration.html",
    },
    Fix {
        product: "Express",
        text: "`app.use(cors({ origin: \"{origin}\", methods: [\"{method}\"] }));` in place of the one that is there (Express)",
        source: "https://expressjs.com/en/resources/middleware/cors.html",
    },
    Fix {
        product: "nginx",
        text: "`add_header Access-Control-Allow-Methods \"{method}\" always;` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "`Header always set Access-Control-Allow-Methods \"{method}\"` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "`http-after-response set-header Access-Control-Allow-Methods \"{method}\"` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "`header >Access-Control-Allow-Methods \"{method}\"` (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/header",
    },
    Fix {
        product: "",
        text: "add {method} to Access-Control-Allow-Methods in the answer to OPTIONS, where that is made",
        source: "https://fetch.spec.whatwg.org/#cors-preflight-fetch",
    },
];

fn method_not_allowed(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter_map(|(idx, it, status)| {
        let method = missing(case, it)?;
        let may_be = it.kind == HopKind::Preflight && (status < 300 || status == 400);
        may_be.then_some((idx, it, method))
    });
    let Some((idx, it, method)) = found.next() else { return Vec::new() };
    let name = "access-control-allow-methods";
    let mut evidence: Vec<_> =
        request_header(idx, &it.hop, "access-control-request-method").into_iter().collect();
    evidence.extend(outer_header(idx, it, name));
    let upper = if method == method.to_ascii_uppercase() {
        ""
    } else {
        " Case counts: write the method in upper case."
    };
    let title = format!("The preflight asks for {method}, which the answer does not allow.{upper}");
    let by = case.known_author(name, idx);
    let origin = it.hop.request.headers.text("origin").unwrap_or_default();
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: FIXES,
            words: &[("method", &method), ("origin", &origin)],
        }
        .finding(case),
    ]
}

fn missing(case: &Case<'_>, hop: &ChainHop) -> Option<String> {
    let response = hop.hop.response()?;
    let allowed = response.headers.text("access-control-allow-origin")?;
    let origin = hop.hop.request.headers.text("origin")?;
    let asked = hop.hop.request.headers.text("access-control-request-method")?;
    let granted = response.headers.text("access-control-allow-methods").unwrap_or_default();
    let mut granted = granted.split(',').map(str::trim);
    let star = !case.has_credentials(&hop.hop);
    let is_granted = matches!(asked.as_str(), "GET" | "HEAD" | "POST")
        || granted.any(|it| it == asked || it == "*" && star);
    (!is_granted && (allowed == "*" || allowed == origin)).then_some(asked)
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_a_method_that_is_not_granted() {
        for (lines, found) in [
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test access-control-allow-methods='GET, POST' >access-control-request-method=PUT",
                ][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test access-control-allow-methods=PATCH >access-control-request-method=patch",
                ],
                Some((1, "?")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test access-control-allow-methods='GET, PUT' >access-control-request-method=PUT",
                ],
                None,
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test access-control-allow-methods=* >access-control-request-method=PUT",
                    "edge PUT http://gw.test/items 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test >access-control-request-method=POST",
                ],
                None,
            ),
            (&["edge OPTIONS http://gw.test/items 200 >access-control-request-method=PUT"], None),
        ] {
            check("method-not-allowed", lines, found);
        }
    }
}
