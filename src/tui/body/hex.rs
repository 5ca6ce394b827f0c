//! Bytes as hex with their readable characters beside them.

/// Sixteen bytes a line; eight where the screen is narrow.
pub(super) fn lines(bytes: &[u8], cells: usize) -> Vec<String> {
    let each = if cells >= 78 { 16 } else { 8 };
    bytes.chunks(each).enumerate().map(|(n, it)| line(n * each, it, each)).collect()
}

fn line(at: usize, bytes: &[u8], each: usize) -> String {
    let mut out = format!("{at:08x}  ");
    for n in 0..each {
        match bytes.get(n) {
            Some(it) => out.extend([digit(it >> 4), digit(it & 15), ' ']),
            None => out.push_str("   "),
        }
    }
    out.push(' ');
    out.extend(
        bytes.iter().map(|it| if (0x20..0x7f).contains(it) { char::from(*it) } else { '.' }),
    );
    out
}

fn digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('?')
}
