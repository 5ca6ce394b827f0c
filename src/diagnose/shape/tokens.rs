//! Tokens: what stands in a shape for a text that is only compared and quoted.
//!
//! **Invariant:** the same text has the same token and another text another one, so that every
//! comparison ends as it would have; and no token is part of what was recorded.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;

/// How a token begins: a number that nobody has.
const MARK: &[u8; 11] = b"83150274691";
/// Finds it.
static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(MARK));
/// As a number, with two digits to come.
const MARK_NUMBER: u64 = 83_150_274_691 * 100;
/// How many tokens a chain can have.
const MOST: usize = 100;
/// The length of a token.
const LENGTH: usize = MARK.len() + 2;
/// A token in digits.
pub(super) type Token = [u8; LENGTH];

/// What the tokens of one chain stand for.
#[derive(Clone, Debug, Default)]
pub(in crate::diagnose) struct Tokens<'c> {
    meant: Vec<Meant<'c>>,
    /// How many times a token was handed out, numbers apart: they are not written in digits.
    used: usize,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Meant<'c> {
    Text(Cow<'c, str>),
    Number(u64),
}

impl<'c> Tokens<'c> {
    /// The token of a text. `None` when there are no more.
    pub(super) fn text(&mut self, text: &'c str) -> Option<Token> {
        self.token(Meant::Text(Cow::Borrowed(text)))
    }

    /// The same for a text that does not last.
    pub(super) fn text_of(&mut self, text: &str) -> Option<Token> {
        self.token(Meant::Text(Cow::Owned(text.to_owned())))
    }

    fn token(&mut self, meant: Meant<'c>) -> Option<Token> {
        let idx = u8::try_from(self.index(meant)?).ok()?;
        self.used += 1;
        let mut token = [0; LENGTH];
        token[..MARK.len()].copy_from_slice(MARK);
        token[MARK.len()] = b'0' + idx / 10;
        token[MARK.len() + 1] = b'0' + idx % 10;
        Some(token)
    }

    /// The token of a number, as a number.
    pub(super) fn number(&mut self, number: u64) -> Option<usize> {
        let idx = self.index(Meant::Number(number))?;
        usize::try_from(MARK_NUMBER + u64::try_from(idx).ok()?).ok()
    }

    fn index(&mut self, meant: Meant<'c>) -> Option<usize> {
        if let Some(idx) = self.meant.iter().position(|it| *it == meant) {
            return Some(idx);
        }
        self.meant.push(meant);
        (self.meant.len() <= MOST).then(|| self.meant.len() - 1)
    }

    /// Whether every token in this shape was put there by us.
    pub(super) fn are_all(&self, shape: &[u8]) -> bool {
        FINDER.find_iter(shape).count() == self.used
    }

    /// Put the texts back into what was concluded.
    pub(in crate::diagnose) fn replace(&self, text: &mut String) {
        let mut rest = text.as_str();
        let mut whole = String::with_capacity(text.len());
        while let Some(at) = FINDER.find(rest.as_bytes()) {
            let (before, token) = rest.split_at(at);
            whole.push_str(before);
            let (token, after) = token.split_at_checked(LENGTH).unwrap_or((token, ""));
            whole.push_str(&self.meaning(token));
            rest = after;
        }
        whole.push_str(rest);
        *text = whole;
    }

    fn meaning(&self, token: &str) -> Cow<'_, str> {
        let idx = token.get(MARK.len()..).and_then(|it| it.parse::<usize>().ok());
        match idx.and_then(|it| self.meant.get(it)) {
            Some(Meant::Text(text)) => Cow::Borrowed(text),
            Some(Meant::Number(number)) => Cow::Owned(number.to_string()),
            None => Cow::Owned(token.to_owned()),
        }
    }
}

/// Whether a text has a token in it.
pub(in crate::diagnose) fn has_token(text: &str) -> bool {
    FINDER.find(text.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_replaced_comes_back() {
        let mut tokens = Tokens::default();
        let [a, b, again] = ["page=2", "x", "page=2"].map(|it| tokens.text(it));
        assert!(a == again && a != b);
        let length = tokens.number(42).unwrap();
        let a = String::from_utf8(a.unwrap().to_vec()).unwrap();
        let mut text = format!("GET /items?{a} ({length} bytes)");
        assert!(has_token(&text));
        tokens.replace(&mut text);
        assert_eq!(text, "GET /items?page=2 (42 bytes)");
        assert!(tokens.are_all(format!("{a} {a} {a}").as_bytes()));
        assert!(!tokens.are_all(format!("{a} {a} {a} {a}").as_bytes()));
    }
}
