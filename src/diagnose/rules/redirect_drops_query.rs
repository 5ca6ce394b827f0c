//! A redirect to the same place that forgets the query.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, response_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::{ChainHop, Target};

pub(super) const RULE: Rule = Rule {
    code: "redirect-drops-query",
    find: redirect_drops_query,
    causes: &["trailing-slash-dropped", "stage-prefix-lost"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "Spring",
        text: "ask for `{to}`; UrlHandlerFilter's redirect drops the query, its wrapRequest does not (Spring)",
        source: "https://github.com/spring-projects/spring-framework/issues/35873",
    },
    Fix {
        product: "",
        text: "ask for `{to}` itself, or let the redirect carry the query on",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-location",
    },
];

fn redirect_drops_query(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.redirects().filter(|(_, it, to)| loses_query(it, to));
    let Some((idx, it, to)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(response_header(idx, it, "location"));
    let from = Target::parse(&it.hop.request.url);
    let title = format!(
        "The redirect leads to the same place without the query \"?{}\".",
        from.query.unwrap_or_default()
    );
    let by = case.author("location", idx);
    let whole = format!("{}?{}", Target::parse(&to).path, from.query.unwrap_or_default());
    let words = [("to", whole.as_str())];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

/// Only where the path changes by no more than a slash or a prefix: a redirect to the very
/// same path without its query is how a page gets rid of it.
fn loses_query(hop: &ChainHop, to: &str) -> bool {
    let (from, to) = (Target::parse(&hop.hop.request.url), Target::parse(to));
    from.query.is_some_and(|it| !it.is_empty())
        && to.query.unwrap_or_default().is_empty()
        && from.path != to.path
        && matches!(hop.hop.status(), Some(301 | 307 | 308))
        && path::is_related(&hop.hop.request.url, &format!("{}{}", to.origin(), to.path))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_only_the_query_is_forgotten() {
        for (lines, found) in [
            (&["edge GET http://gw.test/items/?page=2 308 location=/items"][..], Some((1, "?"))),
            (&["edge GET http://gw.test/items?page=2 301 location=/items/?page=2"], None),
            (&["edge GET http://gw.test/items 301 location=/items/"], None),
            // A login takes the query away on purpose.
            (&["edge GET http://gw.test/login?code=1 302 location=/"], None),
            (&["edge GET http://gw.test/a?utm=1 301 location=/a"], None),
        ] {
            check("redirect-drops-query", lines, found);
        }
    }
}
