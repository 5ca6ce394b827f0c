//! Finding the entries of a HAR without trusting that its JSON ends.
//!
//! **Invariant:** one pass, no recursion; a file that stops anywhere gives the entries that
//! were whole.

/// The raw text of every whole entry.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) entries: Vec<&'a str>,
    /// Where the list begins in the text.
    pub(super) start: usize,
    /// The text stops before the list does.
    pub(super) is_cut: bool,
}

/// The entries of `text`: those of `log.entries`, of a bare `entries`, or of a bare array.
pub(super) fn entries(text: &str) -> Option<Found<'_>> {
    let start = if text.starts_with('[') { 0 } else { find_list(text)? };
    let mut entries = Vec::new();
    let (mut depth, mut begun) = (0_u32, start);
    let mut tokens = Tokens { bytes: text.as_bytes(), at: start };
    while let Some((at, token)) = tokens.next() {
        match token {
            Token::Open => {
                depth += 1;
                if depth == 2 {
                    begun = at;
                }
            }
            Token::Close => {
                depth = depth.saturating_sub(1);
                match depth {
                    1 => entries.extend(text.get(begun..=at)),
                    0 => return Some(Found { entries, start, is_cut: false }),
                    _ => {}
                }
            }
            Token::Text(_) => {}
        }
    }
    Some(Found { entries, start, is_cut: true })
}

/// The `[` of the first `"entries": [` that is at most in the second level.
fn find_list(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut key = "";
    let mut tokens = Tokens { bytes: text.as_bytes(), at: 0 };
    while let Some((at, token)) = tokens.next() {
        match token {
            Token::Open => {
                let is_list = text.as_bytes().get(at) == Some(&b'[');
                if key == "entries" && is_list && depth <= 2 {
                    return Some(at);
                }
                depth += 1;
                key = "";
            }
            Token::Close => {
                depth = depth.saturating_sub(1);
                key = "";
            }
            Token::Text(end) => key = text.get(at + 1..end).unwrap_or_default(),
        }
    }
    None
}

/// What matters for finding list and entries.
enum Token {
    Open,
    Close,
    /// A string; the position of its closing quote.
    Text(usize),
}

struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Tokens<'_> {
    /// The next token and where it begins. A string that does not end ends the tokens.
    fn next(&mut self) -> Option<(usize, Token)> {
        loop {
            let at = self.at;
            let byte = *self.bytes.get(at)?;
            self.at += 1;
            match byte {
                b'{' | b'[' => return Some((at, Token::Open)),
                b'}' | b']' => return Some((at, Token::Close)),
                b'"' => {
                    let end = self.end_of_string()?;
                    return Some((at, Token::Text(end)));
                }
                _ => {}
            }
        }
    }

    fn end_of_string(&mut self) -> Option<usize> {
        loop {
            match *self.bytes.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(self.at - 1);
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_entries_wherever_the_file_stops() {
        let text =
            r#"{"log":{"pages":[{"entries":"no"}],"entries":[{"a":"]}\""},{"b":[{}]}],"x":1}}"#;
        let whole = entries(text).unwrap();
        assert_eq!(whole.entries, [r#"{"a":"]}\""}"#, r#"{"b":[{}]}"#]);
        assert!(!whole.is_cut);
        for end in 0..text.len() {
            let Some(part) = entries(&text[..end]) else { continue };
            assert!(whole.entries.starts_with(&part.entries), "cut at {end}");
        }
        assert_eq!(entries(&text[..text.len() - 9]).unwrap().entries.len(), 2);
        assert!(entries(r#"{"log":{}}"#).is_none());
        assert_eq!(entries("[{},{}]").unwrap().entries.len(), 2);
    }
}
