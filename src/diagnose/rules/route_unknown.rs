//! The gateway has no route for this path or method: the app was never asked.

use super::Rule;
use crate::content;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, outer_header, request_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::{ChainHop, Hop, HopKind};

pub(super) const RULE: Rule =
    Rule { code: "route-unknown", find: route_unknown, causes: &["permanent-redirect-cached"] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "check the resource and its methods (ANY /{proxy+} does not cover the root), and deploy the API again: changes are not live before; with a custom domain, leave the stage out of the path",
        source: "https://repost.aws/knowledge-center/api-gateway-troubleshoot-403-forbidden",
    },
    Fix {
        product: "",
        text: "add a route for this path and method to the gateway, or ask for a path that has one",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-404-not-found",
    },
];

fn route_unknown(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.hops().filter(|(idx, it)| {
        it.kind != HopKind::Preflight
            && (says_so(&it.hop) || hides_a_404(case, *idx, it))
            && !case.is_off_the_route(*idx)
            && case.is_made_on_the_way(*idx)
    });
    let Some((idx, it)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(outer_header(idx, it, "x-amzn-errortype"));
    evidence.extend(body(idx, &it.hop, "message"));
    let title = format!(
        "{} has no route for this path and method: the app was never asked.",
        case.name_at_start(idx)
    );
    let by = case.by(idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

/// A 404 that was made before the app, where a browser reports CORS instead.
fn hides_a_404(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    hop.hop.status() == Some(404) && hop.sightings.is_empty() && case.is_blocked_at(idx)
}

/// The words of gateways that know no route.
pub(super) fn says_so(hop: &Hop) -> bool {
    let Some(response) = hop.response() else { return false };
    let kind = response.headers.text("x-amzn-errortype").unwrap_or_default();
    let body = content::of_response(response);
    let is_http_api =
        response.headers.has("apigw-requestid") && body.contains("{\"message\":\"Not Found\"}");
    kind.starts_with("MissingAuthenticationToken")
        || response.status == 403 && body.contains("{\"message\":\"Missing Authentication Token\"}")
        || response.status == 404 && (is_http_api || NO_ROUTE.iter().any(|it| body.contains(it)))
        || response.status == 400 && body.contains(NO_MAPPING)
}

/// Kong, Google's API Gateway, Azure API Management, an emulator of AWS'.
const NO_ROUTE: &[&str] = &[
    "no Route matched with those values",
    "The current request is not defined by this API.",
    "{ \"statusCode\": 404, \"message\": \"Resource not found\" }",
    "Serverless-offline: route not found.",
];

/// tinyproxy, as a reverse proxy.
const NO_MAPPING: &str = "No mapping found for requested url";

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_the_words_of_a_gateway_without_a_route() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/prod/x 403 x-amzn-errortype=MissingAuthenticationTokenException",
                ][..],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/x 404 server=kong/3.4 body='{\"message\":\"no Route matched with those values\"}'",
                ],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/x 404 apigw-requestid=a body='{\"message\":\"Not Found\"}'",
                ],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/x 400 server=tinyproxy/1.11 body='<p>No mapping found for requested url</p>'",
                ],
                Some((1, "proxy")),
            ),
            // Any 404 made before the app, where the browser reports CORS instead.
            (
                &[
                    "edge GET http://gw.test/x 404 server=nginx/1.22.1 content-type=text/html body='<hr><center>nginx/1.22.1</center>'",
                ],
                Some((1, "proxy")),
            ),
            (
                &[
                    "edge GET http://gw.test/x 404 >origin=- server=nginx/1.22.1 content-type=text/html body='<hr><center>nginx/1.22.1</center>'",
                ],
                None,
            ),
            // The app said so.
            (
                &[
                    "edge GET http://gw.test/x 404 body='{\"message\":\"no Route matched with those values\"}'",
                    "origin GET http://app.test/x 404 body='{\"message\":\"no Route matched with those values\"}'",
                ],
                None,
            ),
            (&["edge GET http://gw.test/x 404 body='{\"message\":\"Not Found\"}'"], None),
            // A preflight has a finding of its own.
            (
                &[
                    "edge OPTIONS http://gw.test/items 403 x-amzn-errortype=MissingAuthenticationTokenException",
                ],
                None,
            ),
        ] {
            check("route-unknown", lines, found);
        }
    }
}
