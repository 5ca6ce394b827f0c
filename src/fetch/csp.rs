//! Content Security Policy, as far as it decides whether a request may be made.
//!
//! **Invariant:** a policy that only reports never blocks.

use url::Url;

use crate::trace::Headers;

use super::{Api, Origin};

/// One policy of a document
/// ([policy](https://w3c.github.io/webappsec-csp/#content-security-policy-object)).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Name in lower case, and the source list as written. The first of a name counts.
    directives: Vec<(String, String)>,
    report_only: bool,
}

/// A directive that refused a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The directive that was in force, `connect-src 'self'`.
    pub directive: String,
    /// The more precise one that was looked for first, when it was not there.
    pub instead_of: Option<&'static str>,
    pub report_only: bool,
}

/// Every policy of a document's response headers.
pub fn parse(headers: &Headers) -> Vec<Policy> {
    let of = |name, report_only| {
        headers
            .all(name)
            .flat_map(|it| it.split(|it| *it == b','))
            .map(move |it| parse_one(&String::from_utf8_lossy(it), report_only))
    };
    of("content-security-policy", false)
        .chain(of("content-security-policy-report-only", true))
        .filter(|it| !it.directives.is_empty())
        .collect()
}

/// [`upgrade-insecure-requests`](https://w3c.github.io/webappsec-upgrade-insecure-requests/#delivery)
pub fn upgrades(policies: &[Policy]) -> bool {
    has_directive(policies, "upgrade-insecure-requests")
}

/// [`treat-as-public-address`](https://wicg.github.io/local-network-access/#csp)
pub fn treats_as_public(policies: &[Policy]) -> bool {
    has_directive(policies, "treat-as-public-address")
}

fn has_directive(policies: &[Policy], name: &str) -> bool {
    let has = |it: &Policy| it.directives.iter().any(|(it, _)| it == name);
    policies.iter().any(|it| !it.report_only && has(it))
}

fn parse_one(text: &str, report_only: bool) -> Policy {
    let mut directives: Vec<(String, String)> = Vec::new();
    for directive in text.split(';').map(str::trim).filter(|it| !it.is_empty()) {
        let (name, value) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        let name = name.to_ascii_lowercase();
        if directives.iter().all(|(it, _)| *it != name) {
            directives.push((name, value.trim().to_owned()));
        }
    }
    Policy { directives, report_only }
}

/// The directives that decide over an api's requests, most precise first.
fn directives_for(api: Api) -> &'static [&'static str] {
    match api {
        Api::Fetch | Api::Xhr | Api::Beacon | Api::EventSource => &["connect-src", "default-src"],
        Api::Img => &["img-src", "default-src"],
        Api::Script | Api::Module => &["script-src-elem", "script-src", "default-src"],
        Api::Style => &["style-src-elem", "style-src", "default-src"],
        Api::Font => &["font-src", "default-src"],
    }
}

/// [Should request be blocked by Content Security Policy?](https://w3c.github.io/webappsec-csp/#should-block-request)
///
/// `page` is where the document came from: what `'self'` means.
pub fn violations<'a>(
    policies: &'a [Policy],
    report_only: bool,
    api: Api,
    url: &'a Url,
    page: &'a Origin,
    redirected: bool,
) -> impl Iterator<Item = Violation> + 'a {
    let names = directives_for(api);
    policies.iter().filter(move |it| it.report_only == report_only).filter_map(move |policy| {
        let (name, value) =
            names.iter().find_map(|name| policy.directives.iter().find(|(it, _)| it == name))?;
        if value.split_ascii_whitespace().any(|it| source_matches(it, url, page, redirected)) {
            return None;
        }
        Some(Violation {
            directive: format!("{name} {value}"),
            instead_of: names.first().copied().filter(|it| it != name),
            report_only,
        })
    })
}

/// [Does url match expression in origin with redirect count?](https://w3c.github.io/webappsec-csp/#match-url-to-source-expression)
fn source_matches(source: &str, url: &Url, page: &Origin, redirected: bool) -> bool {
    let lower = source.to_ascii_lowercase();
    match lower.as_str() {
        "*" => matches!(url.scheme(), "http" | "https" | "ws" | "wss"),
        "'self'" => Origin::of(url).same(page) || upgraded(page, url),
        it if it.starts_with('\'') => false,
        it if it.ends_with(':') && !it.contains("//") => {
            scheme_matches(it.trim_end_matches(':'), url.scheme())
        }
        _ => host_source_matches(source, url, page, redirected),
    }
}

/// The page's own host under a safer scheme also counts as `'self'`.
fn upgraded(page: &Origin, url: &Url) -> bool {
    page.host() == url.host_str()
        && page.scheme() == "http"
        && url.scheme() == "https"
        && matches!(page, Origin::Tuple { port: None, .. })
        && url.port().is_none()
}

/// [`scheme-part` matches](https://w3c.github.io/webappsec-csp/#match-schemes), as Chromium has
/// it: `ws` lets no HTTP through.
fn scheme_matches(allowed: &str, scheme: &str) -> bool {
    allowed == scheme
        || matches!((allowed, scheme), ("http", "https" | "ws" | "wss") | ("ws" | "https", "wss"))
}

fn host_source_matches(source: &str, url: &Url, page: &Origin, redirected: bool) -> bool {
    let (scheme, rest) = match source.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, source),
    };
    if !scheme_matches(scheme.as_deref().unwrap_or(page.scheme()), url.scheme()) {
        return false;
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    // A query or fragment in a source is passed over.
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    host_matches(&host.to_ascii_lowercase(), url.host_str().unwrap_or_default())
        && port_matches(port, scheme.as_deref(), url)
        // Where it came through a redirect, the path is not looked at: it would tell the page.
        && (redirected || path_matches(path, url.path()))
}

fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => {
            suffix.starts_with('.') && host.ends_with(suffix) && host.len() > suffix.len()
        }
        None => pattern == host,
    }
}

fn port_matches(pattern: Option<&str>, scheme: Option<&str>, url: &Url) -> bool {
    let port = url.port_or_known_default();
    match pattern {
        Some("*") => true,
        Some(pattern) => {
            let pattern = pattern.parse().ok();
            pattern == port || (pattern == Some(80) && port == Some(443))
        }
        None => {
            url.port().is_none()
                || port
                    == scheme.and_then(|it| match it {
                        "http" | "ws" => Some(80),
                        "https" | "wss" => Some(443),
                        _ => None,
                    })
        }
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    match pattern {
        "" | "/" => pattern.is_empty() || path.starts_with('/'),
        it if it.ends_with('/') => path.starts_with(it),
        it => path == it,
    }
}

impl Violation {
    /// Chromium's console sentence.
    pub fn sentence(&self, api: Api, url: &str) -> String {
        let doing = match api {
            Api::Fetch | Api::Xhr | Api::Beacon | Api::EventSource => "Connecting to",
            Api::Img => "Loading the image",
            Api::Script | Api::Module => "Loading the script",
            Api::Style => "Loading the stylesheet",
            Api::Font => "Loading the font",
        };
        let note = self.instead_of.map_or_else(String::new, |missing| {
            let used = self.directive.split(' ').next().unwrap_or_default();
            format!(
                " Note that '{missing}' was not explicitly set, so '{used}' is used as a fallback."
            )
        });
        let so = if self.report_only {
            "The policy is report-only, so the violation has been logged but no further action has \
             been taken."
        } else {
            "The action has been blocked."
        };
        format!(
            "{doing} '{url}' violates the following Content Security Policy directive: \"{}\".{note} {so}",
            self.directive
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_match_urls() {
        let page = Origin::parse("http://page.test");
        for (source, url, redirected, allowed) in [
            ("'self'", "http://page.test/x", false, true),
            ("'self'", "http://page.test:81/x", false, false),
            ("'none'", "http://page.test/x", false, false),
            ("*", "https://a.test/", false, true),
            ("https:", "https://a.test/", false, true),
            ("https:", "http://a.test/", false, false),
            ("http://127.0.0.2:*", "http://127.0.0.2:81/x", false, true),
            ("http://127.0.0.2:*", "http://127.0.0.3:81/x", false, false),
            ("*.a.test", "http://b.a.test/", false, true),
            ("*.a.test", "http://a.test/", false, false),
            ("a.test", "http://a.test:81/", false, false),
            ("a.test/api/", "http://a.test/api/x", false, true),
            ("a.test/api/", "http://a.test/x", false, false),
            ("a.test/api/", "http://a.test/x", true, true),
        ] {
            let mut headers = Headers::new();
            headers.push("Content-Security-Policy", format!("connect-src {source}"));
            let url = Url::parse(url).unwrap();
            let policies = parse(&headers);
            let mut found = violations(&policies, false, Api::Fetch, &url, &page, redirected);
            assert_eq!(found.next().is_none(), allowed, "{source} {url}");
        }
    }

    #[test]
    fn default_src_stands_in() {
        let mut headers = Headers::new();
        headers.push("Content-Security-Policy", "default-src 'none'");
        let url = Url::parse("http://a.test/").unwrap();
        let (policies, page) = (parse(&headers), Origin::parse("http://b.test"));
        let found = violations(&policies, false, Api::Xhr, &url, &page, false).next();
        assert_eq!(
            found.unwrap().sentence(Api::Xhr, "http://a.test/"),
            "Connecting to 'http://a.test/' violates the following Content Security Policy \
             directive: \"default-src 'none'\". Note that 'connect-src' was not explicitly set, so \
             'default-src' is used as a fallback. The action has been blocked."
        );
    }
}
