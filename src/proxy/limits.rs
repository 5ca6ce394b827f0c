//! What a tap takes at most, so that no client and no server can make it take everything.
//!
//! The defaults pass what browsers and servers send in practice (Firefox reads heads of 384 KiB,
//! Chromium of 256; most servers stop at 8 to 64) and hold memory for one connection well below
//! a megabyte. Whatever goes beyond is refused, and recorded as refused.

use std::str::FromStr;
use std::time::Duration;

/// What a tap takes at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of a head, of a request and of an answer.
    pub head: usize,
    /// Fields of a head.
    pub fields: usize,
    /// Bytes of a request's target.
    pub target: usize,
    /// How long a client may take with what it has begun: a request's head (of HTTP/2 the preface
    /// and the first head), its TLS hello and a SOCKS greeting from the first byte to the last,
    /// and the rest of a TLS handshake from our answer on. A connection that says nothing at all
    /// may stay, also behind the preface: browsers open some before they know what to ask.
    pub head_time: Duration,
    /// Clients' connections at the same time, at one tap.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head: 384 << 10,
            fields: 500,
            target: LONGEST_TARGET,
            head_time: Duration::from_secs(30),
            connections: 20_000,
        }
    }
}

impl Limits {
    /// Bytes that the HTTP library holds of what it reads: a head and some of what follows.
    pub(super) fn buffer(&self) -> usize {
        self.head + LEAST_HEAD
    }

    /// What an HTTP/2 library decodes of a head: somewhat more, so that it is us who refuse, and
    /// record it. Beyond this the library answers with a 431 of its own.
    pub(super) fn header_list(&self) -> u32 {
        u32::try_from(self.head + LEAST_HEAD_LIST).unwrap_or(u32::MAX)
    }

    /// Change one.
    pub fn set(&mut self, limit: Limit) {
        match limit {
            Limit::Head(value) => self.head = value,
            Limit::Fields(value) => self.fields = value,
            Limit::Target(value) => self.target = value,
            Limit::HeadTime(value) => self.head_time = value,
            Limit::Connections(value) => self.connections = value,
        }
    }
}

/// One limit as the user wants it: `NAME=VALUE`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    Head(usize),
    Fields(usize),
    Target(usize),
    HeadTime(Duration),
    Connections(usize),
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Limit, String> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let within = |value: Option<usize>, least: usize, most: usize| {
            let fits = value.filter(|it| (least..=most).contains(it));
            fits.ok_or_else(|| format!("`{name}` is a number from {least} to {most}"))
        };
        match name {
            "head" => within(size(value), LEAST_HEAD, MOST_HEAD).map(Limit::Head),
            "fields" => within(value.parse().ok(), 1, MOST_FIELDS).map(Limit::Fields),
            "target" => within(size(value), 1, LONGEST_TARGET).map(Limit::Target),
            "head-time" => {
                let seconds = value.strip_suffix('s').unwrap_or(value).parse().ok();
                let seconds = within(seconds, 1, 86_400)?;
                Ok(Limit::HeadTime(Duration::from_secs(seconds as u64)))
            }
            "connections" => within(value.parse().ok(), 1, 1_000_000).map(Limit::Connections),
            _ => Err(format!(
                "`{name}` is no limit: expected head, fields, target, head-time or connections"
            )),
        }
    }
}

/// `8192`, `64K`, `1M`.
fn size(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit: usize = match text.get(digits.len()..)?.to_ascii_uppercase().as_str() {
        "" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

/// The HTTP library's own buffers take no less and hold no more.
const LEAST_HEAD: usize = 8192;
const LEAST_HEAD_LIST: usize = 64 << 10;
const MOST_HEAD: usize = 16 << 20;
/// More than this the library's header map does not take.
const MOST_FIELDS: usize = 20_000;
/// The library reads no longer one.
const LONGEST_TARGET: usize = 65_534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_limits_and_says_what_fits() {
        for (text, read) in [
            ("head=64K", Ok(Limit::Head(65_536))),
            ("head=1MiB", Ok(Limit::Head(1 << 20))),
            ("fields=100", Ok(Limit::Fields(100))),
            ("target=2000", Ok(Limit::Target(2000))),
            ("head-time=5s", Ok(Limit::HeadTime(Duration::from_secs(5)))),
            ("head-time=5", Ok(Limit::HeadTime(Duration::from_secs(5)))),
            ("connections=1", Ok(Limit::Connections(1))),
            ("head=1", Err("from 8192 to")),
            ("head=99999999999999999999G", Err("from 8192 to")),
            ("fields=0", Err("from 1 to 20000")),
            ("target=70000", Err("from 1 to 65534")),
            ("connections", Err("is a number")),
            ("heads=1", Err("is no limit")),
            ("", Err("is no limit")),
        ] {
            let parsed: Result<Limit, String> = text.parse();
            match read {
                Ok(read) => assert_eq!(parsed, Ok(read), "{text}"),
                Err(says) => {
                    assert!(parsed.clone().is_err_and(|it| it.contains(says)), "{parsed:?}");
                }
            }
        }
        let mut limits = Limits::default();
        limits.set(Limit::Fields(7));
        assert_eq!(limits, Limits { fields: 7, ..Limits::default() });
    }
}
