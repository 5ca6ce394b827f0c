//! WebSocket through a tap, over real sockets: what both sides got, and what was recorded.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

#[path = "websocket/http2.rs"]
mod http2;
#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;

use hopscope::content::{self, Said};
use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::trace::{Exchange, Hop};
use wire::{End, Notebook, Wire, server};

const ASKED: &str = "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
const AGREED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

/// A server that agrees, says the first bytes at once, and the others when it was asked.
async fn speaker(extensions: &'static str, says: &'static [&'static [u8]]) -> SocketAddr {
    server(move |mut wire| async move {
        wire.head().await;
        wire.send(format!("{AGREED}{extensions}\r\n")).await;
        for (n, bytes) in says.iter().enumerate() {
            if n > 0 {
                wire.until("ask").await;
            }
            wire.send(bytes).await;
        }
        wire.rest().await;
    })
    .await
}

async fn reverse(to: SocketAddr, options: Options) -> (Proxy, Notebook, Wire) {
    let spec: TapSpec = format!("origin=reverse:127.0.0.1:0=http://{to}").parse().unwrap();
    let notebook = Notebook::new();
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let client = Wire::to(proxy.addresses()[0]).await;
    (proxy, notebook, client)
}

fn told(hop: &Hop) -> Vec<String> {
    content::messages(hop)
        .map(|it| {
            let text = String::from_utf8_lossy(&it.bytes).into_owned();
            let note = it.note.map(|it| format!(" ({it})")).unwrap_or_default();
            format!("{} {} {text}{note}", it.from.as_str(), it.said.as_str())
        })
        .collect()
}

#[tokio::test]
async fn records_frames_while_they_pass_and_changes_none() {
    // The server's first frame comes in one piece with its head.
    let says: &[&[u8]] = &[b"\x81\x05hello", b"\x8a\x01!\x88\x05\x03\xe9bye"];
    let (_proxy, notebook, mut client) = reverse(speaker("", says).await, Options::default()).await;
    client.send(format!("GET /ws HTTP/1.1\r\n{ASKED}")).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(client.until("hello").await, "\u{81}\u{5}hello");
    // Masked with 1 2 3 4, in two pieces: `as` and `k`; between them a ping.
    client.send(b"\x01\x82\x01\x02\x03\x04`q\x89\x80\0\0\0\0").await;
    let hop = &notebook.when(1, |it| it.frames.len() == 3).await[0];
    assert_eq!(hop.ended, None, "seen while the connection is open");
    client.send(b"\x80\x81\0\0\0\0kask").await;
    assert_eq!(client.until("bye").await, "\u{8a}\u{1}!\u{88}\u{5}\u{3}\u{e9}bye");
    drop(client);
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.exchange, hop.status()), (Exchange::WebSocket, Some(101)));
    let wanted = [
        "server text hello",
        "client ping ",
        "client text ask",
        // It goes on with bytes that are no frame.
        "client broken as (reserved bits are set)",
    ];
    let told = told(hop);
    let is_wanted = |it: &String| wanted.contains(&it.as_str());
    assert_eq!(told.iter().filter(|it| is_wanted(it)).collect::<Vec<_>>(), wanted, "{told:?}");
    assert!(told.contains(&"server pong !".to_owned()), "{told:?}");
    let close = content::messages(hop).find(|it| matches!(it.said, Said::Close(_))).unwrap();
    assert_eq!((close.said, close.bytes.as_slice()), (Said::Close(Some(1001)), b"bye".as_slice()));
    assert_eq!((hop.request.body.length, hop.response().unwrap().body.length), (24, 17));
    let frames: Vec<_> = hop.frames.iter().collect();
    assert!(frames[1].is_masked && !frames[0].is_masked);
    assert!(frames.windows(2).all(|it| it[0].at <= it[1].at) && hop.started <= frames[0].at);
}

#[tokio::test]
async fn decompresses_what_was_agreed_on() {
    let agreed = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let says: &[&[u8]] = &[b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"];
    let (_proxy, notebook, mut client) =
        reverse(speaker(agreed, says).await, Options::default()).await;
    client.send(format!("GET /ws HTTP/1.1\r\n{ASKED}")).await;
    client.until("\0\u{11}\0\0").await;
    drop(client);
    let hop = &notebook.ended(1).await[0];
    assert_eq!(told(hop), ["server text Hello", "server text Hello"]);
}

#[tokio::test]
async fn what_is_no_frame_is_recorded_and_passes() {
    let says: &[&[u8]] = &[b"\x81\x02ok\x87garbage and more garbage"];
    let (_proxy, notebook, mut client) = reverse(speaker("", says).await, Options::default()).await;
    client.send(format!("GET /ws HTTP/1.1\r\n{ASKED}")).await;
    client.until("more garbage").await;
    client.send(b"\x81\x80\0\0\0\0").await;
    notebook.when(1, |it| it.frames.len() == 3).await;
    drop(client);
    let hop = &notebook.ended(1).await[0];
    let told = told(hop);
    assert_eq!(told[0], "server text ok");
    assert!(told[1].starts_with("server broken ") && told[1].ends_with("opcode)"), "{told:?}");
    assert_eq!(told[2], "client text ");
    assert_eq!(hop.response().unwrap().body.length, 29);
}

#[tokio::test]
async fn keeps_what_the_limit_allows_and_counts_all() {
    let options = Options { capture: 4, ..Options::default() };
    let says: &[&[u8]] = &[b"\x81\x03one\x81\x03two\x81\x05three"];
    let (_proxy, notebook, mut client) = reverse(speaker("", says).await, options).await;
    client.send(format!("GET /ws HTTP/1.1\r\n{ASKED}")).await;
    client.until("three").await;
    drop(client);
    let hop = &notebook.ended(1).await[0];
    let wanted = [
        "server text one",
        "server text t (2 bytes of it were not kept)",
        "server text  (5 bytes of it were not kept)",
    ];
    assert_eq!(told(hop), wanted);
}

#[tokio::test]
async fn passes_through_a_forward_tap_and_ends_with_its_server() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send(format!("{AGREED}\r\n")).await;
        wire.send(b"\x82\x7f\0\0\0\0\0\x10\0\0half").await;
    })
    .await;
    let notebook = Notebook::new();
    let spec: TapSpec = "edge=forward:127.0.0.1:0".parse().unwrap();
    let proxy = Proxy::start(vec![spec], &notebook, Options::default()).await.unwrap();
    let mut client = Wire::to(proxy.addresses()[0]).await;
    client.send(format!("GET http://{upstream}/ws HTTP/1.1\r\n{ASKED}")).await;
    client.head().await;
    let (got, end) = client.rest().await;
    assert_eq!((got.chars().count(), end), (14, End::Clean));
    drop(client);
    let hop = &notebook.ended(1).await[0];
    let wanted = "server broken half (the connection ended in the middle of this frame)";
    assert_eq!(told(hop), [wanted]);
    assert_eq!(hop.frames.iter().next().unwrap().length, 1 << 20);
}

/// Any other protocol: bytes, counted.
#[tokio::test]
async fn what_is_no_websocket_is_only_counted() {
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n",
        )
        .await;
        wire.until("ping").await;
        wire.send("\u{1}pong").await;
    })
    .await;
    let (_proxy, notebook, mut client) = reverse(upstream, Options::default()).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n").await;
    client.head().await;
    client.send("ping").await;
    client.until("pong").await;
    drop(client);
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.exchange, hop.frames.len()), (Exchange::Http, 0));
    assert_eq!((hop.request.body.length, hop.response().unwrap().body.length), (4, 5));
}
