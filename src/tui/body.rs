//! Bodies as lines of text: one file a format, the first that fits is taken.
//!
//! **Invariant:** every line is visible text; a body that is not what it says it is is shown as
//! the bytes it is.

mod hex;
mod json;

use crate::trace::{Body, Headers, visible};

/// A body, ready to be shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// `json`, `text`, `hex`; with what stands in the way of reading it.
    pub format: String,
    pub lines: Vec<String>,
    /// Bytes that were recorded and are not shown.
    pub hidden: usize,
}

/// Show a body in the best format that fits.
pub fn show(body: &Body, headers: &Headers, cells: usize) -> Shown {
    let bytes = body.bytes.get(..LIMIT.min(body.bytes.len())).unwrap_or_default();
    let hidden = body.bytes.len() - bytes.len();
    let encoding =
        headers.text("content-encoding").filter(|it| !it.eq_ignore_ascii_case("identity"));
    if let Some(encoding) = encoding {
        let format = format!("hex, encoded as {}", visible(&encoding));
        return Shown { format, lines: hex::lines(bytes, cells), hidden };
    }
    let kind = headers.text("content-type").unwrap_or_default().to_lowercase();
    let text = std::str::from_utf8(whole_characters(bytes)).ok();
    let (format, lines) = match text {
        Some(text) if hidden == 0 && json::is_json(text, &kind) => ("json", json::lines(text)),
        Some(text) if looks_like_text(text) => ("text", text_lines(text)),
        _ => ("hex", hex::lines(bytes, cells)),
    };
    Shown { format: format.to_owned(), lines, hidden }
}

/// Without a last character that the limit cut in two.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).unwrap_or_default()
        }
        _ => bytes,
    }
}

/// Text has next to no control characters besides its line breaks.
fn looks_like_text(text: &str) -> bool {
    let odd = |it: &char| it.is_control() && !matches!(it, '\n' | '\r' | '\t' | '\x1b' | '\x0c');
    let controls = text.chars().take(SAMPLE).filter(odd).count();
    controls * 20 <= text.len().min(SAMPLE)
}

fn text_lines(text: &str) -> Vec<String> {
    text.lines().map(|it| visible(&it.replace('\t', "    ")).into_owned()).collect()
}

/// Bytes of a body that are shown; the rest is counted.
const LIMIT: usize = 256 * 1024;

/// Characters that are looked at to tell text from bytes.
const SAMPLE: usize = 4096;

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
        ] {
            let headers: Headers = [("Content-Type", kind)].into_iter().collect();
            let shown = show(&Body::full(bytes), &headers, 80);
            assert_eq!(shown.format, format, "{kind}");
            assert!(shown.lines[0].starts_with(first), "{kind}: {:?}", shown.lines);
        }
    }
}
