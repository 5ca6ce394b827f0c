//! A reverse tap in front of an `https` upstream: the gateway in the cloud. Verified against its
//! authority, its own name in `Host` and SNI, and what was changed said so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/http.rs"]
mod http;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hopscope::proxy::{Options, Proxy};
use hopscope::store::{Load, Reader, Store};
use hopscope::tls::Tls;
use hopscope::trace::{Distrust, FailureKind, Hop};
use http::{Ask, ask};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An `https` server called `localhost` that answers with the `Host` and the SNI it was asked
/// for. Its authority's certificate is written to `ca`.
async fn gateway(ca: &Path) -> SocketAddr {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(ca, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    serve(leaf.der().clone(), &key).await
}

/// The same, with what `openssl req -x509` makes: an authority and a server in one, which
/// signed itself.
async fn self_signed(name: &str, until: i32, ca: &Path) -> SocketAddr {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    std::fs::write(ca, cert.pem()).unwrap();
    serve(cert.der().clone(), &key).await
}

async fn serve(cert: CertificateDer<'static>, key: &KeyPair) -> SocketAddr {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust us goes away here.
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let sni = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read_exact(&mut byte).await.is_err() {
                        return;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                let host = head.lines().find_map(|it| it.strip_prefix("host: ")).unwrap_or("none");
                let body = format!("host {host}, sni {sni}");
                let n = body.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {n}\r\nConnection: close\r\n\r\n{body}"
                );
                let _gone = stream.write_all(answer.as_bytes()).await;
                let _gone = stream.shutdown().await;
            });
        }
    });
    address
}

/// Ask `spec`'s tap once; the body and the recorded hop.
async fn through(spec: &str, tls: Option<Tls>, dir: &Path) -> (String, Hop) {
    let options = Options { tls, ..Options::default() };
    let bound = Proxy::bind(vec![spec.parse().unwrap()], options).await.unwrap();
    let trace = dir.join(format!("{}.hops", bound.addresses()[0].port()));
    let (recorder, writer) = Store::create(&trace, &bound.taps()).unwrap();
    let proxy = bound.start(&recorder);
    let answer = ask(proxy.addresses()[0], &Ask::new("GET", "/prod/items")).await.unwrap();
    proxy.shutdown(Duration::from_secs(5)).await;
    let lost = tokio::task::spawn_blocking(move || writer.finish()).await.unwrap();
    assert_eq!(lost.count, 0);
    let reader = Reader::open(&trace).unwrap();
    let hop = reader.hops(Load::Bodies).next().unwrap().unwrap();
    (answer.body, hop)
}

#[tokio::test(flavor = "multi_thread")]
async fn speaks_to_a_gateway_by_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let port = gateway(&ca).await.port();
    let tls = Tls::new(Some(&ca)).unwrap();
    let spec = format!("edge=reverse:127.0.0.1:0=https://localhost:{port}");
    let (body, hop) = through(&spec, Some(tls.clone()), dir.path()).await;
    assert_eq!(body, format!("host localhost:{port}, sni localhost"));
    assert_eq!(hop.status(), Some(200));
    let change = &hop.own_changes[0];
    assert_eq!(change.to.as_deref(), Some(format!("localhost:{port}").as_str()), "{change:?}");
    let (body, _) = through(&format!("{spec},host=keep"), Some(tls), dir.path()).await;
    assert!(body.starts_with("host 127.0.0.1:"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trusts_nobody_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let port = gateway(&dir.path().join("ca.pem")).await.port();
    let spec = format!("edge=reverse:127.0.0.1:0=https://localhost:{port}");
    let (body, hop) = through(&spec, None, dir.path()).await;
    assert!(body.contains("certificate") || body.contains("TLS"), "{body}");
    assert_eq!(hop.failure().unwrap().kind, FailureKind::Tls);
}

#[tokio::test(flavor = "multi_thread")]
async fn trusts_the_very_certificate_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    for (name, until, distrust) in [
        ("localhost", 2090, None),
        ("localhost", 2020, Some(Distrust::Date)),
        ("other.test", 2090, Some(Distrust::Name)),
    ] {
        let ca = dir.path().join(format!("{name}-{until}.pem"));
        let port = self_signed(name, until, &ca).await.port();
        let spec = format!("edge=reverse:127.0.0.1:0=https://localhost:{port}");
        let (body, hop) = through(&spec, Some(Tls::new(Some(&ca)).unwrap()), dir.path()).await;
        assert_eq!(hop.failure().and_then(hopscope::trace::Failure::distrust), distrust, "{body}");
        assert_eq!(hop.status(), distrust.is_none().then_some(200), "{body}");
        // Nobody else trusts it.
        let (body, hop) = through(&spec, None, dir.path()).await;
        assert!(hop.failure().unwrap().distrust().is_some(), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_records_what_tls_said() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let port = gateway(&ca).await.port();
    let url = format!("https://localhost:{port}/a");
    let ca = ca.to_str().unwrap();
    for (trust, extra) in [(ca, &[][..]), ("", &["--ca", ca]), ("", &["--insecure", "localhost"])] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hopscope"));
        command.args(["fetch", &url, "--origin", "https://a.test", "--json"]).args(extra);
        command.env("SSL_CERT_FILE", trust);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let upstream = &said["chains"][0]["hops"][0]["tls"]["upstream"];
        assert_eq!(upstream["sni"], "localhost", "{said}");
        assert!(upstream["version"].as_str().unwrap().contains("1.3"), "{upstream}");
    }
}
