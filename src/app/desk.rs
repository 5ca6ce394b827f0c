//! The desk: owns the recording on behalf of the screen, and answers what it asks.
//!
//! ```text
//! trace ──▶ Source ──▶ Index (linker, order of chains) ──▶ rows, one analysis at a time
//!                                  ▲                              │
//!                screen ── Effect ─┘            Message ◀─────────┘
//! ```
//!
//! It has a thread of its own, because reading a trace blocks. Chains are analysed when the
//! screen asks for them, and in the time that is left over, so that the totals become right.
//!
//! **Invariant:** an effect is answered before any analysis that nobody asked for.

mod index;
mod search;
mod source;
mod turns;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Sender, UnboundedReceiver};

use index::Index;
pub(crate) use source::{Scan, Source};

use super::Error;
use super::analyst::Analyst;
use crate::diagnose::Analysis;
use crate::trace::HopId;
use crate::tui::{ChainRow, Effect, Feed, Loaded, Message, Notice, Status, Window};

/// How often a growing trace is looked at.
const LOOK: Duration = Duration::from_millis(40);

/// How long unasked work may take before the screen is listened to again.
const SPARE: Duration = Duration::from_millis(8);

/// Answers one screen from one recording.
pub(crate) struct Desk {
    source: Source,
    index: Index,
    status: Status,
    to_screen: Sender<Message>,
    /// What the screen shows.
    open: Option<HopId>,
    /// The rows that it wants last, and in which generation.
    rows: (Range<u64>, u64),
    /// There is more than the last look gave: a long trace comes in portions.
    behind: bool,
}

impl Desk {
    pub(crate) fn new(
        source: Source,
        analyst: Analyst,
        status: Status,
        to_screen: Sender<Message>,
    ) -> Desk {
        let index = Index::new(&status.taps, analyst);
        Desk { source, index, status, to_screen, open: None, rows: (0..0, 0), behind: false }
    }

    /// Work until the screen is gone.
    pub(crate) fn run(
        mut self,
        mut from_screen: UnboundedReceiver<Effect>,
        runtime: &tokio::runtime::Handle,
    ) {
        self.look();
        let mut looked = Instant::now();
        loop {
            let growing = self.behind || self.status.feed != Feed::Saved;
            let searching = self.index.is_searching();
            let busy = self.behind || searching || self.index.has_work();
            let wait = if busy { Duration::ZERO } else { LOOK };
            let next = runtime.block_on(async {
                if growing || wait.is_zero() {
                    tokio::time::timeout(wait, from_screen.recv()).await.ok()
                } else {
                    Some(from_screen.recv().await)
                }
            });
            match next {
                Some(None) => return,
                Some(Some(effect)) => self.answer(newest(effect, &mut from_screen)),
                None if searching => self.search(),
                None if self.behind => {}
                None => self.use_spare_time(),
            }
            if self.behind || (growing && looked.elapsed() >= LOOK) {
                self.look();
                looked = Instant::now();
            }
            if self.to_screen.is_closed() {
                return;
            }
        }
    }

    /// Take in what came since the last look.
    fn look(&mut self) {
        let news = self.source.news();
        self.behind = news.as_ref().is_ok_and(|it| it.more);
        match news {
            Ok(news) if news.hops.is_empty() => {}
            Ok(news) => {
                let touched = self.index.take_in(&news.hops);
                self.tell(Message::Grown(self.index.totals()));
                if self.open.is_some_and(|it| touched.contains(&it)) {
                    self.send_open();
                }
            }
            Err(error) => self.trouble(&error),
        }
        if let Some(unrecorded) = self.source.unrecorded()
            && unrecorded.count != self.status.unrecorded
        {
            self.status.unrecorded = unrecorded.count;
            self.status.unrecorded_why = Some(unrecorded.why);
            self.tell(Message::Status(self.status.clone()));
        }
        self.look_at_window();
    }

    /// How full the window is, and what it has let go.
    fn look_at_window(&mut self) {
        let Some((bytes, dropped)) = self.source.window() else { return };
        let full = self.status.window.bytes.map(|it| {
            let percent = u128::from(bytes) * 100 / u128::from(it.max(1));
            u8::try_from(percent.min(100)).unwrap_or(100)
        });
        if let Some(until) = dropped.until.filter(|_| dropped.count != self.status.window.gone) {
            self.index.suspect(until);
        }
        let (gone, from) = (dropped.count, dropped.until);
        let window = Window { full, gone, from, ..self.status.window.clone() };
        if window != self.status.window {
            self.status.window = window;
            self.tell(Message::Status(self.status.clone()));
        }
    }

    fn answer(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Load { range, filter, generation } => {
                    self.index.filter(&filter);
                    self.rows = (range, generation);
                    self.search();
                    self.tell(Message::Grown(self.index.totals()));
                }
                Effect::OpenChain(id) => {
                    self.open = Some(id);
                    self.send_open();
                }
                Effect::Copy(_) | Effect::Quit => {}
            }
        }
    }

    /// Look for what the filter lets through as long as there is time, and send what the list
    /// then shows. An empty list is only sent when nothing is left to look at.
    fn search(&mut self) {
        let until = Instant::now() + SPARE;
        while Instant::now() < until && self.index.search_one(&self.source) {}
        if self.index.is_searching() && self.index.shown() == 0 {
            return;
        }
        let (range, generation) = self.rows.clone();
        let (first, of, rows) = self.index.rows(range, &self.source);
        let searching = self.index.is_searching();
        self.tell(Message::Loaded(Loaded { generation, first, of, searching, rows }));
    }

    fn send_open(&mut self) {
        let Some(id) = self.open else { return };
        match self.index.analyse_chain_of(id, &self.source) {
            Ok(Some(analysis)) => self.tell(Message::Opened(Arc::new(analysis))),
            Ok(None) => {}
            Err(error) => self.trouble(&error),
        }
    }

    /// Let go what the recorder let go, and analyse what nobody has asked for yet, so that the
    /// totals become right.
    fn use_spare_time(&mut self) {
        let until = Instant::now() + SPARE;
        while Instant::now() < until && self.index.has_suspects() {
            if self.index.look_at_suspect(&self.source) {
                self.moved();
            }
        }
        let mut any = false;
        while Instant::now() < until && self.index.read_one(&self.source) {
            any = true;
        }
        if any && !self.index.has_unread() {
            self.tell(Message::Grown(self.index.totals()));
        }
    }

    /// Chains have left the list.
    fn moved(&self) {
        if let Some(id) = self.open {
            let at = self.index.position(id);
            if at.is_none() {
                let text = "the window has let go of the chain that was open".to_owned();
                self.tell(Message::Notice(Notice::Trouble(text)));
            }
            self.tell(Message::Moved { id, at });
        }
        self.tell(Message::Grown(self.index.totals()));
    }

    fn trouble(&self, error: &Error) {
        let causes: Vec<String> = error.causes();
        let text = std::iter::once(error.to_string()).chain(causes).collect::<Vec<_>>().join(": ");
        self.tell(Message::Notice(Notice::Trouble(text)));
    }

    /// A screen that is gone hears nothing, and the loop ends.
    fn tell(&self, message: Message) {
        let _ = self.to_screen.blocking_send(message);
    }
}

/// Of several waiting effects of a kind only the last needs an answer.
fn newest(first: Effect, waiting: &mut UnboundedReceiver<Effect>) -> Vec<Effect> {
    let mut load = None;
    let mut open = None;
    let mut next = Some(first);
    while let Some(effect) = next {
        match effect {
            Effect::Load { .. } => load = Some(effect),
            Effect::OpenChain(_) => open = Some(effect),
            Effect::Copy(_) | Effect::Quit => {}
        }
        next = waiting.try_recv().ok();
    }
    load.into_iter().chain(open).collect()
}

/// One row and what it adds to the totals.
fn row_of(number: usize, analysis: &Analysis) -> Option<ChainRow> {
    ChainRow::of(u64::try_from(number).unwrap_or(u64::MAX), analysis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Console;
    use crate::fetch::Known;
    use crate::store::Store;
    use crate::trace::{Hop, Request, Response, Tap, TapKind, Time};

    #[test]
    fn a_long_trace_is_read_to_its_end() {
        let n = 20_050;
        let hop = |sequence| Hop {
            id: HopId { recorder: 1, sequence },
            tap: crate::trace::TapId(0),
            exchange: crate::trace::Exchange::Http,
            connection: None,
            started: Time(i64::try_from(sequence).unwrap() * 1_000_000),
            ended: None,
            request: Request {
                method: "GET".to_owned(),
                url: format!("http://a.test/{sequence}"),
                ..Request::default()
            },
            outcome: crate::trace::Outcome::Answered(Response {
                status: 200,
                ..Response::default()
            }),
            timing: crate::trace::Timing::default(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: None,
            own_changes: Vec::new(),
            testimony: crate::trace::Testimony::default(),
        };
        let taps = [Tap {
            name: "edge".to_owned(),
            kind: TapKind::Forward,
            address: String::new(),
            upstream: None,
        }];
        let reader = Store::in_memory(&taps, (1..=n).map(hop)).unwrap();
        let mut console = Console {
            out: Box::new(std::io::sink()),
            err: Box::new(std::io::sink()),
            terminal: false,
            progress: None,
        };
        let status = Status { feed: Feed::Saved, taps: taps.to_vec(), ..Status::default() };
        let (to_screen, mut inbox) = tokio::sync::mpsc::channel(64);
        let (outbox, from_screen) = tokio::sync::mpsc::unbounded_channel();
        let analyst = Analyst::new(Known::default(), &mut console);
        let desk = Desk::new(Source::trace(reader), analyst, status, to_screen);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let desk = std::thread::spawn(move || desk.run(from_screen, &handle));
        let all = runtime.block_on(async {
            let told = async {
                while let Some(message) = inbox.recv().await {
                    if matches!(message, Message::Grown(it) if it.chains == n) {
                        return true;
                    }
                }
                false
            };
            tokio::time::timeout(Duration::from_secs(60), told).await
        });
        assert_eq!(all, Ok(true), "the screen heard of all {n} chains");
        drop((outbox, inbox));
        desk.join().unwrap();
    }
}
