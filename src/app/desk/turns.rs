//! Hops in the order in which they are linked, handed on a portion at a time, so that the screen
//! never waits long for an answer.
//!
//! **Invariant:** what was read together is put in order as a whole: no portion goes before an
//! earlier hop of the same batch. An imported trace has its taps one behind the other.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::trace::Hop;

/// What is new in a recording.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// In the order in which they are linked.
    pub(crate) hops: Vec<Arc<Hop>>,
    /// Whether more is there already, perhaps after nothing.
    pub(crate) more: bool,
}

/// Hops on their way.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    gathered: Vec<Arc<Hop>>,
    ordered: VecDeque<Arc<Hop>>,
}

impl Turns {
    pub(super) fn gather(&mut self, hops: impl IntoIterator<Item = Arc<Hop>>) {
        self.gathered.extend(hops);
    }

    /// Whether a batch is together.
    pub(super) fn is_full(&self) -> bool {
        self.gathered.len() >= BATCH
    }

    /// Put what was gathered in order.
    pub(super) fn order(&mut self) {
        // The sort is stable: what a hop grew to comes after what it was.
        self.gathered.sort_by_key(|it| (it.started, it.tap, it.id));
        self.ordered.extend(self.gathered.drain(..));
    }

    /// The next portion of what is in order.
    pub(super) fn next(&mut self) -> Option<News> {
        let portion = self.ordered.len().min(PORTION);
        let hops: Vec<_> = self.ordered.drain(..portion).collect();
        (!hops.is_empty()).then(|| News { hops, more: !self.ordered.is_empty() })
    }
}

/// Hops that are put in order together.
const BATCH: usize = 20_000;
/// Hops that are read, or linked, before the screen is listened to again.
pub(super) const PORTION: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::desk::Source;
    use crate::app::recording::Recording;
    use crate::store::Store;
    use crate::trace::{ConnectionId, Event, Exchange, HopId, Request, TapId, Time};

    /// At two taps, all hops of the one behind all of the other, as they are imported.
    fn imported(n: u64) -> impl Iterator<Item = Hop> {
        (0..2 * n).map(move |it| {
            let mut hop = None;
            Event::Asked {
                id: HopId { recorder: 1, sequence: it + 1 },
                tap: TapId(u16::from(it >= n)),
                connection: ConnectionId(1),
                exchange: Exchange::Http,
                at: Time(i64::try_from(it % n).unwrap()),
                request: Request::default(),
                own_changes: Vec::new(),
            }
            .apply(&mut hop);
            Hop { ended: Some(Time(i64::try_from(it).unwrap())), ..hop.unwrap() }
        })
    }

    #[test]
    fn portions_are_small_and_in_order() {
        let hops = imported(4_500).map(Arc::new).collect();
        let recording = Recording { hops, ..Recording::default() };
        let trace = Store::in_memory(&[], imported(4_500)).unwrap();
        for mut source in [Source::memory(recording), Source::trace(trace)] {
            let (mut all, mut looks) = (Vec::new(), 0);
            loop {
                let news = source.news().unwrap();
                assert!(news.hops.len() <= PORTION);
                all.extend(news.hops.iter().map(|it| (it.started, it.tap)));
                looks += 1;
                if !news.more {
                    break;
                }
            }
            assert_eq!(all.len(), 9_000);
            assert!(all.is_sorted() && looks >= 5, "{looks} looks");
            let after = source.news().unwrap();
            assert!(after.hops.is_empty() && !after.more);
        }
    }
}
