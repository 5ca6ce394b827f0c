//! The server echoes the page's origin, and does not say that its answer varies with it: a cache
//! will hand one page's answer to another.

use std::collections::{HashMap, HashSet};

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::{Hop, HopKind};

pub(super) const RULE: Rule =
    Rule { code: "vary-origin-missing", find: vary_origin_missing, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "`add_header Vary Origin always;` beside the add_header that echoes $http_origin (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_headers_module.html#add_header",
    },
    Fix {
        product: "Apache",
        text: "`Header always merge Vary Origin` (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_headers.html#header",
    },
    Fix {
        product: "HAProxy",
        text: "`http-after-response add-header Vary Origin` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-after-response",
    },
    Fix {
        product: "Caddy",
        text: "`header >+Vary Origin` (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/header",
    },
    Fix {
        product: "",
        text: "send Vary: Origin on every answer of this URL, also to requests without Origin, from the layer that echoes the origin",
        source: "https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches",
    },
];

fn vary_origin_missing(case: &Case<'_>) -> Vec<Finding> {
    let echoing = echoing_here(case);
    let mut found = case.hops().filter(|(_, it)| {
        let server = path::server_of(&it.hop.request.url);
        it.kind != HopKind::Preflight
            && names_origin(&it.hop)
            && !varies(&it.hop)
            && may_be_kept(&it.hop)
            && (case.servers.get(&server).is_some_and(super::super::Server::echoes_origins)
                || echoing.contains(&server))
    });
    let Some((idx, it)) = found.next() else { return Vec::new() };
    let mut evidence: Vec<_> = request_header(idx, &it.hop, "origin").into_iter().collect();
    for name in ["access-control-allow-origin", "vary", "cache-control"] {
        evidence.extend(outer_header(idx, it, name));
    }
    let title = "The server allows whichever origin asks, without Vary: Origin: a cache will give one page's answer to another.".to_owned();
    let by = case.known_author("access-control-allow-origin", idx);
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &[] }
            .finding(case),
    ]
}

fn names_origin(hop: &Hop) -> bool {
    let origin = hop.request.headers.text("origin");
    let allowed = hop.response().and_then(|it| it.headers.text("access-control-allow-origin"));
    origin.is_some() && origin == allowed
}

/// Servers that echoed two origins in this very chain.
fn echoing_here(case: &Case<'_>) -> HashSet<String> {
    let mut first: HashMap<String, String> = HashMap::new();
    let mut echoing = HashSet::new();
    for (_, it) in case.hops().filter(|(_, it)| names_origin(&it.hop)) {
        let server = path::server_of(&it.hop.request.url);
        let origin = it.hop.request.headers.text("origin").unwrap_or_default();
        if *first.entry(server.clone()).or_insert_with(|| origin.clone()) != origin {
            echoing.insert(server);
        }
    }
    echoing
}

fn varies(hop: &Hop) -> bool {
    let vary = hop.response().and_then(|it| it.headers.text("vary")).unwrap_or_default();
    vary.split(',').any(|it| it.trim() == "*" || it.trim().eq_ignore_ascii_case("origin"))
}

/// Whether a cache may keep the answer at all.
fn may_be_kept(hop: &Hop) -> bool {
    let control =
        hop.response().and_then(|it| it.headers.text("cache-control")).unwrap_or_default();
    matches!(hop.request.method.as_str(), "GET" | "HEAD")
        && !control.to_ascii_lowercase().contains("no-store")
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    use crate::diagnose::Servers;
    use crate::diagnose::testing::{analysed_after, story};

    fn found_after(earlier: &[&str], line: &str) -> bool {
        let mut servers = Servers::default();
        for line in earlier {
            servers.learn(&story(&[line]).0);
        }
        analysed_after(&[line], &servers).findings.iter().any(|it| it.code == super::RULE.code)
    }

    #[test]
    fn fires_when_two_origins_were_echoed() {
        let line = |origin: &str, more: &str| {
            format!(
                "edge GET http://gw.test/a 200 >origin={origin} access-control-allow-origin={origin} {more}"
            )
        };
        let (a, b) = (line("http://a.test", ""), line("http://b.test", ""));
        assert!(found_after(&[&a, &b], &b));
        assert!(!found_after(&[&a, &a], &a), "one origin may be all that is configured");
        assert!(!found_after(&[], &a));
        assert!(!found_after(&[&a, &b], &line("http://b.test", "vary=accept,Origin")));
        assert!(!found_after(&[&a, &b], &line("http://b.test", "cache-control=no-store")));
        assert!(!found_after(
            &[&a, &b],
            "edge GET http://gw.test/a 200 access-control-allow-origin=*"
        ));
        check("vary-origin-missing", &[&a, &b], Some((1, "?")));
    }
}
