//! TLS on real sockets for tests: an authority, a server that says what it was asked and how,
//! and a client that speaks HTTP/1.1 or HTTP/2 inside or outside of a tunnel.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// An authority of the outside world.
pub(crate) struct World {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl World {
    pub(crate) fn new() -> World {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "World CA");
        let key = KeyPair::generate().unwrap();
        World { issuer: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    /// Its certificate as a file.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("world.pem");
        std::fs::write(&path, self.issuer.pem()).unwrap();
        path
    }

    /// Certificate and key for a name, in PEM form.
    pub(crate) fn certify(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &self.issuer).unwrap();
        (leaf.pem(), key.serialize_pem())
    }

    /// How to serve `name` with a certificate of this authority.
    pub(crate) fn config(&self, name: &str, alpn: &[&str], wants: Wants) -> ServerConfig {
        let (cert, key) = self.certify(name);
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let builder = match wants {
            Wants::Nothing => ServerConfig::builder().with_no_client_auth(),
            Wants::Certificate => {
                let mut roots = RootCertStore::empty();
                roots.add(self.issuer.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
                ServerConfig::builder().with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(vec![cert], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
        config
    }

    /// What lets a server be called `name`.
    pub(crate) fn acceptor(&self, name: &str, alpn: &[&str]) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.config(name, alpn, Wants::Nothing)))
    }

    /// A server called `localhost` that answers with what it was asked and how.
    pub(crate) async fn serve(&self, alpn: &[&str], wants: Wants) -> Server {
        let acceptor = TlsAcceptor::from(Arc::new(self.config("localhost", alpn, wants)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust us goes away here.
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    let tls = &stream.get_ref().1;
                    let sni = tls.server_name().unwrap_or("none").to_owned();
                    let is_h2 = tls.alpn_protocol() == Some(b"h2");
                    echo(stream, is_h2, sni).await;
                });
            }
        });
        Server { address, connections }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wants {
    Nothing,
    /// A certificate of the client.
    Certificate,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
}

/// A server without TLS that answers the same; `is_h2` for prior knowledge.
pub(crate) async fn plain(is_h2: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(echo(socket, is_h2, "none".to_owned()));
        }
    });
    Server { address, connections }
}

/// Answer with version, method, path, host, SNI, cookies and body.
async fn echo<S>(stream: S, is_h2: bool, sni: String)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let sni = sni.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let field = |name: &str| {
                let all = head.headers.get_all(name).iter().map(|it| it.to_str().unwrap());
                all.collect::<Vec<_>>().join(" + ")
            };
            let authority = head.uri.authority().map_or("none", |it| it.as_str());
            let said = format!(
                "{:?} {} {} host [{}] authority [{authority}] sni [{sni}] cookie [{}] body [{}]",
                head.version,
                head.method,
                head.uri.path(),
                field("host"),
                field("cookie"),
                String::from_utf8_lossy(&body),
            );
            Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(said))))
        }
    });
    // The tests look at what the client and the tap say of an end.
    let _ended = if is_h2 {
        let io = TokioIo::new(stream);
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .await
    } else {
        let io = TokioIo::new(stream);
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
    };
}

/// Whom a client trusts, and what it offers.
pub(crate) fn client(trusts: &[&CertificateDer<'static>], alpn: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for it in trusts {
        roots.add((*it).clone()).unwrap();
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// The certificate of the outside world's authority.
pub(crate) fn of(world: &World) -> CertificateDer<'static> {
    world.issuer.der().clone()
}

/// A tunnel through the forward tap `tap`.
pub(crate) async fn tunnel(tap: SocketAddr, to: &str, agent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(tap).await.unwrap();
    let ask = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: {agent}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream
}

/// TLS with the server called `name`.
pub(crate) async fn shake(
    connector: &TlsConnector,
    name: &str,
    stream: TcpStream,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio::time::timeout(DEADLINE, connector.connect(name, stream)).await?
}

/// Ask in HTTP/1.1 for `/items`, and give all that comes until the end.
pub(crate) async fn ask<S>(mut stream: S, host: &str, fields: &str) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ask = format!("GET /items HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    // An end without a goodbye of TLS is an end all the same.
    let _ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut all)).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}
