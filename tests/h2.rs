//! HTTP/2 through taps, on real sockets: on either side, on both, with HTTP/1.1 on the other;
//! trailers, broken streams and floods.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use h2::{Reason, RecvStream, client, server};
use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::tls::{Authority, Tls, Trust};
use hopscope::trace::{FailureKind, Hop, Version};
use http::{HeaderMap, Request, Response};
use hyper::body::Bytes;
use secure::{World, ask};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wire::{DEADLINE, Notebook};

async fn start(spec: &str, options: Options) -> (SocketAddr, Notebook, Proxy) {
    let notebook = Notebook::new();
    let spec: TapSpec = spec.parse().unwrap();
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    (proxy.addresses()[0], notebook, proxy)
}

fn reverse(to: SocketAddr) -> String {
    format!("edge=reverse:127.0.0.1:0=http://{to}")
}

type Sender = client::SendRequest<Bytes>;

/// A client that speaks HTTP/2 over `stream`.
async fn speak<S>(stream: S) -> Sender
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, driver) = client::handshake(stream).await.unwrap();
    // How it ends is seen by who waits for an answer.
    tokio::spawn(async move { drop(driver.await) });
    sender
}

async fn speak_to(tap: SocketAddr) -> Sender {
    speak(TcpStream::connect(tap).await.unwrap()).await
}

/// An answer to its end.
struct Heard {
    status: u16,
    body: String,
}

async fn get(sender: &Sender, request: Request<()>, body: &str) -> Result<Heard, h2::Error> {
    let mut sender = sender.clone().ready().await?;
    let (answer, mut stream) = sender.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true)?;
    }
    let answer = tokio::time::timeout(DEADLINE, answer).await.expect("no answer came")?;
    let status = answer.status().as_u16();
    let mut from = answer.into_body();
    let body = read(&mut from).await?;
    Ok(Heard { status, body })
}

async fn read(from: &mut RecvStream) -> Result<String, h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = from.data().await {
        let data = data?;
        from.flow_control().release_capacity(data.len())?;
        all.extend_from_slice(&data);
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}

fn to(url: &str) -> Request<()> {
    Request::get(url).body(()).unwrap()
}

/// A server of HTTP/2 with prior knowledge that hands every request to `answer`.
async fn h2_server<A>(answer: A) -> SocketAddr
where
    A: Fn(Request<RecvStream>, server::SendResponse<Bytes>) + Clone + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let Ok(mut connection) = server::handshake(socket).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    answer(request, respond);
                }
            });
        }
    });
    address
}

fn failed(hop: &Hop) -> Option<FailureKind> {
    hop.failure().map(|it| it.kind)
}

fn versions(hop: &Hop) -> (Version, Version) {
    (hop.request.version, hop.response().unwrap().version)
}

#[tokio::test]
async fn speaks_it_on_both_sides() {
    let upstream = secure::plain(true).await;
    let (tap, notebook, _proxy) = start(&reverse(upstream.address), Options::default()).await;
    let client = speak_to(tap).await;
    let request = Request::post("http://gw.test/items?x=1")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let heard = get(&client, request, "hello").await.unwrap();
    assert_eq!(heard.status, 200);
    assert_eq!(
        heard.body,
        "HTTP/2.0 POST /items host [] authority [gw.test] sni [none] cookie [a=1; b=2] body [hello]"
    );
    let hop = &notebook.ended(1).await[0];
    assert_eq!(hop.request.url, "http://gw.test/items?x=1");
    assert_eq!(versions(hop), (Version::Http2, Version::Http2));
    assert_eq!(hop.request.headers.text("cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(hop.request.headers.text("host").as_deref(), Some("gw.test"));
    assert_eq!(hop.response().unwrap().reason, b"");
    assert_eq!((hop.request.body.length, hop.request.body.complete), (5, true));
}

#[tokio::test]
async fn speaks_http_1_to_an_app_that_knows_nothing_else() {
    let upstream = secure::plain(false).await;
    let spec = format!("{},http=1.1", reverse(upstream.address));
    let (tap, notebook, _proxy) = start(&spec, Options::default()).await;
    let client = speak_to(tap).await;
    let request = Request::get("http://gw.test/items")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(())
        .unwrap();
    let heard = get(&client, request, "").await.unwrap();
    assert_eq!(
        heard.body,
        "HTTP/1.1 GET /items host [gw.test] authority [none] sni [none] cookie [a=1; b=2] body []"
    );
    let hop = &notebook.ended(1).await[0];
    assert_eq!(versions(hop), (Version::Http2, Version::Http11));
    assert_eq!(hop.response().unwrap().reason, b"OK");
}

#[tokio::test]
async fn speaks_it_to_an_app_for_a_client_that_does_not() {
    let upstream = secure::plain(true).await;
    let spec = format!("{},http=2", reverse(upstream.address));
    let (tap, notebook, _proxy) = start(&spec, Options::default()).await;
    let stream = TcpStream::connect(tap).await.unwrap();
    let answer = ask(stream, "gw.test", "Keep-Alive: x\r\nCookie: a=1\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("HTTP/2.0 GET /items host [] authority [gw.test]"), "{answer}");
    let hop = &notebook.ended(1).await[0];
    assert_eq!(versions(hop), (Version::Http11, Version::Http2));
}

#[tokio::test]
async fn streams_of_one_client_share_one_upstream_connection_and_clients_share_none() {
    let upstream = secure::plain(true).await;
    let (tap, notebook, _proxy) = start(&reverse(upstream.address), Options::default()).await;
    for clients in 1..=2 {
        let client = speak_to(tap).await;
        let all = (0..20).map(|n| get(&client, to(&format!("http://gw.test/{n}")), ""));
        let all = futures_util::future::join_all(all).await;
        assert!(all.iter().all(|it| it.as_ref().is_ok_and(|it| it.status == 200)));
        assert_eq!(upstream.connections.load(Ordering::Relaxed), clients);
    }
    let hops = notebook.ended(40).await;
    assert_eq!(hops.iter().filter(|it| it.timing.connect.is_some()).count(), 2);
}

#[tokio::test]
async fn passes_trailers_both_ways() {
    let upstream = h2_server(|request, mut respond| {
        tokio::spawn(async move {
            let mut body = request.into_body();
            let said = read(&mut body).await.unwrap();
            let sent = body.trailers().await.unwrap().unwrap();
            let answer = Response::builder().header("content-type", "application/grpc");
            let mut stream = respond.send_response(answer.body(()).unwrap(), false).unwrap();
            stream.send_data(Bytes::from(said), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            trailers.insert("x-echo", sent["x-sum"].clone());
            stream.send_trailers(trailers).unwrap();
        });
    })
    .await;
    let (tap, notebook, _proxy) = start(&reverse(upstream), Options::default()).await;
    let mut sender = speak_to(tap).await.ready().await.unwrap();
    let request = Request::post("http://gw.test/pkg.Service/Method").header("te", "trailers");
    let (answer, mut stream) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    stream.send_data(Bytes::from_static(b"ping"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    stream.send_trailers(trailers).unwrap();
    let mut body = answer.await.unwrap().into_body();
    assert_eq!(read(&mut body).await.unwrap(), "ping");
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-echo"]),
        (&"0".parse().unwrap(), &"7".parse().unwrap())
    );
    let hop = &notebook.ended(1).await[0];
    let recorded = hop.trailers.as_ref().unwrap();
    assert_eq!(recorded.request.text("x-sum").as_deref(), Some("7"));
    assert_eq!(recorded.response.text("grpc-status").as_deref(), Some("0"));
    assert!(hop.request.body.complete && hop.response().unwrap().body.complete);
    assert_eq!(hop.failure(), None);
}

#[tokio::test]
async fn a_broken_stream_is_mirrored_and_named() {
    let upstream = h2_server(|request, mut respond| {
        if request.uri().path() == "/reset" {
            respond.send_reset(Reason::ENHANCE_YOUR_CALM);
        } else {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            tokio::spawn(async move {
                stream.send_data(Bytes::from_static(b"half"), false).unwrap();
                // The data first, the break behind it.
                futures_util::future::poll_fn(|cx| {
                    if stream.capacity() > 0 {
                        return std::task::Poll::Ready(());
                    }
                    stream.reserve_capacity(1);
                    stream.poll_capacity(cx).map(|_| ())
                })
                .await;
                stream.send_reset(Reason::CANCEL);
            });
        }
    })
    .await;
    let (tap, notebook, _proxy) = start(&reverse(upstream), Options::default()).await;
    let client = speak_to(tap).await;
    let browser = |path: &str| {
        let request = Request::get(format!("http://gw.test{path}"));
        request.header("origin", "https://a.test").body(()).unwrap()
    };
    let error = get(&client, browser("/reset"), "").await.err().unwrap();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    let error = get(&client, browser("/half"), "").await.err().unwrap();
    assert_eq!(error.reason(), Some(Reason::CANCEL), "{error}");
    // Who is no browser is told, and the connection lives on.
    let heard = get(&client, to("http://gw.test/reset"), "").await.unwrap();
    assert_eq!(heard.status, 502);
    let hops = notebook.ended(3).await;
    assert_eq!(failed(&hops[0]), Some(FailureKind::Reset));
    let half = hops[1].response().unwrap();
    assert_eq!(half.truncated.as_ref().map(|it| it.kind), Some(FailureKind::Reset));
    assert_eq!(failed(&hops[2]), Some(FailureKind::Reset));
}

#[tokio::test]
async fn a_server_that_goes_away_leaves_a_request_to_be_asked_again() {
    // The second request of a connection is not looked at any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = server::handshake(socket).await.unwrap();
                let (_, mut respond) = connection.accept().await.unwrap().unwrap();
                respond.send_response(Response::new(()), true).unwrap();
                connection.graceful_shutdown();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_reset(Reason::REFUSED_STREAM);
                }
            });
        }
    });
    let (tap, notebook, _proxy) = start(&reverse(upstream), Options::default()).await;
    let client = speak_to(tap).await;
    for n in 1..=3 {
        let request = Request::get("http://gw.test/").header("origin", "https://a.test");
        let heard = loop {
            match get(&client, request.try_clone_request(), "").await {
                Ok(heard) => break heard,
                Err(error) => assert_eq!(error.reason(), Some(Reason::REFUSED_STREAM), "{error}"),
            }
        };
        assert_eq!(heard.status, 200, "request {n}");
    }
    drop(notebook);
}

/// [`http::request::Builder`] is used up by making a request.
trait TryClone {
    fn try_clone_request(&self) -> Request<()>;
}

impl TryClone for http::request::Builder {
    fn try_clone_request(&self) -> Request<()> {
        let mut request = to(&self.uri_ref().unwrap().to_string());
        request.headers_mut().clone_from(self.headers_ref().unwrap());
        request
    }
}

#[tokio::test]
async fn nobody_there_breaks_one_stream_and_not_the_connection() {
    let (tap, notebook, _proxy) = start(&reverse(wire::nobody()), Options::default()).await;
    let client = speak_to(tap).await;
    for _ in 0..2 {
        let request = Request::get("http://gw.test/").header("origin", "https://a.test");
        let error = get(&client, request.body(()).unwrap(), "").await.err().unwrap();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR), "{error}");
    }
    let heard = get(&client, to("http://gw.test/"), "").await.unwrap();
    assert_eq!(heard.status, 502);
    for hop in notebook.ended(3).await {
        assert_eq!(failed(&hop), Some(FailureKind::Refused));
    }
}

#[tokio::test]
async fn an_upstream_that_speaks_something_else_is_malformed() {
    let upstream = wire::server(|mut wire| async move {
        wire.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        wire.rest().await;
    })
    .await;
    let (tap, notebook, _proxy) = start(&reverse(upstream), Options::default()).await;
    let client = speak_to(tap).await;
    let heard = get(&client, to("http://gw.test/"), "").await.unwrap();
    assert_eq!(heard.status, 502, "{}", heard.body);
    let hop = &notebook.ended(1).await[0];
    assert_eq!(failed(hop), Some(FailureKind::Malformed), "{:?}", hop.failure());
}

#[tokio::test]
async fn offers_it_to_a_client_whose_upstream_speaks_it() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let authority = Authority::open(folder.path()).unwrap();
    let trust = Trust { ca: vec![world.write(folder.path())], ..Trust::default() };
    let tls = Some(Tls::with(&trust).unwrap());
    let options = Options { authority: Some(authority.clone()), tls, ..Options::default() };
    let upstream = world.serve(&["h2", "http/1.1"], secure::Wants::Nothing).await;
    let port = upstream.address.port();
    let reverse = format!("edge=reverse:127.0.0.1:0=https://localhost:{port},tls");
    for spec in ["edge=forward:127.0.0.1:0", &reverse] {
        let (tap, notebook, _proxy) = start(spec, options.clone()).await;
        for (offers, chosen, version) in [
            (["h2", "http/1.1"].as_slice(), "h2", Version::Http2),
            (&["http/1.1"], "http/1.1", Version::Http11),
        ] {
            let stream = match spec {
                "edge=forward:127.0.0.1:0" => {
                    secure::tunnel(tap, &format!("localhost:{port}"), "test").await
                }
                _ => TcpStream::connect(tap).await.unwrap(),
            };
            let connector = secure::client(&[authority.certificate()], offers);
            let stream = secure::shake(&connector, "localhost", stream).await.unwrap();
            let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            assert_eq!(agreed.as_deref(), Some(chosen.as_bytes()), "{spec}");
            let host = format!("localhost:{port}");
            let said = if chosen == "h2" {
                let client = speak(stream).await;
                get(&client, to(&format!("https://{host}/items")), "").await.unwrap().body
            } else {
                ask(stream, &host, "").await
            };
            assert!(said.contains("GET /items") && said.contains("sni [localhost]"), "{said}");
            let hop = notebook.ended(1).await.pop().unwrap();
            assert_eq!(versions(&hop), (version, version));
            let tls = hop.tls.unwrap();
            for side in [tls.client.as_ref().unwrap(), tls.upstream.as_ref().unwrap()] {
                assert_eq!(side.alpn.as_deref(), Some(chosen));
            }
            notebook.forget();
        }
    }
}

#[tokio::test]
async fn floods_end_the_connection_and_not_the_tap() {
    let upstream = secure::plain(true).await;
    let (tap, notebook, _proxy) = start(&reverse(upstream.address), Options::default()).await;
    let frame = |length: usize, kind: u8, flags: u8, stream: u32| {
        let mut frame = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame
    };
    // `:method GET`, `:scheme http`, `:path /` from the static table, `:authority h`.
    let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'h'];
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(0, 4, 0, 0)].concat();
    let rapid_reset = |n: u32| {
        let id = n * 2 + 1;
        let cancel = [frame(4, 3, 0, id), vec![0, 0, 0, 8]].concat();
        [frame(head.len(), 1, 5, id), head.to_vec(), cancel].concat()
    };
    let continuation = |n: u32| match n {
        0 => [frame(head.len(), 1, 1, 1), head.to_vec()].concat(),
        _ => [frame(8, 9, 0, 1), vec![0x40, 1, b'x', 4, b'a', b'b', b'c', b'd']].concat(),
    };
    for (what, flood) in
        [("rapid reset", &rapid_reset as &dyn Fn(u32) -> Vec<u8>), ("continuation", &continuation)]
    {
        let (mut from, mut to) = TcpStream::connect(tap).await.unwrap().into_split();
        to.write_all(&hello).await.unwrap();
        let mut ended = tokio::spawn(async move {
            let mut all = Vec::new();
            let _end = from.read_to_end(&mut all).await;
        });
        for n in 0..200_000 {
            if to.write_all(&flood(n)).await.is_err() || ended.is_finished() {
                break;
            }
        }
        let end = tokio::time::timeout(DEADLINE, &mut ended).await;
        assert!(end.is_ok(), "the flood of {what} went on");
        let refused = |it: &Hop| failed(it) == Some(FailureKind::RefusedByTap);
        let deadline = std::time::Instant::now() + DEADLINE;
        while !notebook.hops().iter().any(refused) {
            assert!(std::time::Instant::now() < deadline, "{what}: {:?}", notebook.hops());
            tokio::task::yield_now().await;
        }
        notebook.forget();
    }
    let answer = get(&speak_to(tap).await, self::to("http://gw.test/"), "").await.unwrap();
    assert_eq!(answer.status, 200, "the tap lives");
}
