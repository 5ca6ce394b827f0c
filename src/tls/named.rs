//! Taking the very certificates that the user named, beside what authorities signed.
//!
//! What a person makes for a test (`openssl req -x509`) is an authority and a server in one,
//! which [RFC 5280 §4.2.1.9](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.9) leaves to
//! the reader and the library refuses; curl and browsers take it from whoever trusts it.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

/// Takes what an authority signed, and the named certificates for the names and the time that
/// stand in them.
#[derive(Debug)]
pub(super) struct TakesNamed {
    authorities: Arc<WebPkiServerVerifier>,
    named: Arc<[CertificateDer<'static>]>,
}

impl TakesNamed {
    /// `None` where nothing is named: the library's own way will do.
    pub(super) fn new(
        roots: &Arc<RootCertStore>,
        named: &Arc<[CertificateDer<'static>]>,
    ) -> Option<TakesNamed> {
        if named.is_empty() {
            return None;
        }
        let provider = Arc::new(ring::default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider);
        Some(TakesNamed { authorities: builder.build().ok()?, named: Arc::clone(named) })
    }
}

impl ServerCertVerifier for TakesNamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.named.iter().any(|it| it == end_entity) {
            return self.authorities.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        verify_time(end_entity, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
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
