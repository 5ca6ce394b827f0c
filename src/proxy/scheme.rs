//! The scheme that the client used, where TLS ends before the tap. It is part of the target URI
//! ([RFC 9110, 7.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.1)), though not of this
//! connection.
//!
//! **Invariant:** what nobody says is not known.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::request::Parts;

/// What the layer before the tap says of the client's scheme, or else what the client's own fields
/// give away. `host` is where it believes to be.
pub(super) fn told(head: &Parts, host: &str) -> Option<&'static str> {
    named(head).or_else(|| by_browser(head, host))
}

/// By one of the fields that load balancers and CDNs set.
fn named(head: &Parts) -> Option<&'static str> {
    let scheme =
        |it: &str| ["https", "http"].into_iter().find(|known| it.eq_ignore_ascii_case(known));
    let text = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok());
    // The client's own comes first, where several layers each name one.
    let first = |text: &str| scheme(text.split(',').next().unwrap_or_default().trim());
    let forwarded = |text: &str| {
        let mut pairs = text.split(',').next()?.split(';');
        let value = pairs.find_map(|it| {
            let (name, value) = it.split_once('=')?;
            name.trim().eq_ignore_ascii_case("proto").then_some(value)
        })?;
        scheme(value.trim().trim_matches('"'))
    };
    let found = SCHEMES.iter().find_map(|it| first(text(it)?));
    // https://www.rfc-editor.org/rfc/rfc7239#section-5.4
    let found = found.or_else(|| forwarded(text("forwarded")?));
    found.or_else(|| {
        let is_on = |it: &str| text(it).is_some_and(|it| it.eq_ignore_ascii_case("on"));
        SWITCHES.iter().any(|it| is_on(it)).then_some("https")
    })
}

/// A browser sends Sec-Fetch-* over https alone, and to the machine it runs on
/// ([Fetch Metadata](https://w3c.github.io/webappsec-fetch-metadata/#set-sec-fetch-site)).
fn by_browser(head: &Parts, host: &str) -> Option<&'static str> {
    head.headers.get("sec-fetch-mode").or_else(|| head.headers.get("sec-fetch-site"))?;
    (!is_own_machine(host)).then_some("https")
}

/// Whether a browser takes this host, which may have a port, for the machine it runs on
/// ([loopback](https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy)).
fn is_own_machine(host: &str) -> bool {
    if let Some((v6, _)) = host.strip_prefix('[').and_then(|it| it.split_once(']')) {
        return v6.parse::<Ipv6Addr>().is_ok_and(|it| it.is_loopback());
    }
    let name = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|it| it.is_loopback())
}

const SCHEMES: &[&str] = &[
    "x-forwarded-proto",
    "cloudfront-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-protocol",
];
const SWITCHES: &[&str] = &["x-forwarded-ssl", "front-end-https"];

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn tells_by_whoever_says_so() {
        for (host, name, value, scheme) in [
            ("h", "x-forwarded-proto", "https", Some("https")),
            ("h", "x-forwarded-proto", "HTTPS, http", Some("https")),
            ("h", "x-forwarded-proto", "http", Some("http")),
            ("h", "x-forwarded-proto", "gopher", None),
            ("h", "cloudfront-forwarded-proto", "https", Some("https")),
            ("h", "forwarded", "for=1.2.3.4; Proto=\"https\", proto=http", Some("https")),
            ("h", "forwarded", "for=1.2.3.4", None),
            ("h", "front-end-https", "on", Some("https")),
            ("h", "x-forwarded-ssl", "off", None),
            // No browser says so much over plain http, except to its own machine.
            ("gw.test", "sec-fetch-mode", "cors", Some("https")),
            ("gw.test:8443", "sec-fetch-site", "same-origin", Some("https")),
            ("localhost:8000", "sec-fetch-mode", "cors", None),
            ("127.0.0.1:8000", "sec-fetch-mode", "cors", None),
            ("[::1]", "sec-fetch-mode", "cors", None),
            ("gw.test", "accept", "*/*", None),
        ] {
            let request = http::Request::get("/a").header(name, value);
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(told(&head, host), scheme, "{host} {name}: {value}");
        }
    }
}
