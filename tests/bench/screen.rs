//! How long a frame of the screen takes: `cargo bench --bench screen`.
//!
//! Prints milliseconds a frame, from the key to the drawn buffer, on a trace of a million hops: the
//! list with its panes, and a hop with a body of 256 KiB. And what the desk behind the screen does
//! between two frames: to ask every row whether a filter lets it through.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "traffic.rs"]
mod traffic;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use chrono::{Offset as _, Utc};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use hopscope::diagnose::{Analysis, Fingerprints, Memo, Servers};
use hopscope::fetch::Known;
use hopscope::link;
use hopscope::trace::{Body, Chain, Filter, Hop, Outcome};
use hopscope::tui::{
    ChainRow, Effect, Feed, Loaded, Look, Message, Model, Status, ThemeName, Totals, draw, update,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use traffic::Traffic;

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut memo = Memo::new(Known::default(), Cow::Borrowed(Fingerprints::builtin()));
    let taps = traffic::taps(2);
    let mut traffic = Traffic::new(2);
    let hops = (0..400).flat_map(|_| traffic.conversation()).map(large).map(Arc::new);
    let hops: Vec<Arc<Hop>> = hops.collect();
    let mut conclude = |it: Chain| memo.conclude(Arc::new(it), &taps, &Servers::default());
    let all: Vec<Analysis> = link::chains(&hops, &taps).into_iter().map(&mut conclude).collect();
    let rows: Vec<ChainRow> =
        all.iter().zip(1..).filter_map(|(it, number)| ChainRow::of(number, it)).collect();
    let chains: Vec<Arc<Analysis>> = all.into_iter().map(Arc::new).collect();
    filter(&rows);
    for (width, height) in [(80, 24), (160, 45)] {
        let mut screen = Screen::new(width, height, &rows, &chains);
        screen.time("down the list", None, KeyCode::Char('j'));
        screen.time("a page down the list", None, KeyCode::PageDown);
        screen.key(KeyCode::Enter);
        screen.key(KeyCode::Enter);
        screen.time("opening a hop with a large body", Some(KeyCode::Esc), KeyCode::Enter);
        screen.time("down that body", None, KeyCode::Char('j'));
        screen.time("a page down that body", None, KeyCode::PageDown);
    }
}

/// Every answer with a large body.
fn large(mut hop: Hop) -> Hop {
    if let Outcome::Answered(response) = &mut hop.outcome {
        let items: Vec<String> =
            (0..5000).map(|it| format!("{{\"id\":{it},\"name\":\"item number {it}\"}}")).collect();
        response.body = Body::full(format!("[{}]", items.join(",")));
    }
    hop
}

/// Ask as many rows as a million hops have.
fn filter(rows: &[ChainRow]) {
    let (begun, words, mut found) = (Instant::now(), Filter::new("items 403"), 0);
    for row in rows.iter().cycle().take(ROWS) {
        found += usize::from(row.passes(&words));
    }
    let nanos = begun.elapsed().as_nanos() / ROWS as u128;
    println!("filter: {nanos} ns a row, {found} of {ROWS} let through");
}

/// A screen whose app has everything at hand.
struct Screen<'a> {
    model: Model,
    look: Look,
    rows: &'a [ChainRow],
    chains: &'a [Arc<Analysis>],
    buffer: Buffer,
}

impl<'a> Screen<'a> {
    fn new(
        width: u16,
        height: u16,
        rows: &'a [ChainRow],
        chains: &'a [Arc<Analysis>],
    ) -> Screen<'a> {
        let status = Status { feed: Feed::Saved, taps: traffic::taps(2), ..Status::default() };
        let (model, look) = (Model::new(status, Utc.fix()), Look::new(ThemeName::Dark, false));
        let buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let mut screen = Screen { model, look, rows, chains, buffer };
        screen.send(Message::Resized { width, height });
        let chains = ROWS as u64;
        screen.send(Message::Grown(Totals { hops: 3 * chains, chains, ..Totals::default() }));
        screen
    }

    /// The frames after a key; `before` is pressed in front of it, and does not count.
    fn time(&mut self, what: &str, before: Option<KeyCode>, key: KeyCode) {
        let mut took: Vec<f64> = (0..FRAMES)
            .map(|_| {
                if let Some(before) = before {
                    self.key(before);
                }
                let begun = Instant::now();
                self.key(key);
                begun.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        took.sort_by(f64::total_cmp);
        let (middle, last) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        let Rect { width, height, .. } = self.buffer.area;
        println!("{width}x{height}, {what}: {middle:.2} ms a frame, 99 of 100 in {last:.2}");
    }

    fn key(&mut self, code: KeyCode) {
        self.send(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    fn send(&mut self, message: Message) {
        let mut effects = update(&mut self.model, message);
        self.buffer.reset();
        let seen = draw(&self.model, &self.look, self.buffer.area, &mut self.buffer);
        effects.extend(update(&mut self.model, Message::Drawn(seen)));
        for effect in effects {
            match effect {
                Effect::Load { range, generation, .. } => {
                    let of = ROWS as u64;
                    let rows = range.clone().take_while(|it| *it < of).filter_map(|at| {
                        let row = self.rows.get(usize::try_from(at).ok()? % self.rows.len())?;
                        Some(ChainRow { number: at + 1, ..row.clone() })
                    });
                    let rows = rows.collect();
                    let (first, searching) = (range.start, false);
                    self.send(Message::Loaded(Loaded { generation, first, of, searching, rows }));
                }
                Effect::OpenChain(id) => {
                    let at = self.rows.iter().position(|it| it.id == id).unwrap_or_default();
                    if let Some(chain) = self.chains.get(at) {
                        self.send(Message::Opened(Arc::clone(chain)));
                    }
                }
                Effect::Copy(_) | Effect::Quit => {}
            }
        }
    }
}

/// Chains of a million hops.
const ROWS: usize = 333_334;
const FRAMES: usize = 200;
