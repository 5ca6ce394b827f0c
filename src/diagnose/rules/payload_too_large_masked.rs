//! A body that the gateway refuses as too large, in an answer that the page cannot read.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::Case;
use crate::diagnose::fix::{Draft, Fix};

pub(super) const RULE: Rule =
    Rule { code: "payload-too-large-masked", find: payload_too_large_masked, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "10 MB is the limit and cannot be raised, and this answer cannot be given CORS headers: let the page send the body elsewhere, to a presigned URL of a bucket for instance",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html",
    },
    Fix {
        product: "ingress-nginx",
        text: "the annotation `nginx.ingress.kubernetes.io/proxy-body-size: \"{size}\"` (ingress-nginx)",
        source: "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#custom-max-body-size",
    },
    Fix {
        product: "nginx",
        text: "`client_max_body_size {size};` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size",
    },
    Fix {
        product: "Apache",
        text: "`LimitRequestBody {bytes}` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/core.html#limitrequestbody",
    },
    Fix {
        product: "Caddy",
        text: "`max_size {bytes}` in request_body (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/request_body",
    },
    Fix {
        product: "lighttpd",
        text: "`server.max-request-size = {kilobytes}` (lighttpd)",
        source: "https://redmine.lighttpd.net/projects/lighttpd/wiki/Server_max-request-sizeDetails",
    },
    Fix {
        product: "Traefik",
        text: "`maxRequestBodyBytes: {bytes}` in the buffering middleware (Traefik)",
        source: "https://doc.traefik.io/traefik/middlewares/http/buffering/",
    },
    Fix {
        product: "Kong",
        text: "`allowed_payload_size` of the plugin request-size-limiting, or nginx_http_client_max_body_size (Kong)",
        source: "https://developer.konghq.com/plugins/request-size-limiting/",
    },
    Fix {
        product: "",
        text: "raise the limit for bodies in the gateway's settings to at least {bytes} bytes, or send less at a time",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-413-content-too-large",
    },
];

fn payload_too_large_masked(case: &Case<'_>) -> Vec<Finding> {
    let Some((idx, it, evidence)) = case.refused_on_the_way(413) else { return Vec::new() };
    let told = it.hop.request.headers.text("content-length").and_then(|it| it.trim().parse().ok());
    let sent = told.unwrap_or(it.hop.request.body.length);
    let how_long = match sent {
        0 => "as long as this one (its length is not on record)".to_owned(),
        _ => format!("of {sent} bytes"),
    };
    let bytes = if sent == 0 { AMPLE } else { sent };
    let title = format!(
        "{} takes no body {how_long}: the app was never asked, and the page cannot read the 413.",
        case.name_at_start(idx)
    );
    let (kilobytes, size) = (bytes.div_ceil(1024), format!("{}k", bytes.div_ceil(1024)));
    let (bytes, kilobytes) = (bytes.to_string(), kilobytes.to_string());
    let words = [("bytes", &*bytes), ("kilobytes", &*kilobytes), ("size", &*size)];
    let by = case.by(idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding(case),
    ]
}

/// A limit for bodies whose length is not on record.
const AMPLE: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_413_that_the_page_cannot_read() {
        let own = "body='<hr><center>nginx' content-type=text/html server=nginx";
        for (line, found) in [
            (format!("edge GET http://gw.test/a 413 {own}"), Some((1, "proxy"))),
            // Readable, and the app's own.
            (format!("edge GET http://gw.test/a 413 {own} access-control-allow-origin=*"), None),
            ("edge GET http://gw.test/a 413 x-powered-by=Express".to_owned(), None),
        ] {
            check("payload-too-large-masked", &[&line], found);
        }
    }
}
