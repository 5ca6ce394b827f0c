//! Driving a page against servers of HTTP/2 over TLS: spoken as browsers speak it where TLS
//! agrees on it, recorded as what it was.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, server};
use hopscope::drive::{self, DrivenChain, Options};
use hopscope::fetch::{Page, PageRequest};
use hopscope::proxy::{self, Proxy};
use hopscope::tls::{Authority, Tls};
use hopscope::trace::{FailureKind, Headers, Hop, Version};
use http::{HeaderMap, Request, Response};
use secure::World;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A server called `localhost`, and what it was asked, each with the number of its connection.
struct Server {
    port: u16,
    tls: Tls,
    asked: Arc<Mutex<Vec<String>>>,
    world: World,
    folder: TempDir,
}

impl Server {
    /// `answer` gets the number of its connection, and of its request on it.
    async fn new<F>(
        answer: fn(usize, usize, Request<RecvStream>, SendResponse<Bytes>) -> F,
    ) -> Server
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let tls = Tls::new(Some(&world.write(folder.path()))).unwrap();
        let acceptor = world.acceptor("localhost", &["h2", "http/1.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let note = Arc::clone(&asked);
        tokio::spawn(async move {
            for connection in 1.. {
                let (socket, _) = listener.accept().await.unwrap();
                let stream = acceptor.accept(socket).await.unwrap();
                let note = Arc::clone(&note);
                tokio::spawn(async move {
                    let mut stream = server::handshake(stream).await.unwrap();
                    let mut n = 0;
                    while let Some(Ok((request, reply))) = stream.accept().await {
                        n += 1;
                        let (method, path) = (request.method(), request.uri().path());
                        note.lock().unwrap().push(format!("{connection} {method} {path}"));
                        tokio::spawn(answer(connection, n, request, reply));
                    }
                });
            }
        });
        Server { port, tls, asked, world, folder }
    }

    async fn drive(&self, requests: Vec<PageRequest>) -> Vec<DrivenChain> {
        let tls = Some(self.tls.clone());
        self.drive_with(requests, Options { tls, ..Options::default() }).await
    }

    async fn drive_with(&self, requests: Vec<PageRequest>, options: Options) -> Vec<DrivenChain> {
        let page = Page { origin: "https://page.test".to_owned(), requests, ..Page::default() };
        let options = Options { patience: Duration::from_secs(20), ..options };
        drive::run(&page, &options).await
    }

    fn get(&self, path: &str) -> PageRequest {
        let url = format!("https://localhost:{}{path}", self.port);
        PageRequest::get(url)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn head(status: u16, fields: &[(&str, &str)]) -> Response<()> {
    let mut head = Response::builder().status(status);
    for (name, value) in fields {
        head = head.header(*name, *value);
    }
    head.header("access-control-allow-origin", "*").body(()).unwrap()
}

/// An API behind a preflight, with a redirect before it.
async fn api(_: usize, _: usize, request: Request<RecvStream>, mut reply: SendResponse<Bytes>) {
    let (head_in, mut body) = request.into_parts();
    let field = |name: &str| {
        head_in.headers.get(name).map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    match (head_in.method.as_str(), head_in.uri.path()) {
        ("OPTIONS", _) => {
            let allow = [("access-control-allow-headers", "x-token")];
            reply.send_response(head(204, &allow), true).unwrap();
        }
        ("GET", "/old") => {
            reply.send_response(head(302, &[("location", "/new")]), true).unwrap();
        }
        (method, path) => {
            let mut all = Vec::new();
            while let Some(piece) = body.data().await {
                let piece = piece.unwrap();
                body.flow_control().release_capacity(piece.len()).unwrap();
                all.extend_from_slice(&piece);
            }
            let token = field("x-token");
            let authority = head_in.uri.authority().unwrap().host().to_owned();
            let said = format!("{method} {path} {authority} {token} {}", all.len());
            reply.send_informational(head(103, &[("link", "</x>")])).unwrap();
            let mut stream = reply.send_response(head(200, &[("x-a", "1")]), false).unwrap();
            stream.send_data(said.into(), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-end", "7".parse().unwrap());
            stream.send_trailers(trailers).unwrap();
        }
    }
}

fn body(hop: &Hop) -> String {
    String::from_utf8(hop.response().unwrap().body.bytes.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_driven_over_one_connection() {
    let server = Server::new(api).await;
    let with_token = PageRequest {
        method: "POST".to_owned(),
        headers: [("X-Token", "t")].into_iter().collect::<Headers>(),
        // More than a window holds.
        body: Some("x".repeat(300_000)),
        ..server.get("/items")
    };
    let driven = server.drive(vec![with_token, server.get("/old")]).await;
    assert_eq!(
        server.asked(),
        ["1 OPTIONS /items", "1 POST /items", "1 GET /old", "1 GET /new"],
        "one connection"
    );
    let hops: Vec<&Hop> = driven.iter().flat_map(DrivenChain::hops).collect();
    for (chain, hop) in driven.iter().zip([hops[1], hops[3]]) {
        assert_eq!(chain.judgement.verdict.chromium.code, None, "{:?}", chain.judgement.verdict);
        assert!(hop.timing.wait.is_some() && hop.tls.is_some());
        assert_eq!(hop.trailers.as_ref().unwrap().response.text("x-end").as_deref(), Some("7"));
    }
    assert_eq!(body(hops[1]), "POST /items localhost t 300000");
    assert_eq!(body(hops[3]), "GET /new localhost  0");
    for hop in hops {
        let response = hop.response().unwrap();
        assert_eq!((hop.request.version, response.version), (Version::Http2, Version::Http2));
        let host = format!("localhost:{}", server.port);
        assert_eq!(hop.request.headers.text("host"), Some(host));
        assert!(!hop.request.headers.has("connection"));
        let is_lower = |name: &str| !name.contains(|it: char| it.is_ascii_uppercase());
        assert!(hop.request.headers.iter().all(|it| is_lower(&it.name)), "{hop:?}");
    }
}

/// TLS decides: a server of HTTP/1.1 is asked in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_it_is_spoken_to_in_http_1() {
    let server = Server::new(api).await;
    let other = server.world.serve(&["http/1.1"], secure::Wants::Nothing).await;
    let url = format!("https://localhost:{}/a", other.address.port());
    let request = PageRequest { url, ..server.get("/a") };
    let driven = server.drive(vec![request]).await;
    let hop = driven[0].hops().next().unwrap();
    assert_eq!(hop.request.version, Version::Http11);
    assert!(body(hop).starts_with("HTTP/1.1 GET /a"), "{}", body(hop));
    assert_eq!(hop.request.headers.text("connection").as_deref(), Some("keep-alive"));
}

/// Through a tap that reads it, both see the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_tap_sees_what_was_driven() {
    let server = Server::new(api).await;
    let authority = Authority::open(server.folder.path()).unwrap();
    let options = proxy::Options {
        tls: Some(server.tls.clone()),
        authority: Some(authority.clone()),
        ..proxy::Options::default()
    };
    let notebook = wire::Notebook::new();
    let spec = "edge=forward:127.0.0.1:0".parse().unwrap();
    let tap = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let tls = Some(Tls::new(Some(&authority.file())).unwrap());
    let options = Options { via: Some(tap.addresses()[0].into()), tls, ..Options::default() };
    let driven = server.drive_with(vec![server.get("/items")], options).await;
    let hop = driven[0].hops().next().unwrap();
    assert_eq!(body(hop), "GET /items localhost  0");
    let seen = &notebook.ended(1).await[0];
    assert_eq!((seen.request.version, seen.status()), (Version::Http2, Some(200)));
    let fields = |hop: &Hop| {
        let mut all: Vec<_> = hop
            .request
            .headers
            .iter()
            .map(|it| (it.name.clone(), it.text().into_owned()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(fields(seen), fields(hop));
}

/// The second request of the first connection is not looked at.
async fn refuses(n: usize, nth: usize, _: Request<RecvStream>, mut reply: SendResponse<Bytes>) {
    match (n, nth) {
        (1, 2) => reply.send_reset(Reason::REFUSED_STREAM),
        (2, 2) => reply.send_reset(Reason::INTERNAL_ERROR),
        _ => drop(reply.send_response(head(200, &[]), true).unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_never_looked_at_is_sent_again() {
    let server = Server::new(refuses).await;
    let requests = ["/a", "/b", "/c"].map(|it| server.get(it)).to_vec();
    let driven = server.drive(requests).await;
    assert_eq!(server.asked(), ["1 GET /a", "1 GET /b", "2 GET /b", "2 GET /c"]);
    let statuses: Vec<_> = driven.iter().flat_map(DrivenChain::hops).map(Hop::status).collect();
    assert_eq!(statuses, [Some(200), None, Some(200), None]);
    let kinds = driven.iter().flat_map(DrivenChain::hops).filter_map(Hop::failure);
    let kinds: Vec<_> = kinds.map(|it| it.kind).collect();
    assert_eq!(kinds, [FailureKind::Closed, FailureKind::Reset]);
    assert!(driven[1].judgement.verdict.chromium.code.is_none());
}

/// A body that ends in a reset, and one that never ends.
async fn half(_: usize, _: usize, request: Request<RecvStream>, mut reply: SendResponse<Bytes>) {
    let mut stream = reply.send_response(head(200, &[("content-length", "9")]), false).unwrap();
    stream.send_data("half"[..].into(), false).unwrap();
    if request.uri().path() == "/silent" {
        return std::future::pending().await;
    }
    // What was said is on its way before the reset is.
    std::future::poll_fn(|cx| {
        stream.reserve_capacity(1 << 20);
        stream.poll_capacity(cx)
    })
    .await
    .unwrap()
    .unwrap();
    stream.send_reset(Reason::INTERNAL_ERROR);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_told_as_such() {
    let server = Server::new(half).await;
    let silent = PageRequest { timeout_ms: Some(300), ..server.get("/silent") };
    let driven = server.drive(vec![silent]).await;
    let response = driven[0].hops().next().unwrap().response().unwrap().clone();
    assert_eq!(response.truncated.unwrap().kind, FailureKind::Timeout);
    assert_eq!((response.status, response.body.bytes), (200, b"half".to_vec()));
    let driven = server.drive(vec![server.get("/reset")]).await;
    let hop = driven[0].hops().next().unwrap();
    let kind = hop.failure().map(|it| it.kind);
    assert_eq!(kind, Some(FailureKind::Reset), "{hop:?}");
}
