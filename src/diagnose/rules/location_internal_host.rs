//! A `Location` that names a host or port which only the inside knows.
//!
//! The app builds absolute URLs from the `Host` that it got, and the gateway had set another.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_header, request_line, response_header};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::path;
use crate::trace::{ChainHop, TapKind, Target};

pub(super) const RULE: Rule =
    Rule { code: "location-internal-host", find: location_internal_host, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "`proxy_set_header Host $http_host;` so that the app sees the public name and port (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header",
    },
    Fix {
        product: "Apache",
        text: "`ProxyPassReverse {prefix}/ {inside}/` beside the ProxyPass, or ProxyPreserveHost On (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_proxy.html#proxypassreverse",
    },
    Fix {
        product: "Caddy",
        text: "`header_up Host {http.request.hostport}` in reverse_proxy, which is its default (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#headers",
    },
    Fix {
        product: "HAProxy",
        text: "`http-response replace-header Location ^{inside}/(.*) {public}/\\1`, or leave Host as it came (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-response%20replace-header",
    },
    Fix {
        product: "Envoy",
        text: "no host rewrite in the route (host_rewrite_literal, auto_host_rewrite), so that the app sees the public name (Envoy)",
        source: "https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto",
    },
    Fix {
        product: "Django",
        text: "`USE_X_FORWARDED_HOST = True`, with a gateway that sends X-Forwarded-Host (Django)",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#use-x-forwarded-host",
    },
    Fix {
        product: "Werkzeug",
        text: "`app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_port=1, x_prefix=1)`, with a gateway that sends X-Forwarded-Host (Flask)",
        source: "https://flask.palletsprojects.com/en/stable/deploying/proxy_fix/",
    },
    Fix {
        product: "Spring",
        text: "`server.forward-headers-strategy=framework`, with a gateway that sends X-Forwarded-Host (Spring)",
        source: "https://docs.spring.io/spring-boot/how-to/webserver.html#howto.webserver.use-behind-a-proxy-server",
    },
    Fix {
        product: "Laravel",
        text: "`$middleware->trustProxies(at: \"*\");`, with a gateway that sends X-Forwarded-Host (Laravel)",
        source: "https://laravel.com/docs/requests#configuring-trusted-proxies",
    },
    Fix {
        product: "",
        text: "in the gateway's settings, pass the public Host on (or send X-Forwarded-Host, and let the app trust it), or rewrite Location from {inside} to {public}",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-location",
    },
];

fn location_internal_host(case: &Case<'_>) -> Vec<Finding> {
    let mut found = case.redirects().filter(|(_, it, to)| is_internal(case, it, to));
    let Some((idx, it, to)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(it.sightings.last().and_then(|it| request_header(idx, &it.hop, "host")));
    evidence.extend(response_header(idx, it, "location"));
    let (public, inside) =
        (Target::parse(&it.hop.request.url).origin(), Target::parse(&to).origin());
    let host = Target::parse(&to).authority;
    let title =
        format!("The redirect leads to \"{host}\", which is not the public address \"{public}\".");
    let by = case.author("location", idx);
    let lost = || path::lost_head(Target::parse(&it.hop.request.url).path, Target::parse(&to).path);
    let prefix = case.route.map(|it| it.mapping.outer.clone()).or_else(lost).unwrap_or_default();
    let words = [("public", &*public), ("inside", &*inside), ("prefix", &*prefix)];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes: FIXES, words: &words }
            .finding_on_either_side(case),
    ]
}

/// Whether a redirect leads to an address that only the inside knows.
pub(super) fn is_internal(case: &Case<'_>, hop: &ChainHop, to: &str) -> bool {
    let (public, to_server) = (path::server_of(&hop.hop.request.url), path::server_of(to));
    let (from, target) = (Target::parse(&hop.hop.request.url), Target::parse(to));
    // Another scheme of the same name is no other host.
    if public == to_server
        || from.authority.eq_ignore_ascii_case(target.authority)
        || leaves_tap(case, hop, &to_server)
    {
        return false;
    }
    let seen_inside = hop.sightings.iter().any(|it| {
        path::server_of(&it.hop.request.url) == to_server || has_host(&it.hop, target.authority)
    });
    let tap_inside = case.taps.iter().skip(usize::from(hop.hop.tap.0) + 1).any(|it| {
        let upstream = it.upstream.as_deref().map(path::server_of);
        upstream.is_some_and(|it| it == to_server)
            || !it.address.is_empty() && it.address == target.authority
    });
    // The same place at another port of the same host. Right before the app, that is how it
    // names the public address.
    let other_port = !case.is_only_seen_inside(&hop.hop)
        && from.host().eq_ignore_ascii_case(target.host())
        && path::is_related(&hop.hop.request.url, to)
        && from.scheme == target.scheme;
    seen_inside || tap_inside || other_port || is_private(target.host()) && !is_private(from.host())
}

/// That is the tap's doing: see `redirect_leaves_tap`.
fn leaves_tap(case: &Case<'_>, hop: &ChainHop, to: &str) -> bool {
    let tap = case.taps.get(usize::from(hop.hop.tap.0)).filter(|it| it.kind == TapKind::Reverse);
    tap.and_then(|it| it.upstream.as_deref()).is_some_and(|it| path::server_of(it) == to)
}

fn has_host(hop: &crate::trace::Hop, authority: &str) -> bool {
    hop.request.headers.text("host").is_some_and(|it| it.eq_ignore_ascii_case(authority))
}

/// Names and addresses that nobody outside can reach
/// ([RFC 1918](https://www.rfc-editor.org/rfc/rfc1918), [RFC 6761](https://www.rfc-editor.org/rfc/rfc6761)).
fn is_private(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if let Ok(it) = host.parse::<std::net::Ipv4Addr>() {
        return it.is_private() || it.is_loopback() || it.is_link_local();
    }
    let inner = [".internal", ".local", ".svc", ".cluster.local", ".localhost", ".lan"];
    host == "[::1]" || !host.contains(['.', '[']) || inner.iter().any(|it| host.ends_with(it))
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_an_address_of_the_inside() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/items 307 location=http://app.test:8000/items/",
                    "origin GET http://app.test:8000/items 307 location=http://app.test:8000/items/",
                ][..],
                Some((1, "app")),
            ),
            // The gateway set a Host without the port.
            (
                &[
                    "edge GET http://gw.test:8080/items 307 location=http://gw.test/items/",
                    "origin GET http://gw.test/items 307 location=http://gw.test/items/",
                ],
                Some((1, "app")),
            ),
            // One tap: the name itself tells.
            (
                &["edge GET http://gw.test/items 307 location=http://10.0.3.7:8000/items/"],
                Some((1, "?")),
            ),
            (&["edge GET http://gw.test/items 307 location=http://backend/items/"], Some((1, "?"))),
            // Everything on one machine: the port tells.
            (
                &[
                    "edge GET http://127.0.0.1:9104/g/items 308 location=http://127.0.0.1:9103/items/",
                ],
                Some((1, "?")),
            ),
            (
                &[
                    "origin GET http://127.0.0.1:9103/items 308 location=http://127.0.0.1:9104/g/items/",
                ],
                None,
            ),
            // Rewritten by the gateway, as it should be.
            (
                &[
                    "edge GET http://gw.test/items 307 location=http://gw.test/items/",
                    "origin GET http://app.test/items 307 location=http://app.test/items/",
                ],
                None,
            ),
            (&["edge GET http://gw.test/items 302 location=https://login.example.com/"], None),
            (&["edge GET http://gw.test/items 301 location=https://gw.test/items"], None),
            // Everything is local on a developer machine.
            (
                &["edge GET http://localhost:8080/items 302 location=http://localhost:3000/login"],
                None,
            ),
            // Behind the tap: another finding.
            (&["reverse GET http://127.0.0.1:9000/a 301 location=http://up.test:8000/a/"], None),
        ] {
            check("location-internal-host", lines, found);
        }
    }
}
