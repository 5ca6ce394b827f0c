//! A TLS session as a blob, which all hops of its connection share.
//!
//! **Invariant:** the blob's format is this file's own; unknown fields are skipped, so that an
//! additive change needs no migration.

use serde::{Deserialize, Serialize};

use crate::trace::{Certificate, TlsSession};

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Session {
    version: String,
    cipher: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<Shown>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Shown {
    subject: String,
    issuer: String,
    not_after: i64,
    fingerprint: String,
}

pub(super) fn write(session: &TlsSession) -> Vec<u8> {
    let TlsSession { version, cipher, alpn, sni, certificates } = session.clone();
    let certificates = certificates.into_iter().map(|it| {
        let Certificate { subject, issuer, not_after, fingerprint } = it;
        Shown { subject, issuer, not_after, fingerprint }
    });
    let certificates = certificates.collect();
    // Only strings and numbers: there is nothing that JSON could not say.
    serde_json::to_vec(&Session { version, cipher, alpn, sni, certificates }).unwrap_or_default()
}

/// The blob again; `None` for one that cannot be read.
pub(super) fn read(blob: &[u8]) -> Option<TlsSession> {
    let Session { version, cipher, alpn, sni, certificates } = serde_json::from_slice(blob).ok()?;
    let certificates = certificates.into_iter().map(|it| {
        let Shown { subject, issuer, not_after, fingerprint } = it;
        Certificate { subject, issuer, not_after, fingerprint }
    });
    Some(TlsSession { version, cipher, alpn, sni, certificates: certificates.collect() })
}
