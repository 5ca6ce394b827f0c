//! Recordings of two machines have two clocks. Before linking them, the inner one is set by
//! the outer.
//!
//! Every pair of hops that could be one request allows a range of offsets: those at which the
//! inner hop happens within the outer. The offset that most pairs allow is taken; none when no
//! shift is as good.
//!
//! **Invariant:** facts are shifted, never the recorded times.

use std::collections::HashMap;

use super::facts::HopFacts;
use super::flags::Flags;
use super::interner::{Quick, Symbol};
use crate::trace::TapId;

/// Shift the facts of every inner tap so that they fit those further out.
///
/// Hops of one recorder share its clock, so only taps of different recorders are compared.
pub(crate) fn align(facts: &mut [HopFacts]) {
    let mut taps: Vec<TapId> = facts.iter().map(|it| it.tap).collect();
    taps.sort_unstable();
    taps.dedup();
    for tap in taps.into_iter().skip(1) {
        let offset = offset(facts, tap);
        for it in facts.iter_mut().filter(|it| it.tap == tap) {
            it.started = it.started.plus(offset);
        }
    }
}

/// What two sightings of one request have in common, whatever a gateway does.
type Key = (bool, Symbol, u16, u16);

fn key(it: &HopFacts) -> Key {
    // A broken preflight may lack the header that says what it asks for.
    let options = it.flags.has(Flags::OPTIONS);
    let method = if options { Symbol::NONE } else { it.method };
    (options, method, it.tail, it.query)
}

/// How many microseconds the clock of `tap` has to be set forward.
fn offset(facts: &[HopFacts], tap: TapId) -> i64 {
    let mut outers: HashMap<Key, Vec<&HopFacts>, Quick> = HashMap::default();
    for it in facts.iter().filter(|it| it.tap < tap) {
        let list = outers.entry(key(it)).or_default();
        if list.len() < ALIKE {
            list.push(it);
        }
    }
    // At which offset a pair begins to fit, and at which it ceases to.
    let mut turns: Vec<(i64, i32)> = Vec::new();
    let mut alike: HashMap<Key, usize, Quick> = HashMap::default();
    for inner in facts.iter().filter(|it| it.tap == tap) {
        let seen = alike.entry(key(inner)).or_default();
        *seen += 1;
        if ALIKE < *seen {
            continue;
        }
        for outer in outers.get(&key(inner)).into_iter().flatten() {
            if outer.id.recorder == inner.id.recorder {
                return 0;
            }
            let (from, to) = allowed(outer, inner);
            turns.push((from, 1));
            turns.push((to, -1));
        }
    }
    best(turns)
}

/// The offsets at which `inner` happens within `outer`; at which it begins there, where `outer`
/// did not wait for its end.
fn allowed(outer: &HopFacts, inner: &HopFacts) -> (i64, i64) {
    let at_begin = outer.started.since(inner.started);
    let at_end = match (outer.answered_at(), inner.answered_at()) {
        (Some(gone), _) if outer.gave_up() => gone.since(inner.started),
        (Some(outer), Some(inner)) => outer.since(inner),
        _ => at_begin,
    };
    (at_begin.min(at_end) - SLACK, at_begin.max(at_end) + SLACK)
}

/// The middle of the range that the most pairs allow; 0 if that is as good.
fn best(mut turns: Vec<(i64, i32)>) -> i64 {
    // Where one ceases and another begins, both count.
    turns.sort_unstable_by_key(|(at, step)| (*at, -step));
    let (mut count, mut most, mut range, mut unshifted) = (0, 0, (0, 0), 0);
    for (index, (at, step)) in turns.iter().enumerate() {
        count += step;
        let next = turns.get(index + 1).map_or(*at, |it| it.0);
        if most < count {
            most = count;
            range = (*at, next);
        }
        if *at <= 0 && 0 <= next {
            unshifted = unshifted.max(count);
        }
    }
    if most == 0 || most <= unshifted { 0 } else { range.0 + (range.1 - range.0) / 2 }
}

/// So many alike hops are compared with each other, at most.
const ALIKE: usize = 16;
/// What rounding may be wrong by, in microseconds.
const SLACK: i64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::interner::Interner;
    use crate::link::testing::blank;
    use crate::trace::{Failure, FailureKind, Hop, HopId, Outcome, Time};

    /// The client gave up, and the gateway kept its own request open for longer.
    #[test]
    fn what_outlasts_one_who_gave_up_tells_no_offset() {
        let hop = |recorder, tap, started, ended| {
            let aborted = Failure { kind: FailureKind::Aborted, detail: String::new() };
            let mut hop = Hop {
                id: HopId { recorder, sequence: 1 },
                tap: TapId(tap),
                started: Time(started),
                ended: Some(Time(ended)),
                outcome: Outcome::Failed(aborted),
                ..blank()
            };
            hop.request.method = "GET".to_owned();
            hop.request.url = "http://gw.test/items/".to_owned();
            hop
        };
        for (started, ended) in [(5_000, 9_000_000), (5_000, 20_000_000), (3_000_000, 30_000_000)] {
            let mut interner = Interner::default();
            let outer = HopFacts::of(&hop(1, 0, 0, 9_000_000), &mut interner);
            let inner = HopFacts::of(&hop(2, 1, started, ended), &mut interner);
            let mut facts = [outer, inner];
            align(&mut facts);
            assert_eq!(facts[1].started, Time(started), "until {ended}");
        }
    }

    #[test]
    fn the_offset_is_what_most_pairs_allow() {
        for (ranges, offset) in [
            (&[][..], 0),
            (&[(-5, 5)], 0),
            (&[(100, 120)], 110),
            (&[(100, 120), (110, 130)], 115),
            (&[(100, 120), (110, 130), (-1, 1)], 115),
            (&[(100, 120), (-1, 1)], 0),
            (&[(-300, -200), (-250, -220), (500, 600)], -235),
        ] {
            let turns = ranges.iter().flat_map(|(from, to)| [(*from, 1), (*to, -1)]);
            assert_eq!(best(turns.collect()), offset, "{ranges:?}");
        }
    }
}
