//! Request URLs as they are compared: normalised once, with the parts that clues need.
//!
//! **Invariant:** the quick way gives what the WHATWG parser would give, or nothing.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use url::Url;

use super::interner::{Ageing, Symbol, Symbols, fingerprint, small};

/// A request's URL, split.
#[derive(Clone, Debug)]
pub(crate) struct Address<'a> {
    /// Without fragment and userinfo.
    pub(crate) normal: Cow<'a, str>,
    pub(crate) origin: Cow<'a, str>,
    /// A hash of the path's last segment that is not empty; 0 for the root.
    pub(crate) tail: u16,
    /// A hash of the last two.
    pub(crate) tails: u16,
    pub(crate) query: u16,
}

impl<'a> Address<'a> {
    /// `None` for what is no URL with a host.
    pub(crate) fn of(text: &'a str) -> Option<Address<'a>> {
        if let Some(plain) = Plain::parse(text) {
            let (normal, origin) = (Cow::Borrowed(text), Cow::Borrowed(plain.origin));
            return Some(Address::new(normal, origin, plain.path, plain.query));
        }
        let url = Url::parse(text).ok().filter(Url::has_host)?;
        let origin = Cow::Owned(url.origin().ascii_serialization());
        let parts = Address::new(Cow::Borrowed(""), origin, url.path(), url.query());
        Some(Address { normal: Cow::Owned(as_asked(url)), ..parts })
    }

    fn new(
        normal: Cow<'a, str>,
        origin: Cow<'a, str>,
        path: &str,
        query: Option<&str>,
    ) -> Address<'a> {
        let path = path.trim_end_matches('/');
        let last = path.rfind('/').map_or(path, |at| path.get(at + 1..).unwrap_or_default());
        let before = path.get(..path.len() - last.len()).unwrap_or_default().trim_end_matches('/');
        let second =
            before.rfind('/').map_or(before, |at| before.get(at + 1..).unwrap_or_default());
        let tail = if last.is_empty() { 0 } else { small(last.as_bytes()) };
        let tails =
            if second.is_empty() { 0 } else { small(second.as_bytes()).rotate_left(5) ^ tail };
        let query = query.map_or(0, |it| small(it.as_bytes()));
        Address { normal, origin, tail, tails, query }
    }
}

/// What is compared of a URL, without its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Of the normal form.
    pub(crate) url: Symbol,
    pub(crate) tail: u16,
    pub(crate) tails: u16,
    pub(crate) query: u16,
    /// Hash of the origin; `None` for what is no URL with a host.
    pub(crate) origin: Option<u64>,
}

/// The URLs seen lately: the same ones come again and again.
#[derive(Debug)]
pub(crate) struct Addresses(Ageing<u64, Known>);

impl Default for Addresses {
    fn default() -> Addresses {
        Addresses(Ageing::new(LATELY))
    }
}

impl Addresses {
    pub(crate) fn known(&mut self, text: &str, symbols: &mut Symbols) -> Known {
        let key = fingerprint(text.as_bytes());
        if let Some(known) = self.0.copied(&key) {
            return known;
        }
        let address = Address::of(text);
        let known = match &address {
            Some(it) => Known {
                url: symbols.symbol(it.normal.as_bytes()),
                tail: it.tail,
                tails: it.tails,
                query: it.query,
                origin: Some(fingerprint(it.origin.as_bytes())),
            },
            None => Known {
                url: symbols.symbol(text.as_bytes()),
                tail: 0,
                tails: 0,
                query: 0,
                origin: None,
            },
        };
        self.0.insert(key, known);
        known
    }
}

/// How many URLs a generation has: about 2 MB.
const LATELY: usize = 1 << 15;

/// `url` as the next request shows it: neither fragment nor userinfo are sent in a URL.
pub(crate) fn as_asked(mut url: Url) -> String {
    url.set_fragment(None);
    // Fails only for URLs that can have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    // Chromium escapes these in paths, and Firefox does not.
    if url.path().contains(['|', '^']) {
        let path = url.path().replace('|', "%7C").replace('^', "%5E");
        url.set_path(&path);
    }
    url.into()
}

/// A URL that the WHATWG parser would not change: the common case, split without parsing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain<'a> {
    pub(crate) origin: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

impl<'a> Plain<'a> {
    /// `None` when the parser has to look at it.
    pub(crate) fn parse(whole: &'a str) -> Option<Plain<'a>> {
        let authority = whole.strip_prefix("http://").or_else(|| whole.strip_prefix("https://"))?;
        let host = authority.len() - authority.find('/').map_or(0, |it| authority.len() - it);
        let (host, target) = authority.split_at_checked(host)?;
        let (name, port) = host.split_once(':').unwrap_or((host, "1"));
        // A name of letters: digits could be an IPv4 address in one of its other spellings.
        let named = name.bytes().all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
            && name.bytes().next_back().is_some_and(|it| it.is_ascii_lowercase())
            && !name.contains("xn--")
            && !name.contains("..")
            && !name.rsplit('.').next().is_some_and(|it| it.starts_with("0x"));
        let usual = port.is_empty()
            || port.starts_with('0')
            || !port.bytes().all(|it| it.is_ascii_digit())
            || 4 < port.len()
            || matches!(port, "80" | "443");
        // Only the plain spelling of an address parses as one here.
        let named = named || name.parse::<Ipv4Addr>().is_ok();
        if !named || usual || !target.starts_with('/') || !is_plain(target.as_bytes()) {
            return None;
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let origin = whole.get(..whole.len() - target.len())?;
        Some(Plain { origin, path, query })
    }
}

/// Nothing in it that the parser encodes, resolves or drops.
pub(crate) fn is_plain(target: &[u8]) -> bool {
    let usual = |it: &u8| {
        it.is_ascii_alphanumeric()
            || matches!(it, b'/' | b'?' | b'-' | b'_' | b'=' | b'&' | b'+' | b',' | b'~')
    };
    // A dot is fine within a name, and may mean a folder at its beginning.
    let mut before = b'/';
    target.iter().all(|it| {
        let fine = usual(it) || (*it == b'.' && before != b'/');
        before = *it;
        fine
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_case_is_what_the_parser_says() {
        for (text, plain) in [
            ("http://gw.test/a/b.html?q=1&r", true),
            ("https://gw.test:8443/a", true),
            ("http://gw.test/", true),
            ("http://gw.test", false),
            ("http://gw.test:80/", false),
            ("http://gw.test:/", false),
            ("http://GW.test/", false),
            ("http://127.0.0.1:8000/a", true),
            ("http://127.0.0.01/", false),
            ("http://127.1/", false),
            ("http://256.0.0.1/", false),
            ("http://0x7f.0x1/", false),
            ("http://a.0xf/", false),
            ("http://u@gw.test/", false),
            ("http://gw.test/a/../b", false),
            ("http://gw.test/a/.", false),
            ("http://gw.test/%2e", false),
            ("http://gw.test/a#b", false),
            ("http://gw.test/a b", false),
            ("ws://gw.test/", false),
        ] {
            let found = Plain::parse(text);
            assert_eq!(found.is_some(), plain, "{text}");
            if let Some(found) = found {
                let url = Url::parse(text).unwrap();
                assert_eq!(url.as_str(), text);
                assert_eq!(url.origin().ascii_serialization(), found.origin);
                assert_eq!((url.path(), url.query()), (found.path, found.query));
            }
        }
    }

    #[test]
    fn the_end_of_a_path_survives_prefix_and_slash() {
        let ends = |text: &str| Address::of(text).map(|it| (it.tail, it.tails));
        assert_eq!(ends("http://a.test/prod/x/y/"), ends("http://b.test/x/y"));
        assert_eq!(ends("http://a.test/x//y"), ends("http://a.test/x/y"));
        assert_ne!(ends("http://a.test/x/y"), ends("http://a.test/y/x"));
        assert_eq!(ends("http://a.test/"), Some((0, 0)));
        assert_eq!(ends("http://a.test/x").map(|it| it.1), Some(0));
        assert!(Address::of("a.test:443").is_none());
    }
}
