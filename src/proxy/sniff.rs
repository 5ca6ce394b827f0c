//! Which protocol a client speaks, by its first bytes.

/// What a client says first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opening {
    Tls,
    Http1,
    /// HTTP/2 with prior knowledge
    /// ([RFC 9113 §3.3](https://www.rfc-editor.org/rfc/rfc9113#section-3.3)).
    Http2,
    /// Not ours to read.
    Opaque,
}

/// Decide; `None` as long as the bytes could still become one thing or another.
pub(super) fn sniff(first: &[u8]) -> Option<Opening> {
    match first {
        [] | [0x16] => return None,
        [0x16, 0x03, ..] => return Some(Opening::Tls),
        _ => {}
    }
    let may_become = |whole: &[u8]| whole.starts_with(first);
    if first.starts_with(PREFACE) {
        return Some(Opening::Http2);
    }
    let mut open = may_become(PREFACE);
    for method in METHODS {
        if first.starts_with(method.as_bytes()) && first.get(method.len()) == Some(&b' ') {
            return Some(Opening::Http1);
        }
        open |= may_become(method.as_bytes());
    }
    if open { None } else { Some(Opening::Opaque) }
}

/// How HTTP/2 begins; no other protocol does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Methods that are in use
/// ([registry](https://www.iana.org/assignments/http-methods/http-methods.xhtml)). What begins
/// with any other word may be any protocol.
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "MKCALENDAR",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "MERGE",
    "PURGE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_protocols_apart() {
        for (first, opening) in [
            (b"\x16\x03\x01\x02\x00".as_slice(), Some(Opening::Tls)),
            (b"\x16", None),
            (b"\x16\x02", Some(Opening::Opaque)),
            (b"PRI * HTTP/2.0\r\n\r\nSM", Some(Opening::Http2)),
            (b"PRI * HTTP/1.1", Some(Opening::Opaque)),
            (b"P", None),
            (b"OPTIONS /items HTTP/1.1\r\n", Some(Opening::Http1)),
            (b"GET", None),
            (b"GET / ", Some(Opening::Http1)),
            (b"get / ", Some(Opening::Opaque)),
            (b"EHLO a.test\r\n", Some(Opening::Opaque)),
            (b"SSH-2.0-OpenSSH_9.9\r\n", Some(Opening::Opaque)),
            (b"\x00\x00", Some(Opening::Opaque)),
            (b"", None),
        ] {
            assert_eq!(sniff(first), opening, "{:?}", String::from_utf8_lossy(first));
        }
    }
}
