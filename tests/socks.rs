//! SOCKS5 clients of a forward tap, over real sockets: what goes through is read as behind a
//! `CONNECT`, and what does not is told in SOCKS and recorded.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;

use hopscope::proxy::{Options, Proxy};
use hopscope::tls::{Authority, Tls, Trust};
use hopscope::trace::{Exchange, FailureKind};
use secure::{Wants, World};
use wire::{Notebook, Wire, server};

const OPEN: &[u8] = b"\x05\x01\x00";

async fn tap(options: Options) -> (Proxy, Notebook, Wire) {
    let notebook = Notebook::new();
    let specs = vec!["edge=forward:127.0.0.1:0".parse().unwrap()];
    let proxy = Proxy::start(specs, &notebook, options).await.unwrap();
    let client = Wire::to(proxy.addresses()[0]).await;
    (proxy, notebook, client)
}

fn with_authority() -> Options {
    let folder = tempfile::tempdir().unwrap();
    let authority = Some(Authority::open(folder.path()).unwrap());
    Options { authority, ..Options::default() }
}

async fn echo(address: &str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut wire = Wire::over(stream);
                let head = wire.head().await;
                let length = head.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}");
                wire.send(answer).await;
            });
        }
    });
    address
}

fn request(command: u8, place: &[u8], port: u16) -> Vec<u8> {
    [&[5, command, 0], place, &port.to_be_bytes()].concat()
}

async fn replied(client: &mut Wire, code: u8) {
    let wanted: String =
        [5, code, 0, 1, 0, 0, 0, 0, 0, 0].iter().map(|it| char::from(*it)).collect();
    assert_eq!(client.exactly(wanted.len()).await, wanted);
}

#[tokio::test]
async fn a_name_and_both_kinds_of_address_lead_to_http() {
    for (listens, place, host) in [
        ("127.0.0.1:0", b"\x03\x09localhost".as_slice(), "localhost"),
        ("127.0.0.1:0", b"\x01\x7f\0\0\x01", "127.0.0.1"),
        ("[::1]:0", b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", "[::1]"),
    ] {
        let port = echo(listens).await.port();
        let (_tap, notebook, mut client) = tap(with_authority()).await;
        client.send(OPEN).await;
        assert_eq!(client.exactly(2).await, "\u{5}\0");
        client.send(request(1, place, port)).await;
        replied(&mut client, 0).await;
        client.send(format!("GET /a//b HTTP/1.1\r\nHost: {host}:{port}\r\nX-Odd: 1\r\n\r\n")).await;
        client.head().await;
        let heard = client.head().await;
        assert_eq!(heard, format!("GET /a//b HTTP/1.1\r\nHost: {host}:{port}\r\nX-Odd: 1\r\n\r\n"));
        let hop = &notebook.ended(1).await[0];
        assert_eq!(hop.request.url, format!("http://{host}:{port}/a//b"));
        assert_eq!((hop.exchange, hop.status()), (Exchange::Http, Some(200)));
    }
}

#[tokio::test]
async fn tls_inside_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let upstream = world.serve(&["h2", "http/1.1"], Wants::Nothing).await.address;
    let ca = vec![world.write(folder.path())];
    let tls = Some(Tls::with(&Trust { ca, ..Trust::default() }).unwrap());
    let options = Options { tls, ..with_authority() };
    let authority = options.authority.clone().unwrap();
    let (_tap, notebook, mut client) = tap(options).await;
    client.send(OPEN).await;
    client.exactly(2).await;
    client.send(request(1, b"\x03\x09localhost", upstream.port())).await;
    replied(&mut client, 0).await;
    let connector = secure::client(&[authority.certificate()], &["http/1.1"]);
    let stream = secure::shake(&connector, "localhost", client.stream).await.unwrap();
    let heard = secure::ask(stream, "localhost", "").await;
    assert!(heard.contains("HTTP/1.1 GET /items") && heard.contains("sni [localhost]"), "{heard}");
    let hop = &notebook.ended(1).await[0];
    assert_eq!(hop.request.url, "https://localhost/items");
    let tls = hop.tls.as_ref().unwrap();
    assert!(tls.client.is_some() && tls.upstream.is_some());
}

#[tokio::test]
async fn a_password_is_asked_for_and_checked() {
    let port = echo("127.0.0.1:0").await.port();
    for (greeting, login, answer, granted) in [
        (b"\x05\x02\x00\x02".as_slice(), b"\x01\x04user\x04pass".as_slice(), "\u{1}\0", true),
        (b"\x05\x01\x02", b"\x01\x04user\x04PASS", "\u{1}\u{1}", false),
        (b"\x05\x01\x00", b"", "", false),
    ] {
        let auth = Some("user:pass".parse().unwrap());
        let (_tap, notebook, mut client) = tap(Options { auth, ..with_authority() }).await;
        client.send(greeting).await;
        let method = client.exactly(2).await;
        assert_eq!(method, if login.is_empty() { "\u{5}\u{ff}" } else { "\u{5}\u{2}" });
        client.send(login).await;
        assert_eq!(client.exactly(answer.len()).await, answer);
        if granted {
            client.send(request(1, b"\x01\x7f\0\0\x01", port)).await;
            replied(&mut client, 0).await;
            client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
            assert!(client.head().await.starts_with("HTTP/1.1 200 OK"));
        } else {
            client.rest().await;
        }
        let failure = notebook.ended(1).await[0].failure().map(|it| it.detail.clone());
        assert_eq!(failure.is_some_and(|it| it.contains("proxy password")), !granted);
    }
}

#[tokio::test]
async fn what_does_not_pass_is_told_and_recorded() {
    let nobody = wire::nobody().port();
    let own = b"\x01\x7f\0\0\x01".as_slice();
    for (options, asked, code, kind) in [
        (with_authority(), request(2, own, 1), 7, FailureKind::RefusedByTap),
        (with_authority(), request(3, own, 1), 7, FailureKind::RefusedByTap),
        (with_authority(), request(1, b"\x09\0\0\0\0", 1), 8, FailureKind::RefusedByTap),
        (with_authority(), request(1, b"\x03\x03a b", 1), 4, FailureKind::RefusedByTap),
        (Options::default(), request(1, own, nobody), 5, FailureKind::Refused),
        // The tap itself.
        (with_authority(), request(1, own, 0), 2, FailureKind::RefusedByTap),
    ] {
        let (tap, notebook, mut client) = tap(options).await;
        let mut asked = asked;
        if code == 2 {
            asked.truncate(asked.len() - 2);
            asked.extend(tap.addresses()[0].port().to_be_bytes());
        }
        client.send(OPEN).await;
        client.exactly(2).await;
        client.send(asked).await;
        replied(&mut client, code).await;
        let hop = &notebook.ended(1).await[0];
        assert_eq!(hop.failure().map(|it| it.kind), Some(kind), "{hop:?}");
        assert_eq!(hop.request.method, "CONNECT");
    }
}

#[tokio::test]
async fn other_protocols_pass_unread() {
    let upstream = server(|mut wire| async move {
        wire.send("SSH-2.0-x\r\n").await;
        wire.until("bye").await;
    })
    .await;
    for options in [with_authority(), Options::default()] {
        let (_tap, notebook, mut client) = tap(options).await;
        client.send(OPEN).await;
        client.exactly(2).await;
        client.send(request(1, b"\x01\x7f\0\0\x01", upstream.port())).await;
        replied(&mut client, 0).await;
        client.until("SSH-2.0-x\r\n").await;
        client.send("bye").await;
        drop(client);
        let hop = &notebook.ended(1).await[0];
        assert_eq!((hop.exchange, hop.status()), (Exchange::Tunnel, Some(200)));
        assert_eq!(hop.request.url, upstream.to_string());
    }
}

#[tokio::test]
async fn the_taps_own_page_is_there() {
    let (_tap, _, mut client) = tap(with_authority()).await;
    client.send(OPEN).await;
    client.exactly(2).await;
    client.send(request(1, b"\x03\x0ehopscope.local", 80)).await;
    replied(&mut client, 0).await;
    client.send("GET /ca.pem HTTP/1.1\r\nHost: hopscope.local\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK"));
    client.until("BEGIN CERTIFICATE").await;
}
