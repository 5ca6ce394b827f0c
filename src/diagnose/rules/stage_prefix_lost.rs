//! A redirect that leaves the path prefix under which the request came in.
//!
//! The app does not know that it is mounted under `/prod`, so it answers with a `Location`
//! that the gateway has no route for.

use super::Rule;
use crate::diagnose::case::{Case, request_line, response_header};
use crate::diagnose::fix::{Fix, advise};
use crate::diagnose::{Evidence, Finding};
use crate::lineage::{Actor, RouteClue, State, What, path};
use crate::trace::{ChainHop, HopKind, Target};

pub(super) const RULE: Rule = Rule {
    code: "stage-prefix-lost",
    find: stage_prefix_lost,
    causes: &["trailing-slash-dropped", "location-internal-host"],
};

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS API Gateway",
        text: "let the endpoint URL end in a slash: `http://{app}/{proxy}/` and deploy the API again",
        source: "https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html",
    },
    Fix {
        product: "ingress-nginx",
        text: "the annotations `nginx.ingress.kubernetes.io/proxy-redirect-from: {head}/` and `nginx.ingress.kubernetes.io/proxy-redirect-to: {prefix}/` (ingress-nginx)",
        source: "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#proxy-redirect",
    },
    Fix {
        product: "nginx",
        text: "`proxy_redirect {head}/ {prefix}/;` in the location {prefix}/; with fastcgi_pass or uwsgi_pass, which it does not reach, tell the app its prefix (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_redirect",
    },
    Fix {
        product: "OpenResty",
        text: "`proxy_redirect {head}/ {prefix}/;` in the location {prefix}/ (OpenResty)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_redirect",
    },
    Fix {
        product: "Apache",
        text: "`ProxyPassReverse {prefix}/ {head}/` beside the ProxyPass (Apache)",
        source: "https://httpd.apache.org/docs/current/mod/mod_proxy.html#proxypassreverse",
    },
    Fix {
        product: "Caddy",
        text: "`header_down Location ^{head}/ {prefix}/` in reverse_proxy, or do not strip the prefix (Caddy)",
        source: "https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#headers",
    },
    Fix {
        product: "HAProxy",
        text: "`http-response replace-header Location ^{head}/(.*) {prefix}/\\1` (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#http-response%20replace-header",
    },
    Fix {
        product: "Varnish",
        text: "`if (resp.http.Location) { set resp.http.Location = regsub(resp.http.Location, \"^{head}/\", \"{prefix}/\"); }` in vcl_deliver (Varnish)",
        source: "https://varnish-cache.org/docs/trunk/reference/vcl.html",
    },
    Fix {
        product: "lighttpd",
        text: "`proxy.header = ( \"map-urlpath\" => ( \"{prefix}\" => \"\" ) )`, which maps Location back as well (lighttpd)",
        source: "https://redmine.lighttpd.net/projects/lighttpd/wiki/Mod_proxy",
    },
    Fix {
        product: "Traefik",
        text: "StripPrefix tells the app its prefix in X-Forwarded-Prefix and leaves Location alone: let the app build its URLs with that header, or do without StripPrefix (Traefik)",
        source: "https://doc.traefik.io/traefik/middlewares/http/stripprefix/",
    },
    Fix {
        product: "Kong",
        text: "strip_path leaves Location alone: `strip_path: false` with an app that is mounted under {prefix} (Kong)",
        source: "https://developer.konghq.com/gateway/entities/route/",
    },
    Fix {
        product: "Django",
        text: "`FORCE_SCRIPT_NAME = \"{prefix}\"` in the settings (Django)",
        source: "https://docs.djangoproject.com/en/stable/ref/settings/#force-script-name",
    },
    Fix {
        product: "Starlette",
        text: "do not strip the prefix in the gateway, and set `root_path=\"{prefix}\"` (FastAPI, Starlette)",
        source: "https://fastapi.tiangolo.com/advanced/behind-a-proxy/",
    },
    Fix {
        product: "FastAPI",
        text: "do not strip the prefix in the gateway, and set `root_path=\"{prefix}\"` (FastAPI, Starlette)",
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
        product: "Rails",
        text: "do not strip the prefix in the gateway, mount the app under it in config.ru, `map(\"{prefix}\") { run Rails.application }`, and redirect by the routes' helpers, which heed it, as a path in quotes does not (Rails)",
        source: "https://guides.rubyonrails.org/configuring.html#deploy-to-a-subdirectory-relative-url-root",
    },
    Fix {
        product: "gin",
        text: "let the gateway send X-Forwarded-Prefix: {prefix}, which gin puts in front (gin)",
        source: "https://github.com/gin-gonic/gin/blob/master/gin.go",
    },
    Fix {
        product: "Next.js",
        text: "`basePath: \"{prefix}\"` in next.config.js, and do not strip the prefix (Next.js)",
        source: "https://nextjs.org/docs/app/api-reference/config/next-config-js/basePath",
    },
    Fix {
        product: "",
        text: "rewrite Location \"{location}\" to `{prefix}{to}` in the gateway's settings, or tell the app that it is mounted under {prefix}; asking for the path that the app redirects to avoids the redirect",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-location",
    },
];

fn stage_prefix_lost(case: &Case<'_>) -> Vec<Finding> {
    let Some(lineage) = case.lineage(&What::Prefix) else { return Vec::new() };
    let Some(prefix) = lineage.value.as_deref().filter(|it| !it.is_empty()) else {
        return Vec::new();
    };
    let lost = lineage.changes.iter().filter(|it| it.state == State::Dropped);
    lost.filter_map(|change| {
        let hop = case.chain.hops.get(change.hop)?;
        let to = path::redirect_target(&hop.hop)?;
        is_a_mistake(case, change.hop, hop, &to)
            .then(|| finding(case, change.hop, change.by, prefix))
    })
    .flatten()
    .take(1)
    .collect()
}

/// A redirect out of the prefix can be meant: to a login page, say. It is a mistake when it
/// leads to the same place, or to a place that proved not to be there.
fn is_a_mistake(case: &Case<'_>, idx: usize, hop: &ChainHop, to: &str) -> bool {
    if hop.kind == HopKind::Preflight {
        // No browser follows it: see `preflight_redirected`.
        return false;
    }
    let (from, to) = (Target::parse(&hop.hop.request.url), Target::parse(to));
    let next = case.hops().nth(idx + 1);
    let fine = case.next_request(idx).is_some_and(|(next, it)| {
        it.hop.status().is_some_and(|it| it < 400)
            && !case.is_blocked_at(next)
            && (hop.sightings.is_empty() || !it.sightings.is_empty())
    });
    if fine {
        return false;
    }
    let same_place = path::lost_head(from.path, to.path).is_some();
    let elsewhere = path::server_of(&from.origin()) != path::server_of(&to.origin());
    if elsewhere {
        return same_place && case.app_authority() == Some(to.authority);
    }
    let clue = case.route.map(|it| it.clue);
    if same_place {
        return clue != Some(RouteClue::Redirect)
            || next.is_some()
            || adds_slash(from.path, to.path);
    }
    let inner = Target::parse(&hop.innermost().request.url).path;
    let first = |path| path::segments(path).first().map(|it| (*it).to_owned());
    let in_app_space = !hop.sightings.is_empty() && first(inner) == first(to.path);
    let failed = next.is_some_and(|(next, it)| {
        it.hop.status().is_none_or(|it| it >= 400) && !matches!(case.by(next), Actor::App)
    });
    failed || in_app_space && first(inner).is_some()
}

fn adds_slash(from: &str, to: &str) -> bool {
    path::has_trailing_slash(from) != path::has_trailing_slash(to)
}

fn finding(case: &Case<'_>, idx: usize, by: Actor, prefix: &str) -> Option<Finding> {
    let hop = case.chain.hops.get(idx)?;
    let location = hop.hop.response()?.headers.text("location")?;
    let mut evidence: Vec<Evidence> = vec![request_line(idx, &hop.hop)];
    evidence.extend(hop.sightings.last().map(|it| request_line(idx, &it.hop)));
    evidence.extend(response_header(idx, hop, "location"));
    let target = path::redirect_target(&hop.hop)?;
    let app = case.app_authority().unwrap_or("YOUR-APP");
    let to = Target::parse(&target).path;
    // What stands before the path, when the Location is no path alone.
    let head = location.find(to).filter(|_| !to.is_empty()).and_then(|it| location.get(..it));
    let words = [
        ("prefix", prefix),
        ("app", app),
        ("to", to),
        ("head", head.unwrap_or_default()),
        ("location", &location),
    ];
    let advice = advise(case, FIXES, &words);
    let inner = hop.sightings.last().map(|it| Target::parse(&it.hop.request.url).path);
    let who = if inner.is_some_and(|it| !path::is_under(it, prefix)) {
        format!(" The app never saw \"{prefix}\" and cannot know of it.")
    } else {
        String::new()
    };
    Some(Finding {
        code: RULE.code,
        hop: idx,
        by,
        because: None,
        title: format!(
            "The redirect's Location \"{location}\" leaves the prefix \"{prefix}\".{who}"
        ),
        evidence,
        fix: advice.text,
        sources: advice.sources,
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::check;

    #[test]
    fn fires_on_a_location_that_leaves_the_prefix_and_nothing_else() {
        for (lines, found) in [
            (
                &[
                    "edge GET http://gw.test/prod/items 301 location=/items/",
                    "origin GET http://app.test/items 301 location=/items/",
                ][..],
                Some((1, "app")),
            ),
            // One tap is enough when the Location is the same place without its first segment.
            (&["edge GET http://gw.test/prod/items 301 location=/items/"], Some((1, "?"))),
            (&["edge GET http://gw.test/prod/items 301 location=/prod/items/"], None),
            (&["edge GET http://gw.test/items 301 location=/items/"], None),
            (&["edge GET http://gw.test/prod/items 302 location=/login/"], None),
            // It led somewhere that works.
            (
                &[
                    "edge GET http://gw.test/blog/items 301 location=/items/ access-control-allow-origin=*",
                    "edge GET http://gw.test/items/ 200 access-control-allow-origin=*",
                ],
                None,
            ),
            // A page elsewhere in the app's own space, absolute, and with two segments.
            (
                &[
                    "edge POST http://gw.test/api/v1/items/ 303 location=http://gw.test/items/5/",
                    "origin POST http://app.test/items/ 303 location=http://gw.test/items/5/",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/prod/items 302 location=/login/",
                    "origin GET http://app.test/items 302 location=/login/",
                    "edge GET http://gw.test/login/ 404",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/prod/items 302 location=/login/",
                    "origin GET http://app.test/items 302 location=/login/",
                    "edge GET http://gw.test/login/ 200 access-control-allow-origin=*",
                    "origin GET http://app.test/login/ 200 access-control-allow-origin=*",
                ],
                None,
            ),
            // The app's paths begin with the same word.
            (
                &[
                    "edge GET http://gw.test/api/api/items 308 location=/api/items/",
                    "origin GET http://app.test/api/items 308 location=/api/items/",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/api/api/items 308 location=/api/api/items/",
                    "origin GET http://app.test/api/items 308 location=/api/api/items/",
                ],
                None,
            ),
            // With one tap alone: a place of which the gateway itself knows nothing.
            (
                &[
                    "edge GET http://gw.test/api/things 302 location=/items server=Werkzeug/3",
                    "edge GET http://gw.test/items 404 server=nginx/1.22.1 content-type=text/html body='<hr><center>nginx/1.22.1</center>'",
                ],
                Some((1, "app")),
            ),
            (
                &[
                    "edge GET http://gw.test/api/things 302 location=/items server=Werkzeug/3",
                    "edge GET http://gw.test/items 404 server=Werkzeug/3",
                ],
                None,
            ),
            (
                &[
                    "edge GET http://gw.test/things 302 location=/items server=Werkzeug/3",
                    "edge GET http://gw.test/items 404 server=nginx/1.22.1 content-type=text/html body='<hr><center>nginx/1.22.1</center>'",
                ],
                None,
            ),
            // The gateway's own rewriting lost it.
            (
                &[
                    "edge GET http://gw.test/prod/items 301 location=http://gw.test/items/",
                    "origin GET http://app.test/items 301 location=http://app.test/items/",
                ],
                Some((1, "gateway")),
            ),
            (&["edge OPTIONS http://gw.test/prod/items 308 location=/items/"], None),
            // A prefix ends on a segment boundary.
            (
                &[
                    "edge GET http://gw.test/prod/items 301 location=/products/",
                    "origin GET http://app.test/items 301 location=/products/",
                ],
                None,
            ),
        ] {
            check("stage-prefix-lost", lines, found);
        }
    }
}
