//! A recording named on the command line: `FILE` or `NAME=FILE`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// One input, with the tap's name if it was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Input {
    /// The tap it stands for.
    pub name: Option<String>,
    /// `-` is stdin.
    pub path: PathBuf,
}

impl FromStr for Input {
    type Err = Infallible;

    /// `edge=x.har` names a tap; `./a=b.har` and `dir=x/y.har` are files, because a tap's name
    /// has letters, digits, `-` and `_` only, and what exists on disk wins nowhere here.
    fn from_str(text: &str) -> Result<Input, Infallible> {
        let is_name = |it: &str| {
            !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        Ok(match text.split_once('=') {
            Some((name, path)) if is_name(name) && !path.is_empty() => {
                Input { name: Some(name.to_owned()), path: path.into() }
            }
            _ => Input { name: None, path: text.into() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_names_from_paths() {
        for (text, name, path) in [
            ("x.har", None, "x.har"),
            ("edge=x.har", Some("edge"), "x.har"),
            ("./a=b.har", None, "./a=b.har"),
            ("edge=", None, "edge="),
            ("-", None, "-"),
            ("edge=a=b", Some("edge"), "a=b"),
        ] {
            let Ok(input) = text.parse::<Input>();
            assert_eq!((input.name.as_deref(), input.path.to_str()), (name, Some(path)), "{text}");
        }
    }
}
