//! A trailing slash that the browser sent and the app never got, with consequences.
//!
//! Many gateways drop it all day long and nobody minds; it is a finding when the app answers
//! by asking for the slash.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, response_header};
use crate::diagnose::fix::{Fix, advise};
use crate::lineage::{State, What, path};
use crate::trace::{ChainHop, Target};

pub(super) const RULE: Rule =
    Rule { code: "trailing-slash-dropped", find: trailing_slash_dropped, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "let the endpoint URL end in a slash: `http://{app}/{proxy}/` and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html",
    },
    Fix {
        product: "nginx",
        text: "pass the path on as it came: `proxy_pass http://{app};` without a URI, and no rewrite that cuts the slash (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass",
    },
    Fix {
        product: "",
        text: "let the gateway pass the path on as it came: in its settings the upstream URL has to end in a slash, http://{app}/{proxy}/, and no rule may cut it",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#append-slash",
    },
];

fn trailing_slash_dropped(case: &Case<'_>) -> Vec<Finding> {
    let dropped =
        case.hops().filter(|(idx, _)| case.on_the_way(&What::Slash, *idx, State::Dropped));
    dropped
        .filter(|(_, it)| asks_for_slash(it))
        .take(1)
        .map(|(idx, it)| finding(case, idx, it))
        .collect()
}

/// Whether the app's answer says that it wanted the slash: a redirect to it, or Django's
/// refusal to redirect a write.
fn asks_for_slash(hop: &ChainHop) -> bool {
    let inner = hop.innermost();
    let redirects = path::redirect_target(inner).is_some_and(|to| {
        path::has_trailing_slash(Target::parse(&to).path)
            && path::is_related(&inner.request.url, &to)
    });
    redirects || super::append_slash_refuses_write::is_refusal(inner)
}

fn finding(case: &Case<'_>, idx: usize, hop: &ChainHop) -> Finding {
    let inner = hop.innermost();
    let mut evidence = vec![request_line(idx, &hop.hop), request_line(idx, inner)];
    evidence.extend(response_header(idx, hop, "location"));
    let words = [("app", Target::parse(&inner.request.url).authority)];
    let advice = advise(case, FIXES, &words);
    Finding {
        code: RULE.code,
        hop: idx,
        by: case.actors.between,
        because: None,
        title: format!(
            "The request came in as \"{}\" and reached the app as \"{}\": the trailing slash was dropped on the way.",
            Target::parse(&hop.hop.request.url).path,
            Target::parse(&inner.request.url).path,
        ),
        evidence,
        fix: advice.text,
        sources: advice.sources,
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_the_app_asks_for_the_slash_that_was_sent() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/prod/items/ 301 location=/items/",
                    "origin GET http://app.test/items 301 location=/items/",
                ][..],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge GET http://gw.test/items/ 307 location=http://gw.test/items/",
                    "origin GET http://app.test/items 307 location=http://gw.test/items/",
                ],
                Some((1, "gateway")),
            ),
            (
                &[
                    "edge POST http://gw.test/prod/items/ 500 body='and you have APPEND_SLASH set'",
                    "origin POST http://app.test/items 500 body='and you have APPEND_SLASH set'",
                ],
                Some((1, "gateway")),
            ),
            // The browser never sent one.
            (
                &[
                    "edge GET http://gw.test/prod/items 301 location=/items/",
                    "origin GET http://app.test/items 301 location=/items/",
                ],
                None,
            ),
            // Dropped, and nobody minds.
            (
                &[
                    "edge GET http://gw.test/prod/items/ 200",
                    "origin GET http://app.test/items 200",
                ],
                None,
            ),
            // The prefix itself has no slash to lose.
            (
                &[
                    "edge GET http://gw.test/prod/ 302 location=/prod/home/",
                    "origin GET http://app.test/ 302 location=/prod/home/",
                ],
                None,
            ),
            // One tap sees nothing of it.
            (&["edge GET http://gw.test/prod/items/ 301 location=/items/"], None),
        ] {
            check("trailing-slash-dropped", lines, found);
        }
    }
}
