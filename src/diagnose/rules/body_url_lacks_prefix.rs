//! URLs in a JSON answer that lack the public prefix, such as those of the next page.

use super::Rule;
use crate::content;
use crate::diagnose::Evidence;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::{RouteClue, path};
use crate::trace::{ChainHop, Target};

pub(super) const RULE: Rule =
    Rule { code: "body-url-lacks-prefix", find: body_url_lacks_prefix, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "Django",
        text: "`FORCE_SCRIPT_NAME = \"{prefix}\"` in the settings (and USE_X_FORWARDED_HOST = True, when the host is wrong too) (Django)",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#force-script-name",
    },
    Fix {
        product: "FastAPI",
        text: "`root_path=\"{prefix}\"` (FastAPI, Starlette)",
        source: "https://fastapi.tiangolo.com/advanced/behind-a-proxy/",
    },
    Fix {
        product: "Starlette",
        text: "`root_path=\"{prefix}\"` (FastAPI, Starlette)",
        source: "https://fastapi.tiangolo.com/advanced/behind-a-proxy/",
    },
    Fix {
        product: "Werkzeug",
        text: "`app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)`, and let the gateway send X-Forwarded-Prefix: {prefix} (Flask)",
        source: "https://flask.palletsprojects.com/en/stable/deploying/proxy_fix/",
    },
    Fix {
        product: "Spring",
        text: "`server.forward-headers-strategy=framework`, and let the gateway send X-Forwarded-Prefix: {prefix} (Spring)",
        source: "https://docs.spring.io/spring-boot/how-to/webserver.html#howto.webserver.use-behind-a-proxy-server",
    },
    Fix {
        product: "",
        text: "tell the app that it is mounted under {prefix}, or let it send paths that the client puts together itself",
        source: "https://www.rfc-editor.org/rfc/rfc3986#section-5",
    },
];

fn body_url_lacks_prefix(case: &Case<'_>) -> Vec<Finding> {
    let known = case.route.filter(|it| {
        !matches!(it.clue, RouteClue::Redirect | RouteClue::DeadEnd) && !it.mapping.outer.is_empty()
    });
    let Some(prefix) = known.map(|it| it.mapping.outer.as_str()) else { return Vec::new() };
    let mut found =
        case.hops().filter_map(|(idx, it)| Some((idx, it, stray_url(case, it, prefix)?)));
    let Some((idx, it, url)) = found.next() else { return Vec::new() };
    let title = format!(
        "The answer's body has the URL \"{url}\", without the public prefix \"{prefix}\": who follows it gets lost."
    );
    let quoted = Evidence {
        hop: idx,
        tap: it.innermost().tap,
        place: "response body".to_owned(),
        text: url,
    };
    let evidence = vec![request_line(idx, &it.hop), quoted];
    let by = case.by(idx);
    vec![
        Draft {
            code: RULE.code,
            hop: idx,
            by,
            title,
            evidence,
            fixes: FIXES,
            words: &[("prefix", prefix)],
        }
        .finding(case),
    ]
}

/// A URL of this app, in its own path space, that leaves the prefix out.
fn stray_url(case: &Case<'_>, hop: &ChainHop, prefix: &str) -> Option<String> {
    let response = hop.hop.response().filter(|it| it.status < 300)?;
    let is_json = response.headers.text("content-type").is_some_and(|it| it.contains("json"));
    if !is_json || hop.sightings.is_empty() {
        return None;
    }
    let inner = &hop.innermost().request.url;
    let servers = [path::server_of(&hop.hop.request.url), path::server_of(inner)];
    let first = *path::segments(Target::parse(inner).path).first()?;
    let text = content::of_response(response);
    let urls = text.split('"').filter(|it| it.starts_with("http://") || it.starts_with("https://"));
    let stray = urls.take(200).find(|url| {
        let target = Target::parse(url);
        servers.contains(&path::server_of(url))
            && !path::is_under(target.path, prefix)
            && path::segments(target.path).first() == Some(&first)
            && (case.app_authority() == Some(target.authority)
                || path::server_of(url) == servers[0])
    })?;
    Some(stray.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_links_of_the_app_itself() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/prod/items 200 access-control-allow-origin=http://page.test content-type=application/json body='{\"next\":\"http://gw.test/items/?page=2\"}'",
                    "origin GET http://app.test/items 200 access-control-allow-origin=http://page.test",
                ][..],
                Some((1, "app")),
            ),
            // The inside's own address.
            (
                &[
                    "edge GET http://gw.test/prod/items 200 access-control-allow-origin=http://page.test content-type=application/json body='{\"next\":\"http://app.test/items/?page=2\"}'",
                    "origin GET http://app.test/items 200 access-control-allow-origin=http://page.test",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/prod/items 200 access-control-allow-origin=http://page.test content-type=application/json body='{\"next\":\"http://gw.test/prod/items/?page=2\"}'",
                    "origin GET http://app.test/items 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // Elsewhere.
            (
                &[
                    "edge GET http://gw.test/prod/items 200 access-control-allow-origin=http://page.test content-type=application/json body='{\"home\":\"http://gw.test/about\",\"x\":\"http://other.test/items/\"}'",
                    "origin GET http://app.test/items 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // No prefix at all.
            (
                &[
                    "edge GET http://gw.test/items 200 access-control-allow-origin=http://page.test content-type=application/json body='{\"next\":\"http://gw.test/items/?page=2\"}'",
                    "origin GET http://app.test/items 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
        ] {
            check("body-url-lacks-prefix", lines, found);
        }
    }
}
