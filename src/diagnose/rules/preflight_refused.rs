//! A preflight that was asked for credentials, or refused: browsers never send any with it.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::HopKind;

pub(super) const RULE: Rule =
    Rule { code: "preflight-refused", find: preflight_refused, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway (HTTP)",
        text: "put {origin} into AllowOrigins of the HTTP API's CORS settings: the API then answers preflights before any authorizer",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
    },
    Fix {
        product: "AWS API Gateway (REST)",
        text: "set Authorization to NONE on the OPTIONS method, and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html",
    },
    Fix {
        product: "Spring",
        text: "`http.cors(withDefaults())` in the security configuration, so that CORS comes before authentication (Spring)",
        source: "https://docs.spring.io/spring-security/reference/servlet/integrations/cors.html",
    },
    Fix {
        product: "nginx",
        text: "answer OPTIONS before auth_basic, auth_request or deny: `if ($request_method = OPTIONS) { add_header Access-Control-Allow-Origin {origin}; add_header Access-Control-Allow-Methods \"{method}\"; add_header Access-Control-Allow-Headers \"{headers}\"; return 204; }` in the location; with limit_except, name OPTIONS there (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#return",
    },
    Fix {
        product: "Apache",
        text: "`Require method OPTIONS` beside the other Require lines (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_authz_core.html#reqmethod",
    },
    Fix {
        product: "HAProxy",
        text: "except OPTIONS from the rule: `or METH_OPTIONS` at its end (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#METH_OPTIONS",
    },
    Fix {
        product: "Kong",
        text: "`config.run_on_preflight: false` in the authentication plugin, with the cors plugin beside it (Kong)",
        source: "https://developer.konghq.com/plugins/cors/",
    },
    Fix {
        product: "Traefik",
        text: "forward authentication and basic authentication refuse preflights: put a headers middleware with `accessControlAllowOriginList: [\"{origin}\"]` before them, which answers OPTIONS itself (Traefik)",
        source: "https://doc.traefik.io/traefik/middlewares/http/headers/#cors-headers",
    },
    Fix {
        product: "Amazon S3",
        text: "in the bucket's CORS configuration: `{ \"AllowedOrigins\": [\"{origin}\"], \"AllowedMethods\": [\"{method}\"], \"AllowedHeaders\": [\"*\"] }` (Amazon S3)",
        source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors-troubleshooting.html",
    },
    Fix {
        product: "Azure Storage",
        text: "a CORS rule of the storage account with the origin {origin}, the method {method} and the headers {headers} (Azure Storage)",
        source: "https://learn.microsoft.com/en-us/rest/api/storageservices/cross-origin-resource-sharing--cors--support-for-the-azure-storage-services",
    },
    Fix {
        product: "CloudFront",
        text: "in the cache behavior, allow the methods GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE; and see that no firewall rule refuses OPTIONS (CloudFront)",
        source: "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-403-permission-denied.html",
    },
    Fix {
        product: "Google Cloud Run",
        text: "let the service be invoked without authentication and check the token in the app, or put a gateway before it that answers OPTIONS (Google Cloud Run)",
        source: "https://cloud.google.com/run/docs/triggering/https-request",
    },
    Fix {
        product: "Google IAP",
        text: "`accessSettings.corsSettings.allowHttpOptions: true` in the settings of IAP, so that the app answers OPTIONS (Google IAP)",
        source: "https://cloud.google.com/iap/docs/customizing",
    },
    Fix {
        product: "Envoy",
        text: "put the filter envoy.filters.http.cors before the one that refused it; with Istio, a corsPolicy in the VirtualService, and a rule that allows the method OPTIONS (Envoy)",
        source: "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/cors_filter",
    },
    Fix {
        product: "",
        text: "in the settings of the layer that refused it, let OPTIONS with Access-Control-Request-Method pass without authentication",
        source: "https://fetch.spec.whatwg.org/#cors-protocol-and-credentials",
    },
];

fn preflight_refused(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.blocked_hops().filter(|(idx, it, status)| {
        it.kind == HopKind::Preflight
            && matches!(status, 401 | 403 | 407)
            && !case.is_off_the_route(*idx)
            && !super::route_unknown::says_so(&it.hop)
            && !super::stage_unknown::says_so(&it.hop)
    });
    let Some((idx, it, status)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    evidence.extend(outer_header(idx, it, "www-authenticate"));
    let why = if status == 403 {
        "a browser goes no further, whatever the request itself may do"
    } else {
        "it asks for credentials, and browsers send none with a preflight"
    };
    let title = format!("The preflight was refused with {status} by {}: {why}.", case.name_of(idx));
    let by = case.by(idx);
    let asked = |name: &str| it.hop.request.headers.text(name).unwrap_or_default();
    let (method, headers) =
        (asked("access-control-request-method"), asked("access-control-request-headers"));
    let origin = asked("origin");
    let words = [("origin", &*origin), ("method", &*method), ("headers", &*headers)];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_when_a_preflight_must_log_in() {
        for (lines, found) in [
            (
                &[
                    "edge OPTIONS http://gw.test/items 401 www-authenticate=Bearer",
                    "origin OPTIONS http://app.test/items 401 www-authenticate=Bearer",
                ][..],
                Some((1, "app")),
            ),
            // Even with the header: the status has to be ok.
            (
                &[
                    "edge OPTIONS http://gw.test/items 403 access-control-allow-origin=http://page.test",
                ],
                Some((1, "?")),
            ),
            (
                &["edge OPTIONS http://gw.test/items 403 x-amzn-errortype=AccessDeniedException"],
                Some((1, "gateway")),
            ),
            (&["edge OPTIONS http://gw.test/items 404"], None),
            (
                &[
                    "edge OPTIONS http://gw.test/items 403 x-amzn-errortype=MissingAuthenticationTokenException",
                ],
                None,
            ),
            (&["edge GET http://gw.test/items 401"], None),
            // A redirect led off the route.
            (
                &[
                    "edge GET http://gw.test/prod/items 301 location=/items/ access-control-allow-origin=http://page.test",
                    "edge OPTIONS http://gw.test/items/ 403",
                ],
                None,
            ),
        ] {
            check("preflight-refused", lines, found);
        }
    }
}
