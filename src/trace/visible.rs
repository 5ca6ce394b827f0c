//! What came over the wire, made safe to show.
//!
//! Control characters, bidirectional overrides and everything without a width of its own
//! become visible escapes (`\x1b`, `\u{202e}`, `\xff` for a byte that is no UTF-8), so that no
//! header or body can move a cursor, hide text or write an escape sequence to a terminal.
//!
//! **Invariant:** every character of the result is printable and occupies cells.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// `text` on one line with everything invisible spelled out; line breaks too.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    text.chars().for_each(|it| spell(it, &mut out));
    Cow::Owned(out)
}

/// Raw bytes on one line: UTF-8 as [`visible`] shows it, every other byte as `\xff`.
pub fn visible_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return visible(text);
    }
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|it| spell(it, &mut out));
        chunk.invalid().iter().for_each(|it| byte(*it, &mut out));
    }
    Cow::Owned(out)
}

/// Whether a terminal shows `it` in cells of its own and nothing else happens.
pub fn is_plain(it: char) -> bool {
    if it.is_ascii() {
        return !it.is_ascii_control();
    }
    // What has no width (controls, joiners, marks, overrides) or is a format character that
    // some terminal gives one.
    it.width().is_some_and(|cells| cells > 0) && !is_format(it)
}

fn is_format(it: char) -> bool {
    matches!(it,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn spell(it: char, out: &mut String) {
    match it {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        it if it.is_ascii_control() => byte(it as u8, out),
        it if is_plain(it) => out.push(it),
        it => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(it));
        }
    }
}

fn byte(it: u8, out: &mut String) {
    let _ = write!(out, "\\x{it:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_out_what_a_terminal_would_obey_or_hide() {
        for (raw, shown) in [
            ("https://a.test", "https://a.test"),
            ("Grüße 日本", "Grüße 日本"),
            ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\r\nSet-Cookie: x\t", "a\\r\\nSet-Cookie: x\\t"),
            ("abc\u{202e}gpj.exe", "abc\\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("pay\u{200b}pal\u{feff}", "pay\\u{200b}pal\\u{feff}"),
            ("e\u{301}", "e\\u{301}"),
            ("\u{e0041}", "\\u{e0041}"),
            ("\0\x7f", "\\x00\\x7f"),
            ("", ""),
        ] {
            assert_eq!(visible(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn shows_bytes_that_are_no_utf8_as_bytes() {
        assert_eq!(visible_bytes(b"caf\xe9 \x1b[0m\xff"), "caf\\xe9 \\x1b[0m\\xff");
        assert_eq!(visible_bytes("café".as_bytes()), "café");
    }

    #[test]
    fn every_character_of_the_result_has_cells() {
        for it in (0..0x11_0000).filter_map(char::from_u32) {
            let shown = visible(it.encode_utf8(&mut [0; 4])).into_owned();
            assert!(shown.chars().all(is_plain), "{it:?} became {shown:?}");
        }
    }
}
