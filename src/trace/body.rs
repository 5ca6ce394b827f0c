//! What was kept of a message body.

/// A message body as far as it was recorded, still content-encoded as on the wire.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Body {
    /// The first bytes, up to the recorder's limit.
    pub bytes: Vec<u8>,
    /// How many bytes went by, kept or not.
    pub length: u64,
    /// Whether the end of the message was seen. `false` while it runs and after a break.
    pub complete: bool,
}

impl Body {
    /// A whole body, all of it kept.
    pub fn full(bytes: impl Into<Vec<u8>>) -> Body {
        let bytes = bytes.into();
        Body { length: bytes.len() as u64, bytes, complete: true }
    }

    /// Whether more went by than was kept.
    pub fn is_cut(&self) -> bool {
        self.length > self.bytes.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The kept bytes as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}
