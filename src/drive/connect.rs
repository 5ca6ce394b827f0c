//! Opening connections: directly, through a forward proxy, and with TLS.
//!
//! **Invariant:** a failure to connect says which step failed: the name, the connection, TLS.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::tls::{self, Tls};
use crate::trace::{Failure, FailureKind, HopTls};

/// A forward proxy that everything goes through.
#[derive(Clone)]
pub struct Via {
    pub address: SocketAddr,
    /// What it is told in `Proxy-Authorization`. That is between the two: it is on no record.
    pub authorization: Option<String>,
}

impl From<SocketAddr> for Via {
    fn from(address: SocketAddr) -> Via {
        Via { address, authorization: None }
    }
}

/// Shows no password.
impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Via").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Via {
    /// The field, with its line end; nothing without a password.
    pub(super) fn login(&self) -> String {
        let login = self.authorization.as_ref();
        login.map_or_else(String::new, |it| format!("Proxy-Authorization: {it}\r\n"))
    }
}

/// Bytes both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// A connection, and what TLS said on it.
pub(super) type Opened = (Box<dyn Stream>, Option<Arc<HopTls>>);

/// Open a connection on which `url` can be asked for.
pub(super) async fn open(
    url: &Url,
    via: Option<&Via>,
    tls: Option<&Tls>,
) -> Result<Opened, Failure> {
    let secure = url.scheme() == "https";
    let mut tcp = match via {
        Some(proxy) => connected(TcpStream::connect(proxy.address).await)?,
        None => dial(url).await?,
    };
    // A browser does not hold back small requests.
    let _ = tcp.set_nodelay(true);
    if !secure {
        return Ok((Box::new(tcp), None));
    }
    if let Some(proxy) = via {
        tunnel(&mut tcp, url, proxy).await?;
    }
    let host = url.host_str().unwrap_or_default();
    let trusting = match tls {
        Some(it) => it.clone(),
        None => Tls::new(None).map_err(|it| failure(FailureKind::Tls, &it.to_string()))?,
    };
    match trusting.connect(host, &[b"h2", b"http/1.1"], tcp).await {
        Ok(stream) => {
            let sni = matches!(url.host(), Some(Host::Domain(_))).then_some(host);
            let upstream = Some(Arc::new(tls::of_upstream(stream.get_ref().1, sni)));
            let said = HopTls { upstream, ..HopTls::default() };
            Ok((Box::new(stream), Some(Arc::new(said))))
        }
        Err(error) => Err(failure(FailureKind::Tls, &tls::reason(&error))),
    }
}

async fn dial(url: &Url) -> Result<TcpStream, Failure> {
    let port = url.port_or_known_default().unwrap_or(80);
    match url.host() {
        Some(Host::Ipv4(it)) => connected(TcpStream::connect((it, port)).await),
        Some(Host::Ipv6(it)) => connected(TcpStream::connect((it, port)).await),
        Some(Host::Domain(name)) => {
            let found = tokio::net::lookup_host((name, port)).await;
            let mut addresses: Vec<SocketAddr> =
                found.map_err(|it| failure(FailureKind::Dns, &it.to_string()))?.collect();
            // `localhost` is where most servers listen.
            addresses.sort_by_key(SocketAddr::is_ipv6);
            let mut last = failure(FailureKind::Dns, "the name has no address");
            for address in addresses {
                match connected(TcpStream::connect(address).await) {
                    Ok(tcp) => return Ok(tcp),
                    Err(it) => last = it,
                }
            }
            Err(last)
        }
        None => Err(failure(FailureKind::Dns, "the URL has no host")),
    }
}

/// Ask a forward proxy for a tunnel.
async fn tunnel(tcp: &mut TcpStream, url: &Url, proxy: &Via) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let login = proxy.login();
    let ask = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n");
    connected(tcp.write_all(ask.as_bytes()).await)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16_384 {
        let byte = connected(tcp.read_u8().await)?;
        head.push(byte);
    }
    if head.get(9..10) == Some(b"2") {
        return Ok(());
    }
    let line = String::from_utf8_lossy(&head);
    let line = line.lines().next().unwrap_or_default();
    Err(failure(FailureKind::RefusedByTap, &format!("the proxy would not tunnel: {line}")))
}

fn connected<T>(result: io::Result<T>) -> Result<T, Failure> {
    result.map_err(|error| io_failure(&error))
}

/// What an error of the operating system means for an exchange.
pub(super) fn io_failure(error: &io::Error) -> Failure {
    use io::ErrorKind as K;
    let kind = match error.kind() {
        K::ConnectionRefused => FailureKind::Refused,
        K::HostUnreachable | K::NetworkUnreachable | K::AddrNotAvailable => {
            FailureKind::Unreachable
        }
        K::ConnectionReset => FailureKind::Reset,
        K::TimedOut => FailureKind::Timeout,
        _ => FailureKind::Closed,
    };
    failure(kind, &error.to_string())
}

pub(super) fn failure(kind: FailureKind, detail: &str) -> Failure {
    Failure { kind, detail: detail.to_owned() }
}
