//! Django with `DEBUG = True` refuses to redirect a write to the path with the slash.
//!
//! It answers 500 with a `RuntimeError` page, because a redirect would lose the body. With
//! `DEBUG = False` the same request is a silent redirect: see `redirect_drops_method`.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, body, request_line};
use crate::diagnose::fix::{Fix, advise};
use crate::lineage::Actor;
use crate::trace::{Hop, Target};

pub(super) const RULE: Rule = Rule {
    code: "append-slash-refuses-write",
    find: append_slash_refuses_write,
    causes: &["trailing-slash-dropped"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "let the endpoint URL end in a slash: http://{app}/{proxy}/ and deploy the API again; or register the URL without a slash and set APPEND_SLASH = False",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#append-slash",
    },
    Fix {
        product: "",
        text: "send the request to {path}/ with the slash; or register the URL without it and set APPEND_SLASH = False",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#append-slash",
    },
];

fn append_slash_refuses_write(case: &Case<'_>) -> Vec<Finding> {
    let refused = case.hops().find_map(|(idx, it)| {
        let hop = it.seen().rev().find(|it| is_refusal(it))?;
        Some((idx, it, hop))
    });
    let Some((idx, it, hop)) = refused else { return Vec::new() };
    let inner = Target::parse(&it.innermost().request.url);
    let advice = advise(case, FIXES, &[("app", inner.authority), ("path", inner.path)]);
    let mut evidence = vec![request_line(idx, it.innermost())];
    evidence.extend(body(idx, hop, "APPEND_SLASH"));
    vec![Finding {
        code: RULE.code,
        hop: idx,
        by: Actor::App,
        because: None,
        title: format!(
            "Django refuses the {} to \"{}\": it would have to redirect to the path with a slash, and that would lose the body.",
            hop.request.method, inner.path,
        ),
        evidence,
        fix: advice.text,
        sources: advice.sources,
    }]
}

/// Whether this answer is [Django's refusal](https://github.com/django/django/blob/main/django/middleware/common.py).
pub(super) fn is_refusal(hop: &Hop) -> bool {
    let is_write = !matches!(hop.request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    is_write
        && hop
            .response()
            .is_some_and(|it| it.status == 500 && it.body.text().contains("APPEND_SLASH set"))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_the_runtime_error_of_a_write() {
        let page =
            "body='RuntimeError: You called this URL via POST, but you have APPEND_SLASH set.'";
        for (line, found) in [
            (format!("edge POST http://gw.test/prod/items 500 {page}"), Some((1, "app"))),
            (format!("edge PATCH http://gw.test/items/5 500 {page}"), Some((1, "app"))),
            (format!("edge GET http://gw.test/prod/items 500 {page}"), None),
            (format!("edge POST http://gw.test/prod/items 200 {page}"), None),
            ("edge POST http://gw.test/prod/items 500 body=oops".to_owned(), None),
        ] {
            check("append-slash-refuses-write", &[&line], found);
        }
    }
}
