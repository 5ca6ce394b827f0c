//! The content codings by name
//! ([registry](https://www.iana.org/assignments/http-parameters/http-parameters.xhtml#content-coding)).

use super::{End, brotli, deflate, zstd};
use crate::trace::Headers;

/// A content coding that can be undone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coding {
    Gzip,
    /// As the standard means it (zlib), or without zlib's frame, as some servers send it.
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// As `Content-Encoding` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }

    pub fn parse(name: &str) -> Option<Coding> {
        match name {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        }
    }

    /// At most `limit` bytes (and some more, so that it shows that there is more).
    pub(super) fn undo(self, coded: &[u8], limit: usize) -> (Vec<u8>, End) {
        match self {
            Coding::Gzip => deflate::gzip(coded, limit),
            Coding::Deflate => deflate::deflate(coded, limit),
            Coding::Brotli => brotli::undo(coded, limit),
            Coding::Zstd => zstd::undo(coded, limit),
        }
    }
}

/// The names in all `Content-Encoding` fields, in lower case, in the order in which they were
/// applied; `identity` is none.
pub(super) fn named(headers: &Headers) -> Vec<String> {
    let value = headers.text("content-encoding").unwrap_or_default().to_ascii_lowercase();
    let names = value.split(',').map(str::trim).filter(|it| !matches!(*it, "" | "identity"));
    // Nobody codes a body more often; somebody may claim so.
    names.take(MOST).map(ToOwned::to_owned).collect()
}

const MOST: usize = 8;
