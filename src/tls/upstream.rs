//! TLS towards upstreams: who is trusted, and as whom we come.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::verifier::Verifier;
use super::{Error, HostGlob, Identity, key_log};

/// Whom to trust, and as whom to come.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Authorities to trust beside the platform's, as PEM files.
    pub ca: Vec<PathBuf>,
    /// Hosts whose certificates are not verified.
    pub insecure: Vec<HostGlob>,
    /// Certificates of our own, for hosts that ask for one.
    pub clients: Vec<ClientCertificate>,
}

/// A certificate to show to a host, `HOST=FILE` on the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientCertificate {
    pub host: HostGlob,
    /// Certificate, chain and private key in PEM form.
    pub file: PathBuf,
}

impl FromStr for ClientCertificate {
    type Err = String;

    fn from_str(text: &str) -> Result<ClientCertificate, String> {
        let wrong = || format!("`{text}` is no client certificate: expected HOST=FILE");
        let (host, file) = text.split_once('=').ok_or_else(wrong)?;
        if file.is_empty() {
            return Err(wrong());
        }
        Ok(ClientCertificate { host: host.parse()?, file: file.into() })
    }
}

/// Opens TLS connections to upstreams, with the platform's roots and the user's own.
#[derive(Clone)]
pub struct Tls {
    /// For most hosts.
    usual: Arc<ClientConfig>,
    /// The user's exceptions, first match first.
    unusual: Arc<[Unusual]>,
}

/// How the hosts of one exception are spoken to.
struct Unusual {
    insecure: Option<HostGlob>,
    client: Option<HostGlob>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trust the platform's roots, and those in the PEM file `extra`.
    ///
    /// # Errors
    ///
    /// When `extra` cannot be read or holds no certificate. Platform roots that cannot be read
    /// are passed over: a connection that needs one fails by itself, and says so.
    pub fn new(extra: Option<&Path>) -> Result<Tls, Error> {
        Tls::with(&Trust {
            ca: extra.map(Path::to_owned).into_iter().collect(),
            ..Trust::default()
        })
    }

    /// Trust the platform's roots, with the user's exceptions.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or does not hold what it should.
    pub fn with(trust: &Trust) -> Result<Tls, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let mut named = Vec::new();
        for file in &trust.ca {
            named.extend(add_file(&mut roots, file)?);
        }
        let trusted = Trusted { roots: Arc::new(roots), named: named.into() };
        let identities = trust.clients.iter().map(|it| Identity::read(&it.file, &it.file));
        let identities = identities.collect::<Result<Vec<_>, _>>()?;
        let mut unusual = Vec::new();
        // A host may need both: the narrower exceptions come first.
        for insecure in trust.insecure.iter().map(Some).chain([None]) {
            let clients = trust.clients.iter().zip(&identities).map(Some).chain([None]);
            for client in clients {
                if insecure.is_none() && client.is_none() {
                    continue;
                }
                unusual.push(Unusual {
                    insecure: insecure.cloned(),
                    client: client.map(|(it, _)| it.host.clone()),
                    config: Arc::new(config(&trusted, insecure.is_some(), client.map(|it| it.1))?),
                });
            }
        }
        Ok(Tls { usual: Arc::new(config(&trusted, false, None)?), unusual: unusual.into() })
    }

    /// Shake hands over `stream` with the server called `host` (a name for SNI, or an address),
    /// offering `protocols` ([ALPN](https://www.rfc-editor.org/rfc/rfc7301)).
    ///
    /// # Errors
    ///
    /// Whatever broke the handshake; [`super::is_tls_error`] tells a refusal of TLS itself from
    /// a connection that broke.
    pub async fn connect<S>(
        &self,
        host: &str,
        protocols: &[&[u8]],
        stream: S,
    ) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|it| io::Error::new(io::ErrorKind::InvalidInput, it))?;
        let fits = |it: &Option<HostGlob>| it.as_ref().is_none_or(|it| it.matches(host));
        let unusual = self.unusual.iter().find(|it| fits(&it.insecure) && fits(&it.client));
        let mut config = ClientConfig::clone(unusual.map_or(&self.usual, |it| &it.config));
        config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

/// Whose certificates are accepted.
struct Trusted {
    roots: Arc<RootCertStore>,
    /// Those of the user's own files, which may be servers' own.
    named: Arc<[CertificateDer<'static>]>,
}

fn config(
    trusted: &Trusted,
    insecure: bool,
    client: Option<&Identity>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder();
    let builder = if insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier::any()))
    } else if let Some(verifier) = Verifier::named(&trusted.roots, &trusted.named) {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    } else {
        builder.with_root_certificates(Arc::clone(&trusted.roots))
    };
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(it) => builder
            .with_client_auth_cert(it.chain.clone(), it.key.clone_key())
            .map_err(|source| Error::UseIdentity { path: it.path.clone(), source })?,
    };
    config.key_log = key_log();
    Ok(config)
}

/// Trust what stands in a PEM file; its certificates.
fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = |source| Error::ReadCa { path: path.to_owned(), source };
    let mut all = Vec::new();
    for cert in CertificateDer::pem_file_iter(path).map_err(read)? {
        let cert = cert.map_err(read)?;
        all.push(cert.clone());
        roots.add(cert).map_err(|source| Error::UseCa { path: path.to_owned(), source })?;
    }
    if all.is_empty() { Err(read(pem::Error::NoItemsFound)) } else { Ok(all) }
}
