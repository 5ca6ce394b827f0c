//! Images: kind and size, from the first bytes of the file.

use std::fmt;

/// What an image says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Facts {
    format: &'static str,
    /// Width and height in pixels.
    size: Option<(u32, u32)>,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            Some((width, height)) => write!(f, "{} image, {width} x {height} pixels", self.format),
            None => write!(f, "{} image", self.format),
        }
    }
}

pub(super) fn facts(bytes: &[u8]) -> Option<Facts> {
    let big = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let little = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into());
    let (format, size) = match bytes {
        [0x89, b'P', b'N', b'G', 13, 10, 26, 10, _, ..] => ("PNG", big(16).zip(big(20))),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => ("GIF", little(6).zip(little(8))),
        [0xff, 0xd8, 0xff, rest @ ..] => ("JPEG", jpeg(rest)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', rest @ ..] => {
            ("WebP", webp(rest))
        }
        [0, 0, 1, 0, count, ..] if *count > 0 => ("icon", None),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's', ..] => ("AVIF", None),
        _ => return None,
    };
    Some(Facts { format, size })
}

/// From the frame's head, which stands behind other segments.
fn jpeg(mut rest: &[u8]) -> Option<(u32, u32)> {
    // The first marker's 0xff was taken already.
    loop {
        let (marker, segment) = rest.split_first()?;
        let length = usize::from(u16::from_be_bytes(*segment.first_chunk()?));
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let [_, _, _, h1, h0, w1, w0] = *segment.first_chunk()?;
            return Some((
                u16::from_be_bytes([w1, w0]).into(),
                u16::from_be_bytes([h1, h0]).into(),
            ));
        }
        let after = segment.get(length..)?;
        rest = after.strip_prefix(&[0xff])?;
    }
}

fn webp(rest: &[u8]) -> Option<(u32, u32)> {
    let two = |at: usize| Some(u32::from(u16::from_le_bytes(*rest.get(at..)?.first_chunk()?)));
    let three = |at: usize| {
        let [a, b, c] = *rest.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes([a, b, c, 0]) + 1)
    };
    match rest.get(..4)? {
        b"VP8X" => three(12).zip(three(15)),
        b"VP8 " => two(14).zip(two(16)).map(|(w, h)| (w & 0x3fff, h & 0x3fff)),
        b"VP8L" => {
            let bits = u32::from_le_bytes(*rest.get(9..)?.first_chunk()?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_kind_and_size() {
        for (bytes, said) in [
            (
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\0\x80".as_slice(),
                "PNG image, 256 x 128 pixels",
            ),
            (b"\x89PNG\r\n\x1a\n\0", "PNG image"),
            (b"GIF89a\x02\0\x03\0", "GIF image, 2 x 3 pixels"),
            (
                b"\xff\xd8\xff\xe0\0\x04ab\xff\xc2\0\x11\x08\x01\0\x02\0\x03",
                "JPEG image, 512 x 256 pixels",
            ),
            (b"\xff\xd8\xff\xe0\0\0", "JPEG image"),
            (
                b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x13\0\0",
                "WebP image, 10 x 20 pixels",
            ),
            (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x0f\xc0\x01\0", "WebP image, 16 x 8 pixels"),
        ] {
            assert_eq!(super::facts(bytes).map(|it| it.to_string()).as_deref(), Some(said));
            for end in 0..bytes.len() {
                super::facts(&bytes[..end]);
            }
        }
        assert_eq!(super::facts(b"<svg>"), None);
    }
}
