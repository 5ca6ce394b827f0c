//! `--assume KEY=VALUE`: what a recording does not show.

use std::str::FromStr;

use crate::fetch::{Api, Credentials, Mode, RedirectMode};

/// One assumption, parsed: its value is one that the standard knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assume {
    pub key: AssumeKey,
}

/// What can be assumed, with its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AssumeKey {
    Api(Api),
    Mode(Mode),
    Credentials(Credentials),
    Redirect(RedirectMode),
    /// The `crossorigin` attribute: `anonymous` or `use-credentials`.
    Crossorigin(String),
}

impl FromStr for Assume {
    type Err = String;

    fn from_str(text: &str) -> Result<Assume, String> {
        let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
        let key = match key {
            "api" => {
                AssumeKey::Api(word(value, Api::parse, Api::ALL.iter().map(|it| it.as_str()))?)
            }
            "mode" => {
                AssumeKey::Mode(word(value, Mode::parse, Mode::ALL.iter().map(|it| it.as_str()))?)
            }
            "credentials" => AssumeKey::Credentials(word(
                value,
                Credentials::parse,
                Credentials::ALL.iter().map(|it| it.as_str()),
            )?),
            "redirect" => AssumeKey::Redirect(word(
                value,
                RedirectMode::parse,
                RedirectMode::ALL.iter().map(|it| it.as_str()),
            )?),
            "crossorigin" => AssumeKey::Crossorigin(word(
                value,
                |it| ["anonymous", "use-credentials"].contains(&it).then(|| it.to_owned()),
                ["anonymous", "use-credentials"].into_iter(),
            )?),
            _ => {
                return Err(format!(
                    "`{key}` cannot be assumed; one of api, mode, credentials, redirect, crossorigin"
                ));
            }
        };
        Ok(Assume { key })
    }
}

/// `value` as one of `words`, or a sentence that lists them.
fn word<T>(
    value: &str,
    parse: impl Fn(&str) -> Option<T>,
    words: impl Iterator<Item = &'static str>,
) -> Result<T, String> {
    parse(value)
        .ok_or_else(|| format!("`{value}` is not one of {}", words.collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_would_take() {
        for (text, error) in [
            ("credentials", "expected KEY=VALUE"),
            (
                "colour=red",
                "`colour` cannot be assumed; one of api, mode, credentials, redirect, crossorigin",
            ),
            ("credentials=yes", "`yes` is not one of same-origin, include, omit"),
        ] {
            assert_eq!(text.parse::<Assume>().unwrap_err(), error);
        }
        let assume: Assume = "credentials=include".parse().unwrap();
        assert_eq!(assume.key, AssumeKey::Credentials(Credentials::Include));
    }
}
