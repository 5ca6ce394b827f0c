//! The gateway could not get an answer from the app.
//!
//! Seen at an origin tap as a failed connection, or told by the gateway's own 502, 503 or 504.

use super::Rule;
use crate::content;
use crate::diagnose::case::{Case, body, request_line, status_line};
use crate::diagnose::fix::{Fix, advise};
use crate::diagnose::{Evidence, Finding};
use crate::lineage::Actor;
use crate::trace::{ChainHop, Failure, FailureKind, Hop};

pub(super) const RULE: Rule = Rule { code: "app-unreachable", find: app_unreachable, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "start the app, and check that the endpoint URL's host and port can be reached from the gateway",
        source: "https://repost.aws/knowledge-center/api-gateway-504-errors",
    },
    Fix {
        product: "HAProxy",
        text: "start the app, and check its `server` line and health check; a rule that denies with 503 answers with the same words (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#5.2-check",
    },
    Fix {
        product: "nginx",
        text: "start the app, and check host and port of proxy_pass (fastcgi_pass, uwsgi_pass) (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass",
    },
    Fix {
        product: "",
        text: "start the app, and check the host and port that the gateway sends to",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway",
    },
];

/// For one that was there and broke off.
const FIXES_OF_A_CRASH: &[Fix] = &[Fix {
    product: "",
    text: "see the app's log: it was reached and broke off (a crash, a worker that was ended, a port that speaks another protocol)",
    source: "https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway",
}];

/// AWS has no other use for a 502.
const FIXES_OF_A_FUNCTION: &[Fix] = &[Fix {
    product: "",
    text: "see the function's log: it failed, or what it returned is not `{ \"statusCode\": …, \"headers\": {…}, \"body\": \"…\" }` with a text as body",
    source: "https://repost.aws/knowledge-center/malformed-502-api-gateway",
}];

fn app_unreachable(case: &Case<'_>) -> Vec<Finding> {
    let hops = case.hops().filter(|(idx, _)| !case.is_made_good(*idx));
    let mut found = hops.filter_map(|(idx, it)| Some((idx, it, signs(case, idx, it)?)));
    let Some((idx, it, evidence)) = found.next() else { return Vec::new() };
    let failure = it.innermost().failure().or_else(|| cut_short(it));
    let how = failure.map_or_else(String::new, |it| match it.distrust() {
        Some(distrust) => format!(" (its certificate {})", distrust.as_str()),
        None => format!(" ({})", in_words(it.kind)),
    });
    let is_function = it.hop.status() == Some(502)
        && (is_of_functions(&case.name_of(idx)) || quotes_a_function(&it.hop));
    let broke = failure.is_some_and(|it| broke_off(it.kind));
    // From outside, a 502 tells that no answer came, and not why.
    let told =
        failure.is_none() && (it.hop.status() == Some(502) || super::says_any_failure(&it.hop));
    let fixes = match (is_function, broke) {
        (true, _) => FIXES_OF_A_FUNCTION,
        (_, true) => FIXES_OF_A_CRASH,
        _ => FIXES,
    };
    let mut advice = advise(case, fixes, &[]);
    if told && !is_function {
        advice.text.push_str("; if it runs, its log tells whether it broke off");
    }
    let status = it.hop.status().map(|it| format!(" and answered {it}"));
    let no_answer = told || broke;
    let what =
        if no_answer { "got no proper answer from the app" } else { "could not reach the app" };
    let who = if case.is_made_on_the_way(idx) {
        case.name_at_start(idx)
    } else {
        "The gateway".to_owned()
    };
    vec![Finding {
        code: RULE.code,
        hop: idx,
        by: Actor::App,
        because: None,
        title: format!("{who} {what}{how}{}.", status.unwrap_or_default()),
        evidence,
        fix: advice.text,
        sources: advice.sources,
    }]
}

/// Whether behind this product a 502 is about a function, not about a server.
fn is_of_functions(product: &str) -> bool {
    ["AWS API Gateway", "AWS Lambda"].iter().any(|it| product.starts_with(it))
}

/// Whether an error has what Lambda's runtimes report of a function that threw, as emulators pass
/// it on.
pub(super) fn quotes_a_function(hop: &Hop) -> bool {
    let said = hop.response().map(content::of_response).unwrap_or_default();
    said.contains("\"errorMessage\":") && said.contains("\"errorType\":")
}

/// What broke off the app's answer in its body, where the client got none for that.
fn cut_short(hop: &ChainHop) -> Option<&Failure> {
    let unanswered =
        hop.hop.response().is_none() && hop.hop.failure().is_some_and(|it| broke_off(it.kind));
    let inner = hop.sightings.last().filter(|_| unanswered)?.hop.response()?;
    inner.truncated.as_ref().filter(|it| broke_off(it.kind))
}

/// Whether somebody was there, who then gave no answer.
fn broke_off(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Reset | FailureKind::Closed | FailureKind::Malformed)
}

/// What shows that the app did not answer; `None` when nothing does.
fn signs(case: &Case<'_>, idx: usize, hop: &ChainHop) -> Option<Vec<Evidence>> {
    let broken = |it: &&Hop| is_down(it) || cut_short(hop).is_some();
    if let Some(inner) = hop.sightings.last().map(|it| &*it.hop).filter(broken) {
        let mut evidence = vec![request_line(idx, inner)];
        evidence.extend(status_line(idx, inner));
        evidence.extend(status_line(idx, &hop.hop));
        return Some(evidence);
    }
    if case.stands_before_app(hop.hop.tap) && is_down(&hop.hop) {
        let mut evidence = vec![request_line(idx, &hop.hop)];
        evidence.extend(status_line(idx, &hop.hop));
        return Some(evidence);
    }
    // It was reached, and the gateway stopped waiting: that is `gateway-timeout`'s.
    let gave_up = |it: &Hop| it.failure().is_some_and(|it| it.kind == FailureKind::Aborted);
    if hop.sightings.last().is_some_and(|it| gave_up(&it.hop)) {
        return None;
    }
    let status = hop.hop.status()?;
    let answered_inside = hop.sightings.iter().any(|it| it.hop.response().is_some());
    let says_so = matches!(status, 502..=504 | 521..=523) || status == 500 && is_refused(&hop.hop);
    let told = says_so && case.is_made_on_the_way(idx);
    let is_other = super::is_gateway_timeout(&hop.hop)
        || super::gateway_got_no_answer::is_all_told(case, idx, hop)
        || super::gateway_unavailable::is_all_told(case, idx, hop);
    if !told || answered_inside || is_other {
        return None;
    }
    let mut evidence: Vec<Evidence> = status_line(idx, &hop.hop).into_iter().collect();
    evidence.extend(body(idx, &hop.hop, "rror"));
    Some(evidence)
}

/// Whether an error quotes what Node calls a refused connection, or one that broke.
fn is_refused(hop: &Hop) -> bool {
    let said = hop.response().map(content::of_response).unwrap_or_default();
    BROKEN.iter().any(|it| said.contains(it))
}

/// Node's own word, those of @fastify/http-proxy for its other two, Tyk's, Spring Cloud Gateway's.
const BROKEN: &[&str] = &[
    "ECONNREFUSED",
    "\"message\":\"Connection refused: ",
    "There was a problem proxying the request",
    "\"code\":\"ECONNRESET\",\"error\":\"Internal Server Error\"",
    "\"code\":\"UND_ERR_SOCKET\",\"error\":\"Internal Server Error\"",
];

/// Whether the app was not there. A client that went away, or a tap that refused, tells nothing
/// of the app; silence is `gateway-timeout`'s.
pub(super) fn is_down(hop: &Hop) -> bool {
    use FailureKind::{Closed, Dns, Malformed, Refused, Reset, Tls, Unreachable};
    hop.response().is_none()
        && hop.failure().is_some_and(|it| {
            matches!(it.kind, Refused | Unreachable | Dns | Reset | Closed | Tls | Malformed)
        })
}

fn in_words(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refused => "connection refused",
        FailureKind::Unreachable => "no route to it",
        FailureKind::Dns => "its name did not resolve",
        FailureKind::Reset => "connection reset",
        FailureKind::Closed => "it closed the connection without an answer",
        FailureKind::Tls => "the TLS handshake failed",
        FailureKind::Malformed => "its answer was not HTTP",
        FailureKind::Timeout => "no answer in time",
        FailureKind::Aborted => "the gateway gave up",
        FailureKind::RefusedByTap => "refused by the tap",
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_app_gave_no_answer() {
        let aws = "x-amzn-errortype=InternalServerErrorException";
        let aws = format!(
            "edge GET http://gw.test/prod/items 504 {aws} body='{{\"message\": \"Network error communicating with endpoint\"}}'"
        );
        for (lines, found) in [
            (&[aws.as_str(), "origin GET http://app.test/items refused"][..], Some((1, "app"))),
            (&[aws.as_str()], Some((1, "app"))),
            (
                &[
                    "edge GET http://gw.test/items 502 server=nginx/1.22.1 content-type=text/html body='<hr><center>nginx/1.22.1</center>'",
                ],
                Some((1, "app")),
            ),
            (
                &["edge GET http://gw.test/items 502", "origin GET http://app.test/items reset"],
                Some((1, "app")),
            ),
            // It broke off in its answer, of which the client got nothing.
            (
                &[
                    "edge GET http://gw.test/items closed",
                    "origin GET http://app.test/items 200 cut=closed",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/items 200 cut=closed",
                    "origin GET http://app.test/items 200 cut=closed",
                ],
                None,
            ),
            // Only the origin tap: it stands right before the app.
            (&["origin GET http://app.test/items refused"], Some((1, "app"))),
            (&["edge GET http://app.test/items refused"], None),
            (
                &[
                    "origin GET http://app.test/items closed",
                    "origin GET http://app.test/items 200",
                ],
                None,
            ),
            (
                &[
                    "edge GET http://gw.test/items 500 body='{\"code\":\"FST_REPLY_FROM_INTERNAL_SERVER_ERROR\",\"message\":\"connect ECONNREFUSED 10.0.0.1:80\"}'",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/items 500 body='{\"statusCode\":500,\"code\":\"UND_ERR_SOCKET\",\"error\":\"Internal Server Error\",\"message\":\"Undici Socket Error\"}'",
                ],
                Some((1, "app")),
            ),
            // A 502 that the app itself sent, and one that may be a timeout as well.
            (&["edge GET http://gw.test/items 502"], None),
            (&["edge GET http://gw.test/items 502", "origin GET http://app.test/items 502"], None),
            (&["edge GET http://gw.test/items 403 x-amzn-errortype=ForbiddenException"], None),
            (&["edge GET http://gw.test/items 200", "origin GET http://app.test/items 200"], None),
            // It was reached: the gateway stopped waiting.
            (
                &[
                    "edge GET http://gw.test/items 502 server=Apache/2.4 body='response from an upstream server.'",
                    "origin GET http://app.test/items aborted",
                ],
                None,
            ),
            // The client went away.
            (
                &[
                    "edge GET http://gw.test/items aborted",
                    "origin GET http://app.test/items aborted",
                ],
                None,
            ),
        ] {
            check("app-unreachable", lines, found);
        }
    }
}
