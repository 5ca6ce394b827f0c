//! Chains leave the list when a flight recorder has let all of their hops go.
//!
//! **Invariant:** a chain stays as long as one of its hops can be read, and keeps its number.

use std::collections::{HashSet, VecDeque};

use super::{Index, count};
use crate::app::desk::Source;
use crate::trace::{HopId, Time};

/// Chains that may be gone, and those that are.
#[derive(Default)]
pub(super) struct Gone {
    /// Not looked at yet.
    suspects: VecDeque<u64>,
    /// To leave the list, all at once.
    leaving: HashSet<u64>,
    /// How many have left it.
    pub(super) left: usize,
}

impl Index {
    /// What was written before `until` may be gone.
    pub(crate) fn suspect(&mut self, until: Time) {
        let old = self.order.iter().filter(|((_, began, _), _)| *began < until);
        self.gone.suspects = old.map(|it| it.1).collect();
    }

    /// Whether there are chains to look at.
    pub(crate) fn has_suspects(&self) -> bool {
        !self.gone.suspects.is_empty()
    }

    /// Look at one. `true` when it was the last and chains have left the list.
    pub(crate) fn look_at_suspect(&mut self, source: &Source) -> bool {
        if let Some(chain) = self.gone.suspects.pop_front() {
            let mut members = self.members(chain).into_iter();
            // What cannot be asked for is no proof of absence.
            if !members.any(|it| source.has(it).unwrap_or(true)) {
                self.gone.leaving.insert(chain);
            }
        }
        !self.has_suspects() && self.leave()
    }

    fn leave(&mut self) -> bool {
        let leaving = std::mem::take(&mut self.gone.leaving);
        for chain in &leaving {
            let row = self.chains.remove(chain).and_then(|it| it.row);
            if let Some(row) = row {
                count(&mut self.blocked, &mut self.failed, row.badge, u64::wrapping_sub);
            }
        }
        self.order.retain(|it| !leaving.contains(&it.1));
        if let Some(search) = &mut self.search {
            search.forget(&leaving);
        }
        self.gone.left += leaving.len();
        !leaving.is_empty()
    }

    /// Where the chain of this hop stands in the list.
    pub(crate) fn position(&self, id: HopId) -> Option<u64> {
        let chain = self.chain_of(id)?;
        let key = self.chains.get(&chain)?.key?;
        let list = self.list();
        u64::try_from(list.binary_search(&(key, chain)).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::app::Console;
    use crate::app::analyst::Analyst;
    use crate::fetch::Known;
    use crate::store::{Keep, Reader, Store};
    use crate::trace::{ConnectionId, Event, Exchange, FailureKind, Hop, Outcome, Request, TapId};

    /// A request that was refused, `second`s after the first.
    fn hop(second: u64) -> Hop {
        let at = Time(i64::try_from(second).unwrap() * 1_000_000);
        let mut hop = None;
        Event::Asked {
            id: HopId { recorder: 1, sequence: second + 1 },
            tap: TapId(0),
            connection: ConnectionId(second),
            exchange: Exchange::Http,
            at,
            request: Request {
                method: "GET".to_owned(),
                url: format!("http://a.test/{second}"),
                ..Request::default()
            },
            own_changes: Vec::new(),
        }
        .apply(&mut hop);
        let mut hop = hop.unwrap();
        let (kind, detail) = (FailureKind::Refused, String::new());
        hop.outcome = Outcome::Failed(crate::trace::Failure { kind, detail });
        hop.ended = Some(at);
        hop
    }

    fn eventually(what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < deadline, "never happened: {what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_the_recorder_let_go_leaves_the_list_and_the_rest_keeps_its_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("window.hops");
        let keep = Keep { bytes: None, time: Some(Duration::from_secs(64)) };
        let (recorder, writer) = Store::create_window(&path, &[], keep).unwrap();
        (0..100).for_each(|it| recorder.insert_blocking(hop(it)));
        let reader = Reader::open(&path).unwrap();
        eventually("all hops are written", || reader.info().is_ok_and(|it| it.hops == 100));
        let mut console = Console {
            out: Box::new(std::io::sink()),
            err: Box::new(std::io::sink()),
            terminal: false,
            progress: None,
        };
        let mut source = Source::trace(reader);
        let mut index = Index::new(&[], Analyst::new(Known::default(), &mut console));
        index.take_in(&source.news().unwrap().hops);
        while index.read_one(&source) {}
        index.filter("a.test");
        while index.search_one(&source) {}
        assert_eq!((index.totals().chains, index.totals().failed, index.shown()), (100, 100, 100));
        recorder.insert_blocking(hop(120));
        let until = || source.window().and_then(|it| it.1.until);
        eventually("the window lets go", || until().is_some());
        index.suspect(until().unwrap());
        assert!(index.has_suspects());
        while !index.look_at_suspect(&source) {}
        let left = index.totals().chains;
        assert!((44..50).contains(&left), "{left} chains");
        assert_eq!((index.totals().failed, index.shown()), (left, usize::try_from(left).unwrap()));
        let (_, of, rows) = index.rows(0..1, &source);
        assert_eq!((of, rows[0].number, rows[0].id), (left, 101 - left, hop(100 - left).id));
        assert_eq!(index.position(hop(99).id), Some(left - 1));
        assert_eq!(index.position(hop(0).id), None);
        drop(recorder);
        writer.finish();
    }
}
