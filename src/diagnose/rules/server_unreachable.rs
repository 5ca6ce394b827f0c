//! No answer at all at the outermost tap: the connection failed before CORS was reached.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::FailureKind;

pub(super) const RULE: Rule =
    Rule { code: "server-unreachable", find: server_unreachable, causes: &[] };

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "check that {server} is running and can be reached from here; this is no CORS error, whatever the console says beside it",
    source: "https://fetch.spec.whatwg.org/#concept-network-error",
}];

fn server_unreachable(case: &Case<'_>) -> Vec<Finding> {
    let mut failed = case.hops().filter_map(|(idx, it)| {
        let failure = it.hop.failure().filter(|_| it.hop.response().is_none())?;
        let theirs = !matches!(failure.kind, FailureKind::Aborted | FailureKind::RefusedByTap);
        // Right before the app it is the app that is missing: see `app_unreachable`.
        (theirs && !case.stands_before_app(it.hop.tap)).then_some((idx, it, failure))
    });
    let Some((idx, it, failure)) = failed.next() else { return Vec::new() };
    let server = crate::trace::Target::parse(&it.hop.request.url).authority;
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    let title =
        format!("{server} gave no answer ({}): CORS was never reached.", failure.kind.as_str());
    let by = Actor::Unknown;
    let words = [("server", server)];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_no_answer_came() {
        for (lines, found) in [
            (&["edge GET http://gw.test/a refused"][..], Some((1, "?"))),
            (&["edge GET http://gw.test/a timeout"], Some((1, "?"))),
            // The client went away, or the tap refused.
            (&["edge GET http://gw.test/a aborted"], None),
            (&["edge GET http://gw.test/a refused-by-tap"], None),
            (&["edge GET http://gw.test/a 502"], None),
            (&["origin GET http://app.test/a refused"], None),
        ] {
            check("server-unreachable", lines, found);
        }
    }
}
