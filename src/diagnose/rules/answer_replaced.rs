//! The app answered, and the gateway put an answer of its own in its place.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::ChainHop;

pub(super) const RULE: Rule = Rule { code: "answer-replaced", find: answer_replaced, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "`proxy_intercept_errors off;` so that the app's errors reach the client (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_intercept_errors",
    },
    Fix {
        product: "Apache",
        text: "`ProxyErrorOverride Off`, so that the app's errors reach the client (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_proxy.html#proxyerroroverride",
    },
    Fix {
        product: "Caddy",
        text: "remove handle_response from reverse_proxy, so that the app's errors reach the client (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#headers",
    },
    Fix {
        product: "Traefik",
        text: "remove the errors middleware from the router, so that the app's errors reach the client (Traefik)",
        source: "https://doc.traefik.io/traefik/middlewares/http/errorpages/",
    },
    Fix {
        product: "",
        text: "let the gateway pass the app's answer on; look at its settings and its log for why it did not (an error page, a limit, a header it refuses)",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway",
    },
];

/// For an answer that was no error: the gateway could not read it.
const FIXES_OF_A_REFUSAL: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "see nginx's error log; where it says \"upstream sent too big header\": `proxy_buffer_size 32k; proxy_buffers 8 32k;` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffer_size",
    },
    Fix {
        product: "",
        text: "see the gateway's log for what it could not take of the answer: a head that is too large, a header that is malformed",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway",
    },
];

fn answer_replaced(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.hops().filter_map(|(idx, it)| Some((idx, it, replaced(case, idx, it)?)));
    let Some((idx, it, (inner, status))) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, it.innermost())];
    evidence.extend(status_line(idx, it.innermost()));
    evidence.extend(status_line(idx, &it.hop));
    evidence.extend(body(idx, &it.hop, "rror"));
    let title = format!("The app answered {inner}, and {} made {status} of it.", case.name_of(idx));
    let by = case.by(idx);
    let fixes = if inner < 400 && status >= 500 { FIXES_OF_A_REFUSAL } else { FIXES };
    vec![Draft { code: RULE.code, hop: idx, by, title, evidence, fixes, words: &[] }.finding(case)]
}

/// The app's status and the one that was put in its place.
pub(super) fn replaced(case: &Case<'_>, idx: usize, hop: &ChainHop) -> Option<(u16, u16)> {
    let status = hop.hop.status().filter(|it| *it >= 400)?;
    let inner = hop.sightings.last()?.hop.status()?;
    let replaced =
        case.is_made_on_the_way(idx) && !(300..400).contains(&inner) && !super::answered_late(hop);
    replaced.then_some((inner, status))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_client_got_another_answer() {
        for (lines, found) in [
            (
                &["edge GET http://gw.test/a 502", "origin GET http://app.test/a 200"][..],
                Some((1, "gateway")),
            ),
            // An error page of its own.
            (
                &[
                    "edge GET http://gw.test/a 500 server=nginx content-type=text/html body='<hr><center>nginx</center>'",
                    "origin GET http://app.test/a 500 content-type=application/json body='{}'",
                ],
                Some((1, "proxy")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 500 body=x",
                    "origin GET http://app.test/a 500 body=x",
                ],
                None,
            ),
            // Answered from what the app had sent.
            (&["edge GET http://gw.test/a 304", "origin GET http://app.test/a 200"], None),
            (&["edge GET http://gw.test/a 502", "origin GET http://app.test/a refused"], None),
            (
                &[
                    "edge GET http://gw.test/a 504 after=1000",
                    "origin GET http://app.test/a 200 after=3000",
                ],
                None,
            ),
        ] {
            check("answer-replaced", lines, found);
        }
    }
}
