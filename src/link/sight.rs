//! Whether a hop at an inner tap is the same request as one at an outer tap, and how well they
//! agree.
//!
//! A gateway may strip or add a prefix, drop or add a slash, replace the User-Agent, Host and
//! most of the answer's headers. What usually survives is the end of the path, the query, the
//! body, `Origin`, what a preflight asks for, and that the inner hop happens within the outer.
//!
//! **Invariant:** inferred, never certain, unless a tap marked the request.

use super::clue::Clues;
use super::facts::HopFacts;
use super::flags::Flags;

/// How well two sightings agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreement {
    pub(crate) score: i32,
    pub(crate) clues: Clues,
}

/// Is `inner` the request that `outer` is?
pub(crate) fn agreement(outer: &HopFacts, inner: &HopFacts) -> Option<Agreement> {
    if inner.tap <= outer.tap || !outer.same_wire_method(inner) || !in_time(outer, inner) {
        return None;
    }
    let mut it = Agreement { score: BASE, clues: Clues::default() };
    if outer.flags.has(Flags::MARKED) && inner.flags.has(Flags::MARKED) {
        if outer.trace != inner.trace {
            return None;
        }
        it.clues.add(Clues::MARK);
        it.score += 100;
    }
    // The nearest outer tap is the one that it came from.
    it.score -= i32::from(inner.tap.0 - outer.tap.0) - 1;
    it.path(outer, inner);
    it.request(outer, inner);
    it.answer(outer, inner);
    (ENOUGH <= it.score).then_some(it)
}

/// The best score that `inner` can have with an outer hop of the same end of the path and
/// another query, and with the same answer or another.
pub(crate) fn best_otherwise(inner: &HopFacts, same_answer: bool) -> i32 {
    let worth = |holds: bool, worth: i32| if holds { worth } else { 0 };
    let answered = inner.answered_at().is_some();
    BASE - 4
        + worth(inner.flags.has(Flags::MARKED), 100)
        + worth(inner.tail != 0, if inner.tails == 0 { 4 } else { 6 })
        + worth(inner.body.is_some(), 6)
        + worth(inner.trace.is_some(), 30)
        + worth(inner.origin.is_some(), 3)
        + worth(inner.credential() != 0, 4)
        + worth(inner.asked != 0, 3)
        + worth(inner.agent.is_some(), 2)
        + worth(answered, 3 + 2)
        + worth(answered && same_answer && inner.answer != 0, 4)
}

/// Whether `inner` began while `outer` was open.
fn in_time(outer: &HopFacts, inner: &HopFacts) -> bool {
    let after = inner.started.since(outer.started);
    let slack = slack(outer, inner);
    let ended = outer.answered_at().is_none_or(|it| inner.started.since(it) <= slack);
    -slack <= after && ended
}

/// One recorder has one clock, which leaves only rounding; a fast client sends its next request
/// within the slack of two.
fn slack(outer: &HopFacts, inner: &HopFacts) -> i64 {
    if outer.id.recorder == inner.id.recorder { ROUNDING } else { SLACK }
}

impl Agreement {
    fn path(&mut self, outer: &HopFacts, inner: &HopFacts) {
        if outer.url == inner.url {
            self.note(Clues::SAME_PATH, true, 7);
        } else if outer.tail == inner.tail && outer.tail != 0 {
            let deep = outer.tails == inner.tails && outer.tails != 0;
            self.note(Clues::SAME_END, true, if deep { 6 } else { 4 });
        } else if (outer.tail != 0 && inner.tail != 0) || outer.tails != 0 || inner.tails != 0 {
            // Nothing in common: only a rewriting gateway does this.
            self.score -= 6;
        }
        if outer.query == inner.query {
            self.note(Clues::SAME_QUERY, outer.query != 0, 3);
            self.score += 1;
        } else {
            self.score -= 4;
        }
    }

    fn request(&mut self, outer: &HopFacts, inner: &HopFacts) {
        // A broken exchange may have been recorded without its head: absence tells nothing.
        let told = inner.flags.has(Flags::HEADERS) && outer.flags.has(Flags::HEADERS);
        if outer.body == inner.body {
            self.note(Clues::SAME_BODY, outer.body.is_some(), 6);
        } else if told {
            self.score -= 8;
        }
        if outer.trace == inner.trace {
            self.note(Clues::SAME_TRACE, outer.trace.is_some() && !self.clues.has(Clues::MARK), 30);
        } else if outer.trace.is_some() && inner.trace.is_some() {
            self.score -= 12;
        }
        if outer.origin == inner.origin {
            self.note(Clues::SAME_ORIGIN, outer.origin.is_some(), 3);
        } else if told {
            self.score -= 6;
        }
        if !outer.is_preflight() && !inner.is_preflight() {
            match (outer.credential(), inner.credential()) {
                (0, _) | (_, 0) => {}
                (a, b) if a == b => self.note(Clues::SAME_CREDENTIAL, true, 4),
                _ => self.score -= 10,
            }
        }
        self.note(Clues::SAME_HEADERS, outer.asked != 0 && outer.asked == inner.asked, 3);
        self.note(Clues::SAME_AGENT, outer.agent.is_some() && outer.agent == inner.agent, 2);
    }

    fn answer(&mut self, outer: &HopFacts, inner: &HopFacts) {
        let (Some(outer_at), Some(inner_at)) = (outer.answered_at(), inner.answered_at()) else {
            return;
        };
        // A gateway that gave up answers by itself while the app still works.
        let gave_up = outer.gave_up();
        if inner_at.since(outer_at) <= slack(outer, inner) {
            self.note(Clues::WITHIN, true, 3);
        } else if !gave_up {
            self.score -= 6;
        }
        if outer.status == inner.status {
            self.score += 2;
            if outer.answer == inner.answer {
                self.note(Clues::SAME_ANSWER, outer.answer != 0, 4);
            } else if outer.answer != 0 && inner.answer != 0 {
                self.score -= 2;
            }
        } else if !(gave_up || inner.flags.has(Flags::FAILED)) {
            self.score -= 4;
        }
    }

    fn note(&mut self, clue: u32, holds: bool, worth: i32) {
        if holds {
            self.clues.add(clue);
            self.score += worth;
        }
    }
}

/// What the same method at the same time is worth.
const BASE: i32 = 10;
/// Below this it is another request that happened at the same time.
const ENOUGH: i32 = 11;
/// What two clocks may be wrong by, in microseconds.
pub(crate) const SLACK: i64 = 20_000;
/// What a file that counts in milliseconds may be wrong by, in microseconds.
const ROUNDING: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::super::facts::HopFacts;
    use super::super::interner::Interner;
    use super::super::testing::blank;
    use super::agreement;
    use crate::trace::{Hop, HopId, Outcome, Response, TapId, Time, Timing};

    /// A gateway answers by itself, and the client sends its next request at once.
    #[test]
    fn one_clock_tells_what_came_too_late() {
        let hop = |recorder, tap, started| {
            let mut hop = Hop {
                id: HopId { recorder, sequence: 1 },
                tap: TapId(tap),
                started: Time(started),
                ended: Some(Time(started + 3_000)),
                outcome: Outcome::Answered(Response { status: 200, ..Response::default() }),
                timing: Timing { wait: Some(3_000), ..Timing::default() },
                ..blank()
            };
            hop.request.method = "OPTIONS".to_owned();
            hop.request.url = "http://gw.test/items/".to_owned();
            hop
        };
        for (recorder, started, same) in
            [(1, 1_000, true), (1, 3_500, true), (1, 8_000, false), (2, 8_000, true)]
        {
            let mut interner = Interner::default();
            let outer = HopFacts::of(&hop(1, 0, 0), &mut interner);
            let inner = HopFacts::of(&hop(recorder, 1, started), &mut interner);
            let found = agreement(&outer, &inner).is_some();
            assert_eq!(found, same, "recorder {recorder}, {started} µs later");
        }
    }
}
