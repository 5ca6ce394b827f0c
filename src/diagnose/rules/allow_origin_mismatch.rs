//! An `Access-Control-Allow-Origin` that names another origin than the page's.
//!
//! It is compared byte for byte: a slash at the end, a port, the scheme, the case all count.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header};
use crate::diagnose::fix::{Draft, allow_origin};

pub(super) const RULE: Rule = Rule {
    code: "allow-origin-mismatch",
    find: allow_origin_mismatch,
    causes: &[
        "cached-answer-without-allow-origin",
        "origin-null-after-redirect",
        "redirect-loop",
        "redirected-to-login",
    ],
};

fn allow_origin_mismatch(case: &Case<'_>) -> Vec<Finding> {
    let name = "access-control-allow-origin";
    let mut found = case.blocked_hops().filter_map(|(idx, it, _)| {
        let origin = it.hop.request.headers.text("origin").filter(|it| it != "null")?;
        let allowed = it.hop.response()?.headers.text(name)?;
        let other = allowed != origin && allowed != "*" && !allowed.contains(',');
        other.then_some((idx, it, origin, allowed))
    });
    let Some((idx, it, origin, allowed)) = found.next() else { return Vec::new() };
    let mut evidence: Vec<_> = request_header(idx, &it.hop, "origin").into_iter().collect();
    evidence.extend(outer_header(idx, it, name));
    let how = difference(&origin, &allowed);
    let title =
        format!("The answer allows \"{allowed}\", and the page's origin is \"{origin}\"{how}.");
    let by = case.known_author(name, idx);
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: allow_origin::FIXES,
            words: &[("origin", &origin)],
        }
        .finding(case),
    ]
}

/// What is easily overlooked.
fn difference(origin: &str, allowed: &str) -> &'static str {
    let rest = |it: &str| it.split_once("://").map(|(_, rest)| rest.to_owned());
    let no_port = |it: &str| rest(it).map(|it| it.split(':').next().unwrap_or_default().to_owned());
    if allowed.strip_suffix('/') == Some(origin) {
        ": the slash at the end is too much"
    } else if allowed.eq_ignore_ascii_case(origin) {
        ": upper and lower case differ"
    } else if rest(origin) == rest(allowed) {
        ": the scheme differs"
    } else if no_port(origin).is_some_and(|it| no_port(allowed) == Some(it)) {
        ": the port differs"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::diagnose::testing::check;

    #[test]
    fn the_difference_is_named_where_it_is_small() {
        for (allowed, told) in [
            ("http://page.test/", ": the slash at the end is too much"),
            ("HTTP://page.test", ": upper and lower case differ"),
            ("https://page.test", ": the scheme differs"),
            ("http://page.test:80", ": the port differs"),
            ("https://page.test:8443", ": the port differs"),
            ("http://other.test", ""),
            ("http://other.test:80", ""),
            ("null", ""),
        ] {
            assert_eq!(difference("http://page.test", allowed), told, "{allowed}");
        }
    }

    #[test]
    fn fires_when_another_origin_is_named() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test/",
                    "origin GET http://app.test/a 200 access-control-allow-origin=http://page.test/",
                ][..],
                Some((1, "app")),
            ),
            (
                &["edge GET http://gw.test/a 200 access-control-allow-origin=https://page.test"],
                Some((1, "?")),
            ),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin="], Some((1, "?"))),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin=*"], None),
            (&["edge GET http://gw.test/a 200"], None),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin='*, *'"], None),
        ] {
            check("allow-origin-mismatch", lines, found);
        }
    }
}
