//! What a finished handshake agreed on, as a trace keeps it.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConnection, CommonState, ProtocolVersion, ServerConnection};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::trace::{Certificate, TlsSession};

/// A certificate with what a person asks about it beyond its chain.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    pub shown: Certificate,
    /// Its first second, in seconds since 1970.
    pub not_before: i64,
}

/// Facts about the connection of a client that asked for `sni`.
pub fn of_client(connection: &ServerConnection) -> TlsSession {
    let sni = connection.server_name().map(str::to_owned);
    session(connection, sni)
}

/// Facts about the connection to an upstream that was asked for by the name `sni`.
pub fn of_upstream(connection: &ClientConnection, sni: Option<&str>) -> TlsSession {
    session(connection, sni.map(str::to_owned))
}

fn session(state: &CommonState, sni: Option<String>) -> TlsSession {
    let version = match state.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
        Some(other) => other.as_str().unwrap_or("unknown").to_owned(),
        None => String::new(),
    };
    // The library tells the suites of both versions apart by a prefix that the registry lacks.
    let cipher = state.negotiated_cipher_suite().and_then(|it| it.suite().as_str());
    let cipher = cipher.unwrap_or_default().replacen("TLS13_", "TLS_", 1);
    let alpn = state.alpn_protocol().map(|it| String::from_utf8_lossy(it).into_owned());
    let chain = state.peer_certificates().unwrap_or_default();
    let certificates = chain.iter().take(LONGEST_CHAIN).map(|it| certificate(it).shown).collect();
    TlsSession { version, cipher, alpn, sni, certificates }
}

/// What a certificate says; one that cannot be read has its fingerprint still.
pub fn certificate(der: &CertificateDer<'_>) -> Facts {
    let mut fingerprint = String::with_capacity(64);
    for byte in Sha256::digest(der) {
        let _ = write!(fingerprint, "{byte:02x}");
    }
    let Ok((_, read)) = X509Certificate::from_der(der) else {
        return Facts {
            shown: Certificate { fingerprint, ..Certificate::default() },
            not_before: 0,
        };
    };
    let shown = Certificate {
        subject: read.subject().to_string(),
        issuer: read.issuer().to_string(),
        not_after: read.validity().not_after.timestamp(),
        fingerprint,
    };
    Facts { shown, not_before: read.validity().not_before.timestamp() }
}

/// Chains are three or four long; a longer one is somebody's joke.
const LONGEST_CHAIN: usize = 10;
