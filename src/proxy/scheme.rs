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
    // Every request passes here: one walk through its fields costs less than a search per name.
    let said = head.headers.iter().filter_map(|(name, value)| {
        let rank = WITNESSES.iter().position(|(known, _)| *known == name.as_str())?;
        let (_, witness) = WITNESSES.get(rank)?;
        Some((rank, witness.says(value.to_str().ok()?, host)?))
    });
    said.min_by_key(|(rank, _)| *rank).map(|(_, scheme)| scheme)
}

/// What a field says of the client's scheme.
#[derive(Clone, Copy, Debug)]
enum Witness {
    /// Its name.
    Scheme,
    /// Its name, as a parameter ([RFC 7239, 5.4](https://www.rfc-editor.org/rfc/rfc7239#section-5.4)).
    Forwarded,
    /// Whether it is https.
    Switch,
    /// A browser sends it over https alone, and to the machine it runs on
    /// ([Fetch Metadata](https://w3c.github.io/webappsec-fetch-metadata/#set-sec-fetch-site)).
    Browser,
}

impl Witness {
    fn says(self, text: &str, host: &str) -> Option<&'static str> {
        let scheme =
            |it: &str| ["https", "http"].into_iter().find(|known| it.eq_ignore_ascii_case(known));
        // The client's own comes first, where several layers each name one.
        let first = text.split(',').next().unwrap_or_default();
        match self {
            Witness::Scheme => scheme(first.trim()),
            Witness::Forwarded => {
                let value = first.split(';').find_map(|it| {
                    let (name, value) = it.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("proto").then_some(value)
                })?;
                scheme(value.trim().trim_matches('"'))
            }
            Witness::Switch => text.eq_ignore_ascii_case("on").then_some("https"),
            Witness::Browser => (!is_own_machine(host)).then_some("https"),
        }
    }
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

/// The fields that load balancers, CDNs and browsers set, the most telling first.
const WITNESSES: &[(&str, Witness)] = &[
    ("x-forwarded-proto", Witness::Scheme),
    ("cloudfront-forwarded-proto", Witness::Scheme),
    ("x-forwarded-scheme", Witness::Scheme),
    ("x-forwarded-protocol", Witness::Scheme),
    ("forwarded", Witness::Forwarded),
    ("x-forwarded-ssl", Witness::Switch),
    ("front-end-https", Witness::Switch),
    ("sec-fetch-mode", Witness::Browser),
    ("sec-fetch-site", Witness::Browser),
];

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
