//! What the library alone does: each client has its connection to the upstream, which is kept,
//! and nothing is recorded.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use crate::Outcome;

/// Forward `address` to `upstream` until killed.
pub(crate) fn run(address: &str, upstream: &str) -> Outcome<()> {
    let upstream: SocketAddr = upstream.parse()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (client, _) = listener.accept().await?;
            tokio::spawn(serve(client, upstream));
        }
    })
}

async fn serve(client: TcpStream, upstream: SocketAddr) -> Outcome<()> {
    client.set_nodelay(true)?;
    let sender = Arc::new(Mutex::new(None));
    let service = service_fn(move |it| pass_on(Arc::clone(&sender), upstream, it));
    Builder::new().serve_connection(TokioIo::new(client), service).await?;
    Ok(())
}

async fn pass_on(
    sender: Arc<Mutex<Option<SendRequest<Incoming>>>>,
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

async fn connect(upstream: SocketAddr) -> Outcome<SendRequest<Incoming>> {
    let socket = TcpStream::connect(upstream).await?;
    socket.set_nodelay(true)?;
    let (sender, driver) = handshake(TokioIo::new(socket)).await?;
    tokio::spawn(driver);
    Ok(sender)
}
