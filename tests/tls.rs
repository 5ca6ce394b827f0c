//! TLS through taps, on real sockets: what is read, what is left alone, how each side is spoken
//! to, and what is recorded of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "tls/handshakes.rs"]
mod handshakes;
#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::path::Path;

use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::tls::{Authority, ClientCertificate, Tls, Trust};
use hopscope::trace::{Exchange, FailureKind, Hop, TlsSession};
use secure::{Server, Wants, World, ask, client, of, shake, tunnel};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::{End, Notebook, Wire, nobody, server};

/// A forward tap that reads TLS, and the world around it.
struct Rig {
    world: World,
    authority: Authority,
    proxy: Proxy,
    notebook: Notebook,
    _folder: TempDir,
}

impl Rig {
    async fn new() -> Rig {
        Rig::with(|_, _| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options, &mut Trust)) -> Rig {
        let world = World::new();
        Rig::of(world, "edge=forward:127.0.0.1:0", change).await
    }

    async fn of(world: World, spec: &str, change: impl FnOnce(&mut Options, &mut Trust)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let mut options = Options { authority: Some(authority.clone()), ..Options::default() };
        let mut trust = Trust { ca: vec![world.write(folder.path())], ..Trust::default() };
        change(&mut options, &mut trust);
        options.tls = Some(Tls::with(&trust).unwrap());
        let notebook = Notebook::new();
        let spec: TapSpec = spec.parse().unwrap();
        let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
        Rig { world, authority, proxy, notebook, _folder: folder }
    }

    fn tap(&self) -> SocketAddr {
        self.proxy.addresses()[0]
    }

    /// Ask `https://localhost:PORT/items` through the tap, trusting it.
    async fn ask(&self, server: &Server, alpn: &[&str], fields: &str) -> (String, Option<String>) {
        let host = format!("localhost:{}", server.address.port());
        let stream = tunnel(self.tap(), &host, "test").await;
        let connector = client(&[self.authority.certificate()], alpn);
        let stream = shake(&connector, "localhost", stream).await.unwrap();
        let chosen = stream.get_ref().1.alpn_protocol();
        let chosen = chosen.map(|it| String::from_utf8_lossy(it).into_owned());
        (ask(stream, &host, fields).await, chosen)
    }
}

fn failed(hop: &Hop) -> Option<FailureKind> {
    hop.failure().map(|it| it.kind)
}

fn passed(hop: &Hop) -> String {
    hop.tls.as_ref().and_then(|it| it.passed.clone()).unwrap_or_default()
}

#[tokio::test]
async fn reads_what_is_asked_through_a_tunnel() {
    let rig = Rig::new().await;
    let server = rig.world.serve(&["http/1.1"], Wants::Nothing).await;
    let (answer, chosen) = rig.ask(&server, &["h2", "http/1.1"], "").await;
    let host = format!("localhost:{}", server.address.port());
    assert!(answer.contains(&format!("GET /items host [{host}]")), "{answer}");
    assert!(answer.contains("sni [localhost]"), "{answer}");
    assert_eq!(chosen.as_deref(), Some("http/1.1"), "h2 only where the upstream speaks it");
    let hops = rig.notebook.ended(1).await;
    let hop = &hops[0];
    assert_eq!(hops.len(), 1, "the CONNECT is no hop");
    assert_eq!((hop.exchange, hop.status()), (Exchange::Http, Some(200)));
    assert_eq!(hop.request.url, format!("https://{host}/items"));
    assert!(hop.timing.connect.is_some() && hop.timing.tls.is_some(), "{:?}", hop.timing);
    let tls = hop.tls.as_ref().unwrap();
    let [client, upstream] = [&tls.client, &tls.upstream].map(|it| it.as_deref().unwrap());
    let TlsSession { version, cipher, alpn, sni, certificates } = upstream;
    assert_eq!(version, "TLS 1.3");
    assert!(cipher.starts_with("TLS_"), "{cipher}");
    assert_eq!((alpn.as_deref(), sni.as_deref()), (Some("http/1.1"), Some("localhost")));
    assert_eq!(certificates[0].issuer, "CN=World CA");
    assert_eq!(certificates[0].fingerprint.len(), 64);
    assert!(certificates[0].not_after > 1_700_000_000);
    assert_eq!((client.sni.as_deref(), client.certificates.len()), (Some("localhost"), 0));
}

#[tokio::test]
async fn reads_plain_http_in_a_tunnel() {
    let rig = Rig::new().await;
    let server = secure::plain(false).await;
    let host = server.address.to_string();
    let answer = ask(tunnel(rig.tap(), &host, "test").await, &host, "").await;
    assert!(answer.contains(&format!("host [{host}]")), "{answer}");
    let hop = &rig.notebook.ended(1).await[0];
    assert_eq!(hop.request.url, format!("http://{host}/items"));
    assert_eq!((hop.exchange, hop.tls.as_ref()), (Exchange::Http, None));
}

#[tokio::test]
async fn passes_on_what_it_cannot_read() {
    let rig = Rig::new().await;
    // The client speaks first in one, the server in the other, nobody in the third.
    let echo = server(|mut wire| async move {
        let said = wire.until("\n").await;
        wire.send(said).await;
    })
    .await;
    let greeter = server(|mut wire| async move {
        wire.send("220 hello\r\n").await;
        wire.until("\n").await;
    })
    .await;
    for (to, said, heard) in
        [(echo, "SSH-2.0-x\r\n", "SSH-2.0-x\r\n"), (greeter, "EHLO a\n", "220 hello\r\n")]
    {
        let mut stream = tunnel(rig.tap(), &to.to_string(), "test").await;
        let mut got = vec![0; heard.len()];
        if to == greeter {
            stream.read_exact(&mut got).await.unwrap();
        }
        stream.write_all(said.as_bytes()).await.unwrap();
        if to == echo {
            stream.read_exact(&mut got).await.unwrap();
        }
        assert_eq!(String::from_utf8_lossy(&got), heard);
    }
    drop(tunnel(rig.tap(), &greeter.to_string(), "test").await);
    let hops = rig.notebook.ended(3).await;
    for (hop, sent, received) in [(&hops[0], 11, 11), (&hops[1], 7, 11)] {
        assert_eq!((hop.exchange, hop.request.method.as_str()), (Exchange::Tunnel, "CONNECT"));
        assert!(passed(hop).contains("neither TLS nor HTTP"), "{}", passed(hop));
        assert_eq!(hop.request.body.length, sent);
        assert_eq!(hop.response().unwrap().body.length, received);
        assert!(hop.request.body.bytes.is_empty(), "nothing of it is kept");
    }
}

#[tokio::test]
async fn leaves_named_hosts_untouched() {
    let rig = Rig::with(|it, _| it.pass = vec!["local*".parse().unwrap()]).await;
    let server = rig.world.serve(&["http/1.1"], Wants::Nothing).await;
    // By the name in the CONNECT, and by the name in the TLS hello.
    for to in ["localhost", "127.0.0.1"] {
        let to = format!("{to}:{}", server.address.port());
        let stream = tunnel(rig.tap(), &to, "test").await;
        // Only the server's own certificate will do.
        let connector = client(&[&of(&rig.world)], &["http/1.1"]);
        let stream = shake(&connector, "localhost", stream).await.unwrap();
        assert!(ask(stream, &to, "").await.contains("GET /items"));
    }
    for hop in rig.notebook.ended(2).await {
        assert_eq!(hop.exchange, Exchange::Tunnel);
        assert!(passed(&hop).contains("--pass"), "{}", passed(&hop));
    }
}

#[tokio::test]
async fn leaves_a_client_alone_that_does_not_take_our_certificate() {
    let rig = Rig::new().await;
    let server = rig.world.serve(&["http/1.1"], Wants::Nothing).await;
    let to = format!("localhost:{}", server.address.port());
    // It pins the world's authority.
    let connector = client(&[&of(&rig.world)], &["http/1.1"]);
    let stream = tunnel(rig.tap(), &to, "pins").await;
    assert!(shake(&connector, "localhost", stream).await.is_err());
    let hop = &rig.notebook.ended(1).await[0];
    assert_eq!((hop.exchange, failed(hop)), (Exchange::Tunnel, Some(FailureKind::Tls)));
    let detail = &hop.failure().unwrap().detail;
    assert!(detail.contains("did not take hopscope's certificate for localhost"), "{detail}");

    let stream = tunnel(rig.tap(), &to, "pins").await;
    let stream = shake(&connector, "localhost", stream).await.unwrap();
    assert!(ask(stream, &to, "").await.contains("GET /items"));
    let hop = &rig.notebook.ended(2).await[1];
    assert_eq!((hop.exchange, hop.status()), (Exchange::Tunnel, Some(200)));
    assert!(passed(hop).contains("did not take hopscope's certificate"), "{}", passed(hop));

    // Another client is read as ever.
    assert!(rig.ask(&server, &[], "").await.0.contains("GET /items"));
    assert_eq!(rig.notebook.ended(3).await[2].exchange, Exchange::Http);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_trusted_is_a_failure_and_not_an_answer() {
    // The tap does not know this world.
    let (rig, stranger) = (Rig::new().await, World::new());
    let server = stranger.serve(&["http/1.1"], Wants::Nothing).await;
    let (answer, _) = rig.ask(&server, &["http/1.1"], "Origin: https://a.test\r\n").await;
    assert_eq!(answer, "", "a browser gets no answer");
    let (answer, _) = rig.ask(&server, &["http/1.1"], "User-Agent: curl/8\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(answer.contains("TLS handshake failed"), "{answer}");
    for hop in rig.notebook.ended(2).await {
        assert_eq!((hop.exchange, failed(&hop)), (Exchange::Http, Some(FailureKind::Tls)));
        assert!(hop.request.url.ends_with("/items"), "{}", hop.request.url);
        assert!(hop.failure().unwrap().detail.contains("certificate"));
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_fails_the_request_itself() {
    let rig = Rig::new().await;
    let connections = std::sync::Arc::default();
    let server = Server { address: nobody(), connections };
    let (answer, _) = rig.ask(&server, &["http/1.1"], "Origin: https://a.test\r\n").await;
    assert_eq!(answer, "");
    let hop = &rig.notebook.ended(1).await[0];
    assert_eq!((hop.exchange, failed(hop)), (Exchange::Http, Some(FailureKind::Refused)));
    assert!(hop.request.headers.has("origin"));
}

#[tokio::test]
async fn takes_any_certificate_of_a_host_that_the_user_named() {
    let rig = Rig::with(|_, trust| trust.insecure = vec!["localhost".parse().unwrap()]).await;
    let server = World::new().serve(&["http/1.1"], Wants::Nothing).await;
    assert!(rig.ask(&server, &[], "").await.0.contains("GET /items"));
    let hop = &rig.notebook.ended(1).await[0];
    assert_eq!(hop.status(), Some(200));
}

#[tokio::test]
async fn comes_with_a_certificate_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let file = folder.path().join("client.pem");
    let (cert, key) = world.certify("someone");
    std::fs::write(&file, format!("{cert}{key}")).unwrap();
    let server = world.serve(&["http/1.1"], Wants::Certificate).await;
    let spec = "edge=forward:127.0.0.1:0";
    let rig = Rig::of(world, spec, |_, trust| {
        trust.clients = vec![ClientCertificate { host: "localhost".parse().unwrap(), file }];
    })
    .await;
    assert!(rig.ask(&server, &[], "").await.0.contains("GET /items"));
    let hop = &rig.notebook.ended(1).await[0];
    assert_eq!(hop.status(), Some(200));
    let without = Rig::with(|_, trust| trust.insecure = vec!["*".parse().unwrap()]).await;
    let (answer, _) = without.ask(&server, &[], "").await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    let hop = &without.notebook.ended(1).await[0];
    assert_eq!(failed(hop), Some(FailureKind::Tls), "{:?}", hop.failure());
}

#[tokio::test]
async fn listens_with_tls_in_front_of_an_app() {
    let server = secure::plain(false).await;
    let spec = format!("edge=reverse:127.0.0.1:0=http://{},tls", server.address);
    let rig = Rig::of(World::new(), &spec, |_, _| {}).await;
    let connector = client(&[rig.authority.certificate()], &["http/1.1"]);
    for name in ["gw.test", "127.0.0.1"] {
        let stream = tokio::net::TcpStream::connect(rig.tap()).await.unwrap();
        let stream = shake(&connector, name, stream).await.unwrap();
        let answer = ask(stream, "gw.test", "").await;
        assert!(answer.contains("HTTP/1.1 GET /items host [gw.test]"), "{answer}");
    }
    for hop in rig.notebook.ended(2).await {
        assert_eq!(hop.request.url, "https://gw.test/items");
        assert!(hop.tls.unwrap().client.is_some());
    }
    // Whoever forgets the s is told so.
    let mut wire = Wire::to(rig.tap()).await;
    wire.send("GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n").await;
    let (answer, end) = wire.rest().await;
    assert!(answer.contains("expects TLS") && end == End::Clean, "{answer}");
    let hop = &rig.notebook.ended(3).await[2];
    assert_eq!(failed(hop), Some(FailureKind::RefusedByTap));
}

#[tokio::test]
async fn shows_the_users_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(), secure::plain(false).await);
    let path = |name: &str| folder.path().join(name);
    let (cert, key) = world.certify("gw.test");
    std::fs::write(path("cert.pem"), cert).unwrap();
    std::fs::write(path("key.pem"), key).unwrap();
    let identity = hopscope::tls::Identity::read(&path("cert.pem"), &path("key.pem")).unwrap();
    let spec = format!("edge=reverse:127.0.0.1:0=http://{},tls", server.address);
    let trusted = of(&world);
    let rig = Rig::of(world, &spec, |options, _| {
        options.authority = None;
        options.identity = Some(std::sync::Arc::new(identity));
    })
    .await;
    let connector = client(&[&trusted], &["http/1.1"]);
    let stream = tokio::net::TcpStream::connect(rig.tap()).await.unwrap();
    let stream = shake(&connector, "gw.test", stream).await.unwrap();
    assert!(ask(stream, "gw.test", "").await.contains("GET /items"));
    assert!(rig.proxy.taps()[0].address.starts_with("127."));
}

#[tokio::test]
async fn a_tap_with_tls_needs_a_certificate() {
    let spec: TapSpec = "edge=reverse:127.0.0.1:0=http://127.0.0.1:1,tls".parse().unwrap();
    let error = Proxy::bind(vec![spec], Options::default()).await.unwrap_err();
    assert!(error.to_string().contains("no certificate"), "{error}");
    assert!(error.hint().unwrap().contains("--cert"));
}

#[tokio::test]
async fn never_tunnels_to_itself() {
    let rig = Rig::new().await;
    let tap = rig.tap().to_string();
    let mut wire = Wire::to(rig.tap()).await;
    wire.send(format!("CONNECT {tap} HTTP/1.1\r\nHost: {tap}\r\n\r\n")).await;
    assert!(wire.head().await.starts_with("HTTP/1.1 400"));
    let hop = &rig.notebook.ended(1).await[0];
    assert_eq!(failed(hop), Some(FailureKind::RefusedByTap));
}

#[test]
fn files_that_are_none_are_explained() {
    let missing = Path::new("/nowhere/x.pem");
    let trust = Trust { ca: vec![missing.to_owned()], ..Trust::default() };
    let error = Tls::with(&trust).err().unwrap();
    assert!(error.to_string().contains("/nowhere/x.pem"), "{error}");
    let error = hopscope::tls::Identity::read(missing, missing).unwrap_err();
    assert!(error.hint().unwrap().contains("PEM"));
}
