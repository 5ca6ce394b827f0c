//! One test per shape of traffic, over real sockets: what the other side got, what the client
//! got, and what was recorded.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use hopscope::proxy::{Error, OnFailure, Options, Proxy, TapSpec};
use hopscope::trace::{Exchange, FailureKind, Hop, Outcome, TapId, Version};
use wire::{DEADLINE, End, Notebook, Wire, nobody, server};

fn spec(text: &str) -> TapSpec {
    text.parse().unwrap()
}

fn reverse(to: SocketAddr) -> TapSpec {
    spec(&format!("origin=reverse:127.0.0.1:0=http://{to}"))
}

async fn start(specs: Vec<TapSpec>, options: Options) -> (Proxy, Notebook) {
    let notebook = Notebook::new();
    (Proxy::start(specs, &notebook, options).await.unwrap(), notebook)
}

/// A reverse tap before a server that gives the same answer to every request.
async fn before(answer: &'static str) -> (Proxy, Notebook) {
    let upstream = server(move |mut wire| async move {
        loop {
            wire.head().await;
            wire.send(latin1(answer)).await;
            if answer.contains("Connection: close") {
                return;
            }
        }
    })
    .await;
    start(vec![reverse(upstream)], Options::default()).await
}

/// Characters as the bytes they stand for.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect()
}

fn failed(hop: &Hop) -> Option<FailureKind> {
    match &hop.outcome {
        Outcome::Failed(failure) => Some(failure.kind),
        _ => None,
    }
}

fn truncated(hop: &Hop) -> Option<FailureKind> {
    hop.response().and_then(|it| it.truncated.as_ref()).map(|it| it.kind)
}

#[tokio::test]
async fn changes_nothing_but_the_connection_itself() {
    let upstream = server(|mut wire| async move {
        loop {
            let head = wire.head().await;
            let length = head.chars().count();
            // It answers with what it got, byte for byte.
            wire.send("HTTP/1.1 299 Odd ~\r\nX-oNe: 1\r\nSet-COOKIE: a\r\nset-cookie: b\r\nKeep-Alive: timeout=5\r\nX-Raw: ").await;
            wire.send([0xff, 0x09, 0xfe]).await;
            wire.send(format!("\r\nContent-Length: {length}\r\nConnection: keep-alive\r\n\r\n")).await;
            wire.send(latin1(&head)).await;
        }
    })
    .await;
    let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    for _ in 0..2 {
        client.send(latin1("GET /a//../b?x=%zz&y HTTP/1.1\r\nhOST: Gw.Test\r\nX-Two: 1\r\nAccept: */*\r\nx-TWO: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Raw: \u{ff}\u{fe}\r\n\r\n")).await;
        let answer = client.head().await;
        assert_eq!(
            answer,
            "HTTP/1.1 299 Odd ~\r\nX-oNe: 1\r\nSet-COOKIE: a\r\nset-cookie: b\r\nX-Raw: \u{ff}\t\u{fe}\r\nContent-Length: 92\r\n\r\n"
        );
        let got = client.head().await;
        assert_eq!(
            got,
            "GET /a//../b?x=%zz&y HTTP/1.1\r\nhOST: Gw.Test\r\nX-Two: 1\r\nx-TWO: 2\r\nAccept: */*\r\nX-Raw: \u{ff}\u{fe}\r\n\r\n"
        );
    }
    let hops = notebook.ended(2).await;
    let hop = &hops[1];
    assert_eq!(hop.request.url, "http://Gw.Test/a//../b?x=%zz&y");
    assert_eq!(hop.request.headers.text("connection").as_deref(), Some("keep-alive, X-Hop"));
    assert_eq!(hop.request.headers.all("x-raw").next(), Some([0xff, 0xfe].as_slice()));
    let response = hop.response().unwrap();
    assert_eq!((response.status, response.reason.as_slice()), (299, b"Odd ~".as_slice()));
    assert_eq!(response.headers.all("set-cookie").count(), 2);
    assert_eq!((response.body.length, response.body.complete), (92, true));
    assert!(hops[0].timing.connect.is_some() && hop.timing.connect.is_none(), "one connection");
    assert_eq!(hops[0].connection, hop.connection);
    assert!(hop.own_changes.is_empty());
}

#[tokio::test]
async fn passes_every_framing() {
    for (asked, answer, expected) in [
        (
            "GET / HTTP/1.1",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "Content-Length: 2\r\n\r\nhi",
        ),
        (
            "HEAD / HTTP/1.1",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        ),
        ("GET / HTTP/1.1", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            "GET / HTTP/1.1",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhi",
            "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
        (
            "GET / HTTP/1.0",
            "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhi",
            "HTTP/1.0 200 OK\r\n\r\nhi",
        ),
        (
            "GET / HTTP/1.1",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nY : c\r\nbad name: d\r\nContent-Length: 0\r\n\r\n",
            "Y: c\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
    ] {
        let (proxy, notebook) = before(answer).await;
        let mut client = Wire::to(proxy.addresses()[0]).await;
        client.send(format!("{asked}\r\nHost: h\r\nConnection: close\r\n\r\n")).await;
        let (got, end) = client.rest().await;
        let got = got.replace("connection: close\r\n", "");
        assert!(
            got.to_ascii_lowercase().ends_with(&expected.to_ascii_lowercase()),
            "{answer:?} became {got:?}"
        );
        assert_eq!(end, End::Clean);
        let hop = &notebook.ended(1).await[0];
        assert_eq!(hop.failure(), None, "{answer:?}");
        assert!(hop.response().unwrap().body.complete, "{answer:?}");
    }
}

#[tokio::test]
async fn takes_several_requests_at_once() {
    let (proxy, notebook) = before("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    client.head().await;
    client.head().await;
    let urls: Vec<_> = notebook.ended(2).await.into_iter().map(|it| it.request.url).collect();
    assert_eq!(urls, ["http://h/1", "http://h/2"]);
}

#[tokio::test]
async fn speaks_http_1_0_to_who_speaks_it() {
    let (proxy, notebook) = before("HTTP/1.0 200 Fine\r\nConnection: close\r\n\r\nhi").await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send("GET /x HTTP/1.0\r\n\r\n").await;
    assert!(client.rest().await.0.starts_with("HTTP/1.0 200 Fine\r\n"));
    let hop = &notebook.ended(1).await[0];
    assert_eq!(hop.request.version, Version::Http10);
    assert_eq!(hop.request.url, format!("http://{}/x", proxy.addresses()[0]));
    assert_eq!(hop.response().unwrap().version, Version::Http10);
}

#[tokio::test]
async fn streams_both_ways_and_keeps_what_the_limit_allows() {
    const SIZE: usize = 48 << 20;
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n")).await;
        let (mut from, mut to) = wire.stream.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    })
    .await;
    let options = Options { capture: 1000, ..Options::default() };
    let (proxy, notebook) = start(vec![reverse(upstream)], options).await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\n")).await;
    client.head().await;
    let (mut from, mut to) = client.stream.into_split();
    tokio::spawn(async move {
        let mut body = tokio::io::AsyncReadExt::take(tokio::io::repeat(b'x'), SIZE as u64);
        tokio::io::copy(&mut body, &mut to).await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut body = tokio::io::AsyncReadExt::take(&mut from, SIZE as u64);
    let mut sink = tokio::io::sink();
    let echoed = tokio::time::timeout(DEADLINE * 3, tokio::io::copy(&mut body, &mut sink));
    assert_eq!(echoed.await.unwrap().unwrap(), SIZE as u64);
    let hop = &notebook.ended(1).await[0];
    let answered = &hop.response().unwrap().body;
    for body in [&hop.request.body, answered] {
        assert_eq!((body.bytes.len(), body.length, body.complete), (1000, SIZE as u64, true));
    }
}

#[tokio::test]
async fn waits_with_the_body_until_the_upstream_wants_it() {
    let upstream = server(|mut wire| async move {
        let head = wire.head().await;
        assert!(head.contains("Expect: 100-continue"), "{head}");
        wire.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        wire.until("body").await;
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client
        .send("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 100 "));
    client.send("body").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(notebook.ended(1).await[0].request.body.text(), "body");
}

#[tokio::test]
async fn passes_trailers_to_who_asks_for_them() {
    let (proxy, _) = before("HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n").await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: te\r\n\r\n").await;
    client.head().await;
    assert_eq!(
        client.until("\r\n\r\n").await.to_ascii_lowercase(),
        "2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n"
    );
}

#[tokio::test]
async fn forwards_what_a_proxy_is_asked() {
    let upstream = server(|mut wire| async move {
        let line = wire.until("\r\n").await;
        assert_eq!(line, "GET /a?b HTTP/1.1\r\n");
        let head = wire.head().await;
        assert!(!head.contains("roxy-"), "{head}");
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let (proxy, notebook) = start(vec![spec("edge=forward:0")], Options::default()).await;
    let tap = proxy.addresses()[0];
    let mut client = Wire::to(tap).await;
    client.send(format!("GET http://{upstream}/a?b HTTP/1.1\r\nHost: {upstream}\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\n\r\n")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    client.send(format!("GET /x HTTP/1.1\r\nHost: {tap}\r\n\r\n")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    assert!(client.until("URL").await.contains("curl --proxy"));
    let hops = notebook.ended(2).await;
    assert_eq!(hops[0].request.url, format!("http://{upstream}/a?b"));
    assert_eq!(failed(&hops[1]), Some(FailureKind::RefusedByTap));
    let mut client = Wire::to(tap).await;
    client.send("GET / HTTP/1.1\r\nHost: hopscope.local\r\nConnection: close\r\n\r\n").await;
    assert!(client.rest().await.0.contains("this is the forward tap edge"));
    assert_eq!(notebook.hops().len(), 2, "our own page is no traffic");
}

#[tokio::test]
async fn tunnels_and_counts() {
    let upstream = server(|mut wire| async move {
        assert_eq!(wire.until("ping").await, "\u{16}ping");
        wire.send("pong!").await;
    })
    .await;
    let (proxy, notebook) = start(vec![spec("edge=forward:0")], Options::default()).await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send(format!("CONNECT {upstream} HTTP/1.1\r\nHost: {upstream}\r\n\r\n")).await;
    assert_eq!(client.head().await, "HTTP/1.1 200 OK\r\n\r\n");
    client.send("\u{16}ping").await;
    assert_eq!(client.until("!").await, "pong!");
    drop(client);
    let hop = &notebook.ended(1).await[0];
    assert_eq!(
        (hop.exchange, hop.request.url.as_str()),
        (Exchange::Tunnel, &*upstream.to_string())
    );
    let answered = &hop.response().unwrap().body;
    assert_eq!((hop.request.body.length, answered.length, answered.bytes.len()), (5, 5, 0));
}

#[tokio::test]
async fn lets_both_ends_turn_to_another_protocol() {
    let upstream = server(|mut wire| async move {
        let head = wire.head().await;
        assert!(head.contains("Upgrade: websocket\r\n") && head.contains("Connection: Upgrade"), "{head}");
        wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello").await;
        wire.until("bye").await;
    })
    .await;
    let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("Upgrade: websocket\r\n"), "{head}");
    client.until("hello").await;
    client.send("bye").await;
    assert_eq!(client.rest().await, (String::new(), End::Clean));
    drop(client);
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.exchange, hop.status(), hop.failure()), (Exchange::WebSocket, Some(101), None));
    assert_eq!((hop.request.body.length, hop.response().unwrap().body.length), (3, 5));
}

/// Ways in which an upstream gives no answer.
#[derive(Clone, Copy, Debug)]
enum Breaks {
    Refuses,
    Closes,
    Resets,
    TalksGarbage,
    HasNoName,
}

async fn broken(breaks: Breaks) -> String {
    let address = match breaks {
        Breaks::Refuses => nobody(),
        Breaks::HasNoName => return "nowhere.invalid:80".to_owned(),
        _ => {
            server(move |mut wire| async move {
                wire.head().await;
                match breaks {
                    Breaks::Resets => wire.reset(),
                    Breaks::TalksGarbage => wire.send("SSH-2.0-OpenSSH_9.9\r\n\r\n").await,
                    _ => {}
                }
            })
            .await
        }
    };
    address.to_string()
}

#[tokio::test]
async fn a_failure_stays_one_for_a_browser_and_is_told_to_others() {
    use FailureKind::{Closed, Dns, Malformed, Refused, Reset};
    let browser = "Origin: http://page.test\r\n";
    let other = "User-Agent: curl/8\r\n";
    for (breaks, client, on_failure, kind, end) in [
        (Breaks::Refuses, browser, OnFailure::ByClient, Refused, Some(End::Clean)),
        (Breaks::Refuses, other, OnFailure::ByClient, Refused, None),
        (Breaks::Refuses, browser, OnFailure::Answer, Refused, None),
        (Breaks::Refuses, other, OnFailure::Mirror, Refused, Some(End::Clean)),
        (Breaks::Closes, browser, OnFailure::ByClient, Closed, Some(End::Clean)),
        (Breaks::Closes, other, OnFailure::ByClient, Closed, None),
        (Breaks::Resets, browser, OnFailure::ByClient, Reset, Some(End::Reset)),
        (Breaks::Resets, other, OnFailure::ByClient, Reset, None),
        (Breaks::TalksGarbage, browser, OnFailure::ByClient, Malformed, Some(End::Clean)),
        (Breaks::TalksGarbage, other, OnFailure::ByClient, Malformed, None),
        (Breaks::HasNoName, browser, OnFailure::ByClient, Dns, Some(End::Clean)),
        (Breaks::HasNoName, other, OnFailure::ByClient, Dns, None),
    ] {
        for forward in [true, false] {
            let upstream = broken(breaks).await;
            let options = Options { on_failure, ..Options::default() };
            let (tap, line) = if forward {
                (spec("t=forward:0"), format!("POST http://{upstream}/x HTTP/1.1"))
            } else {
                (spec(&format!("t=reverse:0=http://{upstream}")), "POST /x HTTP/1.1".to_owned())
            };
            let (proxy, notebook) = start(vec![tap], options).await;
            let mut wire = Wire::to(proxy.addresses()[0]).await;
            wire.send(format!(
                "{line}\r\nHost: h\r\n{client}Connection: close\r\nContent-Length: 4\r\n\r\nbody"
            ))
            .await;
            let (got, ended) = wire.rest().await;
            match end {
                Some(end) => assert_eq!((got.as_str(), ended), ("", end), "{breaks:?} {forward}"),
                None => assert!(
                    got.starts_with("HTTP/1.1 502 ") && got.contains("hopscope: no answer from"),
                    "{breaks:?}: {got}"
                ),
            }
            let hop = &notebook.ended(1).await[0];
            assert_eq!(failed(hop), Some(kind), "{breaks:?} {forward}: {:?}", hop.outcome);
            assert_eq!(hop.request.body.text(), "body", "{breaks:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_breaks_for_the_client_too() {
    for (head, reset, kind) in [
        ("Content-Length: 9", false, FailureKind::Closed),
        ("Transfer-Encoding: chunked", false, FailureKind::Closed),
        ("Content-Length: 9", true, FailureKind::Reset),
    ] {
        let upstream = server(move |mut wire| async move {
            wire.head().await;
            let chunk = if head.starts_with('T') { "4\r\npart\r\n" } else { "part" };
            wire.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{chunk}")).await;
            // The client asks for the end when it has seen the part.
            wire.until("now").await;
            if reset {
                wire.reset();
            }
        })
        .await;
        let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
        let mut wire = Wire::to(proxy.addresses()[0]).await;
        wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n").await;
        assert!(wire.until("part").await.contains("200 OK"));
        wire.send("now").await;
        let (rest, end) = wire.rest().await;
        assert!(!rest.contains("0\r\n\r\n"), "{rest:?}");
        assert_eq!(end, if reset { End::Reset } else { End::Clean }, "{head}");
        let hop = &notebook.ended(1).await[0];
        assert_eq!((hop.status(), truncated(hop)), (Some(200), Some(kind)), "{head} {reset}");
        assert_eq!(hop.response().unwrap().body.text(), "part");
        assert!(!hop.response().unwrap().body.complete);
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_as_such() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"] {
        let upstream = server(move |mut wire| async move {
            wire.head().await;
            wire.send(answer).await;
            // Silence, until the other side has gone.
            wire.rest().await;
        })
        .await;
        let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
        let mut wire = Wire::to(proxy.addresses()[0]).await;
        wire.send("GET / HTTP/1.1\r\nHost: h\r\nOrigin: null\r\n\r\n").await;
        if answer.is_empty() {
            notebook.when(1, |it| it.timing.connect.is_some()).await;
        } else {
            wire.until("part").await;
        }
        drop(wire);
        let hop = &notebook.ended(1).await[0];
        assert_eq!(hop.failure().map(|it| it.kind), Some(FailureKind::Aborted), "{answer:?}");
    }
}

#[tokio::test]
async fn silence_is_a_timeout_only_where_one_was_asked_for() {
    let upstream = server(|mut wire| async move {
        wire.rest().await;
    })
    .await;
    let upstream_timeout = Some(Duration::from_millis(20));
    let options = Options { upstream_timeout, ..Options::default() };
    let (proxy, notebook) = start(vec![reverse(upstream)], options).await;
    let mut wire = Wire::to(proxy.addresses()[0]).await;
    wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 504 "));
    assert_eq!(failed(&notebook.ended(1).await[0]), Some(FailureKind::Timeout));
}

#[tokio::test]
async fn opens_a_new_connection_when_the_server_closed_the_old_one() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        let n = wire.nth;
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}")).await;
    })
    .await;
    let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
    let mut wire = Wire::to(proxy.addresses()[0]).await;
    for n in 0..3 {
        wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        wire.head().await;
        assert_eq!(wire.until(&n.to_string()).await, n.to_string());
    }
    assert!(notebook.ended(3).await.iter().all(|it| it.failure().is_none()));
}

#[tokio::test]
async fn never_shares_an_upstream_connection() {
    let upstream = server(|mut wire| async move {
        loop {
            wire.head().await;
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}", wire.nth)).await;
        }
    })
    .await;
    let (proxy, _) = start(vec![reverse(upstream)], Options::default()).await;
    for n in ["0", "1"] {
        let mut wire = Wire::to(proxy.addresses()[0]).await;
        for _ in 0..2 {
            wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
            wire.head().await;
            assert_eq!(wire.until(n).await, n);
        }
    }
}

#[tokio::test]
async fn sends_the_host_it_was_told_to() {
    let upstream = server(|mut wire| async move {
        let head = wire.head().await;
        let host =
            head.lines().find(|it| it.to_lowercase().starts_with("host:")).unwrap_or_default();
        wire.send(format!("HTTP/1.1 200 OK\r\nX-Host: {host}\r\nContent-Length: 0\r\n\r\n")).await;
    })
    .await;
    for (option, sent, changed) in [
        ("", "Host: client.test".to_owned(), false),
        (",host=keep", "Host: client.test".to_owned(), false),
        (",host=upstream", format!("Host: {upstream}"), true),
        (",host=app.test", "Host: app.test".to_owned(), true),
        (",host=client.test", "Host: client.test".to_owned(), false),
    ] {
        let tap = spec(&format!("o=reverse:0=http://{upstream}{option}"));
        let (proxy, notebook) = start(vec![tap], Options::default()).await;
        let mut wire = Wire::to(proxy.addresses()[0]).await;
        wire.send("GET / HTTP/1.1\r\nA: 1\r\nHost: client.test\r\n\r\n").await;
        assert!(wire.head().await.contains(&format!("X-Host: {sent}\r\n")), "{option}");
        let hop = &notebook.ended(1).await[0];
        assert_eq!(hop.own_changes.len(), usize::from(changed), "{option}");
        assert_eq!(hop.request.headers.text("host").as_deref(), Some("client.test"), "{option}");
    }
}

#[tokio::test]
async fn marks_between_its_taps_and_nowhere_else() {
    let app = server(|mut wire| async move {
        loop {
            let head = wire.head().await;
            assert!(!head.contains("hopscope-hop"), "{head}");
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
    })
    .await;
    let options = Options { mark: true, ..Options::default() };
    // Two taps of one process, the outer before the inner. Which port the inner one gets must be
    // known before, and another test may be quicker to have it.
    let (proxy, notebook) = loop {
        let bound = Proxy::bind(vec![reverse(app)], options.clone()).await.unwrap();
        let inner = bound.addresses()[0];
        drop(bound);
        let outer = spec(&format!("edge=reverse:0=http://{inner}"));
        let taps = vec![outer, TapSpec { listen: inner, ..reverse(app) }];
        let notebook = Notebook::new();
        match Proxy::start(taps, &notebook, options.clone()).await {
            Ok(proxy) => break (proxy, notebook),
            Err(Error::Listen { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    let mut wire = Wire::to(proxy.addresses()[0]).await;
    wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    wire.head().await;
    let hops = notebook.ended(2).await;
    let (outer, inner) = (&hops[0], &hops[1]);
    assert_eq!((outer.tap, inner.tap), (TapId(0), TapId(1)));
    let mark = inner.request.headers.text("hopscope-hop");
    assert_eq!(mark.as_deref(), Some("0000000000000007-1"));
    assert!(!outer.request.headers.has("hopscope-hop"));
    assert_eq!((outer.own_changes.len(), inner.own_changes.len()), (1, 1));
}

#[tokio::test]
async fn keeps_redirects_on_the_tap_where_it_was_asked_to() {
    for (keep, location, expected) in [
        (true, "http://{up}/items/?a#b", "http://tap.test:1/items/?a#b"),
        (true, "/items/", "/items/"),
        (true, "http://elsewhere.test/", "http://elsewhere.test/"),
        (false, "http://{up}/items/", "http://{up}/items/"),
    ] {
        let upstream = server(move |mut wire| async move {
            wire.head().await;
            let up = wire.stream.local_addr().unwrap().to_string();
            let location = location.replace("{up}", &up);
            wire.send(format!(
                "HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            ))
            .await;
        })
        .await;
        let options = Options { keep_redirects: keep, ..Options::default() };
        let (proxy, notebook) = start(vec![reverse(upstream)], options).await;
        let mut wire = Wire::to(proxy.addresses()[0]).await;
        wire.send("GET / HTTP/1.1\r\nHost: tap.test:1\r\n\r\n").await;
        let expected = expected.replace("{up}", &upstream.to_string());
        let head = wire.head().await;
        assert!(head.contains(&format!("Location: {expected}\r\n")), "{location}: {head}");
        let hop = &notebook.ended(1).await[0];
        let sent = location.replace("{up}", &upstream.to_string());
        assert_eq!(hop.response().unwrap().headers.text("location"), Some(sent.clone()));
        assert_eq!(hop.own_changes.len(), usize::from(sent != expected), "{location}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_recorded_as_refused() {
    for (sent, method, detail) in [
        ("GET /a b c\r\n\r\n", "GET", ""),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\n\n", "", "TLS was spoken"),
        ("GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", "GET", ""),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST",
            "",
        ),
    ] {
        let (proxy, notebook) = before("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let mut wire = Wire::to(proxy.addresses()[0]).await;
        wire.send(latin1(sent)).await;
        wire.rest().await;
        let hop = &notebook.ended(1).await[0];
        assert_eq!(failed(hop), Some(FailureKind::RefusedByTap), "{sent:?}");
        assert_eq!(hop.request.method, method, "{sent:?}");
        assert!(hop.failure().unwrap().detail.contains(detail), "{:?}", hop.failure());
    }
}

#[tokio::test]
async fn a_request_never_comes_back_to_its_tap() {
    let (proxy, notebook) = start(vec![spec("f=forward:0")], Options::default()).await;
    let tap = proxy.addresses()[0];
    let mut wire = Wire::to(tap).await;
    wire.send(format!("GET http://{tap}/ HTTP/1.1\r\nHost: {tap}\r\nConnection: close\r\n\r\n"))
        .await;
    assert!(wire.rest().await.0.starts_with("HTTP/1.1 508 "));
    let mut wire = Wire::to(tap).await;
    wire.send(format!("CONNECT {tap} HTTP/1.1\r\nHost: {tap}\r\n\r\n")).await;
    wire.head().await;
    let hops = notebook.ended(2).await;
    assert!(hops.iter().all(|it| failed(it) == Some(FailureKind::RefusedByTap)), "{hops:?}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let circle = vec![spec(&format!("a=reverse:{free}=http://127.0.0.1:{}", free.port()))];
    let refused = Proxy::bind(circle, Options::default()).await.unwrap_err();
    assert!(matches!(refused, Error::Loop { .. }), "{refused:?}");
    // The same port of another loopback address is another place.
    let beside = vec![spec(&format!("a=reverse:{free}=http://127.0.0.2:{}", free.port()))];
    Proxy::bind(beside, Options::default()).await.unwrap();
}

#[tokio::test]
async fn says_why_it_cannot_listen() {
    let holder = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = holder.local_addr().unwrap();
    for (specs, says) in [
        (vec![spec(&format!("a=forward:{taken}"))], "is taken"),
        (vec![spec("a=forward:0.0.0.0:0")], ",open"),
        (vec![spec("a=forward:0"), spec("a=forward:0")], "a name of its own"),
        (vec![], "--tap"),
    ] {
        let error = Proxy::bind(specs, Options::default()).await.unwrap_err();
        assert!(error.hint().is_some_and(|it| it.contains(says)), "{error:?}");
    }
    assert!(Proxy::bind(vec![spec("a=forward:0.0.0.0:0,open")], Options::default()).await.is_ok());
}

#[tokio::test]
async fn ends_gently_and_lets_open_exchanges_finish() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npart").await;
        wire.until("go").await;
        wire.send("rest").await;
    })
    .await;
    let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
    let tap = proxy.addresses()[0];
    let mut wire = Wire::to(tap).await;
    wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n").await;
    wire.until("part").await;
    let ending = tokio::spawn(proxy.shutdown(DEADLINE));
    while tokio::net::TcpStream::connect(tap).await.is_ok() {
        tokio::task::yield_now().await;
    }
    wire.send("go").await;
    assert_eq!(wire.rest().await, ("rest".to_owned(), End::Clean));
    ending.await.unwrap();
    assert_eq!(notebook.ended(1).await[0].failure(), None);
}

#[tokio::test]
async fn ends_at_once_when_patience_is_over() {
    let upstream = server(|mut wire| async move {
        wire.rest().await;
    })
    .await;
    let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
    let mut wire = Wire::to(proxy.addresses()[0]).await;
    wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    notebook.when(1, |it| it.timing.connect.is_some()).await;
    proxy.shutdown(Duration::from_millis(10)).await;
    assert!(notebook.hops()[0].ended.is_some(), "the end was told before the taps ended");
}

#[tokio::test]
async fn a_server_without_tls_fails_a_handshake() {
    let upstream = server(|mut wire| async move {
        wire.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let tap = spec(&format!("edge=reverse:0=https://{upstream}"));
    let (proxy, notebook) = start(vec![tap], Options::default()).await;
    let mut wire = Wire::to(proxy.addresses()[0]).await;
    wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 502 "));
    assert_eq!(failed(&notebook.ended(1).await[0]), Some(FailureKind::Tls));
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_through() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await;
        wire.until("partrest").await;
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let (proxy, notebook) = start(vec![reverse(upstream)], Options::default()).await;
    let mut wire = Wire::to(proxy.addresses()[0]).await;
    wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\npart").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 413 "));
    wire.send("restGET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200 "));
    let hops = notebook.ended(2).await;
    assert!(hops.iter().all(|it| it.failure().is_none()), "{hops:#?}");
}
