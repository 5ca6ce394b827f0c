//! Linking: hops to chains, taps to sightings, each with the clue that says so.
//!
//! [`HopFacts`] are taken from each hop once; [`Linker`] folds them, one after the other, and
//! says which hop's [`Place`] is new; [`Places`] puts chains together from hops and places.
//! [`chains`] is that fold run to its end.
//!
//! **Invariant:** a fold over small facts. A million hops link incrementally while they are
//! recorded, and a batch is the fold run to its end.

mod address;
mod assemble;
mod clocks;
mod clue;
mod facts;
mod fields;
mod fit;
mod flags;
mod heads;
mod interner;
mod linker;
mod location;
mod memory;
mod names;
mod recent;
mod serial;
mod sight;
mod window;

#[cfg(test)]
mod testing;

use std::sync::Arc;

pub use assemble::Places;
pub use clue::{Clues, Edge};
pub use facts::HopFacts;
pub use interner::{Interner, Symbol};
pub use linker::{Change, Linker, Place};

use crate::trace::{Chain, Hop, Tap};

/// Link a whole recording: chains by their first hop, what only inner taps saw after the rest.
/// The order of `hops` does not matter. Taps recorded on different machines may have different
/// clocks.
pub fn chains(hops: &[Arc<Hop>], taps: &[Tap]) -> Vec<Chain> {
    let mut interner = Interner::default();
    let facts = hops.iter().map(|it| HopFacts::of(it, &mut interner)).collect();
    places(facts, taps).chains(hops)
}

/// The same for whoever cannot hold all hops at once: the place of each, from the facts of all.
pub fn places(mut facts: Vec<HopFacts>, taps: &[Tap]) -> Places {
    let innermost = facts.iter().map(|it| it.tap).max().unwrap_or_default();
    if 1 < taps.len() {
        clocks::align(&mut facts);
    }
    // An outer hop goes first, even if rounding made it begin a little later.
    let turn = |it: &HopFacts| it.started.plus(i64::from(it.tap.0) * sight::SLACK);
    facts.sort_by_key(|it| (turn(it), it.started, it.tap, it.id));
    let mut linker = Linker::new(innermost);
    let mut places = Places::default();
    for it in &facts {
        places.apply(linker.push(it).iter().copied());
    }
    places
}
