//! A redirect with the path prefix in it twice: the app and the gateway both put it on.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, response_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::Target;

pub(super) const RULE: Rule =
    Rule { code: "prefix-doubled", find: prefix_doubled, causes: &["trailing-slash-dropped"] };

const FIXES: &[Fix] = &[
    Fix {
        product: "Starlette",
        text: "set root_path only where the gateway strips the prefix, and let one of the two alone put it in front: `root_path=\"\"` (FastAPI, Starlette)",
        source: "https://fastapi.tiangolo.com/advanced/behind-a-proxy/",
    },
    Fix {
        product: "Django",
        text: "`FORCE_SCRIPT_NAME = None`, or stop the gateway from adding \"{prefix}\" to Location (Django)",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#force-script-name",
    },
    Fix {
        product: "nginx",
        text: "`proxy_redirect off;` in the location {prefix}/ (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_redirect",
    },
    Fix {
        product: "",
        text: "let only one of the app and the gateway put \"{prefix}\" in front: the gateway's settings rewrite Location, and the app knows its prefix",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-location",
    },
];

fn prefix_doubled(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.redirects().filter_map(|(idx, it, to)| {
        let from = Target::parse(&it.hop.request.url);
        let target = Target::parse(&to);
        let known = case.route.map(|it| it.mapping.outer.clone()).filter(|it| !it.is_empty());
        let prefix = known
            .filter(|it| path::is_doubled(target.path, it))
            .or_else(|| doubled(from.path, target.path))?;
        (!path::is_doubled(from.path, &prefix)).then_some((idx, it, to.clone(), prefix))
    });
    let Some((idx, it, to, prefix)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(response_header(idx, it, "location"));
    let title = format!(
        "The redirect leads to \"{}\", with \"{prefix}\" in it twice.",
        Target::parse(&to).path
    );
    let by = case.known_author("location", idx);
    let words = [("prefix", prefix.as_str())];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding_on_either_side(case),
    ]
}

/// The first segments of `to`, when they stand there twice and the rest is the place that was
/// asked for.
fn doubled(from: &str, to: &str) -> Option<String> {
    let prefix = path::lost_head(to, from)?;
    (!prefix.is_empty() && path::is_doubled(to, &prefix)).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_a_prefix_that_stands_there_twice() {
        for (lines, found) in [
            (
                &["edge GET http://gw.test/dev/admin 301 location=/dev/dev/admin/"][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge GET http://gw.test/dev/admin 301 location=/dev/dev/admin/",
                    "origin GET http://app.test/admin 301 location=/dev/admin/",
                ],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/api/v1/a 307 location=http://gw.test/api/v1/api/v1/a/",
                    "origin GET http://app.test/a 307 location=http://gw.test/api/v1/api/v1/a/",
                ],
                Some((1, "app")),
            ),
            (&["edge GET http://gw.test/dev/admin 301 location=/dev/admin/"], None),
            // The app may have sent it once, and a layer before it once more.
            (
                &[
                    "edge GET http://gw.test/dev/admin 301 location=/dev/dev/admin/ x-powered-by=Express",
                ],
                Some((1, "?")),
            ),
            // The place itself has a name twice.
            (&["edge GET http://gw.test/dev/a/a 301 location=/dev/a/a/"], None),
        ] {
            check("prefix-doubled", lines, found);
        }
    }
}
