//! The list's bookkeeping, with an app that has only rows.

use chrono::FixedOffset;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::update;
use crate::trace::{HopId, TapId, Time};
use crate::tui::message::{Effect, Feed, Loaded, Message, Status, Totals};
use crate::tui::model::Model;
use crate::tui::row::{Badge, ChainRow};

/// A model, and the trace behind it as a list of ids.
struct Played {
    model: Model,
    trace: Vec<u64>,
    opened: Vec<u64>,
    loads: usize,
}

impl Played {
    fn new(feed: Feed, trace: impl IntoIterator<Item = u64>) -> Played {
        let status = Status { feed, ..Status::default() };
        let model = Model::new(status, FixedOffset::east_opt(0).unwrap());
        let trace = trace.into_iter().collect();
        let mut it = Played { model, trace, opened: Vec::new(), loads: 0 };
        it.send(Message::Resized { width: 80, height: 24 });
        it
    }

    fn send(&mut self, message: Message) {
        for effect in update(&mut self.model, message) {
            match effect {
                Effect::Load { range, filter, generation } => {
                    self.loads += 1;
                    let all: Vec<ChainRow> = self
                        .trace
                        .iter()
                        .map(|it| row(*it))
                        .filter(|it| it.matches(&filter))
                        .collect();
                    let of = all.len() as u64;
                    let first = range.start.min(of);
                    let rows = all[usize::try_from(first).unwrap()
                        ..usize::try_from(range.end.min(of)).unwrap()]
                        .to_vec();
                    self.send(Message::Loaded(Loaded {
                        generation,
                        first,
                        of,
                        rows,
                        searching: false,
                    }));
                }
                Effect::OpenChain(id) => self.opened.push(id.sequence),
                Effect::Copy(_) | Effect::Quit => {}
            }
        }
    }

    fn grow(&mut self, trace: impl IntoIterator<Item = u64>) {
        self.trace.extend(trace);
        let chains = self.trace.len() as u64;
        self.send(Message::Grown(Totals { chains, ..Totals::default() }));
    }

    fn keys(&mut self, keys: &str) {
        for it in keys.chars() {
            let code = if it == '\n' { KeyCode::Enter } else { KeyCode::Char(it) };
            self.send(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
    }

    fn selected(&self) -> Option<u64> {
        self.model.list.selected.and_then(|it| it.id).map(|it| it.sequence)
    }
}

fn row(sequence: u64) -> ChainRow {
    ChainRow {
        id: HopId { recorder: 1, sequence },
        number: sequence,
        at: Time(0),
        method: if sequence.is_multiple_of(2) { "GET" } else { "POST" }.to_owned(),
        host: "a.test".to_owned(),
        path: format!("/items/{sequence}"),
        badge: Badge::Allowed { error: None },
        tap: TapId(0),
        hops: 1,
    }
}

#[test]
fn selects_and_opens_by_key() {
    for (feed, keys, selected) in [
        (Feed::Saved, "", 1),
        (Feed::Saved, "jj", 3),
        (Feed::Saved, "jjk", 2),
        (Feed::Saved, "kkk", 1),
        (Feed::Saved, "G", 1000),
        (Feed::Saved, "Gk", 999),
        (Feed::Saved, "Gkg", 1),
        (Feed::Recording, "", 1000),
        (Feed::Recording, "kk", 998),
    ] {
        let mut it = Played::new(feed, 1..=1000);
        it.keys(keys);
        assert_eq!(it.selected(), Some(selected), "{feed:?} {keys}");
        assert_eq!(it.opened.last(), Some(&selected), "{feed:?} {keys}");
    }
}

#[test]
fn holds_a_window_and_never_the_trace() {
    let mut it = Played::new(Feed::Saved, 1..=100_000);
    it.keys("GgGkkk");
    assert_eq!(it.selected(), Some(99_997));
    assert!(it.model.list.window.rows.len() < 500, "{}", it.model.list.window.rows.len());
    for _ in 0..300 {
        it.keys("k");
    }
    assert_eq!(it.selected(), Some(99_697));
    assert!(it.loads < 30, "{} loads", it.loads);
}

#[test]
fn follows_the_newest_until_somebody_looks_closer() {
    let mut it = Played::new(Feed::Recording, 1..=3);
    it.grow(4..=6);
    assert_eq!(it.selected(), Some(6));
    it.keys("n");
    it.grow(7..=9);
    assert_eq!(it.selected(), Some(6), "looking at hops holds the chain");
    it.keys("G");
    it.grow(10..=200);
    assert_eq!(it.selected(), Some(200));
}

#[test]
fn keeps_the_chain_when_its_position_shifts() {
    let mut it = Played::new(Feed::Saved, 10..=20);
    it.keys("jj");
    assert_eq!(it.selected(), Some(12));
    it.trace.splice(0..0, [1, 2, 3]);
    it.grow([21]);
    assert_eq!(it.selected(), Some(12));
    assert_eq!(it.model.list.selected.map(|it| it.at), Some(5));
    it.trace.retain(|it| *it != 12);
    it.grow([22, 23]);
    assert_eq!(it.selected(), Some(13), "a chain that is gone gives way to its neighbour");
}

#[test]
fn a_filter_shows_what_it_lets_through_and_gives_it_back() {
    let mut it = Played::new(Feed::Saved, 1..=50);
    it.keys("/post 4");
    assert!(it.model.list.window.rows.iter().all(|it| it.method == "POST"));
    assert_eq!(it.model.list.window.of, 5);
    it.keys("\n");
    it.send(Message::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)));
    assert_eq!(it.model.list.window.of, 50);
    it.keys("/nothing like this");
    assert_eq!((it.selected(), it.model.list.window.of), (None, 0));
}

#[test]
fn growth_during_a_load_costs_one_more_load() {
    let mut model = Model::new(Status::default(), FixedOffset::east_opt(0).unwrap());
    let first = update(&mut model, Message::Grown(Totals { chains: 1, ..Totals::default() }));
    let [Effect::Load { generation, .. }] = first[..] else { panic!("{first:?}") };
    for chains in 2..100 {
        let grown = Message::Grown(Totals { chains, ..Totals::default() });
        assert_eq!(update(&mut model, grown), []);
    }
    let (first, searching) = (0, false);
    let old = Loaded { generation: generation - 1, first, of: 9, searching, rows: vec![row(9)] };
    assert_eq!(update(&mut model, Message::Loaded(old)), [], "an older answer changes nothing");
    let loaded = Loaded { generation, first, of: 1, searching, rows: vec![row(1)] };
    let effects = update(&mut model, Message::Loaded(loaded));
    assert!(matches!(effects[..], [Effect::Load { .. }, Effect::OpenChain(_)]), "{effects:?}");
}

#[test]
fn totals_told_twice_cost_nothing() {
    let mut it = Played::new(Feed::Saved, 1..=9);
    it.grow([]);
    let loads = it.loads;
    it.grow([]);
    assert_eq!(it.loads, loads);
}

#[test]
fn the_selection_stays_on_its_chain_when_the_oldest_leave() {
    let mut it = Played::new(Feed::Recording, 0..1000);
    it.grow([]);
    it.keys("G");
    it.keys(&"k".repeat(300));
    assert_eq!(it.selected(), Some(699));
    let top = it.model.list.top;
    let id = it.model.list.selected.unwrap().id.unwrap();
    it.trace.drain(..500);
    it.send(Message::Moved { id, at: Some(199) });
    assert_eq!(it.model.list.row(199).map(|it| it.id), Some(id), "before the next load, too");
    it.grow([]);
    assert_eq!((it.selected(), it.model.list.top), (Some(699), top - 500));
    assert_eq!(it.model.list.window.of, 500);
    it.trace.drain(..300);
    it.send(Message::Moved { id, at: None });
    it.grow([]);
    assert_eq!(it.selected(), Some(800), "the oldest takes its place");
}
