//! What TLS said on the two connections of a hop: the client's and the upstream's.
//!
//! **Invariant:** facts only. Whether a certificate is trusted is told by how the hop ended.

use std::sync::Arc;

/// TLS on both sides of a hop, and why a tap left a connection alone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HopTls {
    /// Between the client and the tap.
    pub client: Option<Arc<TlsSession>>,
    /// Between the tap and the upstream.
    pub upstream: Option<Arc<TlsSession>>,
    /// Why the bytes of a tunnel were passed on unread, as a sentence.
    pub passed: Option<String>,
}

/// What one TLS handshake agreed on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsSession {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: String,
    /// The cipher suite by its registered name, as `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The protocol agreed on by [ALPN](https://www.rfc-editor.org/rfc/rfc7301), as `h2`.
    pub alpn: Option<String>,
    /// The server name that the client asked for
    /// ([SNI](https://www.rfc-editor.org/rfc/rfc6066#section-3)).
    pub sni: Option<String>,
    /// The chain that the other side of the tap showed, its own certificate first.
    pub certificates: Vec<Certificate>,
}

/// One certificate of a chain, as far as a person needs it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Certificate {
    /// The distinguished name it was made out to, as `CN=api.test, O=Example`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its last second, in seconds since 1970.
    pub not_after: i64,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub fingerprint: String,
}
