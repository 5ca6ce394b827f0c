//! Taps behind other proxies, and taps that want a password, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;

use hopscope::proxy::{Options, Proxy, TapSpec, Via};
use hopscope::trace::{Exchange, FailureKind, Hop};
use wire::{Notebook, Wire, server};

async fn tap(spec: &str, options: Options) -> (Proxy, Notebook, Wire) {
    let notebook = Notebook::new();
    let spec: TapSpec = spec.parse().unwrap();
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let client = Wire::to(proxy.addresses()[0]).await;
    (proxy, notebook, client)
}

fn via(url: &str, without: &str) -> Options {
    let via = Via::through(url.parse().unwrap(), without.parse().unwrap());
    Options { via, ..Options::default() }
}

/// Says what it was asked.
async fn echo() -> SocketAddr {
    server(|mut wire| async move {
        loop {
            let head = wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len()))
                .await;
        }
    })
    .await
}

/// "user:pass" in base64.
const LOGIN: &str = "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n";

#[tokio::test]
async fn an_http_proxy_gets_the_whole_url_and_the_password() {
    let proxy = echo().await;
    let options = via(&format!("http://user:pass@{proxy}"), "");
    let spec = "origin=reverse:127.0.0.1:0=http://app.test:8000";
    let (_tap, notebook, mut client) = tap(spec, options).await;
    for path in ["/a?b", "/c"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: gw.test\r\n\r\n")).await;
        client.head().await;
        let got = client.head().await;
        assert!(got.starts_with(&format!("GET http://app.test:8000{path} HTTP/1.1\r\n")), "{got}");
        assert!(got.to_ascii_lowercase().contains(&LOGIN.to_ascii_lowercase()), "{got}");
        assert!(got.contains("Host: gw.test\r\n"), "{got}");
    }
    let hop = &notebook.ended(2).await[0];
    assert!(!hop.request.headers.has("proxy-authorization"));
}

/// A CONNECT of the client is a CONNECT at the proxy, byte for byte behind it.
#[tokio::test]
async fn a_tunnel_goes_through_the_proxy() {
    let proxy = server(|mut wire| async move {
        let head = wire.head().await;
        assert_eq!(
            head,
            format!("CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n{LOGIN}\r\n")
        );
        // The upstream's first bytes come in one piece with the proxy's answer.
        wire.send("HTTP/1.1 200 Fine\r\nVia: x\r\n\r\nhello").await;
        wire.until("bye").await;
    })
    .await;
    let options = via(&format!("http://user:pass@{proxy}"), "other.test");
    let (_tap, notebook, mut client) = tap("edge=forward:127.0.0.1:0", options).await;
    client.send("CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n").await;
    client.head().await;
    client.until("hello").await;
    client.send("bye").await;
    drop(client);
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.exchange, hop.status()), (Exchange::Tunnel, Some(200)));
}

fn failed(hop: &Hop) -> (FailureKind, String) {
    let failure = hop.failure().unwrap();
    (failure.kind, failure.detail.clone())
}

#[tokio::test]
async fn what_the_proxy_refuses_is_told_as_such() {
    let proxy = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let (_tap, notebook, mut client) =
        tap("edge=forward:127.0.0.1:0", via(&format!("http://{proxy}"), "")).await;
    client.send("CONNECT app.test:443 HTTP/1.1\r\nHost: app.test:443\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    let (kind, detail) = failed(&notebook.ended(1).await[0]);
    assert_eq!(kind, FailureKind::Refused);
    assert!(detail.contains("at the proxy") && detail.contains("407"), "{detail}");
}

#[tokio::test]
async fn socks_gets_a_name_or_an_address_and_the_password() {
    for (scheme, host, place) in [
        ("socks5h", "app.test", b"\x03\x08app.test".as_slice()),
        ("socks5", "127.0.0.9", b"\x01\x7f\x00\x00\x09"),
        ("socks5h", "127.0.0.9", b"\x01\x7f\x00\x00\x09"),
    ] {
        let proxy = server(move |mut wire| async move {
            wire.until("\u{5}\u{2}\0\u{2}").await;
            wire.send(b"\x05\x02").await;
            wire.until("\u{1}\u{4}user\u{4}pass").await;
            wire.send(b"\x01\x00").await;
            let asked = wire.until("\u{1f}@").await;
            let wanted = [&b"\x05\x01\x00"[..], place, b"\x1f\x40"].concat();
            assert!(asked.bytes().eq(wanted), "{asked:?}");
        })
        .await;
        let options = via(&format!("{scheme}://user:pass@{proxy}"), "");
        let spec = format!("origin=reverse:127.0.0.1:0=http://{host}:8000");
        let (_tap, notebook, mut client) = tap(&spec, options).await;
        client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let head = client.head().await;
        // The play ends before the proxy's answer.
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        let (_, detail) = failed(&notebook.ended(1).await[0]);
        assert!(detail.contains("at the proxy"), "{detail}");
    }
}

#[tokio::test]
async fn who_is_reached_without_it_is_reached_straight() {
    let upstream = echo().await;
    let nobody = wire::nobody();
    let spec = format!("origin=reverse:127.0.0.1:0=http://{upstream}");
    let (_tap, _, mut client) = tap(&spec, via(&format!("http://{nobody}"), "127.0.0.0/8")).await;
    client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    client.head().await;
    assert!(client.head().await.starts_with("GET /a HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_tap_with_a_password_serves_nobody_without() {
    let upstream = echo().await;
    let auth = Some("user:pass".parse().unwrap());
    let options = Options { auth, ..Options::default() };
    // With a password it may listen where others reach it.
    let (proxy, notebook, _) = tap("edge=forward:0.0.0.0:0", options).await;
    let port = proxy.addresses()[0].port();
    let wrong = LOGIN.replace("dXNl", "dXNm");
    for (login, status) in [("", 407), (wrong.as_str(), 407), (LOGIN, 200)] {
        let mut client = Wire::to(([127, 0, 0, 1], port).into()).await;
        client.send(format!("GET http://{upstream}/a HTTP/1.1\r\nHost: h\r\n{login}\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        if status == 407 {
            assert!(head.contains("roxy-") && head.contains("Basic realm="), "{head}");
        } else {
            assert!(!client.head().await.contains("roxy-"), "passed on");
        }
    }
    let hops = notebook.ended(3).await;
    assert_eq!(failed(&hops[0]).0, FailureKind::RefusedByTap);
    assert_eq!(hops[2].status(), Some(200));
    let recorded = format!("{hops:?}");
    assert!(recorded.contains("not recorded") && !recorded.contains("dXN"), "{recorded}");
}

/// `hopscope fetch` through a tap that wants a password: from the URL, or from the environment.
#[tokio::test]
async fn fetch_brings_the_password_and_writes_it_nowhere() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 0\r\n\r\n")
            .await;
    })
    .await;
    let auth = Some("ann:hunter2".parse().unwrap());
    let (proxy, notebook, _client) =
        tap("edge=forward:127.0.0.1:0", Options { auth, ..Options::default() }).await;
    let at = proxy.addresses()[0];
    let folder = tempfile::tempdir().unwrap();
    for (n, (via, secret, code)) in [
        (format!("http://ann:hunter2@{at}"), "", 0),
        (format!("{at}"), "ann:hunter2", 0),
        (format!("http://ann:hunter2@{at}/"), "eve:wrong", 0),
        (format!("{at}"), "", 3),
    ]
    .into_iter()
    .enumerate()
    {
        let trace = folder.path().join(format!("{n}.hops"));
        let url = format!("http://{upstream}/");
        let asked = tokio::task::spawn_blocking({
            let (via, trace) = (via.clone(), trace.clone());
            move || {
                let mut fetch = std::process::Command::new(env!("CARGO_BIN_EXE_hopscope"));
                fetch.args(["fetch", &url, "--origin", "http://page.test", "--json", "--reveal"]);
                fetch.args(["--via", &via, "-o"]).arg(trace).env_remove("HOPSCOPE_AUTH");
                if !secret.is_empty() {
                    fetch.env("HOPSCOPE_AUTH", secret);
                }
                fetch.output().unwrap()
            }
        });
        let output = asked.await.unwrap();
        let written = [output.stdout, output.stderr, std::fs::read(trace).unwrap()].concat();
        let written = String::from_utf8_lossy(&written);
        assert_eq!(output.status.code(), Some(code), "{via}: {written}");
        for shown in ["hunter2", "YW5uOmh1bnRlcjI"] {
            assert!(!written.contains(shown), "{via}: {written}");
        }
        let hop = notebook.ended(n + 1).await.remove(n);
        assert_eq!(hop.status(), (code == 0).then_some(200), "{via}");
    }
}
