//! Cell arithmetic: widths, cutting, wrapping.
//!
//! **Invariant:** text that came over the wire is made visible before it is measured, so that
//! a width here is the width on the terminal.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::tui::theme::Glyphs;

/// Cells that `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `cells` cells, its end cut off with a mark.
pub(super) fn cut(text: &str, cells: usize, glyphs: &Glyphs) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut out = head(text, cells.saturating_sub(width(glyphs.cut)));
    if width(glyphs.cut) <= cells {
        out.push_str(glyphs.cut);
    }
    out
}

/// `text` in at most `cells` cells, its middle cut out: both ends of a path say something.
pub(super) fn cut_middle(text: &str, cells: usize, glyphs: &Glyphs) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let left = cells.saturating_sub(width(glyphs.cut));
    let front = head(text, left.div_ceil(2));
    let back = tail(text, left / 2);
    format!("{front}{}{back}", glyphs.cut)
}

/// `text` filled up with spaces to `cells`.
pub(super) fn pad(text: &str, cells: usize) -> String {
    let fill = cells.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(fill))
}

/// The longest beginning of `text` that fits.
fn head(text: &str, cells: usize) -> String {
    let mut used = 0;
    let fits = |it: &char| {
        used += it.width().unwrap_or(0);
        used <= cells
    };
    text.chars().take_while(fits).collect()
}

/// The longest end of `text` that fits.
fn tail(text: &str, cells: usize) -> String {
    let mut used = 0;
    let fits = |it: &char| {
        used += it.width().unwrap_or(0);
        used <= cells
    };
    let back: Vec<char> = text.chars().rev().take_while(fits).collect();
    back.into_iter().rev().collect()
}

/// `text` in lines of at most `cells` cells, broken at spaces where there are some.
pub(super) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let sep = usize::from(!line.is_empty());
        if width(&line) + sep + width(word) <= cells {
            if sep == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        line = hard_wrap(word, cells, &mut lines);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Break a word that is too long for any line; gives back what is left for the next.
fn hard_wrap(word: &str, cells: usize, lines: &mut Vec<String>) -> String {
    let mut rest = word;
    while width(rest) > cells {
        let mut front = head(rest, cells);
        if front.is_empty() {
            // One character wider than the line: take it anyway, or we would never end.
            front = rest.chars().take(1).collect();
        }
        rest = rest.get(front.len()..).unwrap_or_default();
        lines.push(front);
    }
    rest.to_owned()
}

/// One row of cells on which text can be put anywhere; later text covers earlier text.
#[derive(Clone, Debug)]
pub(super) struct Row {
    cells: Vec<(String, Style)>,
}

impl Row {
    pub(super) fn new(width: usize) -> Row {
        Row { cells: vec![(" ".to_owned(), Style::new()); width] }
    }

    /// Put `text` at column `x`; what does not fit is left out.
    pub(super) fn put(&mut self, x: usize, text: &str, style: Style) {
        let mut at = x;
        for it in text.chars() {
            let cells = it.width().unwrap_or(0);
            if cells == 0 || at + cells > self.cells.len() {
                return;
            }
            for (n, cell) in self.cells.iter_mut().skip(at).take(cells).enumerate() {
                *cell = (if n == 0 { it.to_string() } else { String::new() }, style);
            }
            at += cells;
        }
    }

    /// The row as a line, neighbours of one style joined.
    pub(super) fn line(self) -> Line<'static> {
        let mut spans: Vec<Span<'static>> = Vec::new();
        for (text, style) in self.cells {
            match spans.last_mut() {
                Some(last) if last.style == style => last.content.to_mut().push_str(&text),
                _ => spans.push(Span::styled(text, style)),
            }
        }
        Line::from(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::UNICODE;

    #[test]
    fn cuts_to_cells_not_to_characters() {
        for (text, cells, end, middle) in [
            ("/prod/items", 11, "/prod/items", "/prod/items"),
            ("/prod/items", 7, "/prod/…", "/pr…ems"),
            ("日本語", 4, "日…", "日…"),
            ("ab", 1, "…", "…"),
            ("ab", 0, "", "…"),
        ] {
            assert_eq!(cut(text, cells, &UNICODE), end, "{text} in {cells}");
            if cells > 0 {
                assert_eq!(cut_middle(text, cells, &UNICODE), middle, "{text} in {cells}");
            }
        }
    }

    #[test]
    fn wraps_at_spaces_and_breaks_what_has_none() {
        for (text, cells, lines) in [
            ("a bc def", 4, vec!["a bc", "def"]),
            ("abcdefgh ij", 3, vec!["abc", "def", "gh", "ij"]),
            ("", 3, vec![""]),
            ("日本", 1, vec!["日", "本"]),
        ] {
            let wrapped = wrap(text, cells);
            // Nothing may be lost.
            assert_eq!(wrapped.concat().replace(' ', ""), text.replace(' ', ""), "{text}");
            assert_eq!(wrapped, lines, "{text} in {cells}");
        }
    }
}
