//! WebSocket where one side or both speak HTTP/2
//! ([RFC 8441](https://www.rfc-editor.org/rfc/rfc8441)).

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream, server};
use hopscope::proxy::{OnFailure, Options, Proxy};
use hopscope::tls::{Authority, Tls};
use hopscope::trace::{Exchange, FailureKind, Version};
use http::{Method, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::secure::{World, client, shake, tunnel};
use crate::wire::{self, Notebook, Wire};
use crate::{AGREED, told};

/// An upstream that speaks HTTP/2, and what it was asked.
#[derive(Clone, Default)]
struct Upstream {
    asked: Arc<Mutex<Vec<String>>>,
    /// It takes WebSocket in HTTP/2.
    extends: bool,
    /// What it answers to one.
    status: u16,
    /// Ends streams with a reset instead of an end.
    resets: bool,
}

impl Upstream {
    fn new(extends: bool, status: u16) -> Upstream {
        Upstream { extends, status, ..Upstream::default() }
    }

    async fn listen(&self) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, this) = (listener.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(this.clone().serve(socket));
            }
        });
        address
    }

    /// In HTTP/2.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self, socket: S) {
        let mut builder = server::Builder::new();
        if self.extends {
            builder.enable_connect_protocol();
        }
        let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else { return };
        self.note("connection".to_owned());
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            let this = self.clone();
            tokio::spawn(async move {
                this.note(written(&request));
                let head = Response::builder().status(this.status).header("x-app", "1").body(());
                let ends = this.status != 200 || request.method() != Method::CONNECT;
                let mut stream = answer.send_response(head.unwrap(), ends).unwrap();
                if !ends {
                    this.talk(&mut stream, request.into_body()).await;
                }
            });
        }
    }

    /// Says hello, and its last word when it was asked for it.
    async fn talk(&self, stream: &mut SendStream<Bytes>, mut body: RecvStream) {
        stream.send_data(b"\x81\x05hello"[..].into(), false).unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"ask") {
            let Some(Ok(piece)) = body.data().await else { return };
            heard.extend_from_slice(&piece);
        }
        if self.resets {
            return stream.send_reset(Reason::INTERNAL_ERROR);
        }
        stream.send_data(b"\x88\x02\x03\xe8"[..].into(), true).unwrap();
        while let Some(Ok(_)) = body.data().await {}
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A request without the fields that browsers add.
fn written(request: &Request<RecvStream>) -> String {
    let protocol = request.extensions().get::<Protocol>().map_or("none", Protocol::as_str);
    let names = request.headers().keys().map(http::HeaderName::as_str).collect::<Vec<_>>();
    format!("{} {} {protocol} {}", request.method(), request.uri(), names.join(","))
}

/// A reverse tap in front of `to`.
async fn tap(to: std::net::SocketAddr, option: &str) -> (Proxy, Notebook) {
    let spec = format!("edge=reverse:127.0.0.1:0=http://{to}{option}");
    let notebook = Notebook::new();
    let options = Options { on_failure: OnFailure::Answer, ..Options::default() };
    let proxy = Proxy::start(vec![spec.parse().unwrap()], &notebook, options).await.unwrap();
    (proxy, notebook)
}

/// A client of HTTP/2 that waits for the offer.
async fn connect<S>(stream: S) -> h2::client::SendRequest<Bytes>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, driver) = h2::client::handshake(stream).await.unwrap();
    // How it ends is seen by who waits for an answer.
    tokio::spawn(async move { drop(driver.await) });
    let deadline = tokio::time::Instant::now() + wire::DEADLINE;
    while !sender.is_extended_connect_protocol_enabled() {
        assert!(tokio::time::Instant::now() < deadline, "the tap offers no WebSocket");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    sender
}

/// Ask for a WebSocket, as a page would.
async fn ask(
    sender: &mut h2::client::SendRequest<Bytes>,
    url: &str,
) -> (Response<RecvStream>, SendStream<Bytes>) {
    let request = Request::builder().method(Method::CONNECT).uri(url);
    let request = request.header("origin", "http://page.test").header("sec-websocket-version", 13);
    let request = request.extension(Protocol::from_static("websocket")).body(()).unwrap();
    let (answer, stream) = sender.send_request(request, false).unwrap();
    (answer.await.unwrap(), stream)
}

async fn asked_over_http_2(proxy: &Proxy) -> (Response<RecvStream>, SendStream<Bytes>) {
    let mut sender = connect(TcpStream::connect(proxy.addresses()[0]).await.unwrap()).await;
    ask(&mut sender, "http://chat.test/ws?x").await
}

/// The rest of a stream, as it came.
async fn rest(body: &mut RecvStream) -> (Vec<u8>, Option<Reason>) {
    let mut all = Vec::new();
    while let Some(piece) = body.data().await {
        match piece {
            Ok(piece) => all.extend_from_slice(&piece),
            Err(error) => return (all, error.reason()),
        }
    }
    (all, None)
}

#[tokio::test]
async fn over_http_2_it_is_an_upgrade_for_an_upstream_of_http_1() {
    let upstream = wire::server(|mut wire| async move {
        let head = wire.head().await;
        let wanted = ["GET /ws?x HTTP/1.1", "host: chat.test", "sec-websocket-key: ", "Upgrade"];
        let missing: Vec<_> = wanted.into_iter().filter(|it| !head.contains(it)).collect();
        let more = format!("Sec-WebSocket-Accept: y\r\nX-Missing: {missing:?}\r\n\r\n");
        wire.send(format!("{AGREED}{more}")).await;
        wire.send(b"\x81\x05hello").await;
        wire.until("ask").await;
        wire.send(b"\x88\x02\x03\xe8").await;
    })
    .await;
    let (proxy, notebook) = tap(upstream, ",http=1.1").await;
    let (answer, mut stream) = asked_over_http_2(&proxy).await;
    let (head, mut body) = answer.into_parts();
    assert_eq!(head.status, 200);
    let names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!((names, &head.headers["x-missing"]), (vec!["x-missing"], &"[]".parse().unwrap()));
    assert_eq!(body.data().await.unwrap().unwrap(), b"\x81\x05hello"[..]);
    stream.send_data(b"\x81\x03ask"[..].into(), false).unwrap();
    assert_eq!(body.data().await.unwrap().unwrap(), b"\x88\x02\x03\xe8"[..]);
    stream.send_data(bytes::Bytes::new(), true).unwrap();
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.exchange, hop.status()), (Exchange::WebSocket, Some(101)));
    assert_eq!((hop.request.method.as_str(), hop.request.version), ("GET", Version::Http2));
    assert_eq!(hop.request.url, "http://chat.test/ws?x");
    assert_eq!(told(hop), ["server text hello", "client text ask", "server close "]);
}

#[tokio::test]
async fn over_http_2_an_upstream_without_it_is_told_apart() {
    for (answer, status) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 502),
    ] {
        let upstream = wire::server(move |mut wire| async move {
            wire.head().await;
            wire.send(answer).await;
            wire.rest().await;
        })
        .await;
        let (proxy, notebook) = tap(upstream, ",http=1.1").await;
        let (answer, _stream) = asked_over_http_2(&proxy).await;
        assert_eq!(answer.status(), status);
        let hop = &notebook.ended(1).await[0];
        let failure = hop.failure().map(|it| it.detail.as_str());
        let why = "it answered 200 OK instead of an upgrade";
        assert_eq!(failure, (status == 502).then_some(why));
    }
}

/// One connection for it and for what was asked before, as browsers have it.
#[tokio::test]
async fn over_http_2_it_goes_on_to_an_upstream_that_takes_it_so() {
    for (option, resets) in [("", false), (",http=2", false), ("", true)] {
        let upstream = Upstream { resets, ..Upstream::new(true, 200) };
        let (proxy, notebook) = tap(upstream.listen().await, option).await;
        let mut sender = connect(TcpStream::connect(proxy.addresses()[0]).await.unwrap()).await;
        let page = Request::get("http://chat.test/page").body(()).unwrap();
        let (page, _) = sender.send_request(page, true).unwrap();
        assert_eq!(page.await.unwrap().status(), 200);
        let (answer, mut stream) = ask(&mut sender, "http://chat.test/ws?x").await;
        let (head, mut body) = answer.into_parts();
        assert_eq!((head.status.as_u16(), &head.headers["x-app"]), (200, &"1".parse().unwrap()));
        assert_eq!(body.data().await.unwrap().unwrap(), b"\x81\x05hello"[..]);
        stream.send_data(b"\x81\x83\0\0\0\0ask"[..].into(), false).unwrap();
        let (last, reason) = rest(&mut body).await;
        let mut wanted = vec!["server text hello", "client text ask"];
        if resets {
            assert_eq!(last, b"", "{reason:?}");
        } else {
            assert_eq!((last.as_slice(), reason), (&b"\x88\x02\x03\xe8"[..], None));
            stream.send_data(Bytes::new(), true).unwrap();
            wanted.push("server close ");
        }
        let asked = [
            "connection",
            "GET http://chat.test/page none ",
            "CONNECT http://chat.test/ws?x websocket origin,sec-websocket-version",
        ];
        assert_eq!(upstream.asked(), asked);
        let hop = &notebook.ended(2).await[1];
        assert_eq!((hop.exchange, hop.status()), (Exchange::WebSocket, Some(200)));
        assert_eq!((hop.request.method.as_str(), hop.request.version), ("GET", Version::Http2));
        assert_eq!(hop.response().unwrap().version, Version::Http2);
        assert_eq!(
            (told(hop), hop.failure().is_some()),
            (wanted.into_iter().map(str::to_owned).collect::<Vec<_>>(), resets)
        );
    }
}

/// As clients do themselves that find no WebSocket in HTTP/2.
#[tokio::test]
async fn over_http_2_it_takes_another_connection_where_the_upstream_has_none() {
    let world = World::new();
    let acceptor = world.acceptor("localhost", &["h2", "http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    let upstream = Upstream::new(false, 200);
    let serves = upstream.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let stream = acceptor.accept(socket).await.unwrap();
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                tokio::spawn(serves.clone().serve(stream));
            } else {
                tokio::spawn(upgrade(stream, serves.clone()));
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::open(folder.path()).unwrap();
    let tls = Some(Tls::new(Some(&world.write(folder.path()))).unwrap());
    let options = Options { tls, authority: Some(authority.clone()), ..Options::default() };
    let notebook = Notebook::new();
    let spec = "edge=forward:127.0.0.1:0".parse().unwrap();
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let stream = tunnel(proxy.addresses()[0], &host, "test").await;
    let connector = client(&[authority.certificate()], &["h2", "http/1.1"]);
    let stream = shake(&connector, "localhost", stream).await.unwrap();
    let mut sender = connect(stream).await;
    let (answer, mut stream) = ask(&mut sender, &format!("https://{host}/ws")).await;
    assert_eq!(answer.status(), 200);
    stream.send_data(Bytes::new(), true).unwrap();
    let (last, _) = rest(&mut answer.into_body()).await;
    assert_eq!(last, b"\x81\x05hello");
    assert_eq!(upstream.asked(), ["connection", "GET /ws HTTP/1.1"]);
    let hop = &notebook.ended(1).await[0];
    let tls = hop.tls.as_ref().unwrap();
    let [of_client, of_upstream] =
        [&tls.client, &tls.upstream].map(|it| it.as_ref().unwrap().alpn.clone());
    assert_eq!((of_client.as_deref(), of_upstream.as_deref()), (Some("h2"), Some("http/1.1")));
    assert_eq!((hop.status(), told(hop)), (Some(101), vec!["server text hello".to_owned()]));
}

/// Agree to one upgrade, say hello and go.
async fn upgrade(stream: tokio_rustls::server::TlsStream<TcpStream>, upstream: Upstream) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = stream;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    upstream.note(head.lines().next().unwrap_or_default().to_owned());
    stream.write_all(format!("{AGREED}\r\n").as_bytes()).await.unwrap();
    stream.write_all(b"\x81\x05hello").await.unwrap();
    stream.shutdown().await.unwrap();
}

/// A client of HTTP/1.1 sees an upgrade, where the user chose HTTP/2 for the upstream.
#[tokio::test]
async fn an_upgrade_goes_on_over_http_2() {
    let upstream = Upstream::new(true, 200);
    let (proxy, notebook) = tap(upstream.listen().await, ",http=2").await;
    let mut client = Wire::to(proxy.addresses()[0]).await;
    let asked = "Host: chat.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    // Key and answer of RFC 6455 §1.3.
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    client.send(format!("GET /ws HTTP/1.1\r\n{asked}{key}\r\n")).await;
    let head = client.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    for field in ["upgrade: websocket", "connection: upgrade", "x-app: 1"] {
        assert!(head.contains(field), "{field}: {head}");
    }
    assert!(head.contains(&"accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_ascii_lowercase()), "{head}");
    assert_eq!(client.until("hello").await, "\u{81}\u{5}hello");
    client.send(b"\x81\x83\0\0\0\0ask").await;
    assert_eq!(client.exactly(4).await, "\u{88}\u{2}\u{3}\u{e8}");
    drop(client);
    assert_eq!(upstream.asked(), ["connection", "CONNECT http://chat.test/ws websocket "]);
    let hop = &notebook.ended(1).await[0];
    assert_eq!((hop.exchange, hop.status()), (Exchange::WebSocket, Some(200)));
    assert_eq!(hop.request.version, Version::Http11);
    assert_eq!(told(hop), ["server text hello", "client text ask", "server close "]);
}

#[tokio::test]
async fn an_upstream_of_http_2_may_refuse_it() {
    for (extends, answers, status, method) in
        [(true, 403, 403, "CONNECT"), (false, 403, 403, "GET"), (false, 200, 502, "GET")]
    {
        let upstream = Upstream::new(extends, answers);
        let (proxy, notebook) = tap(upstream.listen().await, ",http=2").await;
        let (answer, _stream) = asked_over_http_2(&proxy).await;
        assert_eq!(answer.status(), status, "{:?}", notebook.hops());
        let asked = upstream.asked().pop().unwrap();
        assert!(asked.starts_with(&format!("{method} http://chat.test/ws?x ")), "{asked}");
        let hop = &notebook.ended(1).await[0];
        let failed = hop.failure().map(|it| it.kind);
        assert_eq!(failed, (status == 502).then_some(FailureKind::Malformed));
    }
}
