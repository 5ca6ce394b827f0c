//! Whose value is read: what diagnosis and the Fetch standard look at in header fields.
//!
//! Fingerprints are not meant here: what they recognise stands in a shape by itself.
//!
//! **Invariant:** to read one more header in a rule, list it here. What is not listed has an
//! empty value in a shape, and the rule's tests fail.

use std::sync::LazyLock;

/// How a value is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::diagnose) enum Reading {
    /// Not at all: at most whether it is there.
    Nothing,
    /// Every byte may matter.
    All,
    /// The same, and it tells what the body is.
    Kind,
    /// The same, and it tells who asked.
    Destination,
    /// Compared with itself elsewhere, and quoted.
    Same,
    /// A number: whether it is 0, and compared and quoted.
    Amount,
    /// A URL, of which query and ids are compared and quoted.
    Address,
    /// A policy that may name URLs.
    Policy,
    /// The beginning of paths.
    Prefix,
    /// How long the body is, where that is asked.
    Length,
    /// How the body is coded, where it stays so.
    Coding,
}

/// How the value of a request's header is read.
pub(super) fn of_request(name: &[u8]) -> Reading {
    static REQUEST: LazyLock<Listed> = LazyLock::new(|| Listed::of(IN_REQUESTS));
    REQUEST.reading(name)
}

/// How the value of a response's header is read.
pub(super) fn of_response(name: &[u8]) -> Reading {
    static RESPONSE: LazyLock<Listed> = LazyLock::new(|| Listed::of(IN_RESPONSES));
    match RESPONSE.reading(name) {
        Reading::Nothing if is_of_cors(name) => Reading::All,
        reading => reading,
    }
}

fn is_of_cors(name: &[u8]) -> bool {
    name.get(..CORS.len()).is_some_and(|it| it.eq_ignore_ascii_case(CORS))
}

const CORS: &[u8] = b"access-control-";

const IN_REQUESTS: &[(Reading, &[&str])] = &[
    (
        Reading::All,
        &[
            "origin",
            "host",
            "user-agent",
            "access-control-request-method",
            "access-control-request-headers",
            "sec-fetch-mode",
            "sec-fetch-site",
            "sec-fetch-storage-access",
            "x-forwarded-proto",
            // What makes a request need a preflight.
            "accept",
            "accept-language",
            "content-language",
            "content-type",
            "range",
            "save-data",
            "ect",
            "intervention",
            "device-memory",
            "dpr",
            "width",
            "viewport-width",
            "rtt",
            "downlink",
            "x-http-method",
            "x-http-method-override",
            "x-method-override",
        ],
    ),
    (Reading::Length, &["content-length"]),
    (Reading::Destination, &["sec-fetch-dest"]),
    (Reading::Same, &["cookie", "authorization"]),
    (Reading::Address, &["referer"]),
    (Reading::Prefix, &["x-forwarded-prefix"]),
];

const IN_RESPONSES: &[(Reading, &[&str])] = &[
    (Reading::Kind, &["content-type"]),
    (Reading::Address, &["location"]),
    (Reading::Amount, &["age", "content-length"]),
    (Reading::Same, &["content-disposition"]),
    (Reading::Coding, &["content-encoding"]),
    (Reading::Policy, &["content-security-policy"]),
    (
        Reading::All,
        &[
            "cache-control",
            "cf-cache-status",
            "cross-origin-embedder-policy",
            "cross-origin-resource-policy",
            "retry-after",
            "server",
            "transfer-encoding",
            "vary",
            "www-authenticate",
            "x-amzn-errortype",
            "x-cache",
            "x-cache-status",
            "x-content-type-options",
            "x-powered-by",
            "x-varnish-cache",
        ],
    ),
];

/// Names by their length, of which only few are the same.
struct Listed(Vec<Vec<(&'static str, Reading)>>);

impl Listed {
    fn of(list: &'static [(Reading, &[&str])]) -> Listed {
        let mut by_length: Vec<Vec<(&str, Reading)>> = Vec::new();
        for (reading, names) in list {
            for name in *names {
                let length = by_length.len().max(name.len() + 1);
                by_length.resize_with(length, Vec::new);
                by_length[name.len()].push((name, *reading));
            }
        }
        Listed(by_length)
    }

    fn reading(&self, name: &[u8]) -> Reading {
        let Some(like) = self.0.get(name.len()) else { return Reading::Nothing };
        let mut found = like.iter().find(|it| it.0.as_bytes() == name);
        // Most come in lower case.
        if found.is_none() && name.iter().any(u8::is_ascii_uppercase) {
            found = like.iter().find(|it| it.0.as_bytes().eq_ignore_ascii_case(name));
        }
        found.map_or(Reading::Nothing, |it| it.1)
    }
}

/// Whether this [`Sec-Fetch-Dest`](https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-dest-header)
/// is that of a script's own request or of a document, whose bodies nobody looks into.
pub(super) fn is_no_element(destination: &[u8]) -> bool {
    matches!(destination, b"empty" | b"document" | b"iframe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (name, request, response) in [
            ("ORIGIN", Reading::All, Reading::Nothing),
            ("Content-Length", Reading::Length, Reading::Amount),
            ("access-control-allow-x", Reading::Nothing, Reading::All),
            ("Access-Control-Request-Method", Reading::All, Reading::All),
            ("x-http-method-overridf", Reading::Nothing, Reading::Nothing),
            ("", Reading::Nothing, Reading::Nothing),
        ] {
            assert_eq!(of_request(name.as_bytes()), request, "{name}");
            assert_eq!(of_response(name.as_bytes()), response, "{name}");
        }
        assert_eq!(of_request(&[b'x'; 300]), Reading::Nothing);
    }
}
