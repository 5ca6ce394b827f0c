//! A page over https asks an address over http: the browser sends nothing at all.
//!
//! Only the browser can tell. What a tap saw was sent: by a page that may do so, or over https to
//! a layer before the tap which says nothing of it.
//!
//! [Mixed content](https://w3c.github.io/webappsec-mixed-content/#should-block-fetch) is no matter
//! of CORS, and no server hears of it.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::fetch::{Mode, Origin};
use crate::lineage::Actor;
use crate::trace::{ChainHop, HopKind, Target, Testimony};

pub(super) const RULE: Rule = Rule { code: "mixed-content", find: mixed_content, causes: &[] };

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "ask for `{to}`, and serve it over https",
    source: "https://w3c.github.io/webappsec-mixed-content/#should-block-fetch",
}];

fn mixed_content(case: &Case<'_>) -> Vec<Finding> {
    let Some((idx, it)) = case.hops().next().filter(|(_, it)| is_mixed(case, it)) else {
        return Vec::new();
    };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    let page = case.judgement.request.origin.as_deref().filter(|it| it.starts_with("https:"));
    let page = page.map(|it| format!(" {it}")).unwrap_or_default();
    let url = &it.hop.request.url;
    let title =
        format!("The page{page} is over https, and {url} is not: a browser sends nothing there.");
    let to = format!("https{}", url.get("http".len()..).unwrap_or_default());
    let by = Actor::Browser;
    let words = [("to", &*to)];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

/// Whether the browser is told to have blocked it, and had reason to.
fn is_mixed(case: &Case<'_>, hop: &ChainHop) -> bool {
    let target = Target::parse(&hop.hop.request.url);
    hop.hop.testimony.error.as_deref() == Some(Testimony::MIXED_CONTENT)
        && hop.kind == HopKind::Request
        && hop.sightings.is_empty()
        && case.judgement.request.mode == Mode::Cors
        && !Origin::parse(&target.origin()).is_potentially_trustworthy()
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::{check, codes};

    #[test]
    fn fires_where_an_https_page_asks_over_http() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/items aborted told='mixed content' >origin=https://page.test",
                ][..],
                Some((1, "browser")),
            ),
            (
                &[
                    "edge GET http://127.0.0.1:8000/items aborted told='mixed content' >origin=https://page.test",
                ],
                None,
            ),
            // It was sent all the same.
            (&["edge GET http://gw.test/items refused >origin=https://page.test"], None),
            (&["edge GET http://gw.test/items closed >origin=https://page.test"], None),
            (&["edge GET http://gw.test/items 200 >origin=https://page.test"], None),
        ] {
            check("mixed-content", lines, found);
        }
    }

    #[test]
    fn nothing_else_is_said_of_it() {
        let lines = [
            "edge GET http://gw.test/items aborted told='mixed content' >origin=https://page.test",
        ];
        assert_eq!(codes(&lines), ["1 mixed-content"]);
    }
}
