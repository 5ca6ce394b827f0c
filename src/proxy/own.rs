//! What hopscope itself changes in a message, only where it was asked to, and always on record;
//! and how it keeps requests from coming back to itself.
//!
//! **Invariant:** a change that is not returned as an [`OwnChange`] is not made.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, LOCATION};
use tokio::net::{TcpListener, TcpStream};

use super::spec::{HostHeader, Mode, Scheme, Upstream};
use super::{Error, Options, TapSpec, heads};
use crate::trace::{HopId, OwnChange, Target};

/// What a tap does with the mark that tells sightings apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    Leave,
    /// The outermost tap: puts it on.
    Add,
    /// The innermost tap: the app shall not see it.
    Remove,
    /// One tap alone, in its own process: takes off what another put on, else puts it on.
    Either,
}

impl Mark {
    pub(super) fn of(options: &Options, spec: &TapSpec, n: usize, last: usize) -> Mark {
        match n {
            _ if !options.mark => Mark::Leave,
            // Its partner is a tap of another process.
            0 if last == 0 && spec.name == "origin" => Mark::Remove,
            0 if last == 0 => Mark::Either,
            0 => Mark::Add,
            n if n == last => Mark::Remove,
            _ => Mark::Leave,
        }
    }
}

/// Change a request's head on its way out, as far as the user asked for it.
pub(super) fn change_request(
    headers: &mut HeaderMap,
    mode: &Mode,
    mark: Mark,
    id: HopId,
) -> Vec<OwnChange> {
    let mut changes = Vec::new();
    if let Some(host) = host(mode)
        && headers.get(HOST).is_none_or(|it| it.as_bytes() != host.as_bytes())
        && let Ok(value) = HeaderValue::from_str(&host)
    {
        let from = heads::text(headers, HOST);
        headers.insert(HOST, value);
        changes.push(OwnChange { place: "request host".to_owned(), from, to: Some(host) });
    }
    if mark == Mark::Leave {
        return changes;
    }
    let (place, from) = (format!("request {MARK}"), heads::text(headers, MARK));
    if from.is_some() && matches!(mark, Mark::Remove | Mark::Either) {
        // Filtering keeps the order of what stays.
        let kept = headers.iter().filter(|(name, _)| *name != MARK);
        *headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        changes.push(OwnChange { place, from, to: None });
    } else if from.is_none() && matches!(mark, Mark::Add | Mark::Either) {
        let text = format!("{:016x}-{}", id.recorder, id.sequence);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(MARK, value);
            changes.push(OwnChange { place, from, to: Some(text) });
        }
    }
    changes
}

/// Lead a redirect that names the upstream itself back through the tap, by the origin under which
/// the client knows it.
pub(super) fn keep_redirect(
    headers: &mut HeaderMap,
    upstream: &Upstream,
    tap: &str,
) -> Option<OwnChange> {
    let from = heads::text(headers, LOCATION)?;
    let target = Target::parse(&from);
    let names_upstream = target.scheme.eq_ignore_ascii_case(upstream.scheme.as_str())
        && Upstream::from_authority(upstream.scheme, target.authority)
            .is_some_and(|it| it.port == upstream.port && same_host(&it.host, &upstream.host));
    let rest = from.get(target.scheme.len() + 3 + target.authority.len()..)?;
    if !names_upstream {
        return None;
    }
    let to = format!("{tap}{rest}");
    headers.insert(LOCATION, HeaderValue::from_str(&to).ok()?);
    Some(OwnChange { place: "response location".to_owned(), from: Some(from), to: Some(to) })
}

fn same_host(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The `Host` that a tap sends, where it is not the client's.
fn host(mode: &Mode) -> Option<String> {
    let Mode::Reverse { upstream, host, .. } = mode else { return None };
    match (host, upstream.scheme) {
        (HostHeader::Keep, _) | (HostHeader::ByScheme, Scheme::Http) => None,
        (HostHeader::Upstream, _) | (HostHeader::ByScheme, Scheme::Https) => {
            Some(upstream.authority())
        }
        (HostHeader::Name(name), _) => Some(name.clone()),
    }
}

/// Whether a socket to an upstream has ended up at the tap itself.
pub(super) fn leads_back(socket: &TcpStream, tap: SocketAddr) -> bool {
    let (Ok(peer), Ok(local)) = (socket.peer_addr(), socket.local_addr()) else { return false };
    // `::ffff:127.0.0.1` is the same place as 127.0.0.1.
    let [to, from, at] = [peer, local, tap].map(|it| it.ip().to_canonical());
    let here = to == at || (at.is_unspecified() && to == from);
    peer.port() == tap.port() && here
}

/// Reverse taps that forward to one another in a circle would never come to an end.
pub(super) fn check_loops(taps: &[(TapSpec, TcpListener, SocketAddr)]) -> Result<(), Error> {
    let next = |spec: &TapSpec| {
        let Mode::Reverse { upstream, .. } = &spec.mode else { return None };
        taps.iter().find(|(_, _, address)| names(upstream, *address)).map(|(spec, _, _)| spec)
    };
    for (spec, _, _) in taps {
        let mut at = next(spec);
        for _ in taps {
            let Some(reached) = at else { break };
            if let (true, Mode::Reverse { upstream, .. }) = (reached == spec, &spec.mode) {
                let (name, upstream) = (spec.name.clone(), upstream.to_string());
                return Err(Error::Loop { name, upstream });
            }
            at = next(reached);
        }
    }
    Ok(())
}

/// Whether an upstream is a tap that listens at this address.
pub(super) fn names(upstream: &Upstream, tap: SocketAddr) -> bool {
    let ip = match &*upstream.host {
        "localhost" => return upstream.port == tap.port() && is_here(tap),
        host => host.trim_matches(['[', ']']).parse().ok().map(|it: IpAddr| it.to_canonical()),
    };
    // 127.0.0.2 is another place than 127.0.0.1, unless the tap listens everywhere.
    let here = |ip: IpAddr| ip == tap.ip() || ip.is_loopback() && tap.ip().is_unspecified();
    upstream.port == tap.port() && ip.is_some_and(here)
}

fn is_here(tap: SocketAddr) -> bool {
    tap.ip().is_loopback() || tap.ip().is_unspecified()
}

/// Names the sighting at the outermost tap, on the legs between the taps.
pub(super) const MARK: HeaderName = HeaderName::from_static("hopscope-hop");
