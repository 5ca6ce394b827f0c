//! The parts of a request's URL, taken from its text without changing a byte.

/// An absolute request URL, split but not normalised: `HTTP://h:80/a/../b` stays as it is.
///
/// The WHATWG URL parser would resolve dots and drop default ports; what a gateway and an
/// app really received is the text itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target<'a> {
    /// `http`, `https`, `ws`…; empty when the text has none (a tunnel's `host:port`).
    pub scheme: &'a str,
    /// Host and, if written, port; with userinfo, if any.
    pub authority: &'a str,
    /// From the first `/`; empty when there is none.
    pub path: &'a str,
    /// Without the `?`; `None` when there is no `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Split `url`. Never fails: what is missing is empty.
    pub fn parse(url: &'a str) -> Target<'a> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let rest = rest.split('#').next().unwrap_or_default();
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let slash = before.find('/').unwrap_or(before.len());
        let (authority, path) = before.split_at(slash);
        Target { scheme, authority, path, query }
    }

    /// The host without userinfo and port. IPv6 keeps its brackets.
    pub fn host(&self) -> &'a str {
        let host = self.authority.rsplit('@').next().unwrap_or_default();
        match host.rfind(':') {
            Some(at) if !host.ends_with(']') => &host[..at],
            _ => host,
        }
    }

    /// `scheme://authority`, as written.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Path and query, as they stand in a request line; `/` for an empty path.
    pub fn path_and_query(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { self.path };
        match self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_without_normalising() {
        for (url, scheme, host, path, query) in [
            ("http://a.test:80/x/../y?q=1#f", "http", "a.test", "/x/../y", Some("q=1")),
            ("https://u:p@a.test", "https", "a.test", "", None),
            ("http://[::1]:8080/", "http", "[::1]", "/", None),
            ("http://[::1]/", "http", "[::1]", "/", None),
            ("a.test:443", "", "a.test", "", None),
            ("http://a.test?x=http://b/", "http", "a.test", "", Some("x=http://b/")),
            ("", "", "", "", None),
        ] {
            let target = Target::parse(url);
            assert_eq!((target.scheme, target.host(), target.path), (scheme, host, path), "{url}");
            assert_eq!(target.query, query, "{url}");
        }
    }
}
