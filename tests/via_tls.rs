//! Taps behind a proxy that is spoken to in TLS, over real sockets: requests within it, tunnels
//! within it, TLS within it, and who is trusted to be it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hopscope::proxy::{Environment, Options, Proxy, TapSpec, Via};
use hopscope::tls::{Authority, Tls, Trust};
use hopscope::trace::{Exchange, FailureKind};
use secure::{Wants, World, ask, client, shake, tunnel};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use wire::{Notebook, Wire};

/// A proxy called `localhost` that takes connections in TLS, and remembers what it was asked.
#[derive(Clone)]
struct Way {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Way {
    async fn open(world: &World) -> Way {
        let acceptor = world.acceptor("localhost", &["http/1.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Way { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let this = way.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, way) = (acceptor.clone(), this.clone());
                tokio::spawn(async move {
                    // A client that does not trust us goes away here.
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                    way.serve(stream).await;
                });
            }
        });
        way
    }

    /// Tunnels lead to where they should, requests are answered with themselves.
    async fn serve(&self, mut stream: tokio_rustls::server::TlsStream<TcpStream>) {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            self.asked.lock().unwrap().push(head.clone());
            if let Some(rest) = head.strip_prefix("CONNECT ") {
                let mut to = TcpStream::connect(rest.split(' ').next().unwrap()).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 Fine\r\n\r\n").await.unwrap();
                let _ended = copy_bidirectional(&mut stream, &mut to).await;
                return;
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    fn url(&self) -> String {
        format!("https://user:pass@localhost:{}", self.address.port())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A tap behind such a proxy.
struct Rig {
    world: World,
    way: Way,
    authority: Authority,
    proxy: Proxy,
    notebook: Notebook,
    _folder: TempDir,
}

impl Rig {
    /// Trusting the world.
    async fn new(spec: &str) -> Rig {
        Rig::with(spec, true, &[]).await
    }

    async fn with(spec: &str, trusts: bool, insecure: &[&str]) -> Rig {
        let world = World::new();
        let way = Way::open(&world).await;
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let ca = trusts.then(|| world.write(folder.path())).into_iter().collect();
        let insecure = insecure.iter().map(|it| it.parse().unwrap()).collect();
        let tls = Tls::with(&Trust { ca, insecure, clients: Vec::new() }).unwrap();
        let via = Via::through(way.url().parse().unwrap(), "straight.test".parse().unwrap());
        let (authority_too, tls) = (Some(authority.clone()), Some(tls));
        let options = Options { via, tls, authority: authority_too, ..Options::default() };
        let notebook = Notebook::new();
        let spec: TapSpec = spec.parse().unwrap();
        let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
        Rig { world, way, authority, proxy, notebook, _folder: folder }
    }

    fn tap(&self) -> SocketAddr {
        self.proxy.addresses()[0]
    }
}

/// Ask in HTTP/2; the status, and all of the body.
async fn ask_h2(stream: TlsStream<TcpStream>, host: &str) -> String {
    let (sender, driver) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(driver);
    let request = http::Request::get(format!("https://{host}/items")).body(()).unwrap();
    let (answer, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
    let (head, mut body) = answer.await.unwrap().into_parts();
    let mut all = format!("HTTP/1.1 {} ", head.status.as_u16());
    while let Some(piece) = body.data().await {
        all += std::str::from_utf8(&piece.unwrap()).unwrap();
    }
    driver.abort();
    all
}

const LOGIN: &str = "proxy-authorization: basic dxnlcjpwyxnz\r\n";

#[tokio::test]
async fn requests_go_within_tls_with_their_whole_url() {
    let rig = Rig::new("origin=reverse:127.0.0.1:0=http://app.test:8000").await;
    let mut client = Wire::to(rig.tap()).await;
    for path in ["/a?b", "/c"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: gw.test\r\n\r\n")).await;
        client.head().await;
        let got = client.head().await;
        assert!(got.starts_with(&format!("GET http://app.test:8000{path} HTTP/1.1\r\n")), "{got}");
        assert!(got.to_ascii_lowercase().contains(LOGIN), "{got}");
    }
    let hops = rig.notebook.ended(2).await;
    assert!(!hops[0].request.headers.has("proxy-authorization"));
    // The proxy's TLS is not the upstream's.
    assert!(hops.iter().all(|it| it.tls.is_none()), "{hops:?}");
    assert!(hops[0].timing.connect.is_some() && hops[1].timing.connect.is_none(), "kept open");
}

#[tokio::test]
async fn tls_goes_within_tls() {
    for alpn in ["http/1.1", "h2"] {
        let rig = Rig::new("edge=forward:127.0.0.1:0").await;
        let server = rig.world.serve(&[alpn, "http/1.1"], Wants::Nothing).await;
        let strange = World::new().serve(&[alpn, "http/1.1"], Wants::Nothing).await;
        for (server, status) in [(&server, "200"), (&strange, "502")] {
            let host = format!("localhost:{}", server.address.port());
            let stream = tunnel(rig.tap(), &host, "test").await;
            let connector = client(&[rig.authority.certificate()], &[alpn]);
            let stream = shake(&connector, "localhost", stream).await.unwrap();
            let answer = match alpn {
                "h2" => ask_h2(stream, &host).await,
                _ => ask(stream, &host, "").await,
            };
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            let asked = rig.way.asked().pop().unwrap();
            assert!(asked.starts_with(&format!("CONNECT {host} HTTP/1.1\r\n")), "{asked}");
            assert!(asked.to_ascii_lowercase().contains(LOGIN), "{asked}");
        }
        let hops = rig.notebook.ended(2).await;
        let tls = hops[0].tls.as_ref().and_then(|it| it.upstream.clone()).unwrap();
        assert_eq!(
            (tls.alpn.as_deref(), tls.certificates[0].issuer.as_str()),
            (Some(alpn), "CN=World CA")
        );
        assert_eq!(hops[1].failure().unwrap().kind, FailureKind::Tls);
        assert!(!hops[1].failure().unwrap().detail.contains("at the proxy"), "{hops:?}");
    }
}

/// The proxy is trusted like any upstream, and blamed for what fails at it.
#[tokio::test]
async fn a_proxy_that_nobody_vouches_for_is_not_used() {
    let spec = "origin=reverse:127.0.0.1:0=http://app.test:8000";
    for (insecure, status) in [(&["other.test"][..], 502), (&["localhost"], 200)] {
        let rig = Rig::with(spec, false, insecure).await;
        let mut client = Wire::to(rig.tap()).await;
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let hop = &rig.notebook.ended(1).await[0];
        match hop.failure() {
            Some(it) => {
                assert_eq!((it.kind, rig.way.asked().len()), (FailureKind::Tls, 0), "{it:?}");
                assert!(it.detail.contains("at the proxy localhost"), "{it:?}");
            }
            None => assert_eq!(hop.status(), Some(200)),
        }
    }
}

#[tokio::test]
async fn a_proxy_without_tls_is_told_as_such() {
    let plain = wire::server(|mut wire| async move {
        // A server of plain HTTP does not understand the handshake.
        wire.exactly(1).await;
        wire.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    })
    .await;
    let via = Via::through(format!("https://{plain}").parse().unwrap(), "".parse().unwrap());
    let notebook = Notebook::new();
    let spec: TapSpec = "edge=forward:127.0.0.1:0".parse().unwrap();
    let options = Options { via, ..Options::default() };
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send("CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    let failure = notebook.ended(1).await[0].failure().cloned().unwrap();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.detail.contains("at the proxy"), "{failure:?}");
}

/// Nothing that the server says first is lost, or held back until the client speaks.
#[tokio::test]
async fn who_speaks_first_within_it_is_passed_on_unread() {
    let rig = Rig::new("edge=forward:127.0.0.1:0").await;
    let server = wire::server(|mut wire| async move {
        wire.send("220 mail.test ready\r\n").await;
        wire.until("QUIT\r\n").await;
        wire.send("221 bye\r\n").await;
    })
    .await;
    let mut client = Wire::over(tunnel(rig.tap(), &server.to_string(), "test").await);
    client.until("220 mail.test ready\r\n").await;
    client.send("QUIT\r\n").await;
    client.until("221 bye\r\n").await;
    drop(client);
    let hop = &rig.notebook.ended(1).await[0];
    assert_eq!((hop.exchange, hop.status()), (Exchange::Tunnel, Some(200)));
    assert!(hop.tls.as_ref().unwrap().passed.as_ref().unwrap().contains("neither TLS nor HTTP"));
}

/// What other programs do with the same variable.
#[tokio::test]
async fn the_environment_names_it_too() {
    let world = World::new();
    let way = Way::open(&world).await;
    let url = way.url();
    let variable = |name: &str| (name == "HTTP_PROXY").then(|| url.clone());
    let Environment { via, remarks } = Environment::read(variable, &[]);
    assert!(remarks[0].contains("through the proxy localhost:"), "{remarks:?}");
    assert!(!remarks[0].contains("pass@"), "{remarks:?}");
    let folder = tempfile::tempdir().unwrap();
    let tls = Some(Tls::new(Some(&world.write(folder.path()))).unwrap());
    let notebook = Notebook::new();
    let spec: TapSpec = "origin=reverse:127.0.0.1:0=http://app.test".parse().unwrap();
    let options = Options { via, tls, ..Options::default() };
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    client.head().await;
    assert!(client.head().await.starts_with("GET http://app.test/a HTTP/1.1\r\n"));
}
