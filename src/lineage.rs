//! Lineage: one thing followed across the hops of a chain.
//!
//! A header, a path prefix, the trailing slash, the query, method, scheme, host, `Origin`,
//! cookies or the body: at each hop it was kept, added, changed, dropped, doubled or is
//! absent, and a change names the hop whose answer or forwarding did it and the actor.
//!
//! **Invariant:** a `Location` that leaves the stage is the redirecting hop's doing; the next
//! request merely shows it. Every view marks the place where it was lost, never where it was
//! missed.

mod follow;
mod header;
pub mod path;
mod route;

use std::fmt;

use crate::trace::TapId;

pub use follow::follow;
pub use header::follow_header;
pub use path::Mapping;
pub use route::{Route, RouteClue};

/// One thing, followed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lineage {
    pub what: What,
    /// The thing's value where it was first seen: `/prod`, `https://my.front-end.com`.
    pub value: Option<String>,
    /// One state a hop, in the order of the chain.
    pub hops: Vec<State>,
    pub changes: Vec<Change>,
}

impl Lineage {
    fn empty(what: What, n_hops: usize) -> Lineage {
        let (hops, changes) = (Vec::with_capacity(n_hops), Vec::new());
        Lineage { what, value: None, hops, changes }
    }

    /// The first change of this kind.
    pub fn change(&self, state: State) -> Option<&Change> {
        self.changes.iter().find(|it| it.state == state)
    }
}

/// What is followed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum What {
    Prefix,
    Slash,
    Query,
    Method,
    Scheme,
    Host,
    Origin,
    Cookie,
    Body,
    /// A response header, by its lower-case name.
    Header(String),
}

/// The contract's word: `prefix`, `header:access-control-allow-origin`.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            What::Prefix => "prefix",
            What::Slash => "slash",
            What::Query => "query",
            What::Method => "method",
            What::Scheme => "scheme",
            What::Host => "host",
            What::Origin => "origin",
            What::Cookie => "cookie",
            What::Body => "body",
            What::Header(name) => return write!(f, "header:{name}"),
        };
        f.write_str(word)
    }
}

/// What happened to it at a hop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    Kept,
    Added,
    Changed,
    Dropped,
    Doubled,
    Absent,
}

impl State {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Kept => "kept",
            State::Added => "added",
            State::Changed => "changed",
            State::Dropped => "dropped",
            State::Doubled => "doubled",
            State::Absent => "absent",
        }
    }
}

/// One change, at the hop that did it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Index of the hop whose answer or forwarding did it.
    pub hop: usize,
    pub state: State,
    pub by: Actor,
    /// The two taps, when it happened on the way between them.
    pub between: Option<(TapId, TapId)>,
}

/// Who was at work in a chain, as far as it is known: the names that changes are put down to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actors {
    /// Who answered, one entry a hop.
    pub answered: Vec<Actor>,
    /// Who stands between the outermost and the innermost tap.
    pub between: Actor,
}

impl Actors {
    /// Who answered the hop at `index`.
    pub fn answered(&self, index: usize) -> Actor {
        self.answered.get(index).copied().unwrap_or(Actor::Unknown)
    }
}

/// Who does things.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Actor {
    Browser,
    /// The app, its framework included.
    App,
    Gateway,
    Proxy,
    Cdn,
    Cache,
    Hopscope,
    Unknown,
}

impl Actor {
    /// The contract's word; `None` when nobody can be named.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Actor::Browser => Some("browser"),
            Actor::App => Some("app"),
            Actor::Gateway => Some("gateway"),
            Actor::Proxy => Some("proxy"),
            Actor::Cdn => Some("cdn"),
            Actor::Cache => Some("cache"),
            Actor::Hopscope => Some("hopscope"),
            Actor::Unknown => None,
        }
    }
}
