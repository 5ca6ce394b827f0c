//! A preflight that is answered with a redirect: browsers refuse that at once.
//!
//! The standard wants an ok status for a preflight
//! ([CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch)). The form of the
//! redirect often tells which framework or proxy sent it.

use super::{Rule, location_internal_host};
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, response_header, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::{ChainHop, HopKind, Target};

pub(super) const RULE: Rule = Rule {
    code: "preflight-redirected",
    find: preflight_redirected,
    causes: &["trailing-slash-dropped", "redirected-to-login"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "Werkzeug",
        text: "ask for `{to}` itself, or register the route with strict_slashes=False (Flask)",
        source: "https://werkzeug.palletsprojects.com/en/stable/routing/#werkzeug.routing.Map",
    },
    Fix {
        product: "",
        text: "ask for `{to}` itself; and let OPTIONS be answered before anything redirects (CORS has to be the outermost layer)",
        source: "https://fetch.spec.whatwg.org/#cors-preflight-fetch",
    },
];

fn preflight_redirected(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.redirects().filter(|(_, it, _)| it.kind == HopKind::Preflight);
    let Some((idx, it, to)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    evidence.extend(response_header(idx, it, "location"));
    let product = case.answered.get(idx).and_then(|it| it.product.as_deref());
    let form = form(it).filter(|it| product.is_none_or(|product| it.contains(product)));
    let form = form.map_or_else(String::new, |it| format!(" Such a redirect is typical of {it}."));
    let title =
        format!("The preflight was redirected to \"{to}\", which no browser follows.{form}");
    let by = case.by(idx);
    let elsewhere = path::server_of(&to) != path::server_of(&it.hop.request.url)
        && !location_internal_host::is_internal(case, it, &to);
    let to = if elsewhere { to } else { case.public_path(idx, &to) };
    let words = [("to", to.as_str())];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

/// Who redirects in this form, when it only adds or cuts a slash.
fn form(hop: &ChainHop) -> Option<&'static str> {
    let inner = hop.innermost();
    let to = path::redirect_target(inner)?;
    let location = inner.response()?.headers.text("location")?;
    let (from, to) = (Target::parse(&inner.request.url).path, Target::parse(&to).path);
    if !path::same_place(from, to) || from == to {
        return None;
    }
    match (inner.status()?, location.contains("://")) {
        (308, true) => Some("Werkzeug (Flask)"),
        (307, true) => Some("Starlette (FastAPI)"),
        (308, false) => Some("Next.js or aiohttp"),
        (307, false) => Some("Go's net/http or gin"),
        (301, false) => Some("Django, gin or a static file server"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_any_redirect_of_a_preflight() {
        for (lines, found) in [
            (
                &[
                    "edge OPTIONS http://gw.test/items 308 location=http://gw.test/items/ access-control-allow-origin=http://page.test",
                ][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/items 301 location=/items/",
                    "origin OPTIONS http://app.test/items 301 location=/items/",
                ],
                Some((1, "app")),
            ),
            (&["edge OPTIONS http://gw.test/items 301"], None),
            (
                &[
                    "edge OPTIONS http://gw.test/items 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // No preflight: nobody asks for a method.
            (
                &[
                    "edge OPTIONS http://gw.test/items 301 location=/items/ >access-control-request-method=-",
                ],
                None,
            ),
        ] {
            check("preflight-redirected", lines, found);
        }
    }
}
