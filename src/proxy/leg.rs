//! One client connection as HTTP sees it: where its requests go, and in which protocol.

use std::net::IpAddr;
use std::sync::Arc;

use super::limits::Limits;
use super::spec::{HostHeader, Mode, Scheme, Upstream};
use crate::trace::TlsSession;

/// The protocol that is spoken on a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Protocol {
    #[default]
    Http1,
    Http2,
}

/// One client connection: as it came to its tap, or as it came out of a tunnel.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) mode: Mode,
    /// Of URLs that the client does not write in full.
    pub(super) scheme: Scheme,
    /// What the client speaks.
    pub(super) client: Protocol,
    /// What TLS said to the client.
    pub(super) tls: Option<Arc<TlsSession>>,
    /// The name that an `https` upstream is asked for, where it is not its host.
    pub(super) name: Option<String>,
    /// The protocols that an `https` upstream is offered, first choice first.
    pub(super) offers: Vec<&'static [u8]>,
    /// What a plain upstream is spoken to in.
    pub(super) plain: Protocol,
    /// Came through a `CONNECT`.
    pub(super) tunnelled: bool,
    /// Where the client is, where it is known.
    pub(super) peer: Option<IpAddr>,
    /// What is taken at most of heads.
    pub(super) limits: Limits,
    /// No other tap saw the client before, so what a layer between says of it is all there is.
    pub(super) outermost: bool,
}

impl Leg {
    /// A connection to the tap itself.
    ///
    /// An upstream is spoken to as the client speaks, unless the user says otherwise; a client
    /// with TLS says nothing about a plain upstream, which gets HTTP/1.
    pub(super) fn of_tap(mode: &Mode, client: Protocol, tls: Option<Arc<TlsSession>>) -> Leg {
        let wanted = match mode {
            Mode::Reverse { http, .. } => *http,
            Mode::Forward { .. } => None,
        };
        let offers = match (wanted, client) {
            (Some(Protocol::Http1), _) | (None, Protocol::Http1) => vec![HTTP_1],
            (Some(Protocol::Http2), _) => vec![HTTP_2],
            (None, Protocol::Http2) => vec![HTTP_2, HTTP_1],
        };
        let is_reverse = matches!(mode, Mode::Reverse { .. });
        let mirrored = if tls.is_none() && is_reverse { client } else { Protocol::Http1 };
        let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
        Leg {
            mode: mode.clone(),
            scheme,
            client,
            tls,
            name: None,
            offers,
            plain: wanted.unwrap_or(mirrored),
            tunnelled: false,
            peer: None,
            limits: Limits::default(),
            outermost: true,
        }
    }

    /// Whether clients of HTTP/2 are offered WebSocket. What the upstream makes of it is known
    /// when one is asked for: an extended `CONNECT` goes on as one, or as an upgrade.
    pub(super) fn takes_websocket(&self) -> bool {
        matches!(self.mode, Mode::Reverse { .. })
    }

    /// Whether what is served in HTTP/2 came in HTTP/3.
    pub(super) fn is_http_3(&self) -> bool {
        self.tls.as_ref().and_then(|it| it.alpn.as_deref()).is_some_and(|it| it == "h3")
    }

    /// A connection that came through a tunnel to `to`.
    pub(super) fn of_tunnel(to: Upstream, client: Protocol) -> Leg {
        Leg {
            scheme: to.scheme,
            mode: Mode::Reverse {
                upstream: to,
                host: HostHeader::Keep,
                tls: false,
                http: None,
                quic: false,
            },
            client,
            tls: None,
            name: None,
            offers: Vec::new(),
            plain: client,
            tunnelled: true,
            peer: None,
            limits: Limits::default(),
            outermost: true,
        }
    }
}

/// What a client offers that a tap can speak, in the client's order.
pub(super) fn spoken(offered: &[Vec<u8>]) -> Vec<&'static [u8]> {
    let known = |it: &Vec<u8>| [HTTP_2, HTTP_1].into_iter().find(|known| known == it);
    offered.iter().filter_map(known).collect()
}

/// Names of protocols in TLS ([registry](https://www.iana.org/assignments/tls-extensiontype-values/tls-extensiontype-values.xhtml#alpn-protocol-ids)).
pub(super) const HTTP_1: &[u8] = b"http/1.1";
pub(super) const HTTP_2: &[u8] = b"h2";
#[cfg(feature = "http3")]
pub(super) const HTTP_3: &[u8] = b"h3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_to_the_upstream_as_the_client_speaks() {
        use Protocol::{Http1, Http2};
        for (spec, client, tls, offers, plain) in [
            ("e=reverse:1=http://h", Http1, false, "http/1.1", Http1),
            ("e=reverse:1=http://h", Http2, false, "h2,http/1.1", Http2),
            ("e=reverse:1=http://h,tls", Http2, true, "h2,http/1.1", Http1),
            ("e=reverse:1=http://h,tls,http=2", Http1, true, "h2", Http2),
            ("e=reverse:1=http://h,http=1.1", Http2, false, "http/1.1", Http1),
            ("e=forward:1", Http2, false, "h2,http/1.1", Http1),
        ] {
            let spec: super::super::TapSpec = spec.parse().unwrap();
            let leg = Leg::of_tap(&spec.mode, client, tls.then(Arc::default));
            let offered = leg.offers.join(&b',');
            assert_eq!((offered.as_slice(), leg.plain), (offers.as_bytes(), plain), "{spec:?}");
        }
        let offered = [b"h3".to_vec(), b"http/1.1".to_vec(), b"h2".to_vec()];
        assert_eq!(spoken(&offered), [HTTP_1, HTTP_2]);
    }
}
