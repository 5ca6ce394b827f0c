//! A browser's cookies, as far as they decide what is sent.
//!
//! **Invariant:** ports do not matter to cookies, hosts do.

use url::Url;

use crate::trace::{Headers, Time};

/// What a browser keeps of `Set-Cookie`.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    cookies: Vec<Cookie>,
}

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Set without `Domain`: sent to that very host only.
    host_only: bool,
    path: String,
    secure: bool,
    /// `SameSite=None`: also sent across sites.
    cross_site: bool,
    until: Option<Time>,
}

impl CookieJar {
    /// Put in a cookie that the browser had before, `name=value`.
    pub fn put(&mut self, host: &str, pair: &str) {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        self.store(Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            domain: host.to_ascii_lowercase(),
            host_only: true,
            path: "/".to_owned(),
            secure: false,
            cross_site: true,
            until: None,
        });
    }

    fn store(&mut self, cookie: Cookie) {
        self.cookies.retain(|it| {
            it.name != cookie.name || it.domain != cookie.domain || it.path != cookie.path
        });
        self.cookies.push(cookie);
    }

    /// [Parse and store response `Set-Cookie` headers](https://fetch.spec.whatwg.org/#append-a-request-cookie-header).
    /// Across sites only `SameSite=None; Secure` is taken.
    pub fn receive(&mut self, url: &Url, headers: &Headers, same_site: bool, now: Time) {
        for value in headers.all("set-cookie") {
            let text = String::from_utf8_lossy(value);
            let Some(cookie) = parse(url, &text, now) else { continue };
            let travels = same_site || (cookie.cross_site && cookie.secure);
            if !travels {
                continue;
            }
            if cookie.until.is_some_and(|it| it <= now) {
                self.cookies.retain(|it| it.name != cookie.name || it.domain != cookie.domain);
            } else {
                self.store(cookie);
            }
        }
    }

    /// The `Cookie` header for a request, if any cookie goes along.
    pub fn header(&self, url: &Url, same_site: bool, now: Time) -> Option<String> {
        let host = url.host_str()?.to_ascii_lowercase();
        let secure = url.scheme() == "https";
        let sent: Vec<String> = self
            .cookies
            .iter()
            .filter(|it| it.domain == host || (!it.host_only && is_subdomain(&host, &it.domain)))
            .filter(|it| path_matches(url.path(), &it.path))
            .filter(|it| (!it.secure || secure) && (same_site || it.cross_site))
            .filter(|it| it.until.is_none_or(|until| now < until))
            .map(|it| {
                if it.name.is_empty() {
                    it.value.clone()
                } else {
                    format!("{}={}", it.name, it.value)
                }
            })
            .collect();
        (!sent.is_empty()).then(|| sent.join("; "))
    }
}

/// [RFC 6265bis](https://www.rfc-editor.org/rfc/rfc6265#section-5.2), without what no test
/// of ours can tell apart (prefixes, public suffixes).
fn parse(url: &Url, text: &str, now: Time) -> Option<Cookie> {
    let host = url.host_str()?.to_ascii_lowercase();
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let default_path = match url.path().rfind('/') {
        None | Some(0) => "/",
        Some(at) => url.path().get(..at).unwrap_or("/"),
    };
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        domain: host.clone(),
        host_only: true,
        path: default_path.to_owned(),
        secure: false,
        cross_site: false,
        until: None,
    };
    for attribute in parts {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "domain" if !value.is_empty() => {
                let domain = value.trim_start_matches('.').to_ascii_lowercase();
                if domain != host && !is_subdomain(&host, &domain) {
                    return None;
                }
                cookie.domain = domain;
                cookie.host_only = false;
            }
            "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
            "secure" => cookie.secure = true,
            "samesite" => cookie.cross_site = value.eq_ignore_ascii_case("none"),
            "max-age" => {
                cookie.until =
                    value.parse::<i64>().ok().map(|it| now.plus(it.saturating_mul(1_000_000)));
            }
            _ => {}
        }
    }
    Some(cookie)
}

fn is_subdomain(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|it| it.ends_with('.'))
}

fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_what_was_set() {
        let at = |it: &str| Url::parse(it).unwrap();
        for (set, asked, same_site, sent) in [
            ("a=1; Path=/", "http://h.test:2/x", true, Some("a=1")),
            ("a=1", "http://h.test/login/x", true, Some("a=1")),
            ("a=1", "http://h.test/other", true, None),
            ("a=1; Path=/", "http://i.test/", true, None),
            ("a=1; Path=/; Domain=h.test", "http://b.h.test/", true, Some("a=1")),
            ("a=1; Path=/; Secure", "http://h.test/", true, None),
            ("a=1; Path=/; Max-Age=0", "http://h.test/", true, None),
            ("a=1; Path=/", "http://h.test/", false, None),
        ] {
            let mut jar = CookieJar::default();
            let headers: Headers = [("Set-Cookie", set)].into_iter().collect();
            jar.receive(&at("http://h.test/login/in"), &headers, true, Time(0));
            assert_eq!(
                jar.header(&at(asked), same_site, Time(1)).as_deref(),
                sent,
                "{set} {asked}"
            );
        }
    }
}
