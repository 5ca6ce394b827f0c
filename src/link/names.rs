//! Header names of a request as sets: what was sent, and what had to be asked for.
//!
//! **Invariant:** a name that a browser may add by itself tells nothing, so it is on neither
//! side of a comparison.

use super::fields::{Fields, bit32, bit64};
use super::interner::{fingerprint, mixed, shortened};

/// The names of one hop. Sets are bit patterns: one bit a name, so a subset test may say yes
/// wrongly, and never no.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    /// Of a request: all names. Of a preflight: those in `Access-Control-Request-Headers`.
    pub(crate) all: u64,
    /// The names that needed asking, as a set.
    pub(crate) needed: u32,
    /// The same as a hash; 0 for none.
    pub(crate) order: u16,
}

impl Names {
    /// What a preflight asks for.
    pub(crate) fn asked_by_preflight(list: &[u8], fields: &mut Fields) -> Names {
        let mut set = Names::default();
        let mut needed = fields.room();
        for name in listed(list).filter(|it| !it.is_empty()) {
            let field = fields.field(name);
            set.all |= field.bit();
            if field.asking != Asking::Never {
                needed.push(field.print);
            }
        }
        set.need(&mut needed);
        fields.give_back(needed);
        set
    }

    /// The set of one name in lower case, as it is in [`Names::all`].
    pub(crate) fn bit(name: &[u8]) -> u64 {
        bit64(fingerprint(name))
    }

    /// The set of names that a preflight's answer grants.
    pub(crate) fn granted(list: &[u8], fields: &mut Fields) -> u32 {
        let all = listed(list).try_fold(0, |set, it| match it {
            b"*" => None,
            name => Some(set | fields.field(name).bit32()),
        });
        all.unwrap_or(u32::MAX)
    }

    /// Note the names that need asking, each by its fingerprint.
    pub(crate) fn need(&mut self, names: &mut Vec<u64>) {
        names.sort_unstable();
        names.dedup();
        self.needed = names.iter().fold(0, |set, it| set | bit32(*it));
        let all = names.iter().copied().reduce(mixed);
        self.order = all.map_or(0, shortened);
    }
}

fn listed(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|it| *it == b',').map(<[u8]>::trim_ascii)
}

/// A [CORS-safelisted method](https://fetch.spec.whatwg.org/#cors-safelisted-method).
pub(crate) fn is_safe_method(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST")
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

/// Whether a field has to be asked for by a preflight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asking {
    Never,
    Always,
    /// Unless its value is a simple body's type.
    ByType,
    /// Unless its value is a simple range.
    ByRange,
}

impl Asking {
    pub(crate) fn holds(self, value: &[u8]) -> bool {
        match self {
            Asking::Never => false,
            Asking::Always => true,
            Asking::ByType => !is_simple_type(value),
            Asking::ByRange => !is_simple_range(value),
        }
    }
}

/// Of a name in lower case.
pub(crate) fn asking(name: &[u8]) -> Asking {
    match name {
        b"content-type" => Asking::ByType,
        b"range" => Asking::ByRange,
        name if is_browsers_own(name) => Asking::Never,
        _ => Asking::Always,
    }
}

/// Names that a browser, or a gateway before us, adds unasked.
fn is_browsers_own(name: &[u8]) -> bool {
    const PREFIXES: &[&str] = &["sec-", "proxy-", "x-forwarded-", "x-amzn-", "x-amz-cf-", ":"];
    OWN.binary_search_by(|it| it.as_bytes().cmp(name)).is_ok()
        || PREFIXES.iter().any(|it| name.starts_with(it.as_bytes()))
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
    "last-event-id",
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
            let asked_names = Names::asked_by_preflight(asked.as_bytes(), &mut Fields::default());
            let sent_names = Asked::of(&headers, &mut Fields::default()).names;
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
        let needed = Asked::of(&headers, &mut Fields::default()).names.needed;
        let granted = |list| Names::granted(list, &mut Fields::default());
        assert_eq!(needed & !granted(b"x-a, *"), 0);
        assert_ne!(needed & !granted(b"x-a"), 0);
    }
}
