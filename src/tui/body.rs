//! Bodies as lines of text: one file a format, the first that fits is taken.
//!
//! **Invariant:** every line is visible text; a body that is not what it says it is is shown as
//! the bytes it is.

mod fold;
mod form;
mod hex;
mod image;
mod json;

use crate::content::{self, Content, End};
use crate::trace::{Body, Headers, visible};

/// A body, ready to be shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// `json`, `form`, `image`, `text`, `hex`; with what stands in the way of reading it.
    pub format: String,
    pub lines: Vec<String>,
    /// Bytes that were recorded and are not shown.
    pub hidden: usize,
}

/// Show a body in the best format that fits. What is nested deeper than `fold` is folded.
pub fn show(body: &Body, headers: &Headers, cells: usize, fold: Option<usize>) -> Shown {
    let content = content::decode(body, headers, LIMIT);
    let (mut format, mut lines) = lines(&content, headers, cells);
    if let Some(depth) = fold {
        lines = fold::fold(lines, depth);
    }
    // How much a coded body still holds is not known.
    let is_plain = content.codings.is_empty();
    let hidden = if is_plain { body.bytes.len().saturating_sub(LIMIT) } else { 0 };
    let note = content.note().filter(|_| !(is_plain && content.end == End::Limit));
    if let Some(note) = note {
        format = format!("{format}, {}", visible(&note));
    }
    Shown { format, lines, hidden }
}

fn lines(content: &Content<'_>, headers: &Headers, cells: usize) -> (String, Vec<String>) {
    let bytes = content.bytes.as_ref();
    let kind = headers.text("content-type").unwrap_or_default().to_lowercase();
    if let Some(facts) = image::facts(bytes).filter(|_| content.is_decoded()) {
        let mut lines = vec![facts.to_string(), String::new()];
        lines.extend(hex::lines(bytes, cells));
        return ("image".to_owned(), lines);
    }
    let text = if content.is_decoded() { content::as_text(bytes, headers) } else { None };
    let Some(text) = text else { return ("hex".to_owned(), hex::lines(bytes, cells)) };
    let is_whole = matches!(content.end, End::Whole | End::DecodedBefore);
    let (format, lines) = if json::is_json(&text, &kind, is_whole) {
        ("json", json::lines(&text))
    } else if kind.contains("x-www-form-urlencoded") {
        ("form", form::lines(&text))
    } else {
        ("text", text_lines(&text))
    };
    (format.to_owned(), lines)
}

fn text_lines(text: &str) -> Vec<String> {
    text.lines().map(|it| visible(&it.replace('\t', "    ")).into_owned()).collect()
}

/// Bytes of a body that are shown; the rest is counted.
const LIMIT: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_format_that_fits() {
        for (kind, bytes, format, first) in [
            ("application/json", b"{\"a\": [1]}".as_slice(), "json", "{"),
            ("text/html", b"<p>hi</p>\r\n", "text", "<p>hi</p>"),
            ("application/json", b"not json", "text", "not json"),
            ("text/plain", b"\x1b[2J!", "text", "\\x1b[2J!"),
            ("image/png", b"\x89PNG\r\n\x1a\n", "hex", "00000000  89 50 4e 47"),
            ("", b"{}", "json", "{}"),
            ("text/plain", "a\u{202e}b".as_bytes(), "text", "a\\u{202e}b"),
            ("text/plain; charset=latin1", b"\xfcber", "text", "über"),
            ("application/x-www-form-urlencoded", b"a+b=%C3%BC&c", "form", "a b = ü"),
        ] {
            let headers: Headers = [("Content-Type", kind)].into_iter().collect();
            let shown = show(&Body::full(bytes), &headers, 80, None);
            assert_eq!(shown.format, format, "{kind}");
            assert!(shown.lines[0].starts_with(first), "{kind}: {:?}", shown.lines);
        }
    }

    #[test]
    fn shows_what_a_coding_hides() {
        let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\x4a\x54\xb2\x32\xac\x05\x00\x97\x02\x01\x9a\x07\x00\x00\x00";
        for (bytes, coding, format, first) in [
            (gzip.as_slice(), "gzip", "json, decoded from gzip", "{"),
            (&gzip[..16], "gzip", "text, decoded from gzip, the rest is missing", "{\"a\""),
            (gzip, "br", "hex, not readable as br", "00000000  1f 8b"),
            (gzip, "dcz", "hex, still encoded as dcz", "00000000  1f 8b"),
            (b"{}", "br", "json, decoded before it was recorded", "{}"),
        ] {
            let headers: Headers = [("content-encoding", coding)].into_iter().collect();
            let shown = show(&Body::full(bytes), &headers, 80, None);
            assert_eq!(shown.format, format, "{coding}");
            assert!(
                shown.lines.first().is_none_or(|it| it.starts_with(first)),
                "{coding}: {:?}",
                shown.lines
            );
        }
        let zeros = Body::full(vec![b'0'; LIMIT + 5]);
        let shown = show(&zeros, &Headers::new(), 80, None);
        assert_eq!((shown.format.as_str(), shown.hidden), ("text", 5));
    }
}
