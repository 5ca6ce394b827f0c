//! What comes before, during and after a body, over real sockets: `1xx`, events as they happen,
//! trailers, and clients of HTTP/1.0.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::store::{Load, Reader, Store};
use hopscope::trace::Recorder;
use wire::{DEADLINE, End, Notebook, Wire, server};

async fn before<R: Recorder>(to: SocketAddr, recorder: &R) -> (Proxy, Wire) {
    let spec: TapSpec = format!("origin=reverse:127.0.0.1:0=http://{to}").parse().unwrap();
    let proxy = Proxy::start(vec![spec], recorder, Options::default()).await.unwrap();
    let client = Wire::to(proxy.addresses()[0]).await;
    (proxy, client)
}

#[tokio::test]
async fn records_answers_before_the_answer() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nLink: </b.js>\r\n\r\n").await;
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
        wire.rest().await;
    })
    .await;
    let notebook = Notebook::new();
    let (_proxy, mut client) = before(upstream, &notebook).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    // The library cannot send a client what it did not ask for.
    assert_eq!(client.until("hi").await, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let hop = &notebook.ended(1).await[0];
    let told: Vec<_> = hop.interim.iter().map(|it| it.status).collect();
    assert_eq!(told, [102, 103]);
    assert_eq!(hop.interim[1].headers.text("link").as_deref(), Some("</a.css>, </b.js>"));
    assert!(hop.started <= hop.interim[0].at && hop.interim[1].at <= hop.ended.unwrap());
    assert_eq!(hop.status(), Some(200));
}

/// Who refuses a body before it came gets none, and the client is not told to send it.
#[tokio::test]
async fn a_body_that_is_not_wanted_stays_where_it_is() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        let (rest, _) = wire.rest().await;
        assert_eq!(rest, "");
    })
    .await;
    let notebook = Notebook::new();
    let (_proxy, mut client) = before(upstream, &notebook).await;
    client
        .send("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 417 No\r\n"), "{head}");
    drop(client);
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.status(), hop.request.body.length, hop.interim.len()), (Some(417), 0, 0));
}

#[tokio::test]
async fn the_word_to_go_on_is_on_record() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        wire.until("body").await;
        wire.send("HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n").await;
    })
    .await;
    let notebook = Notebook::new();
    let (_proxy, mut client) = before(upstream, &notebook).await;
    client
        .send("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    assert!(client.head().await.starts_with("HTTP/1.1 201 Made\r\n"));
    let hop = &notebook.ended(1).await[0];
    let told: Vec<_> = hop.interim.iter().map(|it| it.status).collect();
    assert_eq!((told, hop.request.body.text().as_ref()), (vec![100], "body"));
}

/// An event is with the client and in the file before the next one happens.
#[tokio::test]
async fn events_are_seen_while_the_stream_runs() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        wire.send("e\r\ndata: first\n\n\n\r\n").await;
        // The test ends the connection when it has seen the first event everywhere.
        wire.rest().await;
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (recorder, writer) = Store::create(&path, &[]).unwrap();
    let (proxy, mut client) = before(upstream, &recorder).await;
    client.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n").await;
    client.until("data: first\n\n").await;
    let reader = Reader::open(&path).unwrap();
    let deadline = Instant::now() + DEADLINE;
    loop {
        let hops: Vec<_> = reader.hops(Load::Bodies).map(Result::unwrap).collect();
        let body = hops.first().and_then(|it| it.response()).map(|it| it.body.clone());
        if let Some(body) = body.filter(|it| it.text().contains("data: first")) {
            assert!(!body.complete && hops[0].ended.is_none(), "{body:?}");
            break;
        }
        assert!(Instant::now() < deadline, "never in the file: {hops:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    proxy.kill().await;
    assert_eq!(writer.finish().count, 0);
}

#[tokio::test]
async fn passes_trailers_both_ways() {
    let upstream = server(|mut wire| async move {
        let head = wire.head().await.to_ascii_lowercase();
        assert!(head.contains("trailer: x-up\r\n") && head.contains("te: trailers\r\n"), "{head}");
        let body = wire.until("\r\n\r\n").await;
        assert_eq!(body.to_ascii_lowercase(), "2\r\nup\r\n0\r\nx-up: 1\r\n\r\n");
        wire.send("HTTP/1.1 200 OK\r\nTrailer: X-Down\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndown\r\n0\r\nX-Down: 2\r\n\r\n").await;
    })
    .await;
    let notebook = Notebook::new();
    let (_proxy, mut client) = before(upstream, &notebook).await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nup\r\n0\r\nX-Up: 1\r\n\r\n").await;
    client.head().await;
    let body = client.until("\r\n\r\n").await.to_ascii_lowercase();
    assert_eq!(body, "4\r\ndown\r\n0\r\nx-down: 2\r\n\r\n");
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.request.body.text().as_ref(), hop.response().unwrap().body.length), ("up", 4));
}

/// A client of HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
#[tokio::test]
async fn an_old_client_gets_what_it_can_read() {
    for connection in ["", "Connection: keep-alive\r\n"] {
        let upstream = server(|mut wire| async move {
            let head = wire.head().await;
            assert!(head.starts_with("GET /old "), "{head}");
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n")
                .await;
            wire.rest().await;
        })
        .await;
        let notebook = Notebook::new();
        let (_proxy, mut client) = before(upstream, &notebook).await;
        client.send(format!("GET /old HTTP/1.0\r\n{connection}\r\n")).await;
        let (got, end) = client.rest().await;
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200 OK") && !head.contains("hunked"), "{head}");
        assert_eq!((body, end), ("old", End::Clean), "{connection:?}");
        assert_eq!(notebook.ended(1).await[0].request.version.as_str(), "HTTP/1.0");
    }
}
