//! A redirect by which a write silently becomes a read.
//!
//! Browsers repeat a POST that is answered 301 or 302 as a GET without a body
//! ([Fetch, HTTP-redirect fetch](https://fetch.spec.whatwg.org/#http-redirect-fetch)). After a
//! form that is wanted; when the redirect leads to the same place with or without a slash, the
//! data is lost and nobody says so.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, response_header, status_line};
use crate::diagnose::fix::{Fix, advise};
use crate::lineage::path;
use crate::trace::ChainHop;

pub(super) const RULE: Rule = Rule {
    code: "redirect-drops-method",
    find: redirect_drops_method,
    causes: &["trailing-slash-dropped", "stage-prefix-lost"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "let the endpoint URL end in a slash: `http://{app}/{proxy}/` and deploy the API again, so that the app has nothing to redirect",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html",
    },
    Fix {
        product: "",
        text: "send the {method} to `{to}` itself; a redirect that keeps method and body is 307 or 308",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-308-permanent-redirect",
    },
];

fn redirect_drops_method(case: &Case<'_>) -> Vec<Finding> {
    case.redirects().filter_map(|(idx, it, to)| finding(case, idx, it, &to)).take(1).collect()
}

fn finding(case: &Case<'_>, idx: usize, hop: &ChainHop, to: &str) -> Option<Finding> {
    let status = hop.hop.status()?;
    let method = hop.hop.request.method.as_str();
    let next = case.next_request(idx);
    let rewritten = match next {
        Some((_, next)) => next.hop.request.method != method,
        // By the standard: 301 and 302 only turn POST.
        None => method == "POST" && matches!(status, 301 | 302),
    };
    let is_write = !matches!(method, "GET" | "HEAD" | "OPTIONS" | "CONNECT");
    let same_place = path::is_related(&hop.hop.request.url, to);
    if !is_write || !rewritten || !same_place || status == 303 {
        return None;
    }
    let mut evidence = vec![request_line(idx, &hop.hop)];
    evidence.extend(status_line(idx, &hop.hop));
    evidence.extend(response_header(idx, hop, "location"));
    evidence.extend(next.map(|(next, it)| request_line(next, &it.hop)));
    let app = case.app_authority().unwrap_or("YOUR-APP");
    let public = case.public_path(idx, to);
    let words = [("method", method), ("to", &*public), ("app", app)];
    let advice = advise(case, FIXES, &words);
    let then = match next {
        Some((_, next)) => format!("was repeated as {}", next.hop.request.method),
        None => "will be repeated by a browser as GET".to_owned(),
    };
    Some(Finding {
        code: RULE.code,
        hop: idx,
        by: case.by(idx),
        because: None,
        title: format!("The {method} was answered {status} and {then}: method and body are lost."),
        evidence,
        fix: advice.text,
        sources: advice.sources,
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_a_write_becomes_a_read_at_the_same_place() {
        for (lines, found) in [
            (
                &[
                    "edge POST http://gw.test/items 301 location=/items/ access-control-allow-origin=*",
                    "edge GET http://gw.test/items/ 200 access-control-allow-origin=*",
                ][..],
                Some((1, "?")),
            ),
            (&["edge POST http://gw.test/items 302 location=/items/"], Some((1, "?"))),
            (&["edge PUT http://gw.test/items 301 location=/items/"], None),
            (&["edge POST http://gw.test/items 308 location=/items/"], None),
            (&["edge POST http://gw.test/items 303 location=/items/"], None),
            (&["edge GET http://gw.test/items 301 location=/items/"], None),
            // Post, redirect, get: as meant.
            (
                &[
                    "edge POST http://gw.test/login 302 location=/home",
                    "edge GET http://gw.test/home 200",
                ],
                None,
            ),
        ] {
            check("redirect-drops-method", lines, found);
        }
    }

    #[test]
    fn leads_under_the_public_prefix() {
        let fix = |lines: &[&str]| {
            let findings = crate::diagnose::testing::analysed(lines).findings;
            findings.into_iter().find(|it| it.code == super::RULE.code).map(|it| it.fix)
        };
        let lost = "edge POST http://gw.test/g/items 301 location=/items/";
        assert!(fix(&[lost]).is_some_and(|it| it.contains("`/g/items/` itself")));
        let there = "edge GET http://gw.test/items/ 200 access-control-allow-origin=*";
        let moved =
            "edge POST http://gw.test/g/items 301 location=/items/ access-control-allow-origin=*";
        assert!(fix(&[moved, there]).is_some_and(|it| it.contains("`/items/` itself")));
    }
}
