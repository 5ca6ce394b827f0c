//! One HTTP/1.1 listener of the lab: bind, accept, answer, close.
//!
//! **Invariant:** after [`Server::close`] has returned nobody listens on the port any more, so
//! that a client's next connection is refused by the system, as with a process that is gone.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::LabError;
use super::message::{Request, Response, TooLarge};

/// Answers requests.
pub(super) trait Service: Send + Sync + 'static {
    /// What the messages about it call this server.
    const NAME: &'static str;

    fn answer(&self, request: Request, client: IpAddr) -> impl Future<Output = Response> + Send;

    /// The answer to a body that does not fit into [`super::message::LIMIT`].
    fn too_large(&self) -> Response {
        Response::new(413, "text/plain", "The request is too large.\n")
    }
}

/// A listener with its open connections. Dropping it closes both.
pub(super) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start<S: Service>(
        address: SocketAddr,
        service: Arc<S>,
    ) -> Result<Server, LabError> {
        let failed = |source| LabError::Listen { server: S::NAME, address, source };
        let listener = bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Server { address, accepting: tokio::spawn(accept(listener, service)) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Close the listener and every open connection, and wait until that has happened.
    pub(super) async fn close(mut self) {
        self.accepting.abort();
        // Whether the task was cancelled or had ended does not matter: it is gone.
        let _gone = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Linux answers on all of 127.0.0.0/8; a system that knows 127.0.0.1 alone gets that one.
async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error)
            if error.kind() == std::io::ErrorKind::AddrNotAvailable
                && address.ip().is_loopback() =>
        {
            TcpListener::bind((Ipv4Addr::LOCALHOST, address.port())).await
        }
        bound => bound,
    }
}

async fn accept<S: Service>(listener: TcpListener, service: Arc<S>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failed accept concerns one client (it went away, descriptors ran out).
                let Ok((stream, client)) = accepted else { tokio::task::yield_now().await; continue };
                // Small answers shall not wait for a full packet; it works without.
                let _quick = stream.set_nodelay(true);
                connections.spawn(serve(TokioIo::new(stream), client.ip(), Arc::clone(&service)));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn serve<S: Service>(
    stream: TokioIo<tokio::net::TcpStream>,
    client: IpAddr,
    service: Arc<S>,
) {
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move {
            let response = match Request::read(request).await {
                (request, None) => service.answer(request, client).await,
                (_, Some(TooLarge)) => service.too_large(),
            };
            Ok::<_, Infallible>(response.into_http())
        }
    });
    // How a connection of a client ended is the client's business.
    let _ended = hyper::server::conn::http1::Builder::new()
        .title_case_headers(true)
        .auto_date_header(false)
        .serve_connection(stream, answer)
        .await;
}
