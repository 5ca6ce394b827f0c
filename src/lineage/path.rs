//! Paths compared segment by segment, and where a `Location` leads.
//!
//! **Invariant:** a prefix ends on a segment boundary: `/prod` is no prefix of `/products`.

use std::borrow::Cow;

use crate::trace::{Hop, Target};

/// What a gateway puts in front on the public side and on the app's side of the same path:
/// `/prod/items` outside and `/v1/items` inside give `/prod` and `/v1`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mapping {
    /// Without a trailing slash; empty when there is none.
    pub outer: String,
    pub inner: String,
}

impl Mapping {
    /// Compare the path that came in with the path that went on. `None` when they have no
    /// segment in common, which says nothing about a prefix.
    pub fn between(outer: &str, inner: &str) -> Option<Mapping> {
        let (outer, inner) = (segments(outer), segments(inner));
        let common = common_tail(&outer, &inner);
        let shorter = outer.len().min(inner.len());
        if common == 0 && shorter != 0 {
            return None;
        }
        Some(Mapping { outer: first(&outer, common), inner: first(&inner, common) })
    }

    /// Whether [`Mapping::between`] these paths is this mapping, told without putting it together.
    pub fn is_between(&self, outer: &str, inner: &str) -> bool {
        let mut outer = tail_first(outer).peekable();
        let mut inner = tail_first(inner).peekable();
        let mut common = false;
        while let (Some(a), Some(b)) = (outer.peek(), inner.peek())
            && same_segment(a, b)
        {
            outer.next();
            inner.next();
            common = true;
        }
        common && outer.eq(tail_first(&self.outer)) && inner.eq(tail_first(&self.inner))
    }
}

/// The path's segments, the last one first.
fn tail_first(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit('/').filter(|it| !it.is_empty())
}

/// The path's segments; empty ones (a doubled or a trailing slash) are left out.
pub fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|it| !it.is_empty()).collect()
}

/// Whether `path` lies under `prefix`, on a segment boundary. Every path lies under an empty one.
pub fn is_under(path: &str, prefix: &str) -> bool {
    let mut path = path.split('/').filter(|it| !it.is_empty());
    let mut prefix = prefix.split('/').filter(|it| !it.is_empty());
    prefix.all(|it| path.next().is_some_and(|other| same_segment(it, other)))
}

/// Whether the paths name the same place, but for a trailing slash.
pub fn same_place(a: &str, b: &str) -> bool {
    let (a, b) = (segments(a), segments(b));
    a.len() == b.len() && common_tail(&a, &b) == a.len()
}

/// Whether the path ends in a slash that could be lost: the root's slash is the path itself.
pub fn has_trailing_slash(path: &str) -> bool {
    path.ends_with('/') && path.bytes().any(|it| it != b'/')
}

/// What `longer` has in front of `shorter`, when `shorter` is its tail: `/prod` for
/// `/prod/items` and `/items/`. The trailing slash does not count.
pub fn lost_head(longer: &str, shorter: &str) -> Option<String> {
    let (longer, shorter) = (segments(longer), segments(shorter));
    let is_tail = !shorter.is_empty()
        && shorter.len() < longer.len()
        && common_tail(&longer, &shorter) == shorter.len();
    is_tail.then(|| first(&longer, shorter.len()))
}

/// Whether two URLs mean the same place, but for a prefix and a trailing slash.
pub fn is_related(a: &str, b: &str) -> bool {
    let (a, b) = (Target::parse(a).path, Target::parse(b).path);
    same_place(a, b) || lost_head(a, b).is_some() || lost_head(b, a).is_some()
}

/// Whether `path` begins with `prefix` twice.
pub fn is_doubled(path: &str, prefix: &str) -> bool {
    !segments(prefix).is_empty() && is_under(path, &format!("{prefix}/{prefix}"))
}

/// The absolute URL that `location` leads to from `base`. Text is kept as sent where the
/// reference is absolute or starts at the root, which is what redirects normally are.
pub fn resolve(base: &str, location: &str) -> String {
    let target = Target::parse(base);
    if location.starts_with("//") {
        return format!("{}:{location}", target.scheme);
    }
    if location.starts_with('/') {
        return format!("{}{location}", target.origin());
    }
    if has_scheme(location) {
        return location.to_owned();
    }
    match url::Url::parse(base).and_then(|it| it.join(location)) {
        Ok(url) => url.into(),
        Err(_) => location.to_owned(),
    }
}

/// Where this hop's answer redirects to, as an absolute URL. A 3xx that is no
/// [redirect status](https://fetch.spec.whatwg.org/#redirect-status), or one without a
/// `Location`, leads nowhere.
pub fn redirect_target(hop: &Hop) -> Option<String> {
    let response = hop.response()?;
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers.text("location").filter(|it| !it.is_empty())?;
    Some(resolve(&hop.request.url, &location))
}

/// Scheme, host and port, with the scheme's default port written out, so that
/// `http://a` and `http://a:80` are the same server.
pub fn server_of(url: &str) -> String {
    let target = Target::parse(url);
    let authority = target.authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let scheme = target.scheme.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" | "wss" => ":443",
        _ => ":80",
    };
    let has_port = authority.rfind(':').is_some_and(|it| !authority.ends_with(']') && it > 0);
    let port = if has_port { "" } else { port };
    format!("{scheme}://{authority}{port}")
}

/// Scheme and authority, as written; empty for a reference without them.
pub fn head(url: &str) -> &str {
    let bytes = url.as_bytes();
    let ends = |from: usize| memchr::memchr3(b'/', b'?', b'#', &bytes[from..]).map(|it| from + it);
    // A scheme ends at the first slash, and nothing else of the kind stands before that.
    let from = match ends(0) {
        Some(at) if bytes[..at].ends_with(b":") && bytes[at..].starts_with(b"//") => at + 2,
        Some(0) if url.starts_with("//") => 2,
        _ => return "",
    };
    &url[..ends(from).unwrap_or(url.len())]
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|it: char| it.is_ascii_alphabetic())
            && scheme.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
    })
}

fn common_tail(a: &[&str], b: &[&str]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| same_segment(a, b)).count()
}

fn first(segments: &[&str], without: usize) -> String {
    let kept = segments.len().saturating_sub(without);
    segments.iter().take(kept).flat_map(|it| ["/", it]).collect()
}

/// Gateways decode and encode paths again, so `%7E` and `~` are the same segment.
fn same_segment(a: &str, b: &str) -> bool {
    a == b || (a.contains('%') || b.contains('%')) && decoded(a) == decoded(b)
}

fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = text.as_bytes().iter();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let rest = bytes.as_slice();
        let hex = rest.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        match hex.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(value) if *byte == b'%' => {
                out.push(value);
                bytes.nth(1);
            }
            _ => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_what_a_gateway_puts_in_front() {
        for (outer, inner, expected) in [
            ("/prod/items", "/items", Some(("/prod", ""))),
            ("/prod/items/", "/items", Some(("/prod", ""))),
            ("/api/v1/items/7", "/items/7", Some(("/api/v1", ""))),
            ("/api/items", "/v1/app/items", Some(("/api", "/v1/app"))),
            ("/items", "/items/", Some(("", ""))),
            ("/prod/a%7Eb", "/a~b", Some(("/prod", ""))),
            ("/prod/", "/", Some(("/prod", ""))),
            ("/prod/items", "/other", None),
            ("/", "/", Some(("", ""))),
        ] {
            let mapping = Mapping::between(outer, inner).map(|it| (it.outer, it.inner));
            if let Some((outer_head, inner_head)) = &mapping {
                let same = Mapping { outer: outer_head.clone(), inner: inner_head.clone() };
                let has_common = !segments(outer).is_empty() && !segments(inner).is_empty();
                assert_eq!(same.is_between(outer, inner), has_common, "{outer} -> {inner}");
                let other = Mapping { outer: "/x".to_owned(), inner: String::new() };
                assert!(!other.is_between(outer, inner));
            }
            let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
            assert_eq!(mapping, expected, "{outer} -> {inner}");
        }
    }

    #[test]
    fn prefixes_end_on_a_segment_boundary() {
        for (path, prefix, under) in [
            ("/prod/items", "/prod", true),
            ("/prod", "/prod", true),
            ("/products", "/prod", false),
            ("/items", "", true),
            ("/api/v1/x", "/api/v1", true),
            ("/api", "/api/v1", false),
        ] {
            assert_eq!(is_under(path, prefix), under, "{path} under {prefix}");
        }
        assert!(is_doubled("/dev/dev/admin/", "/dev"));
        assert!(!is_doubled("/dev/admin/", "/dev"));
        assert!(!is_doubled("/admin", ""));
    }

    #[test]
    fn finds_the_head_that_a_location_lost() {
        for (from, to, lost) in [
            ("/prod/items", "/items/", Some("/prod")),
            ("/a/b/items/7", "/items/7/", Some("/a/b")),
            ("/prod/items", "/prod/items/", None),
            ("/prod/items", "/login/", None),
            ("/items", "/items/", None),
            ("/prod/items", "/", None),
        ] {
            assert_eq!(lost_head(from, to).as_deref(), lost, "{from} -> {to}");
        }
    }

    #[test]
    fn resolves_every_form_of_location() {
        for (location, url) in [
            ("/items/", "http://gw.test:8080/items/"),
            ("http://app.test/x", "http://app.test/x"),
            ("//app.test/x", "http://app.test/x"),
            ("items/", "http://gw.test:8080/prod/items/"),
            ("?a=1", "http://gw.test:8080/prod/items?a=1"),
        ] {
            assert_eq!(resolve("http://gw.test:8080/prod/items", location), url);
        }
    }

    #[test]
    fn default_ports_name_the_same_server() {
        for (url, server) in [
            ("http://a.test/x", "http://a.test:80"),
            ("https://A.test", "https://a.test:443"),
            ("http://u:p@a.test:8080/", "http://a.test:8080"),
            ("http://[::1]/", "http://[::1]:80"),
            ("http://[::1]:9/", "http://[::1]:9"),
        ] {
            assert_eq!(server_of(url), server, "{url}");
        }
    }
}
