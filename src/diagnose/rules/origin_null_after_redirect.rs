//! A redirect to another origin made the browser send `Origin: null`, and the server there does
//! not allow that.
//!
//! After a redirect from one foreign origin to another the request's origin is tainted
//! ([Fetch](https://fetch.spec.whatwg.org/#concept-request-tainted-origin)).

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header, request_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::{Actor, path};

pub(super) const RULE: Rule = Rule {
    code: "origin-null-after-redirect",
    find: origin_null_after_redirect,
    causes: &["location-scheme-downgraded", "location-internal-host", "redirected-to-login"],
};

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "ask for {to} directly, so that no redirect crosses origins; or let that server answer with Access-Control-Allow-Origin: * (without credentials)",
    source: "https://fetch.spec.whatwg.org/#concept-request-tainted-origin",
}];

fn origin_null_after_redirect(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter_map(|(at, it, _)| {
        let is_null = it.hop.request.headers.text("origin").as_deref() == Some("null");
        let allowed = it.hop.response()?.headers.text("access-control-allow-origin");
        let refused = !matches!(allowed.as_deref(), Some("*" | "null"));
        let crossing = case
            .redirects()
            .take_while(|(idx, ..)| *idx < at)
            .filter(|(_, it, to)| path::server_of(&it.hop.request.url) != path::server_of(to));
        let (idx, redirect, to) = crossing.last()?;
        (is_null && refused).then_some((idx, redirect, to, at, it))
    });
    let Some((idx, redirect, to, at, it)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &redirect.hop)];
    evidence.extend(outer_header(idx, redirect, "location"));
    evidence.extend(request_header(at, &it.hop, "origin"));
    evidence.extend(outer_header(at, it, "access-control-allow-origin"));
    let title = "The redirect crossed to another origin, so the browser sent \"Origin: null\" there, which is not allowed.".to_owned();
    let by = Actor::Browser;
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: FIXES,
            words: &[("to", &to)],
        }
        .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_origin_became_null_and_was_refused() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://a.test/x 302 location=http://b.test/x access-control-allow-origin=http://page.test",
                    "edge GET http://b.test/x 200 access-control-allow-origin=http://page.test >origin=null",
                ][..],
                Some((1, "browser")),
            ),
            (
                &[
                    "edge GET http://a.test/x 302 location=http://b.test/x access-control-allow-origin=http://page.test",
                    "edge GET http://b.test/x 200 access-control-allow-origin=* >origin=null",
                ],
                None,
            ),
            (
                &[
                    "edge GET http://a.test/x 302 location=http://b.test/x access-control-allow-origin=http://page.test",
                    "edge GET http://b.test/x 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // A sandboxed page has no origin from the start.
            (
                &[
                    "edge GET http://b.test/x 200 access-control-allow-origin=http://page.test >origin=null",
                ],
                None,
            ),
        ] {
            check("origin-null-after-redirect", lines, found);
        }
    }
}
