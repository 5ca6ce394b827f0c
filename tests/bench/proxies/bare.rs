//! What the libraries alone do: nothing is recorded, nothing is looked at.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hopscope::tls::Identity;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::server::conn::{http1 as server1, http2 as server2};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

use crate::Outcome;
use crate::peers::{Certificate, Doors};

/// How much of the libraries is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The least: each client has its connection to the upstream, which is kept.
    Least,
    /// The same, but names of fields go on in the case in which they came, and as many fields as
    /// a browser takes: what a proxy that is to change nothing has to ask of the library.
    Faithful,
    /// All clients share the pool of hyper-util's client.
    Pooled,
}

impl Kind {
    const ALL: [(&str, Kind); 3] =
        [("least", Kind::Least), ("faithful", Kind::Faithful), ("pooled", Kind::Pooled)];

    /// What the command line calls it.
    pub(crate) fn word(self) -> &'static str {
        Kind::ALL.into_iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    pub(crate) fn named(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|it| it.0 == word).map(|it| it.1)
    }
}

/// Forward from the doors to `upstream`, and HTTP/2 to `upstream_2`, until killed.
pub(crate) fn run(
    kind: Kind,
    doors: Doors,
    upstream: SocketAddr,
    upstream_2: SocketAddr,
    certificate: &Path,
) -> Outcome<()> {
    let Certificate { chain, key, .. } = Certificate::at(certificate);
    let identity = Identity::read(&chain, &key)?;
    let (tls, h2) = (identity.serve(&[b"http/1.1"])?, identity.serve(&[b"h2"])?);
    let (tls, h2) = (TlsAcceptor::from(tls), TlsAcceptor::from(h2));
    tokio::runtime::Runtime::new()?.block_on(async {
        let pool = pool();
        let plain = accept(doors.plain, move |it| serve_plain(it, upstream, kind, pool.clone()));
        let tls = accept(doors.tls, move |it| {
            let tls = tls.clone();
            async move { serve(tls.accept(it).await?, upstream, kind).await }
        });
        let h2 = accept(doors.http_2, move |it| {
            let h2 = h2.clone();
            async move { serve_2(h2.accept(it).await?, upstream_2).await }
        });
        tokio::try_join!(plain, tls, h2).map(drop)
    })
}

async fn accept<F>(address: SocketAddr, serve: impl Fn(TcpStream) -> F) -> Outcome<()>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let listener = TcpListener::bind(address).await?;
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        tokio::spawn(serve(client));
    }
}

async fn serve_plain(
    client: TcpStream,
    upstream: SocketAddr,
    kind: Kind,
    pool: Pool,
) -> Outcome<()> {
    match kind {
        Kind::Pooled => serve_pooled(client, upstream, pool).await,
        Kind::Least | Kind::Faithful => serve(client, upstream, kind).await,
    }
}

async fn serve<S>(client: S, upstream: SocketAddr, kind: Kind) -> Outcome<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let sender = Arc::new(Mutex::new(None));
    let service = service_fn(move |it| pass_on(Arc::clone(&sender), upstream, kind, it));
    let mut builder = server1::Builder::new();
    if kind == Kind::Faithful {
        builder.preserve_header_case(true).max_headers(FIELDS);
    }
    builder.serve_connection(TokioIo::new(client), service).await?;
    Ok(())
}

type Pool = Client<HttpConnector, Incoming>;

fn pool() -> Pool {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

async fn serve_pooled(client: TcpStream, upstream: SocketAddr, pool: Pool) -> Outcome<()> {
    let service = service_fn(move |it| ask_pool(pool.clone(), upstream, it));
    server1::Builder::new().serve_connection(TokioIo::new(client), service).await?;
    Ok(())
}

async fn ask_pool(
    pool: Pool,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> Outcome<Response<Incoming>> {
    let target = request.uri().path_and_query().map_or("/", |it| it.as_str());
    *request.uri_mut() = format!("http://{upstream}{target}").parse()?;
    Ok(pool.request(request).await?)
}

async fn pass_on(
    sender: Arc<Mutex<Option<http1::SendRequest<Incoming>>>>,
    upstream: SocketAddr,
    kind: Kind,
    request: Request<Incoming>,
) -> Outcome<Response<Incoming>> {
    let mut kept = sender.lock().await;
    let mut sender = match kept.take() {
        Some(sender) => sender,
        None => connect(upstream, kind).await?,
    };
    sender.ready().await?;
    let sending = sender.send_request(request);
    *kept = Some(sender);
    drop(kept);
    Ok(sending.await?)
}

async fn connect(upstream: SocketAddr, kind: Kind) -> Outcome<http1::SendRequest<Incoming>> {
    let socket = TcpStream::connect(upstream).await?;
    socket.set_nodelay(true)?;
    let mut builder = http1::Builder::new();
    if kind == Kind::Faithful {
        builder.preserve_header_case(true).max_headers(FIELDS);
    }
    let (sender, driver) = builder.handshake(TokioIo::new(socket)).await?;
    tokio::spawn(driver);
    Ok(sender)
}

/// HTTP/2 on both sides.
async fn serve_2<S>(client: S, upstream: SocketAddr) -> Outcome<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let socket = TcpStream::connect(upstream).await?;
    socket.set_nodelay(true)?;
    let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await?;
    tokio::spawn(driver);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    let server = server2::Builder::new(TokioExecutor::new());
    server.serve_connection(TokioIo::new(client), service).await?;
    Ok(())
}

/// As many fields as hopscope takes.
const FIELDS: usize = 500;
