//! TLS towards upstreams: who is trusted, and what a failed handshake is called.
//!
//! Shared by the parts that open connections (`proxy`, `drive`).
//!
//! **Invariant:** a certificate is always verified unless the user named the host it may be
//! wrong for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// What can go wrong before any connection is made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the certificate authority {}", path.display())]
    ReadCa { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("cannot use a certificate in {}", path.display())]
    UseCa { path: PathBuf, source: rustls::Error },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some("the file must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)".to_owned())
    }
}

/// Opens TLS connections to upstreams, with the platform's roots and the user's own.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// Trust the platform's roots, and those in the PEM file `extra`.
    ///
    /// # Errors
    ///
    /// When `extra` cannot be read or holds no certificate. Platform roots that cannot be read
    /// are passed over: a connection that needs one fails by itself, and says so.
    pub fn new(extra: Option<&Path>) -> Result<Tls, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = extra {
            add_file(&mut roots, path)?;
        }
        let mut config =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Shake hands over `stream` with the server called `host` (a name for SNI, or an address).
    ///
    /// # Errors
    ///
    /// Whatever broke the handshake; [`is_tls_error`] tells a refusal of TLS itself from a
    /// connection that broke.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name)
            .map_err(|it| io::Error::new(io::ErrorKind::InvalidInput, it))?;
        self.connector.connect(name, stream).await
    }
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let read = |source| Error::ReadCa { path: path.to_owned(), source };
    let mut any = false;
    for cert in CertificateDer::pem_file_iter(path).map_err(read)? {
        let cert = cert.map_err(read)?;
        roots.add(cert).map_err(|source| Error::UseCa { path: path.to_owned(), source })?;
        any = true;
    }
    if any { Ok(()) } else { Err(read(rustls::pki_types::pem::Error::NoItemsFound)) }
}

/// Whether `error` came from TLS (a certificate, a protocol) rather than from the socket.
pub fn is_tls_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}
