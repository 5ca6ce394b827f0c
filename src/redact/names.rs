//! The names whose values are secret: the union of what browsers and sanitisers leave out.
//!
//! From Chrome's sanitised HAR export, Google's and Cloudflare's HAR sanitizers, and
//! OpenTelemetry's [`url.query`](https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/).
//!
//! **Invariant:** case, `-`, `_` and brackets do not count: `X-Api-Key`, `api_key` and
//! `user[apiKey]` are the same name.

/// How sure a name is to stand for a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Secrecy {
    /// Wherever it stands: `password`.
    Always,
    /// Only where it clearly is a name, in a query, a form or JSON: `code`, `state`, `key`.
    AsParameter,
}

/// Whether the value of a parameter, form field, cookie-like pair or JSON key is secret.
pub(super) fn parameter(name: &str) -> Option<Secrecy> {
    let plain = plain(name);
    if PARTS.iter().any(|it| plain.contains(it)) {
        return Some(Secrecy::Always);
    }
    let last = last_word(name);
    PARAMETERS.iter().any(|it| plain == *it || last == *it).then_some(Secrecy::AsParameter)
}

/// Whether the value of a header is secret as a whole. Cookies and `Authorization` keep a part
/// of theirs and are told apart by the caller.
pub(super) fn header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if name.starts_with("access-control-") {
        return false;
    }
    let plain = plain(&name);
    HEADERS.contains(&name.as_str())
        || name.starts_with("x-auth-")
        || PARTS.iter().chain(HEADER_PARTS).any(|it| plain.contains(it))
}

/// A name that holds one of these holds a secret.
const PARTS: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "sessionid",
    "sessionkey",
    "signature",
    "credential",
    "samlrequest",
    "samlresponse",
    "codeverifier",
    "codechallenge",
    "csrf",
    "xsrf",
    "jwt",
];

const HEADER_PARTS: &[&str] = &["session", "assertion"];

/// Whole names, without their separators. [Signed URLs](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html)
/// too.
const PARAMETERS: &[&str] = &[
    "key",
    "session",
    "sid",
    "auth",
    "authorization",
    "assertion",
    "code",
    "clientid",
    "state",
    "challenge",
    "email",
    "appid",
    "facetid",
    "fcparams",
    "serverdata",
    "shdf",
    "usg",
    "vses2",
    "xclientdata",
    "awsaccesskeyid",
    "sig",
    "pwd",
    "pass",
    "pin",
    "otp",
    "nonce",
];

const HEADERS: &[&str] = &[
    "x-client-data",
    "x-forwarded-client-cert",
    "x-client-cert",
    "ssl-client-cert",
    "x-ssl-client-cert",
    "authentication-info",
    "proxy-authentication-info",
    "x-ms-client-principal",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "auth",
    "x-auth",
    "api-key",
    "key",
];

fn plain(name: &str) -> String {
    let name = percent_decoded(name);
    name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
}

/// The last bracketed part: `password` of `user[password]`.
fn last_word(name: &str) -> String {
    let name = percent_decoded(name);
    name.strip_suffix(']').and_then(|it| it.rsplit('[').next()).map(plain).unwrap_or_default()
}

/// `%5B` and such as the bytes they stand for, as far as that is text.
pub(super) fn percent_decoded(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|it| std::str::from_utf8(it).ok());
        match hex.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(value) if *byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_hide_a_name() {
        for name in [
            "password",
            "PassWord",
            "user[password]",
            "user%5Bpassword%5D",
            "new-password",
            "api_key",
            "apiKey",
            "API-KEY",
            "access_token",
            "csrfmiddlewaretoken",
            "SAMLResponse",
            "X-Amz-Signature",
            "X-Goog-Signature",
            "AWSAccessKeyId",
            "sig",
            "code",
            "CODE",
            "state",
            "client_id",
            "sessionid",
            "sid",
            "key",
            "user[email]",
            "authenticity_token",
        ] {
            assert!(parameter(name).is_some(), "{name}");
        }
        for name in ["page", "author", "keyword", "status", "zipcode", "monkey", "sort", "q", "id"]
        {
            assert_eq!(parameter(name), None, "{name}");
        }
    }

    #[test]
    fn cors_headers_are_never_secret() {
        for name in [
            "X-Api-Key",
            "x-amz-security-token",
            "X-CSRFToken",
            "X-XSRF-TOKEN",
            "X-Auth-User",
            "x-session-id",
            "X-Token",
            "Cf-Access-Jwt-Assertion",
            "x-client-data",
        ] {
            assert!(header(name), "{name}");
        }
        for name in [
            "Access-Control-Allow-Origin",
            "access-control-request-headers",
            "Origin",
            "Vary",
            "Location",
            "X-Amz-Apigw-Id",
            "x-amzn-errortype",
            "traceparent",
            "Idempotency-Key",
            "sec-websocket-key",
            "Host",
            "Server",
            "author",
        ] {
            assert!(!header(name), "{name}");
        }
    }
}
