//! Following one header by its name.
//!
//! **Invariant:** every repeat counts: two identical lines are not one.

use super::follow::{between, compare};
use super::path;
use super::{Actor, Actors, Change, Lineage, State, What};
use crate::trace::{Chain, ChainHop, Headers, HopKind};

/// Follow any header: on the responses, or on the requests when no response has it.
pub fn follow_header(chain: &Chain, name: &str, actors: &Actors) -> Lineage {
    let name = name.to_ascii_lowercase();
    let mut answers = chain.hops.iter().flat_map(ChainHop::seen).filter_map(|it| it.response());
    if answers.any(|it| it.headers.has(&name)) {
        return on_responses(chain, &name, actors);
    }
    on_requests(chain, &name, actors)
}

/// The headers of the CORS protocol that occur in the chain's answers, and `Location`.
pub(super) fn cors_headers(chain: &Chain, actors: &Actors) -> Vec<Lineage> {
    let mut names: Vec<String> = Vec::new();
    for hop in chain.hops.iter().flat_map(ChainHop::seen) {
        for header in hop.response().into_iter().flat_map(|it| it.headers.iter()) {
            let is_followed = header.name.eq_ignore_ascii_case("location")
                || header.name.get(..15).is_some_and(|it| it.eq_ignore_ascii_case(CORS));
            let known = || names.iter().any(|it| it.eq_ignore_ascii_case(&header.name));
            if is_followed && !known() {
                names.push(header.name.to_ascii_lowercase());
            }
        }
    }
    names.sort_by_key(|it| ORDER.iter().position(|known| it == known).unwrap_or(ORDER.len()));
    names.iter().map(|it| on_responses(chain, it, actors)).collect()
}

const CORS: &str = "access-control-";
const ORDER: &[&str] = &[
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
];

fn on_responses(chain: &Chain, name: &str, actors: &Actors) -> Lineage {
    let mut lineage = Lineage::empty(What::Header(name.to_owned()), chain.hops.len());
    for (idx, it) in chain.hops.iter().enumerate() {
        let lines = |headers: &Headers| headers.all(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let outer = it.hop.response().map(|it| lines(&it.headers)).unwrap_or_default();
        let inner = it.sightings.last().and_then(|it| it.hop.response());
        let inner = inner.map(|it| lines(&it.headers));
        if lineage.value.is_none() {
            let first = outer.first().or_else(|| inner.as_ref()?.first());
            lineage.value = first.map(|it| String::from_utf8_lossy(it).into_owned());
        }
        let state = lines_state(&outer, inner.as_deref());
        lineage.hops.push(state);
        let on_the_way = inner.as_ref().is_some_and(|it| *it != outer);
        match state {
            State::Kept | State::Absent => {}
            _ if on_the_way => lineage.changes.push(between(idx, it, state, actors)),
            _ => {
                let by = actors.answered(idx);
                lineage.changes.push(Change { hop: idx, state, by, between: None });
            }
        }
    }
    lineage
}

fn lines_state(outer: &[Vec<u8>], inner: Option<&[Vec<u8>]>) -> State {
    match inner {
        _ if outer.len() > 1 && inner.is_none_or(|it| it.len() <= outer.len()) => State::Doubled,
        None if outer.is_empty() => State::Absent,
        None => State::Kept,
        Some(inner) => compare(
            (!inner.is_empty()).then_some(inner).as_ref(),
            (!outer.is_empty()).then_some(outer).as_ref(),
        ),
    }
}

fn on_requests(chain: &Chain, name: &str, actors: &Actors) -> Lineage {
    let mut lineage = Lineage::empty(What::Header(name.to_owned()), chain.hops.len());
    let mut before: Option<Option<Vec<u8>>> = None;
    for (idx, it) in chain.hops.iter().enumerate() {
        let here = it.hop.request.headers.get(name);
        let inner = it.sightings.last().map(|it| it.hop.request.headers.get(name));
        if lineage.value.is_none() {
            let first = here.as_ref().or_else(|| inner.as_ref()?.as_ref());
            lineage.value = first.map(|it| String::from_utf8_lossy(it).into_owned());
        }
        let state = match &before {
            _ if it.kind == HopKind::Preflight => compare(here.as_ref(), here.as_ref()),
            None => compare(here.as_ref(), here.as_ref()),
            Some(before) => compare(before.as_ref(), here.as_ref()),
        };
        let way = inner.map(|inner| compare(here.as_ref(), inner.as_ref()));
        let way = way.filter(|it| !matches!(it, State::Kept | State::Absent));
        lineage.hops.push(way.unwrap_or(match state {
            State::Dropped => State::Absent,
            state => state,
        }));
        if !matches!(state, State::Kept | State::Absent) {
            lineage.changes.extend(by_browser(chain, idx, state));
        }
        lineage.changes.extend(way.map(|state| between(idx, it, state, actors)));
        if it.kind != HopKind::Preflight {
            before = Some(here);
        }
    }
    lineage
}

/// What the browser left out or changed when it followed the redirect before this hop.
fn by_browser(chain: &Chain, idx: usize, state: State) -> Option<Change> {
    let earlier = chain.hops.get(..idx)?;
    let hop = earlier.iter().rposition(|it| path::redirect_target(&it.hop).is_some())?;
    Some(Change { hop, state, by: Actor::Browser, between: None })
}
