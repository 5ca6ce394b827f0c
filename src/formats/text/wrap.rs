//! Wrapping text to a width in cells.

use unicode_width::UnicodeWidthStr as _;

/// Lines of at most `width` cells, broken at spaces where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    // Most texts fit as they are.
    if text.is_ascii() && text.len() <= width && !text.starts_with(' ') {
        return vec![text.to_owned()];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut cells = 0;
    for word in text.split(' ') {
        let needed = word.width();
        if cells > 0 && cells + 1 + needed > width {
            lines.push(std::mem::take(&mut line));
            cells = 0;
        }
        if cells > 0 {
            line.push(' ');
            cells += 1;
        }
        line.push_str(word);
        cells += needed;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_at_spaces_and_keeps_long_words_whole() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("http://a.test/long b", 5), ["http://a.test/long", "b"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("a  b ", 5), ["a  b "]);
        assert_eq!(wrap(" ä  b ", 5), ["ä  b "]);
        assert_eq!(wrap(" a  b ", 9), ["a  b "]);
    }
}
