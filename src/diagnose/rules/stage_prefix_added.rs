//! A redirect that puts a prefix in front which the public path does not have.
//!
//! With a custom domain the stage is no part of the public path, but the app adds it.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, response_header, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::Target;

pub(super) const RULE: Rule = Rule {
    code: "stage-prefix-added",
    find: stage_prefix_added,
    causes: &["trailing-slash-dropped", "prefix-doubled"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`FORCE_SCRIPT_NAME = None`, or make it what is public (Django)",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#force-script-name",
    },
    Fix {
        product: "Starlette",
        text: "`root_path=\"\"`, or make it what is public (FastAPI, Starlette)",
        source: "https://fastapi.tiangolo.com/advanced/behind-a-proxy/",
    },
    Fix {
        product: "",
        text: "the public path has no \"{prefix}\": tell the app the prefix that is public, or none",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-location",
    },
];

fn stage_prefix_added(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.redirects().filter_map(|(idx, it, to)| {
        let (from, target) = (Target::parse(&it.hop.request.url), Target::parse(&to));
        let prefix = path::lost_head(target.path, from.path)?;
        let same_server = path::server_of(&it.hop.request.url) == path::server_of(&to);
        let doubled = path::is_doubled(target.path, &prefix);
        // Languages and versions are put in front all day long; it is a mistake when it failed.
        let (next, after) = case.hops().nth(idx + 1)?;
        let failed = matches!(after.hop.status(), Some(403 | 404))
            && after.hop.request.url.contains(target.path);
        // Behind a gateway that cuts the prefix off it is just what the app should do.
        let known = !case.is_only_seen_inside(&it.hop);
        (known && same_server && !doubled && failed).then_some((idx, it, prefix, next, after))
    });
    let Some((idx, it, prefix, next, after)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(response_header(idx, it, "location"));
    evidence.extend(status_line(next, &after.hop));
    let title = format!("The redirect puts \"{prefix}\" in front, and nothing is there.");
    let by = case.author("location", idx);
    let words = [("prefix", prefix.as_str())];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding_on_either_side(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_added_prefix_leads_nowhere() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://api.test/admin 301 location=/dev/admin/",
                    "edge GET http://api.test/dev/admin/ 403",
                ][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge GET http://api.test/docs 302 location=/en/docs/ access-control-allow-origin=http://page.test",
                    "edge GET http://api.test/en/docs/ 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // An app that knows its prefix, behind a gateway that cuts it off.
            (
                &[
                    "origin GET http://app.test/admin 301 location=/dev/admin/",
                    "origin GET http://app.test/dev/admin/ 404",
                ],
                None,
            ),
            // Not followed: nothing is known.
            (&["edge GET http://api.test/admin 301 location=/dev/admin/"], None),
            (
                &[
                    "edge GET http://api.test/admin 301 location=/admin/",
                    "edge GET http://api.test/admin/ 404",
                ],
                None,
            ),
        ] {
            check("stage-prefix-added", lines, found);
        }
    }
}
