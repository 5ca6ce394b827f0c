//! The app was there, but its answer took longer than the gateway waits.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::{ChainHop, FailureKind};

pub(super) const RULE: Rule = Rule { code: "gateway-timeout", find: gateway_timeout, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "answer within the integration timeout (29 s by default), or start the work and let the page ask for the result later",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html",
    },
    Fix {
        product: "nginx",
        text: "make the app answer faster, or raise proxy_read_timeout (with fastcgi_pass or uwsgi_pass, the one of that name) (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout",
    },
    Fix {
        product: "HAProxy",
        text: "make the app answer faster, or raise timeout server (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#timeout%20server",
    },
    Fix {
        product: "Apache",
        text: "make the app answer faster, or raise ProxyTimeout (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_proxy.html#proxytimeout",
    },
    Fix {
        product: "Envoy",
        text: "make the app answer faster, or raise the route's timeout, which is 15 s unless set (Envoy)",
        source: "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts",
    },
    Fix {
        product: "Kong",
        text: "make the app answer faster, or raise read_timeout of the service (Kong)",
        source: "https://developer.konghq.com/gateway/entities/service/",
    },
    Fix {
        product: "CloudFront",
        text: "make the app answer faster, or raise the origin's response timeout (CloudFront)",
        source: "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-504-gateway-timeout.html",
    },
    Fix {
        product: "AWS ALB",
        text: "make the app answer faster, or raise the idle timeout of the load balancer (AWS ALB)",
        source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html",
    },
    Fix {
        product: "",
        text: "make the app answer faster, or raise the gateway's timeout",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-504-gateway-timeout",
    },
];

fn gateway_timeout(case: &Case<'_>) -> Vec<Finding> {
    let Some((idx, it)) = case.hops().find(|(idx, it)| gave_up(case, *idx, it)) else {
        return Vec::new();
    };
    let mut evidence: Vec<_> = status_line(idx, &it.hop).into_iter().collect();
    evidence.extend(body(idx, &it.hop, "ime"));
    evidence.extend(it.sightings.last().map(|it| request_line(idx, &it.hop)));
    let what = if it.hop.status().is_some() { "made one of its own" } else { "gave none itself" };
    let late = it.sightings.last().filter(|_| super::answered_late(it));
    evidence.extend(late.and_then(|it| status_line(idx, &it.hop)));
    let later = late.and_then(|it| it.hop.status());
    let later = later.map_or_else(String::new, |it| format!(", which came too late ({it})"));
    let title = format!("The gateway stopped waiting for the app's answer{later}, and {what}.");
    let by = Actor::App;
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding_on_either_side(case),
    ]
}

/// A 504 whose words say so, or one while the app was still at work.
fn gave_up(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    let still_at_work = hop.sightings.last().is_some_and(|it| {
        let kind = it.hop.failure().map(|it| it.kind);
        it.hop.response().is_none()
            && (kind.is_none() || matches!(kind, Some(FailureKind::Aborted | FailureKind::Timeout)))
    });
    let says_so = super::is_gateway_timeout(&hop.hop) && case.is_made_on_the_way(idx);
    if super::answered_late(hop) {
        return case.is_made_on_the_way(idx);
    }
    let answered_inside = hop.sightings.iter().any(|it| it.hop.response().is_some());
    // Some close their client's connection without a word.
    let closed = hop
        .hop
        .failure()
        .is_some_and(|it| matches!(it.kind, FailureKind::Closed | FailureKind::Reset));
    let gateway_answered = closed || hop.hop.status().is_some_and(|it| it >= 500);
    !answered_inside && (says_so && !is_down(hop) || gateway_answered && still_at_work)
}

/// Whether an inner tap saw that the app was not there at all.
fn is_down(hop: &ChainHop) -> bool {
    hop.sightings.last().is_some_and(|it| super::app_unreachable::is_down(&it.hop))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_gateway_stopped_waiting() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/a 504 x-amzn-errortype=InternalServerErrorException body='{\"message\": \"Endpoint request timed out\"}'",
                ][..],
                Some((1, "app")),
            ),
            (
                &["edge GET http://gw.test/a 504", "origin GET http://app.test/a aborted"],
                Some((1, "app")),
            ),
            (
                &["edge GET http://gw.test/a closed", "origin GET http://app.test/a aborted"],
                Some((1, "app")),
            ),
            // Nothing but the status, and only gateways answer with that one.
            (&["edge GET http://gw.test/a 504"], Some((1, "app"))),
            // The app was not there: another finding.
            (
                &[
                    "edge GET http://gw.test/a 504 x-amzn-errortype=X body='{\"message\": \"Network error communicating with endpoint\"}'",
                ],
                None,
            ),
            (&["edge GET http://gw.test/a 504", "origin GET http://app.test/a refused"], None),
            // The app said 504 itself.
            (&["edge GET http://gw.test/a 504", "origin GET http://app.test/a 504"], None),
            // The app went on, and answered whom nobody listened to any more.
            (
                &[
                    "edge GET http://gw.test/a 504 after=1000",
                    "origin GET http://app.test/a 200 after=3000",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/a 500 after=3000",
                    "origin GET http://app.test/a 200 after=2990",
                ],
                None,
            ),
            // The client went away first.
            (&["edge GET http://gw.test/a aborted", "origin GET http://app.test/a aborted"], None),
        ] {
            check("gateway-timeout", lines, found);
        }
    }
}
