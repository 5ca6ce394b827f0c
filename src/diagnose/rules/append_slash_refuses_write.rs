//! Django with `DEBUG = True` refuses to redirect a write to the path with the slash.
//!
//! It answers 500 with a `RuntimeError` page, because a redirect would lose the body. With
//! `DEBUG = False` the same request is a silent redirect: see `redirect_drops_method`.

use super::Rule;
use crate::content;
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
        text: "let the endpoint URL end in a slash: `http://{app}/{proxy}/` and deploy the API again; or register the URL without a slash and set APPEND_SLASH = False",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#append-slash",
    },
    Fix {
        product: "",
        text: "send the request to `{path}/` with the slash; or register the URL without it and set APPEND_SLASH = False",
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
        && hop.response().is_some_and(|it| {
            it.status == 500 && content::of_response(it).contains("APPEND_SLASH set")
        })
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

    #[test]
    fn reads_a_page_that_was_compressed() {
        let (chain, _) = crate::diagnose::testing::story(&["edge POST http://gw.test/items 500"]);
        let mut hop = (*chain.hops[0].hop).clone();
        let crate::trace::Outcome::Answered(response) = &mut hop.outcome else { panic!("{hop:?}") };
        response.headers.push("Content-Encoding", "gzip");
        response.body = crate::trace::Body::full(GZIP);
        assert!(super::is_refusal(&hop));
        let quoted = crate::diagnose::case::body(0, &hop, "APPEND_SLASH").unwrap();
        assert!(quoted.text.contains("You called this URL via POST"), "{quoted:?}");
    }

    const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x25\xcc\x41\x0a\xc2\x30\x10\x40\xd1\x7d\x4f\x31\x74\x2d\xe6\x02\x31\x50\xb0\xe0\xa2\x68\x68\x74\xe1\xaa\x8c\x71\xa0\x03\x69\x53\x92\x49\xd0\xdb\x5b\x70\xfd\x1f\x5f\x0b\x4b\x20\x33\x96\x55\x78\xa1\x3e\xa5\x98\x00\x05\x14\x0b\x2d\x59\xab\x7f\x6d\xf4\x96\x08\x7c\xc0\x9c\x4f\x2d\x7d\x3c\x6d\xc2\x71\x9d\x2a\x86\x42\xad\x79\xc6\x02\x1e\x43\xa0\x37\xc8\xcc\x19\x1e\xe3\x00\x95\x11\xec\xcd\xdd\x0f\xf0\x2a\x02\xdf\x5d\xcc\x58\x09\x3a\x6b\xfb\xeb\x79\x72\x43\xe7\x2e\x90\x49\x8e\x5a\xed\x67\xd3\xfc\x00\xe3\x6a\x98\x87\x86\x00\x00\x00";
}
