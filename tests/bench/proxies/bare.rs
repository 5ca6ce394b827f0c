//! What the libraries alone do: each client has its connection to the upstream, which is kept,
//! and nothing is recorded.

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
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

use crate::Outcome;
use crate::peers::{Certificate, Doors};

/// Forward from the doors to `upstream`, and HTTP/2 to `upstream_2`, until killed.
pub(crate) fn run(
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
        let plain = accept(doors.plain, move |it| serve(it, upstream));
        let tls = accept(doors.tls, move |it| {
            let tls = tls.clone();
            async move { serve(tls.accept(it).await?, upstream).await }
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

async fn serve<S>(client: S, upstream: SocketAddr) -> Outcome<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let sender = Arc::new(Mutex::new(None));
    let service = service_fn(move |it| pass_on(Arc::clone(&sender), upstream, it));
    server1::Builder::new().serve_connection(TokioIo::new(client), service).await?;
    Ok(())
}

async fn pass_on(
    sender: Arc<Mutex<Option<http1::SendRequest<Incoming>>>>,
    upstream: SocketAddr,
    request: Request<Incoming>,
) -> Outcome<Response<Incoming>> {
    let mut kept = sender.lock().await;
    let mut sender = match kept.take() {
        Some(sender) => sender,
        None => connect(upstream).await?,
    };
    sender.ready().await?;
    let sending = sender.send_request(request);
    *kept = Some(sender);
    drop(kept);
    Ok(sending.await?)
}

async fn connect(upstream: SocketAddr) -> Outcome<http1::SendRequest<Incoming>> {
    let socket = TcpStream::connect(upstream).await?;
    socket.set_nodelay(true)?;
    let (sender, driver) = http1::handshake(TokioIo::new(socket)).await?;
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
