//! `*` answered to a request with credentials, for which it stands for nothing.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header, request_line};
use crate::diagnose::fix::{Draft, Fix};

pub(super) const RULE: Rule =
    Rule { code: "wildcard-with-credentials", find: wildcard_with_credentials, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`CORS_ALLOW_ALL_ORIGINS = False`, `CORS_ALLOWED_ORIGINS = [\"{origin}\"]` and `CORS_ALLOW_CREDENTIALS = True` in the settings (django-cors-headers)",
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
        text: "`add_header Access-Control-Allow-Origin {origin} always; add_header Access-Control-Allow-Credentials true always;` in place of the one with * (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "`Header always set Access-Control-Allow-Origin \"{origin}\"` and `Header always set Access-Control-Allow-Credentials true` in place of the one with * (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "`http-after-response set-header Access-Control-Allow-Origin {origin}` and `http-after-response set-header Access-Control-Allow-Credentials true` in place of the one with * (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "`header >Access-Control-Allow-Origin {origin}` and `header >Access-Control-Allow-Credentials true` in place of the one with * (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/header",
    },
    Fix {
        product: "",
        text: "answer Access-Control-Allow-Origin: {origin} with Access-Control-Allow-Credentials: true and Vary: Origin in the layer that sends the \"*\"; or send the request without credentials",
        source: "https://fetch.spec.whatwg.org/#cors-protocol-and-credentials",
    },
];

fn wildcard_with_credentials(case: &Case<'_>) -> Vec<Finding> {
    let name = "access-control-allow-origin";
    let mut found = case.blocked_hops().filter(|(_, it, _)| {
        let allowed = it.hop.response().and_then(|it| it.headers.text(name));
        allowed.as_deref() == Some("*") && may_have_credentials(case, it)
    });
    let Some((idx, it, _)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(request_header(idx, &it.hop, "cookie"));
    evidence.extend(outer_header(idx, it, name));
    let origin = case.chain.origin().unwrap_or_default();
    let title =
        "The request is made with credentials, for which \"*\" allows no origin.".to_owned();
    let by = case.known_author(name, idx);
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: FIXES,
            words: &[("origin", &origin)],
        }
        .finding(case),
    ]
}

/// A preflight has no cookie; the request that it is for may have one.
fn may_have_credentials(case: &Case<'_>, hop: &crate::trace::ChainHop) -> bool {
    case.has_credentials(&hop.hop)
        || case.judgement.verdict.chromium.code.is_some_and(|it| it.contains("Wildcard"))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_a_star_for_a_request_with_cookies() {
        for (lines, found) in [
            (
                &["edge GET http://gw.test/a 200 access-control-allow-origin=* >cookie=a=1"][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=* >cookie=a=1",
                    "origin GET http://app.test/a 200 >cookie=a=1",
                ],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=* x-powered-by=Express >cookie=a=1",
                ],
                Some((1, "?")),
            ),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin=*"], None),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test access-control-allow-credentials=true >cookie=a=1",
                ],
                None,
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test >cookie=a=1",
                ],
                None,
            ),
        ] {
            check("wildcard-with-credentials", lines, found);
        }
    }
}
