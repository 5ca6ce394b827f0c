//! Which headers the page's script set, as far as the hops tell.

use crate::trace::{Headers, Hop};

/// The names that the preflight asked leave for, and every header of the request that no
/// browser sets by itself. A name whose value is not on record gets one that is not safelisted.
pub(super) fn headers(preflight: Option<&Hop>, request: Option<&Hop>) -> Headers {
    let mut script = Headers::new();
    for header in request.into_iter().flat_map(|it| it.request.headers.iter()) {
        if !is_browsers_own(&header.name) {
            script.push(header.name.clone(), header.value.clone());
        }
    }
    let asked = preflight
        .and_then(|it| it.request.headers.text("access-control-request-headers"))
        .unwrap_or_default();
    for name in asked.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        if !script.has(name) {
            let value = request.and_then(|it| it.request.headers.get(name));
            script.push(name, value.unwrap_or_else(|| b"\"".to_vec()));
        }
    }
    script
}

fn is_browsers_own(name: &str) -> bool {
    const OWN: &[&str] = &[
        "accept",
        "accept-encoding",
        "accept-language",
        "access-control-request-headers",
        "access-control-request-method",
        "cache-control",
        "connection",
        "content-length",
        "cookie",
        "dnt",
        "host",
        "hopscope-hop",
        "if-modified-since",
        "if-none-match",
        "last-event-id",
        "origin",
        "pragma",
        "priority",
        "referer",
        "save-data",
        "te",
        "transfer-encoding",
        "upgrade-insecure-requests",
        "user-agent",
        "via",
    ];
    let name = name.to_ascii_lowercase();
    OWN.contains(&name.as_str())
        || name.starts_with("sec-")
        || name.starts_with("proxy-")
        || name.starts_with("x-forwarded-")
        || name.starts_with(':')
}
