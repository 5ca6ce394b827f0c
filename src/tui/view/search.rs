//! What a search found, marked in the lines.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::panel::Content;

/// Mark every place that has `words`, without case; gives the lines that have one.
pub(super) fn mark(content: &mut Content, words: &str, style: Style) -> Vec<usize> {
    let mut found = Vec::new();
    if words.is_empty() {
        return found;
    }
    for (n, line) in content.lines.iter_mut().enumerate() {
        let text: String = line.spans.iter().map(|it| it.content.as_ref()).collect();
        let places = places(&text, words);
        if !places.is_empty() {
            found.push(n);
            *line = marked(line, &places, style);
        }
    }
    found
}

/// The bytes of `text` at which `words` begin and end.
fn places(text: &str, words: &str) -> Vec<(usize, usize)> {
    let (text, words) = (text.to_ascii_lowercase(), words.to_ascii_lowercase());
    text.match_indices(&words).map(|(at, it)| (at, at + it.len())).collect()
}

fn marked(line: &Line<'static>, places: &[(usize, usize)], style: Style) -> Line<'static> {
    let mut spans = Vec::new();
    let mut begin = 0;
    for span in &line.spans {
        let end = begin + span.content.len();
        let mut cuts = vec![begin, end];
        cuts.extend(
            places.iter().flat_map(|it| [it.0, it.1]).filter(|it| begin < *it && *it < end),
        );
        cuts.sort_unstable();
        for piece in cuts.windows(2) {
            let (from, to) = (piece[0], piece[1]);
            let text = span.content.get(from - begin..to - begin).unwrap_or_default().to_owned();
            let is_found = places.iter().any(|it| it.0 <= from && to <= it.1);
            spans.push(Span::styled(
                text,
                if is_found { span.style.patch(style) } else { span.style },
            ));
        }
        begin = end;
    }
    Line::from(spans).style(line.style)
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;

    #[test]
    fn marks_every_place_also_across_spans() {
        let mut content = Content::default();
        content.push(Line::from(vec![Span::raw("one TW"), Span::raw("o two ü")]));
        content.push("nothing");
        let style = Style::new().add_modifier(Modifier::REVERSED);
        assert_eq!(mark(&mut content, "two", style), [0]);
        let pieces: Vec<_> = content.lines[0]
            .spans
            .iter()
            .map(|it| (it.content.as_ref(), it.style == style))
            .collect();
        let wanted = [
            ("one ", false),
            ("TW", true),
            ("o", true),
            (" ", false),
            ("two", true),
            (" ü", false),
        ];
        assert_eq!(pieces, wanted);
        assert_eq!(mark(&mut content, "", style), [0; 0]);
    }
}
