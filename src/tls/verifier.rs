//! Taking certificates that no authority vouches for, where the user said so.
//!
//! What a person makes for a test (`openssl req -x509`) is an authority and a server in one,
//! which [RFC 5280 §4.2.1.9](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.9) leaves to
//! the reader and the library refuses; curl and browsers take it from whoever trusts it.
//!
//! **Invariant:** whatever is taken, the server proves that it has the certificate's key.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

/// Takes more than authorities signed.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    takes: Takes,
}

#[derive(Debug)]
enum Takes {
    /// Any certificate, for hosts that the user named.
    Any,
    /// What an authority signed, and these very certificates for the names and the time that
    /// stand in them.
    Named { authorities: Arc<WebPkiServerVerifier>, named: Arc<[CertificateDer<'static>]> },
}

impl Verifier {
    pub(super) fn any() -> Verifier {
        Verifier { provider: Arc::new(ring::default_provider()), takes: Takes::Any }
    }

    /// `None` where nothing is named: the library's own way will do.
    pub(super) fn named(
        roots: &Arc<RootCertStore>,
        named: &Arc<[CertificateDer<'static>]>,
    ) -> Option<Verifier> {
        if named.is_empty() {
            return None;
        }
        let provider = Arc::new(ring::default_provider());
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider));
        let (authorities, named) = (builder.build().ok()?, Arc::clone(named));
        Some(Verifier { provider, takes: Takes::Named { authorities, named } })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.takes {
            Takes::Any => {}
            Takes::Named { named, .. } if named.iter().any(|it| it == end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                verify_time(end_entity, now)?;
            }
            Takes::Named { authorities, .. } => {
                return authorities.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn verify_time(cert: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let read = || {
        let (_, cert) = parse_x509_certificate(cert).ok()?;
        let now = ASN1Time::from_timestamp(i64::try_from(now.as_secs()).ok()?).ok()?;
        Some((cert.validity().clone(), now))
    };
    let wrong = match read() {
        None => CertificateError::BadEncoding,
        Some((it, now)) if now < it.not_before => CertificateError::NotValidYet,
        Some((it, now)) if it.not_after < now => CertificateError::Expired,
        Some(_) => return Ok(()),
    };
    Err(Error::InvalidCertificate(wrong))
}
