//! A `Location` that names the tap's own upstream: the client goes there directly, and what
//! happens next is not on record.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::{HopKind, TapKind};

pub(super) const RULE: Rule =
    Rule { code: "redirect-leaves-tap", find: redirect_leaves_tap, causes: &[] };

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "record with --keep-redirects, so that the tap rewrites such a Location to itself; nothing is wrong with the app for this alone",
    source: "https://www.rfc-editor.org/rfc/rfc9110#name-location",
}];

fn redirect_leaves_tap(case: &Case<'_>) -> Vec<Finding> {
    // A redirected preflight is not followed, so nobody leaves.
    let followed = case.redirects().filter(|(_, it, _)| it.kind != HopKind::Preflight);
    let mut found = followed.filter(|(_, it, to)| {
        let tap = case.taps.get(usize::from(it.hop.tap.0)).filter(|it| it.kind == TapKind::Reverse);
        let upstream = tap.and_then(|it| it.upstream.as_deref()).map(path::server_of);
        let to = path::server_of(to);
        upstream.is_some_and(|it| it == to) && to != path::server_of(&it.hop.request.url)
    });
    let Some((idx, it, to)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(outer_header(idx, it, "location"));
    let title = format!(
        "The redirect leads to \"{to}\", behind the tap: the rest of this chain is not on record."
    );
    let by = case.author("location", idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_client_is_led_around_the_tap() {
        for (lines, found) in [
            // The tap named `reverse` stands before http://up.test:8000.
            (
                &["reverse GET http://127.0.0.1:9000/a 301 location=http://up.test:8000/a/"][..],
                Some((1, "?")),
            ),
            (&["reverse GET http://127.0.0.1:9000/a 301 location=/a/"], None),
            (
                &["reverse OPTIONS http://127.0.0.1:9000/a 301 location=http://up.test:8000/a/"],
                None,
            ),
            (&["reverse GET http://127.0.0.1:9000/a 301 location=http://other.test/"], None),
            (&["edge GET http://127.0.0.1:9000/a 301 location=http://up.test:8000/a/"], None),
        ] {
            check("redirect-leaves-tap", lines, found);
        }
    }
}
