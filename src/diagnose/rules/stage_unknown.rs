//! A request to a gateway's path without a stage, or with one that does not exist.

use super::Rule;
use crate::content;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, outer_header, request_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::Hop;

pub(super) const RULE: Rule = Rule { code: "stage-unknown", find: stage_unknown, causes: &[] };

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "begin the path with a stage that is deployed, such as /prod (with a custom domain, check its mapping); API keys and the firewall answer with the same words",
    source: "https://repost.aws/knowledge-center/api-gateway-troubleshoot-403-forbidden",
}];

fn stage_unknown(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.hops().filter(|(idx, it)| {
        says_so(&it.hop) && !case.is_off_the_route(*idx) && !is_known(case, &it.hop)
    });
    let Some((idx, it)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(outer_header(idx, it, "x-amzn-errortype"));
    evidence.extend(body(idx, &it.hop, "message"));
    let title =
        "API Gateway knows no stage at this path (or refused the caller): the app was never asked."
            .to_owned();
    let by = case.by(idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

/// Whether the same path was answered otherwise: then its stage is there, and the caller is refused.
pub(super) fn is_known(case: &Case<'_>, hop: &Hop) -> bool {
    let is_same = |it: &Hop| it.request.url == hop.request.url;
    case.hops().any(|(_, it)| it.hop.response().is_some() && is_same(&it.hop) && !says_so(&it.hop))
}

/// 403 `{"message":"Forbidden"}`, of a REST API.
pub(super) fn says_so(hop: &Hop) -> bool {
    hop.response().is_some_and(|it| {
        it.status == 403
            && it
                .headers
                .text("x-amzn-errortype")
                .is_some_and(|it| it.starts_with("ForbiddenException"))
            && (it.body.is_empty() || content::of_response(it).contains("\"Forbidden\""))
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_forbidden_at_a_path_of_the_clients_own() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/items 403 x-amzn-errortype=ForbiddenException body='{\"message\":\"Forbidden\"}'",
                ][..],
                Some((1, "gateway")),
            ),
            // A redirect led there: a symptom.
            (
                &[
                    "edge GET http://gw.test/prod/items 301 location=/items/ access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/items/ 403 x-amzn-errortype=ForbiddenException body='{\"message\":\"Forbidden\"}'",
                ],
                None,
            ),
            (
                &[
                    "edge GET http://gw.test/prod/x 403 x-amzn-errortype=MissingAuthenticationTokenException",
                ],
                None,
            ),
            (
                &[
                    "edge GET http://gw.test/prod/x 403 x-amzn-errortype=ForbiddenException body='{\"message\":\"Invalid API Key identifier specified\"}'",
                ],
                None,
            ),
        ] {
            check("stage-unknown", lines, found);
        }
    }
}
