//! A redirect from https to http: the app does not know that TLS ended before it.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_header, request_line, response_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::{ChainHop, Target};

pub(super) const RULE: Rule =
    Rule { code: "location-scheme-downgraded", find: location_scheme_downgraded, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`SECURE_PROXY_SSL_HEADER = (\"HTTP_X_FORWARDED_PROTO\", \"https\")`, with a gateway that sets X-Forwarded-Proto (Django)",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header",
    },
    Fix {
        product: "Starlette",
        text: "`uvicorn --proxy-headers --forwarded-allow-ips=\"*\"` (better: the gateway's address), with a gateway that sends X-Forwarded-Proto (FastAPI, Starlette)",
        source: "https://www.uvicorn.org/settings/#http",
    },
    Fix {
        product: "FastAPI",
        text: "`uvicorn --proxy-headers --forwarded-allow-ips=\"*\"` (better: the gateway's address), with a gateway that sends X-Forwarded-Proto (FastAPI, Starlette)",
        source: "https://www.uvicorn.org/settings/#http",
    },
    Fix {
        product: "Werkzeug",
        text: "`app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1)`, with a gateway that sends X-Forwarded-Proto (Flask)",
        source: "https://flask.palletsprojects.com/en/stable/deploying/proxy_fix/",
    },
    Fix {
        product: "Express",
        text: "`app.set(\"trust proxy\", true);`, with a gateway that sends X-Forwarded-Proto (Express)",
        source: "https://expressjs.com/en/guide/behind-proxies.html",
    },
    Fix {
        product: "Spring",
        text: "`server.forward-headers-strategy=framework`, with a gateway that sends X-Forwarded-Proto (Spring)",
        source: "https://docs.spring.io/spring-boot/how-to/webserver.html#howto.webserver.use-behind-a-proxy-server",
    },
    Fix {
        product: "Laravel",
        text: "`$middleware->trustProxies(at: \"*\");`, with a gateway that sends X-Forwarded-Proto (Laravel)",
        source: "https://laravel.com/docs/requests#configuring-trusted-proxies",
    },
    Fix {
        product: "",
        text: "let the gateway send X-Forwarded-Proto: https and the app trust it, or redirect with a path only",
        source: "https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-Proto",
    },
];

fn location_scheme_downgraded(case: &Case<'_>) -> Vec<Finding> {
    let downgraded = |(_, it, to): &(usize, &ChainHop, String)| {
        let (from, to) = (Target::parse(&it.hop.request.url), Target::parse(to));
        // A path alone keeps the scheme that the client used.
        let names_scheme = !it
            .hop
            .response()
            .is_some_and(|it| it.headers.text("location").is_some_and(|it| it.starts_with('/')));
        is_https(it)
            && names_scheme
            && to.scheme.eq_ignore_ascii_case("http")
            && from.host().eq_ignore_ascii_case(to.host())
    };
    let Some((idx, it, to)) = case.redirects().find(downgraded) else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(request_header(idx, it.innermost(), "x-forwarded-proto"));
    evidence.extend(response_header(idx, it, "location"));
    let title =
        format!("A request by https is redirected to \"{to}\": the scheme went back to http.");
    let by = case.author("location", idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding_on_either_side(case),
    ]
}

/// By its URL, or by what a layer before the tap says. What is added behind the tap says
/// nothing about the client: some gateways always claim https.
fn is_https(hop: &ChainHop) -> bool {
    let told = hop.hop.request.headers.text("x-forwarded-proto");
    path::server_of(&hop.hop.request.url).starts_with("https:")
        || told.is_some_and(|it| it.eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_http_after_https() {
        for (lines, found) in [
            (
                &["edge GET https://gw.test/items 307 location=http://gw.test/items/"][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge GET http://gw.test/items 307 location=http://gw.test/items/ >x-forwarded-proto=https",
                    "origin GET http://app.test/items 307 location=http://gw.test/items/ >x-forwarded-proto=https",
                ],
                Some((1, "app")),
            ),
            (&["edge GET http://gw.test/items 301 location=https://gw.test/items"], None),
            (&["edge GET http://gw.test/items 301 location=http://gw.test/items/"], None),
            (&["edge GET https://gw.test/items 301 location=/items/"], None),
            (
                &["edge GET http://gw.test/items 301 location=/items/ >x-forwarded-proto=https"],
                None,
            ),
            // A gateway that claims https by itself.
            (
                &[
                    "edge GET http://gw.test/items 307 location=http://gw.test/items/",
                    "origin GET http://app.test/items 307 location=http://gw.test/items/ >x-forwarded-proto=https",
                ],
                None,
            ),
            // Another host speaks for itself.
            (&["edge GET https://gw.test/items 302 location=http://other.test/"], None),
        ] {
            check("location-scheme-downgraded", lines, found);
        }
    }
}
