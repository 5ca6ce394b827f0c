//! Whose value is read: what diagnosis and the Fetch standard look at in header fields.
//!
//! Fingerprints are not meant here: what they recognise stands in a shape by itself.
//!
//! **Invariant:** to read one more header in a rule, list it here. What is not listed has an
//! empty value in a shape, and the rule's tests fail.

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
    lower(name, |name| match name {
        b"origin"
        | b"host"
        | b"user-agent"
        | b"access-control-request-method"
        | b"access-control-request-headers"
        | b"sec-fetch-mode"
        | b"sec-fetch-site"
        | b"sec-fetch-storage-access"
        | b"x-forwarded-proto"
        // What makes a request need a preflight.
        | b"accept"
        | b"accept-language"
        | b"content-language"
        | b"content-type"
        | b"range"
        | b"save-data"
        | b"ect"
        | b"intervention"
        | b"device-memory"
        | b"dpr"
        | b"width"
        | b"viewport-width"
        | b"rtt"
        | b"downlink"
        | b"x-http-method"
        | b"x-http-method-override"
        | b"x-method-override" => Reading::All,
        b"content-length" => Reading::Length,
        b"sec-fetch-dest" => Reading::Destination,
        b"cookie" | b"authorization" => Reading::Same,
        b"referer" => Reading::Address,
        b"x-forwarded-prefix" => Reading::Prefix,
        _ => Reading::Nothing,
    })
}

/// How the value of a response's header is read.
pub(super) fn of_response(name: &[u8]) -> Reading {
    lower(name, |name| match name {
        b"content-type" => Reading::Kind,
        b"location" => Reading::Address,
        b"age" | b"content-length" => Reading::Amount,
        b"content-disposition" => Reading::Same,
        b"content-encoding" => Reading::Coding,
        b"content-security-policy" => Reading::Policy,
        b"cache-control"
        | b"cf-cache-status"
        | b"cross-origin-embedder-policy"
        | b"cross-origin-resource-policy"
        | b"retry-after"
        | b"server"
        | b"transfer-encoding"
        | b"vary"
        | b"www-authenticate"
        | b"x-amzn-errortype"
        | b"x-cache"
        | b"x-cache-status"
        | b"x-content-type-options"
        | b"x-varnish-cache" => Reading::All,
        _ if name.starts_with(b"access-control-") => Reading::All,
        _ => Reading::Nothing,
    })
}

/// Whether this [`Sec-Fetch-Dest`](https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-dest-header)
/// is that of a script's own request or of a document, whose bodies nobody looks into.
pub(super) fn is_no_element(destination: &[u8]) -> bool {
    matches!(destination, b"empty" | b"document" | b"iframe")
}

/// Ask about the name in lower case. Longer names than any that is listed are not copied.
fn lower(name: &[u8], ask: impl Fn(&[u8]) -> Reading) -> Reading {
    let mut low = [0; 64];
    let Some(low) = low.get_mut(..name.len()) else { return Reading::Nothing };
    low.copy_from_slice(name);
    low.make_ascii_lowercase();
    ask(low)
}
