//! Bytes as hex with their readable characters beside them.

use std::fmt::Write;

/// Sixteen bytes a line; eight where the screen is narrow.
pub(super) fn lines(bytes: &[u8], cells: usize) -> Vec<String> {
    let each = if cells >= 78 { 16 } else { 8 };
    bytes.chunks(each).enumerate().map(|(n, it)| line(n * each, it, each)).collect()
}

fn line(at: usize, bytes: &[u8], each: usize) -> String {
    let mut out = format!("{at:08x}  ");
    for n in 0..each {
        // Writing to a string cannot fail.
        let _ = match bytes.get(n) {
            Some(it) => write!(out, "{it:02x} "),
            None => write!(out, "   "),
        };
    }
    out.push(' ');
    out.extend(
        bytes.iter().map(|it| if (0x20..0x7f).contains(it) { char::from(*it) } else { '.' }),
    );
    out
}
