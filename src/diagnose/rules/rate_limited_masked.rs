//! Too many requests for the gateway, in an answer that the page cannot read: it cannot even
//! tell that waiting would help.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header};
use crate::diagnose::fix::{Draft, Fix};

pub(super) const RULE: Rule =
    Rule { code: "rate-limited-masked", find: rate_limited_masked, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "raise the throttling of the stage or the usage plan, and let the page ask less often; the gateway response THROTTLED can be given CORS headers",
        source: "https://repost.aws/knowledge-center/api-gateway-429-limit",
    },
    Fix {
        product: "nginx",
        text: "raise rate or burst of limit_req, or leave OPTIONS out of it (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_limit_req_module.html",
    },
    Fix {
        product: "HAProxy",
        text: "raise the limit in the rule that denies, or leave OPTIONS out of it: `!METH_OPTIONS` in its condition (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-request%20deny",
    },
    Fix {
        product: "Kong",
        text: "raise the limit of the plugin rate-limiting, and put the cors plugin beside it (Kong)",
        source: "https://developer.konghq.com/plugins/rate-limiting/",
    },
    Fix {
        product: "Cloudflare",
        text: "raise the rate limiting rule, or leave OPTIONS out of it (Cloudflare)",
        source: "https://developers.cloudflare.com/waf/rate-limiting-rules/",
    },
    Fix {
        product: "",
        text: "raise the limit in the gateway's settings, or ask less often and try again after {wait}; preflights count as well: leave OPTIONS out, or let browsers keep them (Access-Control-Max-Age)",
        source: "https://www.rfc-editor.org/rfc/rfc6585#section-4",
    },
];

fn rate_limited_masked(case: &Case<'_>) -> Vec<Finding> {
    let Some((idx, it, mut evidence)) = case.refused_on_the_way(429) else { return Vec::new() };
    evidence.extend(outer_header(idx, it, "retry-after"));
    let title = format!(
        "{} refused the request as one too many: the app was never asked, and the page cannot read the 429.",
        case.name_at_start(idx)
    );
    let after = it.hop.response().and_then(|it| it.headers.text("retry-after"));
    let wait = after.map_or_else(|| "a while".to_owned(), |it| format!("Retry-After: {it}"));
    let words = [("wait", &*wait)];
    let by = case.by(idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_429_that_the_page_cannot_read() {
        let own = "body='<hr><center>nginx' content-type=text/html server=nginx";
        for (line, found) in [
            (format!("edge GET http://gw.test/a 429 {own}"), Some((1, "proxy"))),
            // Readable, and the app's own.
            (format!("edge GET http://gw.test/a 429 {own} access-control-allow-origin=*"), None),
            ("edge GET http://gw.test/a 429 x-powered-by=Express".to_owned(), None),
        ] {
            check("rate-limited-masked", &[&line], found);
        }
    }
}
