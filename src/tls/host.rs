//! Hosts as a user names them: `api.test`, `*.example.com`, `*`.

use std::fmt;
use std::str::FromStr;

/// A host name in which `*` stands for any number of characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostGlob(String);

impl HostGlob {
    /// Whether it means this host; upper and lower case are the same.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = host.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        rest.ends_with(last)
    }
}

impl FromStr for HostGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<HostGlob, String> {
        let fits = |it: char| it.is_alphanumeric() || "-._*:%".contains(it);
        let name = text.trim_matches(['[', ']']).trim_end_matches('.');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!("`{text}` is no host: expected api.test, *.example.com or *"));
        }
        Ok(HostGlob(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for HostGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_what_a_user_means() {
        for (glob, host, matches) in [
            ("api.test", "api.test", true),
            ("api.test", "API.test.", true),
            ("api.test", "xapi.test", false),
            ("api.test", "api.test.evil", false),
            ("*.api.test", "a.b.api.test", true),
            ("*.api.test", "api.test", false),
            ("*api.test", "api.test", true),
            ("*", "anything", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("a*a", "a", false),
            ("127.0.0.*", "127.0.0.9", true),
            ("[::1]", "::1", true),
            ("::1", "[::1]", true),
        ] {
            let parsed: HostGlob = glob.parse().unwrap();
            assert_eq!(parsed.matches(host), matches, "{glob} {host}");
        }
        for wrong in ["", "a b", "https://a", "a/b"] {
            assert!(wrong.parse::<HostGlob>().is_err(), "{wrong}");
        }
    }
}
