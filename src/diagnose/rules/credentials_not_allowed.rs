//! The origin is allowed, but credentials are not: the header that says so must be `true`,
//! in lower case.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::HopKind;

pub(super) const RULE: Rule =
    Rule { code: "credentials-not-allowed", find: credentials_not_allowed, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`CORS_ALLOW_CREDENTIALS = True` in the settings (django-cors-headers)",
        source: "https://github.com/adamchainz/django-cors-headers#configuration",
    },
    Fix {
        product: "Starlette",
        text: "`app.add_middleware(CORSMiddleware, allow_origins=[\"{origin}\"], allow_credentials=True, allow_methods=[\"*\"], allow_headers=[\"*\"])` in place of the one that is there (FastAPI, Starlette)",
        source: "https://www.starlette.io/middleware/#corsmiddleware",
    },
    Fix {
        product: "Werkzeug",
        text: "`CORS(app, origins=[\"{origin}\"], supports_credentials=True)` in place of the one that is there (flask-cors)",
        source: "https://flask-cors.readthedocs.io/en/latest/configuration.html",
    },
    Fix {
        product: "Express",
        text: "`app.use(cors({ origin: \"{origin}\", credentials: true }));` in place of the one that is there (Express)",
        source: "https://expressjs.com/en/resources/middleware/cors.html",
    },
    Fix {
        product: "nginx",
        text: "`add_header Access-Control-Allow-Credentials true always;` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "`Header always set Access-Control-Allow-Credentials true` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "`http-after-response set-header Access-Control-Allow-Credentials true` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "`header >Access-Control-Allow-Credentials true` (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/header",
    },
    Fix {
        product: "",
        text: "answer Access-Control-Allow-Credentials: true (also to the preflight) in the layer that allows the origin, or send the request without credentials",
        source: "https://fetch.spec.whatwg.org/#concept-cors-check",
    },
];

fn credentials_not_allowed(case: &Case<'_>) -> Vec<Finding> {
    // That nothing followed a preflight tells something at the edge only.
    let mut found = case.blocked_hops().filter(|(_, it, status)| {
        let Some(response) = it.hop.response() else { return false };
        let origin = it.hop.request.headers.text("origin");
        let allowed = response.headers.text("access-control-allow-origin");
        let credentials = response.headers.text("access-control-allow-credentials");
        let is_ok = it.kind != HopKind::Preflight || (200..300).contains(status);
        is_ok
            && origin.is_some()
            && origin == allowed
            && credentials.as_deref() != Some("true")
            && case.has_credentials(&it.hop)
            && !(it.kind == HopKind::Preflight && case.is_only_seen_inside(&it.hop))
    });
    let Some((idx, it, _)) = found.next() else { return Vec::new() };
    let name = "access-control-allow-credentials";
    let mut evidence: Vec<_> =
        outer_header(idx, it, "access-control-allow-origin").into_iter().collect();
    evidence.extend(request_header(idx, &it.hop, "cookie"));
    evidence.extend(outer_header(idx, it, name));
    let got = it.hop.response().and_then(|it| it.headers.text(name));
    let got =
        got.map_or_else(|| "is missing".to_owned(), |it| format!("is \"{it}\", not \"true\""));
    let title = format!(
        "The request is made with credentials, and Access-Control-Allow-Credentials {got}."
    );
    let by = case.known_author(name, idx);
    let origin = it.hop.request.headers.text("origin").unwrap_or_default();
    let words = [("origin", &*origin)];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_credentials_are_not_allowed() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test >cookie=a=1",
                ][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test access-control-allow-credentials=True >cookie=a=1",
                    "origin GET http://app.test/a 200 access-control-allow-origin=http://page.test access-control-allow-credentials=True >cookie=a=1",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test access-control-allow-credentials=true >cookie=a=1",
                ],
                None,
            ),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test"], None),
            // The request may have been answered by the gateway, which this tap does not see.
            (
                &[
                    "origin OPTIONS http://app.test/a 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin=* >cookie=a=1"], None),
        ] {
            check("credentials-not-allowed", lines, found);
        }
    }
}
