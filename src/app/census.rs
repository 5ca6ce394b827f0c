//! How many chains a recording has, for whoever wants no more of them than that.
//!
//! **Invariant:** per hop only the number of its chain is kept.

use std::collections::HashMap;

use super::Error;
use super::desk::Source;
use super::progress::Progress;
use crate::link::{Change, HopFacts, Interner, Linker};
use crate::trace::{ByHop, Tap};

/// Link everything, a portion at a time, and count.
///
/// # Errors
///
/// When the hops cannot be read.
pub(crate) fn chains(
    source: &mut Source,
    taps: &[Tap],
    progress: &mut Progress,
) -> Result<u64, Error> {
    let mut interner = Interner::default();
    let mut linker = Linker::new(Tap::innermost(taps));
    let mut census = Census::default();
    loop {
        let news = source.news()?;
        for hop in &news.hops {
            linker.push(&HopFacts::of(hop, &mut interner)).iter().for_each(|it| census.apply(it));
            progress.add(1);
        }
        if !news.more {
            return Ok(u64::try_from(census.steps.len()).unwrap_or(u64::MAX));
        }
    }
}

#[derive(Debug, Default)]
struct Census {
    /// The chain that a hop is a step of.
    chains: ByHop<Option<u64>>,
    /// How many steps each chain has.
    steps: HashMap<u64, u32>,
}

impl Census {
    fn apply(&mut self, change: &Change) {
        let chain = change.place.kind.map(|_| change.place.chain);
        let before = self.chains.insert(change.hop, chain).flatten();
        if before == chain {
            return;
        }
        if let Some(chain) = chain {
            *self.steps.entry(chain).or_default() += 1;
        }
        if let Some(before) = before
            && let Some(steps) = self.steps.get_mut(&before)
        {
            *steps = steps.saturating_sub(1);
            if *steps == 0 {
                self.steps.remove(&before);
            }
        }
    }
}
