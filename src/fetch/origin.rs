//! Origins and sites, and which addresses are near.
//!
//! **Invariant:** an opaque origin equals nothing, not even itself.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use super::AddressSpace;

/// An [origin](https://html.spec.whatwg.org/multipage/browsers.html#concept-origin).
#[derive(Clone, Debug)]
pub enum Origin {
    /// A sandboxed document, or a URL without an origin. Serialises to `null`.
    Opaque,
    Tuple {
        scheme: String,
        host: String,
        port: Option<u16>,
    },
}

impl Origin {
    /// The origin of a URL.
    pub fn of(url: &Url) -> Origin {
        match (url.scheme(), url.host_str()) {
            ("http" | "https" | "ws" | "wss" | "ftp", Some(host)) => Origin::Tuple {
                scheme: url.scheme().to_owned(),
                host: host.to_owned(),
                port: url.port(),
            },
            _ => Origin::Opaque,
        }
    }

    /// Reads a serialised origin. Anything that is none is opaque.
    pub fn parse(text: &str) -> Origin {
        Url::parse(text).map_or(Origin::Opaque, |it| Origin::of(&it))
    }

    /// [Serialisation](https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin)
    pub fn serialise(&self) -> String {
        match self {
            Origin::Opaque => "null".to_owned(),
            Origin::Tuple { scheme, host, port: None } => format!("{scheme}://{host}"),
            Origin::Tuple { scheme, host, port: Some(port) } => format!("{scheme}://{host}:{port}"),
        }
    }

    /// [Same origin](https://html.spec.whatwg.org/multipage/browsers.html#same-origin)
    pub fn same(&self, other: &Origin) -> bool {
        match (self, other) {
            (
                Origin::Tuple { scheme, host, port },
                Origin::Tuple { scheme: scheme2, host: host2, port: port2 },
            ) => scheme == scheme2 && host == host2 && port == port2,
            _ => false,
        }
    }

    /// [Same site](https://html.spec.whatwg.org/multipage/browsers.html#same-site). The public
    /// suffix list is approximated: the last two labels are taken for the registrable domain,
    /// three under a two-letter country with a generic second level (`co.uk`).
    pub fn same_site(&self, other: &Origin) -> bool {
        match (self.site(), other.site()) {
            (Some(it), Some(other)) => it == other,
            _ => false,
        }
    }

    /// The scheme and registrable domain, serialised; `None` for an opaque origin.
    pub fn site(&self) -> Option<String> {
        match self {
            Origin::Opaque => None,
            Origin::Tuple { scheme, host, .. } => {
                Some(format!("{scheme}://{}", registrable(host).unwrap_or(host)))
            }
        }
    }

    /// The registrable domain, where the host has one (an address has none).
    pub fn registrable_domain(&self) -> Option<&str> {
        match self {
            Origin::Opaque => None,
            Origin::Tuple { host, .. } => registrable(host),
        }
    }

    pub fn scheme(&self) -> &str {
        match self {
            Origin::Opaque => "",
            Origin::Tuple { scheme, .. } => scheme,
        }
    }

    pub fn host(&self) -> Option<&str> {
        match self {
            Origin::Opaque => None,
            Origin::Tuple { host, .. } => Some(host),
        }
    }

    /// [Potentially trustworthy](https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy)
    pub fn is_potentially_trustworthy(&self) -> bool {
        match self {
            Origin::Opaque => false,
            Origin::Tuple { scheme, host, .. } => {
                matches!(scheme.as_str(), "https" | "wss")
                    || space_of_host(host) == Some(AddressSpace::Loopback)
            }
        }
    }

    /// The address space by the host's address; `None` for a name, whose address is not known.
    pub fn address_space(&self) -> Option<AddressSpace> {
        self.host().and_then(space_of_host)
    }
}

fn registrable(host: &str) -> Option<&str> {
    if matches!(Host::parse(host), Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_)) {
        return None;
    }
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let last = dots.next()?;
    let Some(second) = dots.next() else { return Some(host) };
    let country = host.len() - last == 3;
    let generic = ["co", "com", "net", "org", "gov", "ac", "edu", "ne", "or"];
    let middle = host.get(second + 1..last).unwrap_or_default();
    if country && generic.contains(&middle) {
        return Some(dots.next().map_or(host, |at| host.get(at + 1..).unwrap_or(host)));
    }
    host.get(second + 1..)
}

/// [IP address space](https://wicg.github.io/local-network-access/#ip-address-space)
fn space_of_host(host: &str) -> Option<AddressSpace> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.eq_ignore_ascii_case("localhost") || bare.to_ascii_lowercase().ends_with(".localhost") {
        return Some(AddressSpace::Loopback);
    }
    Some(match bare.parse::<IpAddr>().ok()?.to_canonical() {
        it if it.is_loopback() => AddressSpace::Loopback,
        IpAddr::V4(it) if it.is_private() || it.is_link_local() || is_shared(it) => {
            AddressSpace::Local
        }
        IpAddr::V6(it) if it.is_unique_local() || it.is_unicast_link_local() => AddressSpace::Local,
        _ => AddressSpace::Public,
    })
}

/// 100.64.0.0/10, carrier-grade NAT.
fn is_shared(it: Ipv4Addr) -> bool {
    let [a, b, ..] = it.octets();
    a == 100 && (64..128).contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_and_origins() {
        for (a, b, same, site) in [
            ("http://a.test", "http://a.test:80", true, true),
            ("http://a.test", "http://a.test:81", false, true),
            ("http://a.b.test", "http://c.b.test", false, true),
            ("http://a.test", "https://a.test", false, false),
            ("http://127.0.0.1:1", "http://127.0.0.1:2", false, true),
            ("http://127.0.0.1", "http://127.0.0.2", false, false),
            ("http://x.co.uk", "http://y.co.uk", false, false),
            ("null", "null", false, false),
        ] {
            let (a, b) = (Origin::parse(a), Origin::parse(b));
            assert_eq!((a.same(&b), a.same_site(&b)), (same, site), "{a:?} {b:?}");
        }
    }

    #[test]
    fn addresses_tell_the_space() {
        for (origin, space) in [
            ("http://127.9.9.9", Some(AddressSpace::Loopback)),
            ("http://[::1]", Some(AddressSpace::Loopback)),
            ("http://localhost:1", Some(AddressSpace::Loopback)),
            ("http://10.0.0.1", Some(AddressSpace::Local)),
            ("http://8.8.8.8", Some(AddressSpace::Public)),
            ("http://a.test", None),
        ] {
            assert_eq!(Origin::parse(origin).address_space(), space, "{origin}");
        }
    }
}
