//! What somebody wants to see: words that must all stand in it. One language for the screen's
//! list, for `explain --filter` and for `record --only`.

use std::str::FromStr;

/// A filter as it is typed: words, in any order, all of which must stand in a text somewhere,
/// without regard to case. An empty one lets everything through.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    words: Vec<String>,
}

impl Filter {
    pub fn new(text: &str) -> Filter {
        Filter { words: text.split_whitespace().map(str::to_lowercase).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Its words, in lower case.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    /// Whether `text` has all words.
    pub fn lets_through(&self, text: &str) -> bool {
        if self.is_empty() {
            return true;
        }
        let text = text.to_lowercase();
        self.words.iter().all(|it| text.contains(it))
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Filter, String> {
        let filter = Filter::new(text);
        if filter.is_empty() { Err("expected a word at least".to_owned()) } else { Ok(filter) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_in_any_order_and_case() {
        for (filter, through) in
            [("", true), ("  ", true), ("POST", true), ("items post", true), ("items get", false)]
        {
            assert_eq!(Filter::new(filter).lets_through("Post /Items 500"), through, "{filter:?}");
        }
    }
}
