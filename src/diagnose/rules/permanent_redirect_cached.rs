//! A redirect that the browser had kept from an earlier time: a 301 or 308 is kept without
//! being asked to, so that a fix seems not to work.

use super::Rule;
use crate::diagnose::Evidence;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::LinkWhy;

pub(super) const RULE: Rule =
    Rule { code: "permanent-redirect-cached", find: permanent_redirect_cached, causes: &[] };

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "clear the browser's cache (or try in a private window) before you try again; while things are in flux, send Cache-Control: no-store on redirects, or use 302 or 307",
    source: "https://www.rfc-editor.org/rfc/rfc9110#name-301-moved-permanently",
}];

fn permanent_redirect_cached(case: &Case<'_>) -> Vec<Finding> {
    if case.is_fine() {
        return Vec::new();
    }
    let cached = case.chain.outside.iter().find(|it| {
        it.link.why == LinkWhy::CachedFrom && matches!(it.hop.status(), Some(301 | 308))
    });
    let Some(cached) = cached.filter(|it| !case.is_only_seen_inside(&it.hop)) else {
        return Vec::new();
    };
    let idx = cached.at.min(case.chain.hops.len().saturating_sub(1));
    let mut evidence = vec![request_line(idx, &cached.hop)];
    let location = cached.hop.response().and_then(|it| it.headers.text("location"));
    evidence.extend(location.map(|text| {
        let place = "response location".to_owned();
        Evidence { hop: idx, tap: cached.hop.tap, place, text }
    }));
    let status = cached.hop.status().unwrap_or_default();
    let title = format!(
        "The browser had kept a {status} from an earlier request and followed it without asking again."
    );
    let by = Actor::Browser;
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    use crate::diagnose::testing::{analysed_chain, story};
    use crate::trace::{Clue, Link, LinkWhy, Outside};

    fn code_after(status: u16, answer: &str) -> bool {
        let redirect = format!(
            "edge GET http://gw.test/prod/a {status} location=/a/ access-control-allow-origin=*"
        );
        let earlier = story(&[&redirect]).0.hops.remove(0).hop;
        let (mut chain, taps) = story(&[&format!("edge GET http://gw.test/a/ {answer}")]);
        let clue = Clue { text: String::new(), certain: false };
        let link = Link { why: LinkWhy::CachedFrom, to: earlier.id, clue };
        chain.outside.push(Outside { at: 0, link, hop: earlier });
        let findings = analysed_chain(chain, &taps).findings;
        findings.iter().any(|it| it.code == super::RULE.code)
    }

    #[test]
    fn fires_when_a_kept_redirect_leads_to_nowhere() {
        assert!(code_after(301, "403"));
        assert!(code_after(308, "403"));
        assert!(!code_after(302, "403"));
        assert!(!code_after(301, "200 access-control-allow-origin=*"));
        check("permanent-redirect-cached", &["edge GET http://gw.test/a/ 403"], None);
    }
}
