//! The gateway answered the preflight itself, so the app's log shows the request alone.
//!
//! It stands at that request. No mistake, but it misleads: who reads one lonely line in the log takes it for the preflight.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::HopKind;

pub(super) const RULE: Rule = Rule {
    code: "preflight-answered-by-gateway",
    find: preflight_answered_by_gateway,
    causes: &[
        "trailing-slash-dropped",
        "redirect-loop",
        "preflight-redirected",
        "allow-origin-missing-on-redirect",
        "stage-prefix-lost",
        "prefix-doubled",
        "append-slash-refuses-write",
        "allow-origin-dropped",
        "allow-origin-mismatch",
        "allow-origin-missing-on-error",
        "allow-origin-missing",
    ],
};

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "nothing to change here: read the line in the app's log as the request, not as the preflight",
    source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html",
}];

fn preflight_answered_by_gateway(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.hops().filter_map(|(idx, it)| {
        let passed = it.kind == HopKind::Preflight && it.hop.status().is_some_and(|it| it < 300);
        let (next, request) = case.next_request(idx)?;
        let alone = case.is_made_on_the_way(idx)
            && it.sightings.is_empty()
            && !request.sightings.is_empty();
        (passed && alone && case.judgement.verdict.hop >= Some(next))
            .then_some((idx, it, next, request))
    });
    // Worth a word only where something else went wrong.
    let Some((idx, it, next, request)) = found.next().filter(|_| case.is_blocked()) else {
        return Vec::new();
    };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    evidence.push(request_line(next, request.innermost()));
    let title = format!(
        "{} answered the preflight itself: the app's log shows the {} alone.",
        case.name_of(idx),
        request.hop.request.method
    );
    let by = case.by(idx);
    vec![
        Draft { code: RULE.code, hop: next, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_beside_another_finding_only() {
        for (lines, found) in [
            (
                &[
                    "edge OPTIONS http://gw.test/prod/items 200 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/prod/items 301 location=/items/ access-control-allow-origin=http://page.test",
                    "origin GET http://app.test/items 301 location=/items/ access-control-allow-origin=http://page.test",
                    "edge OPTIONS http://gw.test/items/ 403",
                ][..],
                Some((2, "gateway")),
            ),
            // All is well.
            (
                &[
                    "edge OPTIONS http://gw.test/prod/items 200 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/prod/items 200 access-control-allow-origin=http://page.test",
                    "origin GET http://app.test/items 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test",
                    "origin OPTIONS http://app.test/items 200 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/items 200",
                    "origin GET http://app.test/items 200",
                ],
                None,
            ),
        ] {
            check("preflight-answered-by-gateway", lines, found);
        }
    }
}
