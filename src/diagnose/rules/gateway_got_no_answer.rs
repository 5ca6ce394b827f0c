//! The gateway says that it got no proper answer from the app, and nothing tells why.
//!
//! A 502 is what many gateways send for whatever went wrong behind them, a timeout included.

use super::{AT_ONCE, Rule};
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::ChainHop;

pub(super) const RULE: Rule =
    Rule { code: "gateway-got-no-answer", find: gateway_got_no_answer, causes: &[] };

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "see that the app runs where the gateway sends to, and answers before the gateway's timeout; a tap between the two, or the gateway's log, tells which of it failed",
    source: "https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway",
}];

fn gateway_got_no_answer(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.hops().filter(|(idx, it)| is_all_told(case, *idx, it));
    let Some((idx, it)) = found.next() else { return Vec::new() };
    let status = it.hop.status().unwrap_or_default();
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    evidence.extend(body(idx, &it.hop, "rror"));
    let title = format!(
        "{} answered {status}: it got no proper answer from the app, which it may not have reached, which broke off, or which took too long.",
        case.name_at_start(idx)
    );
    let by = Actor::App;
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

/// Whether this is all that is known of the hop.
pub(super) fn is_all_told(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    let says_any_failure = match hop.hop.status() {
        Some(502) => !tells_timeouts_apart(case, idx),
        Some(504) => super::says_any_failure(&hop.hop),
        Some(500) => is_by(case, idx, &[ALL_IN_ONE]),
        _ => false,
    };
    let seen_inside =
        hop.sightings.iter().any(|it| it.hop.response().is_some() || it.hop.failure().is_some());
    // What is refused or breaks off is known at once.
    let at_once = hop.hop.timing.wait.is_some_and(|it| it < AT_ONCE)
        && matches!(hop.hop.status(), Some(502 | 504));
    says_any_failure
        && !at_once
        && !seen_inside
        && case.is_made_on_the_way(idx)
        && !super::is_gateway_timeout(&hop.hop)
        && !super::app_unreachable::quotes_a_function(&hop.hop)
}

/// Whether its gateway has another status for an app that is too slow.
fn tells_timeouts_apart(case: &Case<'_>, idx: usize) -> bool {
    is_by(case, idx, TELL_TIMEOUTS_APART)
}

fn is_by(case: &Case<'_>, idx: usize, products: &[&str]) -> bool {
    let product = case.answered.get(idx).and_then(|it| it.product.as_deref());
    product.is_some_and(|it| products.iter().any(|known| it.starts_with(known)))
}

/// Has an empty 500 for whatever a backend did.
const ALL_IN_ONE: &str = "KrakenD";

/// They send 504 for that, or a 502 or 503 with other words.
const TELL_TIMEOUTS_APART: &[&str] = &[
    "APISIX",
    "AWS",
    "Apache",
    "Apigee",
    "Caddy",
    "Cloudflare",
    "Envoy",
    "Gravitee",
    "HAProxy",
    "IIS (ASP.NET Core Module)",
    "Istio",
    "Kong",
    "OpenResty",
    "Squid",
    "Traefik",
    "Varnish",
    "ingress-nginx",
    "lighttpd",
    "nghttpx",
    "nginx",
];

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_a_502_that_may_be_anything() {
        let nginx =
            "server=nginx/1.22.1 content-type=text/html body='<hr><center>nginx/1.22.1</center>'";
        let nginx = format!("edge GET http://gw.test/a 502 {nginx}");
        let any = "Error occurred while trying to proxy";
        let any = format!("edge GET http://gw.test/a 504 body='{any}'");
        for (lines, found) in [
            // A framework that gateways are made of: what is no gateway sends no 502.
            (&["edge GET http://gw.test/a 502 x-powered-by=Express"][..], Some((1, "app"))),
            (&["edge GET http://gw.test/a 502"][..], Some((1, "app"))),
            (&[any.as_str()], Some((1, "app"))),
            // It has another status for timeouts.
            (&[nginx.as_str()], None),
            // A tap saw what went wrong.
            (&["edge GET http://gw.test/a 502", "origin GET http://app.test/a refused"], None),
            (&["edge GET http://gw.test/a 502", "origin GET http://app.test/a aborted"], None),
            (&["edge GET http://gw.test/a 502", "origin GET http://app.test/a 502"], None),
            (&["edge GET http://gw.test/a 504"], None),
            (&["edge GET http://gw.test/a 500"], None),
            (&["origin GET http://app.test/a 502"], None),
        ] {
            check("gateway-got-no-answer", lines, found);
        }
    }
}
