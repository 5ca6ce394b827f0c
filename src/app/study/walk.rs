//! Reading hops once, about in the order in which they are asked for.
//!
//! **Invariant:** bounded. What lies further ahead than [`AHEAD`] hops is looked up by itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::app::Error;
use crate::app::desk::{Scan, Source};
use crate::store::Load;
use crate::trace::{Hop, HopId};

/// A walk along a recording.
pub(super) struct Walk<'a> {
    source: &'a Source,
    scan: Option<Scan<'a>>,
    /// Passed, and not asked for yet.
    ahead: HashMap<HopId, Arc<Hop>>,
    /// Looked up before they were passed.
    early: HashSet<HopId>,
    /// Visited, as several chains lean on one hop.
    visited: HashMap<HopId, Option<Arc<Hop>>>,
}

impl<'a> Walk<'a> {
    /// From the first hop to the last.
    pub(super) fn along(source: &'a Source, load: Load) -> Walk<'a> {
        Walk { scan: Some(source.scan(load)), ..Walk::to_and_fro(source) }
    }

    /// Only to where somebody asks.
    pub(super) fn to_and_fro(source: &'a Source) -> Walk<'a> {
        let (ahead, early) = (HashMap::new(), HashSet::new());
        Walk { source, scan: None, ahead, early, visited: HashMap::new() }
    }

    /// A hop that is asked for once; `in_turn` says which others will be asked for soon.
    pub(super) fn take(
        &mut self,
        id: HopId,
        in_turn: impl Fn(HopId) -> bool,
    ) -> Result<Option<Arc<Hop>>, Error> {
        if let Some(hop) = self.ahead.remove(&id) {
            return Ok(Some(hop));
        }
        while let Some(scan) = self.scan.as_mut().filter(|_| in_turn(id))
            && self.ahead.len() < AHEAD
        {
            let Some(hop) = scan.next() else {
                self.scan = None;
                break;
            };
            let hop = hop?;
            if hop.id == id {
                return Ok(Some(hop));
            }
            if !self.early.remove(&hop.id) && in_turn(hop.id) {
                self.ahead.insert(hop.id, hop);
            }
        }
        self.early.insert(id);
        self.source.hop(id)
    }

    /// A hop of another chain.
    pub(super) fn visit(&mut self, id: HopId) -> Result<Option<Arc<Hop>>, Error> {
        if let Some(hop) = self.visited.get(&id) {
            return Ok(hop.clone());
        }
        let hop = match self.ahead.get(&id) {
            Some(hop) => Some(Arc::clone(hop)),
            None => self.source.hop(id)?,
        };
        if self.visited.len() >= VISITED {
            self.visited.clear();
        }
        self.visited.insert(id, hop.clone());
        Ok(hop)
    }
}

/// How many hops may lie ready, because a chain before them still lacks one.
const AHEAD: usize = 4096;
/// How many hops of other chains are kept.
const VISITED: usize = 256;
