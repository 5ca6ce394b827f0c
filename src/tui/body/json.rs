//! JSON, indented; every token stays as it was sent.
//!
//! **Invariant:** nothing is parsed into a number or a string and printed again: `1e400`, `1.0`
//! and `"\u0041"` are evidence.

use serde::de::IgnoredAny;

use crate::trace::visible;

/// Whether `text` is JSON and meant to be. The beginning of a text has to be declared so.
pub(super) fn is_json(text: &str, kind: &str, is_whole: bool) -> bool {
    let declared = kind.contains("json");
    let looks = text.trim_start().starts_with(['{', '[']);
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => declared || looks,
        Err(error) => declared && looks && !is_whole && error.is_eof(),
    }
}

/// `text`, which is JSON or the beginning of it, one value a line.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut out = Writer { lines: Vec::new(), line: String::new(), depth: 0 };
    let mut chars = text.char_indices().peekable();
    while let Some((at, it)) = chars.next() {
        match it {
            '"' => {
                let end = string_end(text, at);
                out.line.push_str(&visible(text.get(at..end).unwrap_or_default()));
                while chars.next_if(|(next, _)| *next < end).is_some() {}
            }
            '{' | '[' => {
                out.line.push(it);
                while chars.next_if(|(_, next)| next.is_whitespace()).is_some() {}
                match chars.next_if(|(_, next)| matches!(next, '}' | ']')) {
                    Some((_, close)) => out.line.push(close),
                    None => out.newline(out.depth + 1),
                }
            }
            '}' | ']' => {
                out.newline(out.depth.saturating_sub(1));
                out.line.push(it);
            }
            ',' => {
                out.line.push(',');
                out.newline(out.depth);
            }
            ':' => out.line.push_str(": "),
            it if it.is_whitespace() => {}
            it => out.line.push(it),
        }
    }
    out.newline(0);
    out.lines
}

/// The byte after the string that begins at `start`.
fn string_end(text: &str, start: usize) -> usize {
    let rest = text.get(start + 1..).unwrap_or_default();
    let mut escaped = false;
    for (at, it) in rest.char_indices() {
        match it {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return start + at + 2,
            _ => {}
        }
    }
    text.len()
}

struct Writer {
    lines: Vec<String>,
    line: String,
    depth: usize,
}

impl Writer {
    fn newline(&mut self, depth: usize) {
        self.depth = depth;
        // Deep nesting must not push the text off every screen.
        let indent = "  ".repeat(depth.min(20));
        self.lines.push(std::mem::replace(&mut self.line, indent));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn indents_and_keeps_every_token() {
        let json = r#"{"a":[1.0,{"b":"x,\"y]"}],"c":{},"d":1e400 , "e":[]}"#;
        let lines = super::lines(json);
        let wanted = [
            "{",
            "  \"a\": [",
            "    1.0,",
            "    {",
            "      \"b\": \"x,\\\"y]\"",
            "    }",
            "  ],",
            "  \"c\": {},",
            "  \"d\": 1e400,",
            "  \"e\": []",
            "}",
        ];
        assert_eq!(lines, wanted);
    }
}
