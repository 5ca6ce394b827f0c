//! Header names of a request as sets: what was sent, and what had to be asked for.
//!
//! **Invariant:** a name that a browser may add by itself tells nothing, so it is on neither
//! side of a comparison.

use super::interner::{fingerprint, small};

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
    pub(crate) fn asked_by_preflight(list: &[u8]) -> Names {
        let list = String::from_utf8_lossy(list);
        let names = list.split(',').map(|it| it.trim().to_ascii_lowercase());
        let names: Vec<String> = names.filter(|it| !it.is_empty()).collect();
        let mut set =
            Names { all: names.iter().fold(0, |set, it| set | bit(it)), ..Names::default() };
        set.need(names.into_iter().filter(|it| !is_browsers_own(it)).collect());
        set
    }

    /// Note that a request carries `name`, in lower case; into `needed` if that needs asking.
    pub(crate) fn sent(&mut self, name: &str, value: &[u8], needed: &mut Vec<String>) {
        self.all |= bit(name);
        let asked = match name {
            "content-type" => !is_simple_type(value),
            "range" => !is_simple_range(value),
            name => !is_browsers_own(name),
        };
        if asked {
            needed.push(name.to_owned());
        }
    }

    /// The set of names that a preflight's answer grants.
    pub(crate) fn granted(list: &[u8]) -> u32 {
        let list = String::from_utf8_lossy(list);
        let mut names = list.split(',').map(|it| it.trim().to_ascii_lowercase());
        let all =
            names.try_fold(0, |set, it| if it == "*" { None } else { Some(set | bit32(&it)) });
        all.unwrap_or(u32::MAX)
    }

    /// Note the names that need asking.
    pub(crate) fn need(&mut self, mut names: Vec<String>) {
        names.sort_unstable();
        names.dedup();
        self.needed = names.iter().fold(0, |set, it| set | bit32(it));
        self.order = if names.is_empty() { 0 } else { small(names.join(",").as_bytes()) };
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

fn is_simple_range(value: &[u8]) -> bool {
    value.starts_with(b"bytes=") && !value.starts_with(b"bytes=-")
}

/// `name` in lower case; one longer than any that matters stays as it is.
pub(crate) fn lower<'a>(name: &'a str, buf: &'a mut [u8; LONGEST]) -> &'a str {
    if !name.bytes().any(|it| it.is_ascii_uppercase()) {
        return name;
    }
    let Some(room) = buf.get_mut(..name.len()) else { return name };
    room.copy_from_slice(name.as_bytes());
    room.make_ascii_lowercase();
    std::str::from_utf8(room).unwrap_or(name)
}

pub(crate) const LONGEST: usize = 64;

/// Names that a browser, or a gateway before us, adds unasked.
fn is_browsers_own(name: &str) -> bool {
    const PREFIXES: &[&str] = &["sec-", "proxy-", "x-forwarded-", "x-amzn-", "x-amz-cf-", ":"];
    OWN.binary_search(&name).is_ok() || PREFIXES.iter().any(|it| name.starts_with(it))
}

/// In alphabetical order.
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
    "hopscope-hop",
    "host",
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
    use super::super::heads::Asked;
    use super::*;
    use crate::trace::Headers;

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
            let headers: Headers = sent.iter().copied().collect();
            let asked_names = Names::asked_by_preflight(asked.as_bytes());
            let sent_names = Asked::of(&headers).names;
            assert_eq!(asked_names.order == sent_names.order, same, "{asked} {sent:?}");
        }
    }

    #[test]
    fn the_list_can_be_searched() {
        assert!(OWN.is_sorted());
    }

    #[test]
    fn a_star_grants_every_name() {
        let headers: Headers = [("x-a", "1"), ("x-b", "1")].into_iter().collect();
        let needed = Asked::of(&headers).names.needed;
        assert_eq!(needed & !Names::granted(b"x-a, *"), 0);
        assert_ne!(needed & !Names::granted(b"x-a"), 0);
    }
}
