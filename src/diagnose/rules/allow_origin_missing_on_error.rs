//! Errors lack the `Access-Control-Allow-Origin` that the same server's other answers have.
//!
//! Typical of nginx's `add_header` without `always`, and of CORS middleware that an error page
//! bypasses.

use super::Rule;
use crate::diagnose::Evidence;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::{Actor, State, What, path};
use crate::trace::ChainHop;

pub(super) const RULE: Rule = Rule {
    code: "allow-origin-missing-on-error",
    find: allow_origin_missing_on_error,
    causes: &[
        "stage-prefix-lost",
        "prefix-doubled",
        "location-scheme-downgraded",
        "location-internal-host",
        "app-unreachable",
        "gateway-got-no-answer",
        "gateway-unavailable",
        "redirected-to-login",
        "preflight-not-routed",
        "preflight-refused",
    ],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "`add_header Access-Control-Allow-Origin {origin} always;` instead of the one without always, which leaves errors out, if it is nginx that adds the header and not the app (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "`Header always set Access-Control-Allow-Origin \"{origin}\"` instead of the one without always, which leaves errors out, if it is Apache that adds the header and not the app (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "`http-after-response set-header Access-Control-Allow-Origin {origin}` instead of http-response, which leaves its own errors out (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Starlette",
        text: "an unhandled error bypasses CORSMiddleware as it is added: put it around the whole app, `app = CORSMiddleware(app, allow_origins=[\"{origin}\"], allow_methods=[\"*\"], allow_headers=[\"*\"])` (FastAPI, Starlette)",
        source: "https://www.starlette.io/middleware/#corsmiddleware",
    },
    Fix {
        product: "Express",
        text: "`response.set(\"Access-Control-Allow-Origin\", \"{origin}\");` in the error handler (Express)",
        source: "https://expressjs.com/en/guide/error-handling.html",
    },
    Fix {
        product: "",
        text: "send Access-Control-Allow-Origin on errors too, from the layer that makes them; until then the page cannot read the {status}",
        source: "https://fetch.spec.whatwg.org/#http-cors-protocol",
    },
];

fn allow_origin_missing_on_error(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter_map(|(idx, it, status)| {
        let missing = status >= 400
            && !it.seen().any(|it| it.response().is_some_and(|it| it.headers.has(NAME)));
        let candidate = missing && !case.is_made_on_the_way(idx) && case.is_cross_origin(&it.hop);
        let seen = candidate.then(|| seen_elsewhere(case, idx, it)).flatten()?;
        Some((idx, it, status, seen))
    });
    let Some((idx, it, status, (by, other))) = found.next() else { return Vec::new() };
    let mut evidence: Vec<Evidence> = status_line(idx, &it.hop).into_iter().collect();
    evidence.extend(other);
    if evidence.len() == 1 {
        evidence.extend(outer_header(idx, it, "server"));
    }
    let title = format!(
        "The {status} has no Access-Control-Allow-Origin, though other answers of this server have it: the CORS message hides the {status}."
    );
    let shown = status.to_string();
    let origin = it.hop.request.headers.text("origin").unwrap_or_default();
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: FIXES,
            words: &[("status", &shown), ("origin", &origin)],
        }
        .finding(case)
        .after_mending(status),
    ]
}

const NAME: &str = "access-control-allow-origin";

/// Who adds the header to this server's other answers, quoted where it is in this chain.
fn seen_elsewhere(
    case: &Case<'_>,
    idx: usize,
    hop: &ChainHop,
) -> Option<(Actor, Option<Evidence>)> {
    let server = path::server_of(&hop.hop.request.url);
    let here = case.hops().find(|(other, it)| {
        let has = it.hop.response().is_some_and(|it| it.status < 400 && it.headers.has(NAME));
        *other != idx && has && path::server_of(&it.hop.request.url) == server
    });
    let Some((other, it)) = here else {
        let known = case.servers.get(&server);
        let known = known.filter(|it| it.fine.with > 0 && it.errors.with == 0)?;
        return Some((author(case, idx, hop, known.added_on_the_way > 0), None));
    };
    let added = case.on_the_way(&What::Header(NAME.to_owned()), other, State::Added);
    Some((author(case, idx, hop, added), outer_header(other, it, NAME)))
}

/// Who should have added it here. From one tap nobody can tell: the app may never have seen to
/// it. (A preflight may well be answered by another layer than the request.)
fn author(case: &Case<'_>, idx: usize, hop: &ChainHop, added_on_the_way: bool) -> Actor {
    match (hop.sightings.is_empty(), added_on_the_way) {
        (true, _) if !case.stands_before_app(hop.hop.tap) => Actor::Unknown,
        (false, true) => case.actors.between,
        _ => case.by(idx),
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_only_errors_lack_the_header() {
        for (lines, found) in [
            // The proxy adds it to what is no error.
            (
                &[
                    "edge GET http://gw.test/a 307 location=/a/ access-control-allow-origin=*",
                    "origin GET http://app.test/a 307 location=/a/",
                    "edge GET http://gw.test/a/ 500",
                    "origin GET http://app.test/a/ 500",
                ][..],
                Some((2, "gateway")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/a 200 access-control-allow-origin=http://page.test",
                    "origin OPTIONS http://app.test/a 200 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/a 500",
                    "origin GET http://app.test/a 500",
                ],
                Some((2, "app")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/a 200 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/a 500",
                ],
                Some((2, "?")),
            ),
            // Nothing shows that it is ever sent.
            (&["edge GET http://gw.test/a 500"], None),
            (
                &[
                    "edge OPTIONS http://gw.test/a 200 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/a 500 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // Made by the gateway: another finding.
            (
                &[
                    "edge OPTIONS http://gw.test/a 200 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/a 503 body='No server is available to handle this request.'",
                ],
                None,
            ),
            // Another server.
            (
                &[
                    "edge GET http://a.test/a 302 location=http://b.test/ access-control-allow-origin=http://page.test",
                    "edge GET http://b.test/ 404",
                ],
                None,
            ),
        ] {
            check("allow-origin-missing-on-error", lines, found);
        }
    }

    #[test]
    fn what_the_server_did_in_other_chains_counts() {
        use crate::diagnose::testing::{analysed_after, story};
        let mut servers = crate::diagnose::Servers::default();
        let line = "edge GET http://gw.test/a 500";
        let found = |servers: &_| {
            analysed_after(&[line], servers).findings.iter().any(|it| it.code == super::RULE.code)
        };
        assert!(!found(&servers));
        servers.learn(&story(&["edge GET http://gw.test/b 200 access-control-allow-origin=*"]).0);
        assert!(found(&servers));
        // Put on by the proxy there, so missed by the proxy here.
        let mut servers = crate::diagnose::Servers::default();
        let fine = [
            "edge GET http://gw.test/b 200 access-control-allow-origin=* server=nginx",
            "origin GET http://app.test/b 200",
        ];
        servers.learn(&story(&fine).0);
        let lines =
            ["edge GET http://gw.test/a 500 server=nginx", "origin GET http://app.test/a 500"];
        let findings = analysed_after(&lines, &servers).findings;
        assert_eq!(findings[0].by, crate::lineage::Actor::Proxy);
    }
}
