//! Proxies between a tap and its upstreams: whether one is used, and how it is asked.
//!
//! Through an HTTP proxy, plain HTTP goes as a request with its whole URL, everything else
//! through a `CONNECT`; through SOCKS5 everything goes through a `CONNECT` of its own.

mod connect;
mod environment;
mod socks;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use http::header::{HeaderValue, PROXY_AUTHORIZATION};
use http::{Request, Uri};
use url::Url;

pub use environment::Environment;

use super::auth::Credentials;
use super::connect as direct;
use super::leg::{HTTP_1, Leg, Protocol};
use super::socket::Socket;
use super::spec::{Scheme, Upstream};
use crate::tls::LazyTls;
use crate::trace::{Failure, FailureKind};

/// The way to upstreams.
#[derive(Clone, Debug, Default)]
pub struct Via {
    /// To `http` upstreams; `None`: straight.
    pub http: Option<UpstreamProxy>,
    /// To `https` upstreams, and for tunnels.
    pub https: Option<UpstreamProxy>,
    /// Hosts that are reached straight all the same.
    pub without: NoProxy,
}

/// A proxy that taps use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpstreamProxy {
    kind: Kind,
    /// `https`: it is spoken to in TLS.
    at: Upstream,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Http,
    /// Names are resolved here.
    Socks5,
    /// Names are resolved by the proxy.
    Socks5h,
}

impl Via {
    /// One proxy for everything but these hosts.
    pub fn through(proxy: UpstreamProxy, without: NoProxy) -> Via {
        Via { http: Some(proxy.clone()), https: Some(proxy), without }
    }

    /// The proxy on the way to `to`.
    fn proxy(&self, to: &Upstream) -> Option<&UpstreamProxy> {
        let proxy = match to.scheme {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
        };
        proxy.filter(|_| !self.without.names(to))
    }

    /// The proxy that takes requests for `to` with their whole URL.
    fn forwards(&self, to: &Upstream, leg: &Leg) -> Option<&UpstreamProxy> {
        let is_plain = to.scheme == Scheme::Http && leg.plain == Protocol::Http1 && !leg.tunnelled;
        self.proxy(to).filter(|it| it.kind == Kind::Http && is_plain)
    }

    /// Write a request as the one who gets it wants it.
    pub(super) fn address<B>(&self, request: &mut Request<B>, to: &Upstream, leg: &Leg) {
        let Some(proxy) = self.forwards(to, leg) else { return };
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
        if let Ok(uri) = format!("{to}{path}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
        let value = proxy.credentials.as_ref().map(|it| HeaderValue::from_str(&it.basic()));
        if let Some(Ok(mut value)) = value {
            value.set_sensitive(true);
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
    }

    /// A socket for requests to `to`, and the microseconds it took.
    pub(super) async fn open(
        &self,
        to: &Upstream,
        leg: &Leg,
        tls: &LazyTls,
    ) -> Result<(Socket, u64), Failure> {
        match self.forwards(to, leg) {
            Some(proxy) => proxy.reach(tls).await.map_err(|it| proxy.named(&it)),
            None => self.tcp(to, tls).await,
        }
    }

    /// A socket whose bytes reach `to`, and the microseconds it took.
    pub(super) async fn tcp(&self, to: &Upstream, tls: &LazyTls) -> Result<(Socket, u64), Failure> {
        let Some(proxy) = self.proxy(to) else {
            let (socket, micros) = direct::tcp(to).await?;
            return Ok((Socket::Plain(socket), micros));
        };
        let begun = Instant::now();
        let (mut socket, _) = proxy.reach(tls).await.map_err(|it| proxy.named(&it))?;
        let credentials = proxy.credentials.as_ref();
        let asked = async {
            match proxy.kind {
                Kind::Http => connect::ask(&mut socket, to, credentials).await,
                Kind::Socks5 => {
                    let address = direct::resolve(to).await?;
                    socks::ask(&mut socket, to, address.first().copied(), credentials).await
                }
                Kind::Socks5h => socks::ask(&mut socket, to, None, credentials).await,
            }
        };
        in_time(asked).await.map_err(|it| proxy.named(&it))?;
        Ok((socket, direct::micros_since(begun)))
    }
}

/// What a proxy says within its time.
async fn in_time<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_| Err(super::failure::failure(FailureKind::Timeout, "it does not answer"));
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(late)
}

impl UpstreamProxy {
    /// With these credentials, unless its URL has some.
    #[must_use]
    pub fn or_credentials(mut self, credentials: Option<Credentials>) -> UpstreamProxy {
        self.credentials = self.credentials.or(credentials);
        self
    }

    /// Host and port of one that is spoken to in plain HTTP.
    pub fn plain_http(&self) -> Option<(&str, u16)> {
        let is_plain = self.kind == Kind::Http && self.at.scheme == Scheme::Http;
        is_plain.then_some((&*self.at.host, self.at.port))
    }

    /// Its URL, without credentials.
    pub fn url(&self) -> String {
        self.at.to_string()
    }

    /// What it is told in `Proxy-Authorization`
    /// ([RFC 7617 §2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
    pub fn authorization(&self) -> Option<String> {
        self.credentials.as_ref().map(Credentials::basic)
    }

    /// A socket to the proxy itself, and the microseconds it took.
    async fn reach(&self, tls: &LazyTls) -> Result<(Socket, u64), Failure> {
        let begun = Instant::now();
        let (socket, micros) = direct::tcp(&self.at).await?;
        match self.at.scheme {
            Scheme::Http => Ok((Socket::Plain(socket), micros)),
            Scheme::Https => {
                let shaking = Socket::Plain(socket).encrypt(&self.at.host, &[HTTP_1], tls);
                Ok((in_time(shaking).await?, direct::micros_since(begun)))
            }
        }
    }

    /// A failure on the way through this proxy.
    fn named(&self, failure: &Failure) -> Failure {
        let detail = format!("at the proxy {}: {}", self.at.authority(), failure.detail);
        Failure { kind: failure.kind, detail }
    }
}

impl FromStr for UpstreamProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<UpstreamProxy, String> {
        let wrong = || {
            format!(
                "`{}` is not a proxy: expected http://HOST:PORT, https://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT",
                without_password(text)
            )
        };
        let url: Url = text.parse().map_err(|_| wrong())?;
        let (kind, scheme, port) = match url.scheme() {
            "http" => (Kind::Http, Scheme::Http, 80),
            "https" => (Kind::Http, Scheme::Https, 443),
            "socks5" => (Kind::Socks5, Scheme::Http, 1080),
            "socks5h" => (Kind::Socks5h, Scheme::Http, 1080),
            _ => return Err(wrong()),
        };
        let host = url.host_str().filter(|it| !it.is_empty()).ok_or_else(wrong)?;
        let port = url.port().unwrap_or(port);
        let host = host.trim_matches(['[', ']']).to_owned();
        let at = Upstream { scheme, host: host.into(), port };
        let plain = |it: &str| percent_decoded(it);
        let credentials = (!url.username().is_empty()).then(|| {
            Credentials::new(&plain(url.username()), &plain(url.password().unwrap_or_default()))
        });
        Ok(UpstreamProxy { kind, at, credentials })
    }
}

fn without_password(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

fn percent_decoded(text: &str) -> String {
    let escaped = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(escaped.as_bytes());
    pairs.next().map_or_else(String::new, |(name, _)| name.into_owned())
}

/// Hosts that are reached without the proxy, as `NO_PROXY` lists them: `*`, names with all below
/// them, addresses, networks, each with a port where it matters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Host {
    All,
    /// This name and all below it.
    Name(String),
    Network(IpAddr, u8),
}

impl NoProxy {
    /// These hosts, too.
    pub fn and(&mut self, others: NoProxy) {
        self.0.extend(others.0);
    }

    fn names(&self, to: &Upstream) -> bool {
        let host = to.host.trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let fits = |it: &Host| match it {
            Host::All => true,
            Host::Name(name) => {
                host == *name
                    || host.strip_suffix(name.as_str()).is_some_and(|it| it.ends_with('.'))
            }
            Host::Network(network, bits) => {
                address.is_some_and(|it| prefix(it, *bits) == prefix(*network, *bits))
            }
        };
        self.0.iter().any(|it| it.port.is_none_or(|port| port == to.port) && fits(&it.host))
    }
}

impl fmt::Display for NoProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.0.len())
    }
}

impl FromStr for NoProxy {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<NoProxy, Self::Err> {
        let entries = text.split([',', ' ']).map(str::trim).filter(|it| !it.is_empty());
        Ok(NoProxy(entries.map(entry).collect()))
    }
}

fn entry(text: &str) -> Entry {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok())
        }
        _ => (text, None),
    };
    let host = host.trim_matches(['[', ']']).trim_start_matches("*.").trim_start_matches('.');
    let (address, bits) = host.split_once('/').unwrap_or((host, "128"));
    let host = match (host, address.parse::<IpAddr>(), bits.parse()) {
        ("*", ..) => Host::All,
        (_, Ok(address), Ok(bits)) => Host::Network(address, bits),
        _ => Host::Name(host.to_ascii_lowercase()),
    };
    Entry { host, port }
}

/// Family and first bits.
fn prefix(address: IpAddr, bits: u8) -> (bool, u128) {
    let (whole, number) = match address {
        IpAddr::V4(it) => (32, u128::from(it.to_bits()) << 96),
        IpAddr::V6(it) => (128, it.to_bits()),
    };
    let kept = u32::from(bits.min(whole));
    (address.is_ipv4(), number.checked_shr(128 - kept).unwrap_or(0))
}

/// How long a proxy may take to open a way.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_who_is_reached_straight() {
        let list: NoProxy = "localhost, .corp.test,*.svc.test:8443 10.0.0.0/8,[::1]:80,192.168.1.7"
            .parse()
            .unwrap();
        for (to, straight) in [
            ("http://localhost", true),
            ("http://a.localhost", true),
            ("http://notlocalhost", false),
            ("https://CORP.test.", true),
            ("https://x.corp.test:1", true),
            ("https://a.svc.test:8443", true),
            ("https://a.svc.test", false),
            ("http://10.255.0.1:9", true),
            ("http://11.0.0.1", false),
            ("http://[::1]", true),
            ("http://[::1]:81", false),
            ("http://192.168.1.7", true),
            ("http://192.168.1.8", false),
        ] {
            assert_eq!(list.names(&to.parse().unwrap()), straight, "{to}");
        }
        let all: NoProxy = "*".parse().unwrap();
        assert!(all.names(&"http://x".parse().unwrap()));
        assert!(!NoProxy::default().names(&"http://x".parse().unwrap()));
    }

    #[test]
    fn reads_a_proxy_as_it_is_written() {
        let proxy: UpstreamProxy = "http://us%40er:p%3Aw+d@proxy.test:3128".parse().unwrap();
        assert_eq!((proxy.kind, proxy.at.authority().as_str()), (Kind::Http, "proxy.test:3128"));
        assert_eq!(proxy.credentials, Some(Credentials::new("us@er", "p:w+d")));
        let proxy: UpstreamProxy = "https://proxy.test".parse().unwrap();
        let Upstream { scheme, port, .. } = proxy.at;
        assert_eq!((proxy.kind, scheme, port), (Kind::Http, Scheme::Https, 443));
        let proxy: UpstreamProxy = "socks5h://[::1]".parse().unwrap();
        assert_eq!((proxy.kind, proxy.at.port, &*proxy.at.host), (Kind::Socks5h, 1080, "::1"));
        for wrong in ["proxy:3128", "ftp://x", "", "http://", "https://"] {
            assert!(wrong.parse::<UpstreamProxy>().is_err(), "{wrong}");
        }
        let error = "ftp://user:secret@x".parse::<UpstreamProxy>().unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
