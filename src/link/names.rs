//! Header names of a request as sets: what was sent, and what had to be asked for.
//!
//! **Invariant:** a name that a browser may add by itself tells nothing, so it is on neither
//! side of a comparison.

use crate::trace::Headers;

use super::interner::fingerprint;

/// The names of one hop. Sets are bit patterns: one bit a name, so a subset test may say yes
/// wrongly, and never no.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    /// Of a request: all names. Of a preflight: those in `Access-Control-Request-Headers`.
    pub(crate) all: u64,
    /// The names that needed asking, as a set.
    pub(crate) needed: u32,
    /// The same, hashed in order; 0 for none.
    pub(crate) order: u16,
}

impl Names {
    /// What a preflight asks for.
    pub(crate) fn asked_by_preflight(headers: &Headers) -> Names {
        let list = headers.text("access-control-request-headers").unwrap_or_default();
        let names = list.split(',').map(|it| it.trim().to_ascii_lowercase());
        let names: Vec<String> = names.filter(|it| !it.is_empty()).collect();
        let all = names.iter().fold(0, |set, it| set | bit(it));
        Names { all, ..Names::needed(names) }
    }

    /// What a request carries.
    pub(crate) fn sent(headers: &Headers) -> Names {
        let mut all = 0;
        let mut needed = Vec::new();
        for header in headers.iter() {
            let name = header.name.to_ascii_lowercase();
            all |= bit(&name);
            let asked = match name.as_str() {
                "content-type" => !is_simple_type(&header.value),
                "range" => {
                    !header.value.starts_with(b"bytes=") || header.value.starts_with(b"bytes=-")
                }
                name => !is_browsers_own(name),
            };
            if asked {
                needed.push(name);
            }
        }
        Names { all, ..Names::needed(needed) }
    }

    /// The set of names that a preflight's answer grants.
    pub(crate) fn granted(headers: &Headers) -> u32 {
        let list = headers.text("access-control-allow-headers").unwrap_or_default();
        let mut names = list.split(',').map(|it| it.trim().to_ascii_lowercase());
        names
            .try_fold(0, |set, it| if it == "*" { None } else { Some(set | bit32(&it)) })
            .unwrap_or(u32::MAX)
    }

    fn needed(mut names: Vec<String>) -> Names {
        names.retain(|it| !is_browsers_own(it));
        names.sort_unstable();
        names.dedup();
        let needed = names.iter().fold(0, |set, it| set | bit32(it));
        let order = if names.is_empty() {
            0
        } else {
            let folded = fingerprint(names.join(",").as_bytes());
            u16::try_from(folded & 0xffff).unwrap_or_default().max(1)
        };
        Names { all: 0, needed, order }
    }
}

/// A [CORS-safelisted method](https://fetch.spec.whatwg.org/#cors-safelisted-method).
pub(crate) fn is_safe_method(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST")
}

fn bit(name: &str) -> u64 {
    1 << (fingerprint(name.as_bytes()) % 64)
}

fn bit32(name: &str) -> u32 {
    1 << (fingerprint(name.as_bytes()) % 32)
}

/// The three types of [CORS-safelisted](https://fetch.spec.whatwg.org/#cors-safelisted-request-header)
/// bodies; parameters do not matter.
fn is_simple_type(value: &[u8]) -> bool {
    let essence = value.split(|it| *it == b';').next().unwrap_or_default().trim_ascii();
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
        .iter()
        .any(|it| it.as_bytes().eq_ignore_ascii_case(essence))
}

/// Names that a browser, or a gateway before us, adds unasked.
fn is_browsers_own(name: &str) -> bool {
    const PREFIXES: &[&str] = &["sec-", "proxy-", "x-forwarded-", "x-amzn-", "x-amz-cf-", ":"];
    OWN.contains(&name) || PREFIXES.iter().any(|it| name.starts_with(it))
}

const OWN: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "cache-control",
    "connection",
    "content-language",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "host",
    "hopscope-hop",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "referer",
    "save-data",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-real-ip",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_asks_for_what_its_request_carries() {
        for (asked, sent, same) in [
            ("x-token", &[("X-Token", "a"), ("Accept", "*/*")][..], true),
            ("content-type,x-a", &[("X-A", "1"), ("Content-Type", "application/json")], true),
            ("x-a", &[("X-A", "1"), ("Content-Type", "text/plain; charset=utf-8")], true),
            ("x-a", &[("X-B", "1")], false),
            ("", &[("User-Agent", "x"), ("Sec-Fetch-Mode", "cors"), ("Range", "bytes=0-9")], true),
            ("range", &[("Range", "bytes=-9")], true),
        ] {
            let preflight: Headers =
                [("Access-Control-Request-Headers", asked)].into_iter().collect();
            let asked_names = Names::asked_by_preflight(&preflight);
            let sent_names = Names::sent(&sent.iter().copied().collect());
            assert_eq!(asked_names.order == sent_names.order, same, "{asked} {sent:?}");
        }
    }

    #[test]
    fn a_star_grants_every_name() {
        let star: Headers = [("Access-Control-Allow-Headers", "x-a, *")].into_iter().collect();
        let one: Headers = [("Access-Control-Allow-Headers", "x-a")].into_iter().collect();
        let needed = Names::sent(&[("x-a", "1"), ("x-b", "1")].into_iter().collect()).needed;
        assert_eq!(needed & !Names::granted(&star), 0);
        assert_ne!(needed & !Names::granted(&one), 0);
    }
}
