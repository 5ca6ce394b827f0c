//! Following the standard set across a chain.
//!
//! What a request carries is compared with the hop before, with where that hop's `Location`
//! led, and with the same request at the innermost tap.
//!
//! **Invariant:** a change between two taps is told apart from a change between two hops, and
//! only the latter is a redirect's doing.

use super::path::{self, Mapping};
use super::{Actor, Actors, Change, Lineage, Route, State, What};
use crate::trace::{Chain, ChainHop, Hop, HopKind, Target};

/// The standard set: every thing that occurs in the chain, followed.
pub fn follow(chain: &Chain, actors: &Actors, route: Option<&Route>) -> Vec<Lineage> {
    let mut all: Vec<Lineage> = Vec::with_capacity(10);
    all.extend(route.map(|it| prefix(chain, actors, &it.mapping)));
    for thing in THINGS {
        all.extend(thing.follow(chain, actors));
    }
    all.extend(super::header::cors_headers(chain, actors));
    all.retain(|it| it.value.is_some());
    all
}

/// A request's value that is followed, or rather: how to read it.
struct Thing {
    what: What,
    read: fn(&Hop) -> Option<String>,
    /// Read from where a `Location` leads, for what is part of a URL.
    in_url: Option<fn(&str) -> Option<String>>,
    /// Whether a preflight carries it.
    on_preflight: bool,
    /// Whose doing a change from hop to hop is.
    by_browser: bool,
}

const THINGS: &[Thing] = &[
    Thing {
        what: What::Slash,
        read: |hop| slash(&hop.request.url),
        in_url: Some(slash),
        on_preflight: true,
        by_browser: false,
    },
    Thing {
        what: What::Query,
        read: |hop| query(&hop.request.url),
        in_url: Some(query),
        on_preflight: true,
        by_browser: false,
    },
    Thing { what: What::Method, read: method, in_url: None, on_preflight: true, by_browser: false },
    Thing {
        what: What::Scheme,
        read: |hop| scheme(&hop.request.url),
        in_url: Some(scheme),
        on_preflight: true,
        by_browser: false,
    },
    Thing {
        what: What::Host,
        read: |hop| host(&hop.request.url),
        in_url: Some(host),
        on_preflight: true,
        by_browser: false,
    },
    Thing {
        what: What::Origin,
        read: |hop| hop.request.headers.text("origin"),
        in_url: None,
        on_preflight: true,
        by_browser: true,
    },
    Thing {
        what: What::Cookie,
        read: |hop| hop.request.headers.text("cookie"),
        in_url: None,
        on_preflight: false,
        by_browser: true,
    },
    Thing { what: What::Body, read: body, in_url: None, on_preflight: false, by_browser: false },
];

impl Thing {
    fn follow(&self, chain: &Chain, actors: &Actors) -> Option<Lineage> {
        let mut lineage = Lineage::empty(self.what.clone(), chain.hops.len());
        let mut before: Option<Option<String>> = None;
        for (idx, it) in chain.hops.iter().enumerate() {
            if it.kind == HopKind::Preflight && !self.on_preflight {
                lineage.hops.push(State::Absent);
                continue;
            }
            let here = (self.read)(&it.hop);
            if lineage.value.is_none() {
                let inner = it.sightings.last().and_then(|it| (self.read)(&it.hop));
                lineage.value = here.clone().or(inner);
            }
            let state = match &before {
                None => if_present(here.as_ref()),
                Some(before) => compare(before.as_ref(), here.as_ref()),
            };
            let way = self.on_the_way(it, here.as_ref());
            lineage.hops.push(way.unwrap_or(if state == State::Dropped {
                State::Absent
            } else {
                state
            }));
            if let Some(state) = way {
                lineage.changes.push(between(idx, it, state, actors));
            }
            match self.in_url {
                Some(read) => {
                    if lineage.value.is_none() {
                        lineage.value = path::redirect_target(&it.hop)
                            .filter(|to| path::is_related(&it.hop.request.url, to))
                            .and_then(|to| read(&to));
                    }
                    lineage.changes.extend(by_location(&self.what, read, (idx, it), actors));
                }
                None => lineage.changes.extend(self.by_redirect(chain, idx, state, actors)),
            }
            before = Some(here);
        }
        lineage.changes.sort_by_key(|it| it.hop);
        lineage.value.is_some().then_some(lineage)
    }

    /// What became of it between the outermost and the innermost tap. That a gateway speaks
    /// to the app by another name and scheme is its job, so it changes nothing here.
    fn on_the_way(&self, hop: &ChainHop, outer: Option<&String>) -> Option<State> {
        if hop.sightings.is_empty() || matches!(self.what, What::Host | What::Scheme) {
            return None;
        }
        let inner = hop.innermost();
        let state = match self.what {
            // As it is, for a preflight speaks for another method only where it is whole.
            What::Method => compare(Some(&hop.hop.request.method), Some(&inner.request.method)),
            // Other tools leave out the headers of a request that failed.
            What::Origin | What::Cookie if inner.request.headers.is_empty() => State::Kept,
            _ => compare(outer, (self.read)(inner).as_ref()),
        };
        Some(state).filter(|it| !matches!(it, State::Kept | State::Absent))
    }

    /// A change that the browser made when it followed a redirect.
    fn by_redirect(
        &self,
        chain: &Chain,
        idx: usize,
        state: State,
        actors: &Actors,
    ) -> Option<Change> {
        if matches!(state, State::Kept | State::Absent) {
            return None;
        }
        let earlier = chain.hops.get(..idx)?;
        let hop = earlier.iter().rposition(|it| path::redirect_target(&it.hop).is_some())?;
        let by = if self.by_browser { Actor::Browser } else { actors.answered(hop) };
        Some(Change { hop, state, by, between: None })
    }
}

/// The prefix, which the gateway takes off and a `Location` must put on again.
fn prefix(chain: &Chain, actors: &Actors, mapping: &Mapping) -> Lineage {
    let mut lineage = Lineage::empty(What::Prefix, chain.hops.len());
    lineage.value = Some(mapping.outer.clone());
    let mut before = None;
    for (idx, it) in chain.hops.iter().enumerate() {
        let here = Target::parse(&it.hop.request.url).path;
        let state = match (path::is_under(here, &mapping.outer), before) {
            (true, _) if path::is_doubled(here, &mapping.outer) => State::Doubled,
            (true, Some(false)) => State::Added,
            (true, _) => State::Kept,
            (false, _) => State::Absent,
        };
        lineage.hops.push(state);
        lineage.changes.extend(prefix_change(idx, it, mapping, actors));
        before = Some(state != State::Absent);
    }
    lineage
}

fn prefix_change(idx: usize, hop: &ChainHop, mapping: &Mapping, by: &Actors) -> Option<Change> {
    let to = path::redirect_target(&hop.hop)?;
    let here = Target::parse(&hop.hop.request.url);
    let to = Target::parse(&to);
    // Another server's paths have nothing to do with this prefix, unless it is this path.
    let is_ours = path::server_of(&hop.hop.request.url) == path::server_of(&to.origin())
        || path::lost_head(here.path, to.path).is_some();
    let under = path::is_under(here.path, &mapping.outer);
    // The app's own paths may begin with what looks like the prefix.
    let in_app_space = hop.sightings.last().is_some_and(|it| {
        path::same_place(Target::parse(&it.hop.request.url).path, to.path)
            && path::lost_head(here.path, to.path).as_ref() == Some(&mapping.outer)
    });
    let state = match (under, path::is_under(to.path, &mapping.outer)) {
        _ if !is_ours => return None,
        (true, true) if in_app_space => State::Dropped,
        (true, false) => State::Dropped,
        (false, true) => State::Added,
        (_, true)
            if path::is_doubled(to.path, &mapping.outer)
                && !path::is_doubled(here.path, &mapping.outer) =>
        {
            State::Doubled
        }
        _ => return None,
    };
    Some(of_location(idx, hop, state, by))
}

/// A change that a `Location` makes to a part of the URL.
fn by_location(
    thing: &What,
    read: fn(&str) -> Option<String>,
    (idx, hop): (usize, &ChainHop),
    actors: &Actors,
) -> Option<Change> {
    let to = path::redirect_target(&hop.hop)?;
    if matches!(thing, What::Slash | What::Query) && !path::is_related(&hop.hop.request.url, &to) {
        return None;
    }
    let state = compare(read(&hop.hop.request.url).as_ref(), read(&to).as_ref());
    let changed = !matches!(state, State::Kept | State::Absent);
    changed.then(|| of_location(idx, hop, state, actors))
}

/// A `Location` is the doing of who answered, unless somebody on the way rewrote it.
fn of_location(idx: usize, hop: &ChainHop, state: State, actors: &Actors) -> Change {
    let sent = hop.innermost().response().and_then(|it| it.headers.get("location"));
    let came = hop.hop.response().and_then(|it| it.headers.get("location"));
    if sent.is_some() && sent != came {
        return between(idx, hop, state, actors);
    }
    Change { hop: idx, state, by: actors.answered(idx), between: None }
}

pub(super) fn between(idx: usize, hop: &ChainHop, state: State, actors: &Actors) -> Change {
    let taps = (hop.hop.tap, hop.innermost().tap);
    Change { hop: idx, state, by: actors.between, between: Some(taps) }
}

/// What became of a value.
pub(super) fn compare<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> State {
    match (before, after) {
        (None, None) => State::Absent,
        (None, Some(_)) => State::Added,
        (Some(_), None) => State::Dropped,
        (Some(before), Some(after)) if before == after => State::Kept,
        (Some(_), Some(_)) => State::Changed,
    }
}

fn if_present<T>(value: Option<&T>) -> State {
    if value.is_some() { State::Kept } else { State::Absent }
}

fn slash(url: &str) -> Option<String> {
    path::has_trailing_slash(Target::parse(url).path).then(|| "/".to_owned())
}

fn query(url: &str) -> Option<String> {
    Target::parse(url).query.filter(|it| !it.is_empty()).map(str::to_owned)
}

fn scheme(url: &str) -> Option<String> {
    Some(Target::parse(url).scheme.to_ascii_lowercase()).filter(|it| !it.is_empty())
}

fn host(url: &str) -> Option<String> {
    Some(Target::parse(url).authority.to_ascii_lowercase()).filter(|it| !it.is_empty())
}

/// A preflight speaks for the method that it asks for.
fn method(hop: &Hop) -> Option<String> {
    let asked =
        hop.is_preflight().then(|| hop.request.headers.text("access-control-request-method"));
    asked.flatten().or_else(|| Some(hop.request.method.clone()))
}

fn body(hop: &Hop) -> Option<String> {
    (!hop.request.body.is_empty()).then(|| format!("{} bytes", hop.request.body.length))
}

#[cfg(test)]
mod tests;
