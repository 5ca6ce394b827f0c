//! What `--tap` says, parsed: nothing downstream checks it again.
//!
//! ```text
//! NAME=forward:ADDR[,open]
//! NAME=reverse:ADDR=URL[,host=keep|upstream|NAME][,tls][,http3][,http=1.1|2]
//! ```
//!
//! **Invariant:** an upstream has no path. A tap passes paths on unchanged; one that was put in
//! front would hide the very prefix that gets lost.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use super::leg::Protocol;
use super::{Error, Options};
use crate::trace::{Tap, TapKind};

/// One tap as the user wants it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TapSpec {
    /// `edge` and `origin` are the usual names.
    pub name: String,
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    pub mode: Mode,
}

/// How a tap sees traffic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mode {
    Forward {
        /// May be reached from other machines.
        open: bool,
    },
    Reverse {
        upstream: Upstream,
        host: HostHeader,
        /// Clients speak TLS to it.
        tls: bool,
        /// What the upstream is spoken to in, where it is not what the client speaks.
        http: Option<Protocol>,
        /// It takes HTTP/3 beside TLS, in builds with the feature `http3`.
        quic: bool,
    },
}

/// Where a reverse tap forwards to, or where a forward tap was asked to go.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Upstream {
    pub scheme: Scheme,
    /// Without brackets. Shared: every request names its upstream.
    pub host: Arc<str>,
    pub port: u16,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    Http,
    Https,
}

/// The `Host` header that a reverse tap sends.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum HostHeader {
    /// The client's for `http`, the upstream's for `https`: a gateway in the cloud answers
    /// nothing else.
    #[default]
    ByScheme,
    Keep,
    Upstream,
    Name(String),
}

impl TapSpec {
    /// A forward tap on this address.
    pub fn forward(name: &str, listen: SocketAddr) -> TapSpec {
        TapSpec { name: name.to_owned(), listen, mode: Mode::Forward { open: false } }
    }

    /// A reverse tap on this address, in front of this upstream.
    pub fn reverse(name: &str, listen: SocketAddr, upstream: Upstream) -> TapSpec {
        let host = HostHeader::ByScheme;
        let mode = Mode::Reverse { upstream, host, tls: false, http: None, quic: false };
        TapSpec { name: name.to_owned(), listen, mode }
    }

    /// Whether clients speak TLS to it.
    pub fn listens_with_tls(&self) -> bool {
        matches!(self.mode, Mode::Reverse { tls: true, .. })
    }

    /// Whether it takes HTTP/3, too.
    #[cfg(feature = "http3")]
    pub(super) fn listens_with_quic(&self) -> bool {
        matches!(self.mode, Mode::Reverse { quic: true, .. })
    }

    /// The tap as it stands in a trace.
    pub(super) fn tap(&self, address: SocketAddr) -> Tap {
        let (kind, upstream) = match &self.mode {
            Mode::Forward { .. } => (TapKind::Forward, None),
            Mode::Reverse { upstream, .. } => (TapKind::Reverse, Some(upstream.to_string())),
        };
        Tap { name: self.name.clone(), kind, address: address.to_string(), upstream }
    }
}

impl Scheme {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl Upstream {
    /// Host and port as they stand in a `Host` header: without the scheme's own port.
    pub fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        if self.port == self.scheme.default_port() {
            format!("{open}{}{close}", self.host)
        } else {
            format!("{open}{}{close}:{}", self.host, self.port)
        }
    }

    /// From `host:port`, `host` or `[v6]:port`.
    pub(super) fn from_authority(scheme: Scheme, authority: &str) -> Option<Upstream> {
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None | Some("") => scheme.default_port(),
            Some(port) => port.parse().ok()?,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let fits = |it: char| it.is_alphanumeric() || "-._:%~".contains(it);
        let is_host = !host.is_empty() && host.chars().all(fits);
        is_host.then(|| Upstream { scheme, host: host.into(), port })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl FromStr for Upstream {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Upstream, SpecError> {
        let wrong = || SpecError::Upstream { text: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(wrong()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !matches!(path, "" | "/") {
            let upstream = text[..text.len() - path.len()].to_owned();
            return Err(SpecError::Path { path: path.to_owned(), upstream });
        }
        Upstream::from_authority(scheme, authority).ok_or_else(wrong)
    }
}

impl FromStr for TapSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<TapSpec, SpecError> {
        let shape = || SpecError::Shape { text: text.to_owned() };
        let (name, rest) = text.split_once('=').ok_or_else(shape)?;
        let fits = |it: char| it.is_alphanumeric() || "-_.".contains(it);
        if name.is_empty() || !name.chars().all(fits) {
            return Err(SpecError::Name { name: name.to_owned() });
        }
        let (kind, rest) = rest.split_once(':').ok_or_else(shape)?;
        let mut parts = rest.split(',');
        let place = parts.next().unwrap_or_default();
        let (listen, mut mode) = match kind {
            "forward" => (address(place)?, Mode::Forward { open: false }),
            "reverse" => {
                let (listen, url) = place.split_once('=').ok_or_else(shape)?;
                let (upstream, host) = (url.parse()?, HostHeader::ByScheme);
                (
                    address(listen)?,
                    Mode::Reverse { upstream, host, tls: false, http: None, quic: false },
                )
            }
            _ => return Err(SpecError::Kind { kind: kind.to_owned() }),
        };
        for option in parts {
            mode.set(option)?;
        }
        Ok(TapSpec { name: name.to_owned(), listen, mode })
    }
}

impl Mode {
    fn set(&mut self, option: &str) -> Result<(), SpecError> {
        match (self, option.split_once('=').unwrap_or((option, ""))) {
            (Mode::Forward { open }, ("open", "")) => *open = true,
            (Mode::Reverse { tls, .. }, ("tls", "")) => *tls = true,
            (Mode::Reverse { .. }, ("http3", "")) if !cfg!(feature = "http3") => {
                return Err(SpecError::Http3);
            }
            (Mode::Reverse { tls, quic, .. }, ("http3", "")) => (*tls, *quic) = (true, true),
            (Mode::Reverse { http, .. }, ("http", version)) => {
                *http = Some(match version {
                    "1.1" | "1" => Protocol::Http1,
                    "2" => Protocol::Http2,
                    _ => return Err(SpecError::Http { version: version.to_owned() }),
                });
            }
            (Mode::Reverse { host, .. }, ("host", value)) => {
                *host = match value {
                    "keep" => HostHeader::Keep,
                    "upstream" => HostHeader::Upstream,
                    name => {
                        let valid = http::HeaderValue::from_str(name).is_ok() && !name.is_empty();
                        if !valid {
                            return Err(SpecError::Host { value: name.to_owned() });
                        }
                        HostHeader::Name(name.to_owned())
                    }
                }
            }
            _ => return Err(SpecError::Option { option: option.to_owned() }),
        }
        Ok(())
    }
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080`, `8080`.
fn address(text: &str) -> Result<SocketAddr, SpecError> {
    let wrong = || SpecError::Address { text: text.to_owned() };
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port = port.parse().map_err(|_| wrong())?;
    let ip: IpAddr = match host {
        "" | "localhost" => Ipv4Addr::LOCALHOST.into(),
        host => host.parse().map_err(|_| wrong())?,
    };
    Ok(SocketAddr::new(ip, port))
}

/// What taps must be like beside each other.
pub(super) fn check_together(specs: &[TapSpec], options: &Options) -> Result<(), Error> {
    let mut names = HashSet::new();
    for spec in specs {
        let (name, address) = (spec.name.clone(), spec.listen);
        if !names.insert(&spec.name) {
            return Err(Error::SameName { name });
        }
        let is_public = !address.ip().is_loopback();
        if matches!(spec.mode, Mode::Forward { open: false })
            && is_public
            && !options.open
            && options.auth.is_none()
        {
            return Err(Error::NotLoopback { name, address });
        }
    }
    if let Some(spec) = specs.iter().find(|it| it.listens_with_tls())
        && options.authority.is_none()
        && options.identity.is_none()
    {
        return Err(Error::NoCertificate { name: spec.name.clone() });
    }
    if specs.is_empty() { Err(Error::NoTap) } else { Ok(()) }
}

/// What is wrong with a tap as written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SpecError {
    #[error("`{text}` is not a tap: expected NAME=forward:ADDR or NAME=reverse:ADDR=URL")]
    Shape { text: String },
    #[error("`{name}` is not a name for a tap: use letters, digits, `-`, `_` and `.`")]
    Name { name: String },
    #[error("`{kind}` is not a kind of tap: expected `forward` or `reverse`")]
    Kind { kind: String },
    #[error("`{text}` is not an address to listen on: expected 127.0.0.1:8080, :8080 or 8080")]
    Address { text: String },
    #[error("`{text}` is not an upstream: expected http://HOST:PORT or https://HOST")]
    Upstream { text: String },
    #[error(
        "an upstream has no path: write {upstream} and ask the tap for `{path}`, \
         because it passes paths on unchanged"
    )]
    Path { path: String, upstream: String },
    #[error(
        "`{option}` is not an option of this kind of tap: forward has `open`, reverse has `host=keep|upstream|NAME`, `tls` and `http=1.1|2`"
    )]
    Option { option: String },
    #[error("`{version}` is not a version of HTTP for an upstream: expected `1.1` or `2`")]
    Http { version: String },
    #[error("this hopscope was built without HTTP/3: build it with `--features http3`")]
    Http3,
    #[error("`{value}` is not a Host header: expected `keep`, `upstream` or a host name")]
    Host { value: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_user_may_write() {
        for (text, listen, mode) in [
            ("edge=forward:127.0.0.1:0", "127.0.0.1:0", "forward"),
            ("edge=forward::8080", "127.0.0.1:8080", "forward"),
            ("edge=forward:8080", "127.0.0.1:8080", "forward"),
            ("edge=forward:localhost:81", "127.0.0.1:81", "forward"),
            ("edge=forward:0.0.0.0:81,open", "0.0.0.0:81", "forward open"),
            ("a.b-c_1=reverse:[::1]:1=http://h", "[::1]:1", "http://h ByScheme"),
            ("o=reverse:9=http://h:80/", "127.0.0.1:9", "http://h ByScheme"),
            ("o=reverse:9=HTTPS://h:8443,host=keep", "127.0.0.1:9", "https://h:8443 Keep"),
            (
                "o=reverse:9=http://[::1]:8000,host=upstream",
                "127.0.0.1:9",
                "http://[::1]:8000 Upstream",
            ),
            ("o=reverse:9=http://h,tls,http=2", "127.0.0.1:9", "http://h ByScheme tls Http2"),
            ("o=reverse:9=http://h,host=a.test:1", "127.0.0.1:9", "http://h Name(\"a.test:1\")"),
        ] {
            let spec: TapSpec = text.parse().unwrap_or_else(|it| panic!("{text}: {it}"));
            let read = match &spec.mode {
                Mode::Forward { open: true } => "forward open".to_owned(),
                Mode::Forward { open: false } => "forward".to_owned(),
                Mode::Reverse { upstream, host, tls, http, quic: _ } => {
                    let tls = if *tls { " tls" } else { "" };
                    let http = http.map(|it| format!(" {it:?}")).unwrap_or_default();
                    format!("{upstream} {host:?}{tls}{http}")
                }
            };
            assert_eq!((spec.listen.to_string().as_str(), read.as_str()), (listen, mode), "{text}");
        }
    }

    #[test]
    fn http_3_wants_a_build_that_can() {
        let parsed = "o=reverse:1=http://h,http3".parse::<TapSpec>();
        if cfg!(feature = "http3") {
            assert!(parsed.unwrap().listens_with_tls());
        } else {
            assert!(parsed.unwrap_err().to_string().contains("--features http3"));
        }
    }

    #[test]
    fn explains_what_is_wrong() {
        for (text, error) in [
            ("", "is not a tap"),
            ("8080", "is not a tap"),
            ("edge=8080", "is not a tap"),
            ("=forward:1", "is not a name"),
            ("a b=forward:1", "is not a name"),
            ("edge=backward:1", "is not a kind"),
            ("edge=forward:x", "is not an address"),
            ("edge=forward:99999", "is not an address"),
            ("edge=forward:example.com:80", "is not an address"),
            ("edge=forward:1,close", "is not an option"),
            ("edge=forward:1,host=keep", "is not an option"),
            ("edge=forward:1,tls", "is not an option"),
            ("o=reverse:1=http://h,http=3", "is not a version"),
            ("o=reverse:1", "is not a tap"),
            ("o=reverse:1=h:80", "is not an upstream"),
            ("o=reverse:1=ftp://h", "is not an upstream"),
            ("o=reverse:1=http://", "is not an upstream"),
            ("o=reverse:1=http://h:x", "is not an upstream"),
            ("o=reverse:1=http://h/prod", "ask the tap for `/prod`"),
            ("o=reverse:1=http://h,host=", "is not a Host header"),
            ("o=reverse:1=http://h,host=a\nb", "is not a Host header"),
        ] {
            let parsed = text.parse::<TapSpec>().map_err(|it| it.to_string());
            assert!(parsed.as_ref().is_err_and(|it| it.contains(error)), "{text}: {parsed:?}");
        }
    }
}
