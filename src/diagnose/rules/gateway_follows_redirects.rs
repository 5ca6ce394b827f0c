//! The gateway follows the app's redirect itself: the client sees an answer to another request
//! than the one it sent.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_line, response_header, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;

pub(super) const RULE: Rule = Rule {
    code: "gateway-follows-redirects",
    find: gateway_follows_redirects,
    causes: &["trailing-slash-dropped"],
};

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "let the gateway pass redirects on to the client, and send the request to {to}, so that there is none",
    source: "https://www.rfc-editor.org/rfc/rfc9110#name-redirection-3xx",
}];

fn gateway_follows_redirects(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.hops().filter_map(|(idx, it)| {
        let inner =
            it.sightings.iter().find_map(|it| Some((&it.hop, path::redirect_target(&it.hop)?)))?;
        let status = it.hop.status().filter(|it| !(300..400).contains(it))?;
        Some((idx, it, inner, status))
    });
    let Some((idx, it, (inner, to), status)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, inner)];
    evidence.extend(status_line(idx, inner));
    evidence
        .extend(response_header(idx, it, "location").or_else(|| outer_header(idx, it, "location")));
    evidence.extend(status_line(idx, &it.hop));
    let lost = match it.hop.request.method.as_str() {
        "GET" | "HEAD" => "",
        _ => " What the request should have done may not have happened.",
    };
    let title = format!(
        "The app redirected the {} to \"{to}\", the gateway went there itself, and the client was told {status}.{lost}",
        it.hop.request.method,
    );
    let by = case.actors.between;
    let words = [("to", to.as_str())];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_a_redirect_never_reached_the_client() {
        for (lines, found) in [
            (
                &[
                    "edge POST http://gw.test/items 200",
                    "origin POST http://app.test/items 301 location=/items/",
                ][..],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge POST http://gw.test/items 301 location=/items/",
                    "origin POST http://app.test/items 301 location=/items/",
                ],
                None,
            ),
            (&["edge GET http://gw.test/items 200", "origin GET http://app.test/items 200"], None),
        ] {
            check("gateway-follows-redirects", lines, found);
        }
    }
}
