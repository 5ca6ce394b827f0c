//! Clients of HTTP/3 at a reverse tap, over real sockets: what both sides got, and what was
//! recorded. Needs the feature `http3`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hopscope::proxy::{Options, Proxy};
use hopscope::tls::Authority;
use hopscope::trace::{FailureKind, Version};
use http::{Method, Request};
use quinn::crypto::rustls::QuicClientConfig;
use tempfile::TempDir;
use tokio::task::AbortHandle;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wire::{Notebook, server};

type Sender = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;

/// A tap in front of an upstream, and a client of HTTP/3 at it.
struct Rig {
    proxy: Proxy,
    notebook: Notebook,
    sender: Sender,
    driver: AbortHandle,
    endpoint: quinn::Endpoint,
    _folder: TempDir,
}

impl Rig {
    async fn new(upstream: SocketAddr, option: &str) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let notebook = Notebook::new();
        let spec = format!("edge=reverse:127.0.0.1:0=http://{upstream},http3{option}");
        let options = Options { authority: Some(authority.clone()), ..Options::default() };
        let specs = vec![spec.parse().unwrap()];
        let proxy = Proxy::start(specs, &notebook, options).await.unwrap();
        let config = client(&[authority.certificate()]);
        let endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        let to = proxy.addresses()[0];
        let quic = endpoint.connect_with(config, to, "localhost").unwrap().await.unwrap();
        let connection = h3_quinn::Connection::new(quic);
        let (mut driver, sender) = h3::client::new(connection).await.unwrap();
        let driver = async move { drop(driver.wait_idle().await) };
        let driver = tokio::spawn(driver).abort_handle();
        Rig { proxy, notebook, sender, driver, endpoint, _folder: folder }
    }

    /// Ask, and give status, body and trailers; `None` when the stream broke.
    async fn ask(&mut self, request: Request<()>, body: &[u8]) -> Option<(u16, String, usize)> {
        let asked = async {
            let mut stream = self.sender.send_request(request).await.ok()?;
            if !body.is_empty() {
                stream.send_data(Bytes::copy_from_slice(body)).await.ok()?;
            }
            stream.finish().await.ok()?;
            let head = stream.recv_response().await.ok()?;
            let mut all = Vec::new();
            while let Some(mut piece) = stream.recv_data().await.ok()? {
                all.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
            }
            let trailers = stream.recv_trailers().await.ok()?.map_or(0, |it| it.len());
            Some((head.status().as_u16(), String::from_utf8(all).unwrap(), trailers))
        };
        tokio::time::timeout(secure::DEADLINE, asked).await.unwrap()
    }

    async fn end(self) {
        self.driver.abort();
        self.endpoint.close(quinn::VarInt::from_u32(0x100), b"");
        self.proxy.shutdown(Duration::from_secs(5)).await;
    }
}

/// A client that trusts these.
fn client(trusts: &[&CertificateDer<'static>]) -> quinn::ClientConfig {
    let mut roots = RootCertStore::empty();
    for it in trusts {
        roots.add((*it).clone()).unwrap();
    }
    let tls = ClientConfig::builder().with_root_certificates(roots);
    let mut tls = tls.with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

fn request(method: Method, path: &str) -> Request<()> {
    let uri = format!("https://localhost{path}");
    Request::builder().method(method).uri(uri).header("cookie", "a=1").body(()).unwrap()
}

#[tokio::test]
async fn is_passed_on_and_recorded_as_what_it_was() {
    for (is_h2, option, version) in [(false, "", "HTTP/1.1"), (true, ",http=2", "HTTP/2.0")] {
        let upstream = secure::plain(is_h2).await;
        let mut rig = Rig::new(upstream.address, option).await;
        let (status, body, _) = rig.ask(request(Method::GET, "/items?x"), b"").await.unwrap();
        assert_eq!(status, 200);
        assert!(body.starts_with(&format!("{version} GET /items host [")), "{body}");
        assert!(body.contains("cookie [a=1]") && body.ends_with("body []"), "{body}");
        // More than any window on the way holds.
        let large = vec![b'x'; 300_000];
        let (status, body, _) = rig.ask(request(Method::POST, "/items"), &large).await.unwrap();
        assert_eq!((status, body.matches('x').count()), (200, 300_000));
        let hops = rig.notebook.ended(2).await;
        assert_eq!(hops[0].request.url, "https://localhost/items?x");
        let bodies = hops.iter().map(|it| it.request.body.length).collect::<Vec<_>>();
        assert_eq!(bodies, [0, 300_000]);
        for hop in &hops {
            assert_eq!((hop.request.version, hop.status()), (Version::Http3, Some(200)));
            let tls = hop.tls.as_ref().unwrap().client.clone().unwrap();
            let said = (tls.version.as_str(), tls.alpn.as_deref(), tls.sni.as_deref());
            assert_eq!(said, ("TLS 1.3", Some("h3"), Some("localhost")));
        }
        rig.end().await;
    }
}

#[tokio::test]
async fn trailers_go_on() {
    let upstream = server(|mut wire| async move {
        let head = wire.head().await;
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        let chunked = "Transfer-Encoding: chunked\r\nTrailer: x-end\r\n";
        wire.send(format!("HTTP/1.1 200 OK\r\n{chunked}\r\n2\r\nok\r\n0\r\nx-end: 7\r\n\r\n"))
            .await;
        wire.rest().await;
    })
    .await;
    let mut rig = Rig::new(upstream, "").await;
    let mut request = request(Method::GET, "/a");
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    assert_eq!(rig.ask(request, b"").await, Some((200, "ok".to_owned(), 1)));
    rig.end().await;
}

/// A browser's failure stays one, anybody else gets an answer.
#[tokio::test]
async fn a_failure_breaks_the_stream_of_a_browser() {
    let mut rig = Rig::new(wire::nobody(), "").await;
    let (status, body, _) = rig.ask(request(Method::GET, "/a"), b"").await.unwrap();
    assert_eq!(status, 502, "{body}");
    let mut browser = request(Method::GET, "/b");
    browser.headers_mut().insert("user-agent", "Mozilla/5.0".parse().unwrap());
    assert_eq!(rig.ask(browser, b"").await, None);
    let hops = rig.notebook.ended(2).await;
    assert!(hops.iter().all(|it| it.failure().unwrap().kind == FailureKind::Refused), "{hops:?}");
    // The connection lives on.
    assert!(rig.ask(request(Method::GET, "/c"), b"").await.is_some());
    rig.end().await;
}

#[tokio::test]
async fn who_does_not_trust_the_tap_is_recorded() {
    let rig = Rig::new(wire::nobody(), "").await;
    let to = rig.proxy.addresses()[0];
    let stranger = rig.endpoint.connect_with(client(&[]), to, "localhost").unwrap();
    assert!(stranger.await.is_err());
    let hop = &rig.notebook.ended(1).await[0];
    let failure = hop.failure().unwrap();
    assert_eq!((failure.kind, hop.request.version), (FailureKind::Tls, Version::Http3));
    assert!(failure.detail.contains("QUIC"), "{failure:?}");
    rig.end().await;
}

/// What was begun is answered when the tap ends meanwhile.
#[tokio::test]
async fn what_runs_comes_to_its_end() {
    let (asked, was_asked) = tokio::sync::oneshot::channel::<()>();
    let (go, goes) = tokio::sync::oneshot::channel::<()>();
    let play = Arc::new(std::sync::Mutex::new(Some((asked, goes))));
    let upstream = server(move |mut wire| {
        let play = play.lock().unwrap().take();
        async move {
            wire.head().await;
            let (asked, goes) = play.unwrap();
            asked.send(()).unwrap();
            goes.await.unwrap();
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            wire.rest().await;
        }
    })
    .await;
    let mut rig = Rig::new(upstream, "").await;
    let mut stream = rig.sender.send_request(request(Method::GET, "/a")).await.unwrap();
    stream.finish().await.unwrap();
    was_asked.await.unwrap();
    let Rig { proxy, notebook, .. } = rig;
    let ending = tokio::spawn(proxy.shutdown(secure::DEADLINE));
    go.send(()).unwrap();
    assert_eq!(stream.recv_response().await.unwrap().status(), 200);
    let piece = stream.recv_data().await.unwrap().unwrap();
    assert_eq!(piece.chunk(), b"ok");
    drop(stream);
    ending.await.unwrap();
    assert_eq!(notebook.ended(1).await[0].status(), Some(200));
}
