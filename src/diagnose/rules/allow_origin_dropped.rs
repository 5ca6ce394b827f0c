//! The app sent `Access-Control-Allow-Origin`, and it was taken away on the way.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, response_header, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::{State, What};

pub(super) const RULE: Rule =
    Rule { code: "allow-origin-dropped", find: allow_origin_dropped, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway (HTTP)",
        text: "an HTTP API with CORS configured ignores the app's headers: configure this origin there, or remove the configuration",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    },
    Fix {
        product: "nginx",
        text: "remove proxy_hide_header, or set it here: `add_header Access-Control-Allow-Origin {origin} always;` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_hide_header",
    },
    Fix {
        product: "Apache",
        text: "remove the Header unset, or set it after that: `Header always set Access-Control-Allow-Origin \"{origin}\"` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "remove the del-header, or set it after that: `http-after-response set-header Access-Control-Allow-Origin {origin}` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "remove header_down -Access-Control-Allow-Origin from reverse_proxy, or set it: `header >Access-Control-Allow-Origin {origin}` (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/header",
    },
    Fix {
        product: "",
        text: "in the gateway's settings, pass the app's Access-Control-Allow-* headers on, or set them there for {origin}",
        source: "https://fetch.spec.whatwg.org/#http-cors-protocol",
    },
];

fn allow_origin_dropped(case: &Case<'_>) -> Vec<Finding> {
    let name = "access-control-allow-origin";
    let header = What::Header(name.to_owned());
    let mut found = case.blocked_hops().filter(|(idx, it, _)| {
        // It went with the whole answer, or came when that was over.
        let with_all =
            super::answer_replaced::replaced(case, *idx, it).is_some() || super::answered_late(it);
        case.on_the_way(&header, *idx, State::Dropped) && !with_all
    });
    let Some((idx, it, _)) = found.next() else { return Vec::new() };
    let mut evidence: Vec<_> = response_header(idx, it, name).into_iter().collect();
    evidence.extend(status_line(idx, &it.hop));
    let title = "The app sent Access-Control-Allow-Origin, and it was gone when the answer reached the browser.".to_owned();
    let by = case.actors.between;
    let origin = it.hop.request.headers.text("origin").unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_header_vanished_between_the_taps() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/a 200",
                    "origin GET http://app.test/a 200 access-control-allow-origin=http://page.test",
                ][..],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test",
                    "origin GET http://app.test/a 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            (&["edge GET http://gw.test/a 200", "origin GET http://app.test/a 200"], None),
            // Nobody waits for it.
            (
                &[
                    "edge GET http://gw.test/a 200 >origin=-",
                    "origin GET http://app.test/a 200 access-control-allow-origin=http://page.test >origin=-",
                ],
                None,
            ),
        ] {
            check("allow-origin-dropped", lines, found);
        }
    }
}
