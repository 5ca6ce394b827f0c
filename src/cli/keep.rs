//! `--keep`: how much of the past a flight recorder holds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One limit of a flight recorder's window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keep {
    /// Bytes on disk.
    Bytes(u64),
    Time(Duration),
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Keep, String> {
        let expected = "expected a size (1GiB, 200MB) or a time (2h, 30min)";
        let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: u64 = number.parse().map_err(|_| expected.to_owned())?;
        let find = |units: &[(&str, u64)]| {
            let unit = units.iter().find(|it| it.0.eq_ignore_ascii_case(unit.trim_start()))?;
            number.checked_mul(unit.1)
        };
        if let Some(seconds) = find(TIMES) {
            return match seconds {
                0 => Err("a window of no time holds nothing".to_owned()),
                _ => Ok(Keep::Time(Duration::from_secs(seconds))),
            };
        }
        match find(SIZES) {
            Some(bytes @ LEAST..) => Ok(Keep::Bytes(bytes)),
            Some(_) => Err("a window needs at least 16MiB".to_owned()),
            None => Err(expected.to_owned()),
        }
    }
}

/// As it is typed, in the largest unit that is exact.
impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, units) = match self {
            Keep::Bytes(bytes) => (*bytes, SIZES),
            Keep::Time(time) => (time.as_secs(), TIMES),
        };
        let exact = units.iter().filter(|it| number.is_multiple_of(it.1));
        match exact.max_by_key(|it| it.1) {
            Some((name, unit)) => write!(f, "{}{name}", number / unit),
            None => write!(f, "{number} bytes"),
        }
    }
}

const TIMES: &[(&str, u64)] = &[("s", 1), ("m", 60), ("min", 60), ("h", 3600), ("d", 86_400)];

const SIZES: &[(&str, u64)] = &[
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// It must hold some of the largest bodies that are captured, and their log.
const LEAST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        let bytes = |it| Ok(Keep::Bytes(it));
        let time = |it| Ok(Keep::Time(Duration::from_secs(it)));
        let expected = || Err("expected a size (1GiB, 200MB) or a time (2h, 30min)".to_owned());
        for (text, keep) in [
            ("1GiB", bytes(1 << 30)),
            ("200MB", bytes(200_000_000)),
            ("64 mib", bytes(64 << 20)),
            ("2h", time(7200)),
            ("30min", time(1800)),
            ("90s", time(90)),
            ("7d", time(604_800)),
            ("1MB", Err("a window needs at least 16MiB".to_owned())),
            ("0h", Err("a window of no time holds nothing".to_owned())),
            ("2", expected()),
            ("h", expected()),
            ("-2h", expected()),
            ("99999999999999TB", expected()),
        ] {
            assert_eq!(text.parse::<Keep>(), keep, "{text}");
        }
        for text in ["1GiB", "200MB", "64MiB", "2h", "30min", "90s", "7d"] {
            assert_eq!(text.parse::<Keep>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
    }
}
