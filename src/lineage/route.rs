//! The route: which path prefix stands in front on the public side, and what tells so.
//!
//! **Invariant:** a prefix is learned from the recording, never guessed from a name.

use super::path::{self, Mapping};
use super::{Actor, Actors};
use crate::trace::{Chain, ChainHop, Target};

/// How public paths and the app's paths belong together in this chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    pub mapping: Mapping,
    pub clue: RouteClue,
}

/// What told us about a prefix, strongest first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RouteClue {
    /// The same request was seen at two taps.
    Taps,
    /// The gateway said so to the app (`X-Forwarded-Prefix`).
    ForwardedHeader,
    /// Two taps saw it in another chain through the same server.
    OtherChains,
    /// A redirect led to the same place without its first segments.
    Redirect,
    /// A redirect led out of the first segment, to where a gateway has nothing.
    DeadEnd,
}

impl Route {
    /// Learn the route from a chain; `earlier` is what other chains through the same server
    /// have shown.
    pub fn learn(chain: &Chain, earlier: Option<&Mapping>) -> Option<Route> {
        let taps = seen_twice(chain);
        let strong = taps.iter().find(|(mapping, certain)| *certain && !mapping.outer.is_empty());
        if let Some((mapping, _)) = strong {
            return Some(Route { mapping: mapping.clone(), clue: RouteClue::Taps });
        }
        if let Some(outer) = chain.hops.iter().find_map(forwarded_prefix) {
            let mapping = Mapping { outer, inner: String::new() };
            return Some(Route { mapping, clue: RouteClue::ForwardedHeader });
        }
        let fits = |it: &&Mapping| chain.hops.iter().any(|hop| is_under(hop, &it.outer));
        if let Some(mapping) = earlier.filter(|it| !it.outer.is_empty()).filter(fits) {
            return Some(Route { mapping: mapping.clone(), clue: RouteClue::OtherChains });
        }
        if let Some((mapping, _)) = taps.iter().find(|(it, _)| !it.outer.is_empty()) {
            return Some(Route { mapping: mapping.clone(), clue: RouteClue::Taps });
        }
        let outer = chain.hops.iter().find_map(lost_in_redirect)?;
        let mapping = Mapping { outer, inner: String::new() };
        Some(Route { mapping, clue: RouteClue::Redirect })
    }

    /// Learn the route where one tap saw a redirect end at a gateway: what answers under
    /// `/api/things` redirected to `/items`, and in front of it nobody knows `/items`.
    pub fn of_dead_end(chain: &Chain, actors: &Actors) -> Option<Route> {
        if chain.hops.iter().any(|it| !it.sightings.is_empty()) {
            return None;
        }
        let mut pairs = chain.hops.iter().zip(chain.hops.iter().skip(1)).enumerate();
        let outer = pairs.find_map(|(idx, (hop, next))| {
            let is_gateway = |idx| {
                use Actor::{Cache, Cdn, Gateway, Proxy};
                matches!(actors.answered(idx), Cache | Cdn | Gateway | Proxy)
            };
            let ends = matches!(next.hop.status()?, 400 | 403 | 404) && is_gateway(idx + 1);
            (ends && !is_gateway(idx)).then(|| left_by_redirect(hop, next)).flatten()
        })?;
        let mapping = Mapping { outer, inner: String::new() };
        Some(Route { mapping, clue: RouteClue::DeadEnd })
    }
}

/// The mapping of every hop that two taps saw, and whether the paths share a segment. An inner
/// path that is just `/` says less: anything could have been put in front of it.
fn seen_twice(chain: &Chain) -> Vec<(Mapping, bool)> {
    let twice = chain.hops.iter().filter(|it| !it.sightings.is_empty());
    let pair = |it: &ChainHop| {
        let outer = Target::parse(&it.hop.request.url).path;
        let inner = Target::parse(&it.innermost().request.url).path;
        let certain = !path::segments(inner).is_empty();
        Mapping::between(outer, inner).map(|it| (it, certain))
    };
    twice.filter_map(pair).collect()
}

fn forwarded_prefix(hop: &ChainHop) -> Option<String> {
    let prefix = hop.innermost().request.headers.text("x-forwarded-prefix")?;
    let prefix = prefix.split(',').next()?.trim().trim_end_matches('/');
    (prefix.starts_with('/') && prefix.len() > 1).then(|| prefix.to_owned())
}

fn is_under(hop: &ChainHop, prefix: &str) -> bool {
    path::is_under(Target::parse(&hop.hop.request.url).path, prefix)
}

/// The first segment, where `next` was asked for because of a redirect that leaves it.
fn left_by_redirect(hop: &ChainHop, next: &ChainHop) -> Option<String> {
    let to = path::redirect_target(&hop.hop)?;
    let (from, to) = (Target::parse(&hop.hop.request.url), Target::parse(&to));
    let first = match path::segments(from.path).as_slice() {
        [first, _, ..] => format!("/{first}"),
        _ => return None,
    };
    let is_next = to.path == Target::parse(&next.hop.request.url).path;
    let same_server =
        path::server_of(&hop.hop.request.url) == path::server_of(&next.hop.request.url);
    (is_next && same_server && !path::is_under(to.path, &first)).then_some(first)
}

fn lost_in_redirect(hop: &ChainHop) -> Option<String> {
    let to = path::redirect_target(&hop.hop)?;
    let (from, to) = (Target::parse(&hop.hop.request.url), Target::parse(&to));
    path::lost_head(from.path, to.path)
}
