//! Whole screens, drawn into a buffer: keys in, text out.
//!
//! The app is played by [`Session`]: it answers every effect from the rows and chains at hand,
//! as the real one does from its trace. Colour is not in the text; `theme` has tests of its own.

#![expect(clippy::unwrap_used, reason = "these are tests")]

#[path = "screens/story.rs"]
mod story;

use std::sync::Arc;

use chrono::FixedOffset;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use hopscope::diagnose::Analysis;
use hopscope::trace::{Body, HopId, Note, Outcome, Tap, TapKind, Time};
use hopscope::tui::{
    ChainRow, Effect, Feed, Loaded, Look, Message, Model, Status, ThemeName, Totals, Window, draw,
    update,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A screen with an app behind it.
struct Session {
    model: Model,
    look: Look,
    rows: Vec<ChainRow>,
    chains: Vec<(HopId, Arc<Analysis>)>,
    /// What went to the outside besides loads and openings.
    asked: Vec<Effect>,
}

impl Session {
    fn new(width: u16, height: u16, status: Status, rows: Vec<ChainRow>) -> Session {
        let model = Model::new(status, FixedOffset::east_opt(0).unwrap());
        let look = Look::new(ThemeName::Plain, false);
        let chains = vec![
            (story::id(1), Arc::new(story::blocked_get())),
            (story::id(11), Arc::new(story::app_down())),
        ];
        let mut it = Session { model, look, rows, chains, asked: Vec::new() };
        it.send(Message::Resized { width, height });
        it.send(Message::Clock(Time(story::NOON + 22_000_000)));
        it.grown();
        it
    }

    /// The story, recorded by two taps; its first blocked chain selected.
    fn story(width: u16, height: u16) -> Session {
        let status = Status {
            feed: Feed::Recording,
            file: "incident-42.hops".to_owned(),
            taps: story::taps(),
            ..Status::default()
        };
        let mut it = Session::new(width, height, status, story::rows());
        it.keys("k k");
        it
    }

    fn grown(&mut self) {
        let chains = self.rows.len() as u64;
        let blocked = if chains > 0 { 2 } else { 0 };
        let failed = u64::from(chains > 0);
        self.send(Message::Grown(Totals { hops: chains * 2, chains, blocked, failed }));
    }

    /// Let one message take its course, a frame included.
    fn send(&mut self, message: Message) {
        let mut effects = update(&mut self.model, message);
        let (_, seen) = self.frame();
        effects.extend(update(&mut self.model, Message::Drawn(seen)));
        for effect in effects {
            match effect {
                Effect::Load { range, filter, generation } => {
                    let all: Vec<&ChainRow> =
                        self.rows.iter().filter(|it| it.matches(&filter)).collect();
                    let of = all.len() as u64;
                    let rows = (range.start..range.end.min(of))
                        .map(|it| all[usize::try_from(it).unwrap()].clone())
                        .collect();
                    let first = range.start.min(of);
                    self.send(Message::Loaded(Loaded {
                        generation,
                        first,
                        of,
                        rows,
                        searching: false,
                    }));
                }
                Effect::OpenChain(id) => {
                    let found = self.chains.iter().find(|(it, _)| *it == id);
                    let chain = found.map_or_else(|| self.chains[0].1.clone(), |it| it.1.clone());
                    self.send(Message::Opened(chain));
                }
                other => self.asked.push(other),
            }
        }
    }

    /// Press keys, separated by spaces; a word of several letters is a key's name or is typed.
    fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let code = match key {
                "enter" => KeyCode::Enter,
                "esc" => KeyCode::Esc,
                "tab" => KeyCode::Tab,
                "down" => KeyCode::Down,
                "end" => KeyCode::End,
                "pgdn" => KeyCode::PageDown,
                "space" => KeyCode::Char(' '),
                word => {
                    for it in word.chars() {
                        self.send(Message::Key(KeyEvent::new(
                            KeyCode::Char(it),
                            KeyModifiers::NONE,
                        )));
                    }
                    continue;
                }
            };
            self.send(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
    }

    fn click(&mut self, column: u16, row: u16) {
        let kind = MouseEventKind::Down(MouseButton::Left);
        let modifiers = KeyModifiers::NONE;
        self.send(Message::Mouse(MouseEvent { kind, column, row, modifiers }));
    }

    fn frame(&self) -> (Buffer, hopscope::tui::Seen) {
        let area = Rect::new(0, 0, self.model.width, self.model.height);
        let mut buf = Buffer::empty(area);
        let seen = draw(&self.model, &self.look, area, &mut buf);
        (buf, seen)
    }

    /// The frame as text, trailing blanks cut.
    fn drawn(&self) -> String {
        text(&self.frame().0)
    }
}

fn text(buf: &Buffer) -> String {
    let width = usize::from(buf.area.width);
    let lines = buf.content.chunks(width).map(|row| {
        let mut line = String::new();
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Compare with the file of this name under `tests/screens/`.
macro_rules! snapshot {
    ($name:literal, $drawn:expr) => {
        insta::with_settings!({ snapshot_path => "screens", prepend_module_to_snapshot => false,
                                omit_expression => true }, {
            insta::assert_snapshot!($name, $drawn);
        });
    };
}

#[test]
fn the_story_at_every_size() {
    snapshot!("story_80x24_chains", Session::story(80, 24).drawn());
    let mut narrow = Session::story(80, 24);
    narrow.keys("enter");
    snapshot!("story_80x24_chain", narrow.drawn());
    narrow.keys("n tab");
    snapshot!("story_80x24_finding", narrow.drawn());
    snapshot!("story_100x36", Session::story(100, 36).drawn());
    snapshot!("story_120x36", Session::story(120, 36).drawn());
    snapshot!("story_160x45", Session::story(160, 45).drawn());
    snapshot!("story_200x50", Session::story(200, 50).drawn());
}

#[test]
fn lineage_verdict_and_hop_have_screens_of_their_own() {
    let mut it = Session::story(80, 24);
    it.keys("l");
    snapshot!("lineage_80x24", it.drawn());
    it.keys("v");
    snapshot!("verdict_80x24", it.drawn());
    it.keys("esc enter");
    snapshot!("hop_80x24", it.drawn());
    it.keys("tab");
    snapshot!("hop_80x24_response", it.drawn());
    let mut it = Session::story(160, 45);
    it.keys("enter enter c");
    snapshot!("hop_160x45_with_previous", it.drawn());
}

#[test]
fn a_gateway_that_answers_for_a_stopped_app() {
    let mut it = Session::story(120, 36);
    it.keys("j j");
    snapshot!("app_down_120x36", it.drawn());
}

#[test]
fn steps_without_a_wire_are_dotted_and_one_tap_gives_two_lanes() {
    let mut it = Session::story(100, 36);
    it.chains[0].1 = Arc::new(story::second_try());
    it.keys("j k enter");
    snapshot!("second_try_100x36", it.drawn());
    let mut it = Session::story(100, 36);
    it.chains[0].1 = Arc::new(story::direct());
    it.keys("j k enter");
    snapshot!("direct_100x36", it.drawn());
    it.keys("enter end pgdn");
    snapshot!("direct_hop_100x36", it.drawn());
}

fn forward() -> Tap {
    Tap {
        name: "edge".to_owned(),
        kind: TapKind::Forward,
        address: "127.0.0.1:8080".to_owned(),
        upstream: None,
    }
}

/// Who sees no hop shall see why.
#[test]
fn a_choosing_recording_says_what_it_keeps() {
    for (only, width, shown) in [
        ("/prod/items 403", 90, "rec  only /prod/items 403   edge :8080"),
        ("/prod/items/of/a/long/path 403", 90, "rec  only /prod/items/o…ong/path 403  "),
        ("/prod/items/of/a/long/path 403", 60, "rec  only /pr…03"),
        ("", 80, "rec   edge :8080"),
    ] {
        let status = Status {
            feed: Feed::Recording,
            file: "x.hops".to_owned(),
            taps: vec![forward()],
            only: only.to_owned(),
            ..Status::default()
        };
        let it = Session::new(width, 24, status, Vec::new());
        let drawn = it.drawn();
        let first = drawn.lines().next().unwrap();
        assert!(first.contains(shown), "{shown}: {first}");
        assert!(first.contains("0 chains") && first.contains("12:04:31"), "{first}");
        assert_eq!(drawn.contains("Only what has these words is kept"), !only.is_empty());
    }
}

#[test]
fn an_empty_recording_says_what_to_set_and_shows_the_first_hop() {
    let status = Status { feed: Feed::Recording, taps: vec![forward()], ..Status::default() };
    let mut it = Session::new(80, 24, status, Vec::new());
    snapshot!("empty_80x24", it.drawn());
    it.rows = story::rows();
    it.rows.truncate(1);
    it.grown();
    assert!(it.drawn().contains("/prod/health"), "{}", it.drawn());
}

#[test]
fn filter_palette_and_help_take_the_keys() {
    let mut it = Session::story(80, 24);
    it.keys("/ cors");
    snapshot!("filter_80x24", it.drawn());
    it.keys("enter esc");
    assert!(it.drawn().contains("/prod/health"), "escape takes the filter back");
    it.keys(": verdi");
    snapshot!("palette_80x24", it.drawn());
    it.keys("enter");
    assert!(it.drawn().contains("▸verdict"), "{}", it.drawn());
    it.keys("?");
    snapshot!("help_80x24", it.drawn());
    it.keys("end pgdn pgdn pgdn pgdn");
    assert!(it.drawn().contains("the hop to blame"), "the help's end can be reached");
}

#[test]
fn searches_and_folds_the_hop_view() {
    let mut it = Session::story(80, 24);
    let (_, analysis) = &mut it.chains[0];
    let chain = Arc::make_mut(&mut Arc::make_mut(analysis).chain);
    let hop = Arc::make_mut(&mut chain.hops[1].hop);
    let Outcome::Answered(response) = &mut hop.outcome else { panic!("{hop:?}") };
    response.headers.set("content-type", "application/json");
    let rows = (0..40).map(|it| format!("{{\"id\": {it}}}")).collect::<Vec<_>>().join(", ");
    response.body = Body::full(format!("{{\"items\": [{rows}], \"last\": \"needle\"}}"));
    it.keys("j k enter enter / needle");
    let drawn = it.drawn();
    assert!(drawn.contains("\"last\": \"needle\"") && drawn.contains("in 1 line "), "{drawn}");
    it.keys("enter - tab tab tab tab");
    let drawn = it.drawn();
    assert!(drawn.contains("{ 1 line },") && !drawn.contains("\"id\""), "{drawn}");
    it.keys("-");
    assert!(it.drawn().contains("\"items\": [ 120 lines ],"), "{}", it.drawn());
    it.keys("+ + + + + + +");
    assert!(it.drawn().contains("\"id\": 0"), "{}", it.drawn());
    it.keys("m");
    assert!(it.drawn().contains("needle"), "{}", it.drawn());
}

#[test]
fn steps_through_hops_and_keeps_the_marks_in_sight() {
    for (width, height) in [(80, 24), (120, 36), (160, 45), (200, 50)] {
        let mut it = Session::story(width, height);
        it.keys("enter p p");
        for rung in ["▸ 1  OPTIONS", "▸!2  GET", "▸ 3  OPTIONS"] {
            let drawn = it.drawn();
            for text in [rung, "✂ /prod lost here", "✂ allow-origin never added", "✗ blocked"]
            {
                assert!(drawn.contains(text), "{width}x{height}: no {text:?} in\n{drawn}");
            }
            it.keys("n");
        }
    }
}

#[test]
fn the_mouse_selects_chains_and_opens_hops() {
    let mut it = Session::story(120, 36);
    it.click(10, 4);
    assert!(it.drawn().contains("▸  2"), "{}", it.drawn());
    it.click(60, 3);
    assert!(it.drawn().contains("▸ 1"), "{}", it.drawn());
    it.click(60, 3);
    assert!(it.drawn().contains("hop 1 of 3"), "{}", it.drawn());
}

#[test]
fn copies_what_the_pane_shows() {
    let mut it = Session::story(80, 24);
    it.keys("f y");
    let [Effect::Copy(text)] = it.asked.as_slice() else { panic!("{:?}", it.asked) };
    assert!(text.contains("Fix: "), "{text}");
    assert!(it.drawn().contains("copied the finding"));
}

#[test]
fn a_long_chain_scrolls_to_its_hop() {
    let mut it = Session::story(80, 24);
    it.chains[0].1 = Arc::new(story::redirect_loop());
    it.keys("j k enter");
    snapshot!("redirect_loop_80x24", it.drawn());
    for hop in (1..20).rev() {
        it.keys("p");
        let rung = format!("▸{hop:>3}  GET");
        assert!(it.drawn().contains(&rung), "no {rung:?} in\n{}", it.drawn());
    }
    it.keys("l");
    snapshot!("redirect_loop_80x24_lineage", it.drawn());
}

#[test]
fn what_is_copied_has_its_secrets_redacted() {
    let mut chain = story::direct();
    let mut hops = chain.chain.as_ref().clone();
    let hop = Arc::make_mut(&mut hops.hops[0].hop);
    hop.request.headers.push("authorization", "Bearer top-secret");
    chain.chain = Arc::new(hops);
    let mut it = Session::story(80, 24);
    it.chains[0].1 = Arc::new(chain);
    it.keys("j k enter enter y");
    let [Effect::Copy(text)] = it.asked.as_slice() else { panic!("{:?}", it.asked) };
    assert!(text.contains("authorization: ") && !text.contains("top-secret"), "{text}");
    assert!(it.drawn().contains("copied"));
}

#[test]
fn hops_that_could_not_be_kept_are_told_on_every_screen() {
    let mut it = Session::story(80, 24);
    let mut status = it.model.status.clone();
    status.unrecorded = 12;
    status.unrecorded_why = Some("the disk is full".to_owned());
    it.send(Message::Status(status));
    assert!(it.drawn().contains("not all is recorded: the disk is full"), "{}", it.drawn());
    for keys in ["", "enter", "enter", "?"] {
        it.keys(keys);
        assert!(it.drawn().contains("! 12 not recorded"), "{}", it.drawn());
    }
}

#[test]
fn a_flight_recorder_says_how_full_it_is_and_what_it_let_go() {
    let mut it = Session::story(100, 24);
    let mut status = it.model.status.clone();
    let limits = "20MB, 2h".to_owned();
    status.window = Window { limits, bytes: Some(20_000_000), full: Some(62), ..Window::default() };
    it.send(Message::Status(status.clone()));
    let first = |it: &Session| it.drawn().lines().next().unwrap().to_owned();
    assert!(first(&it).contains("rec  keep 20MB, 2h (62%)"), "{}", first(&it));
    assert!(!it.drawn().contains("let go"), "{}", it.drawn());
    (status.window.gone, status.window.from) = (651, Some(Time(story::NOON)));
    it.send(Message::Status(status.clone()));
    assert!(it.drawn().contains("651 hops let go, from before 12:04:09"), "{}", it.drawn());
    assert!(first(&it).contains("keep 20MB, 2h (full)"), "{}", first(&it));
    it.keys("G");
    let foot = "following the newest; 651 hops let go, from before 12:04:09";
    assert!(it.drawn().contains(foot), "{}", it.drawn());
    // Who follows what another process records does not know the limits.
    status.window.limits.clear();
    it.send(Message::Status(status));
    assert!(!first(&it).contains("keep") && it.drawn().contains("let go"), "{}", it.drawn());
}

#[test]
fn a_note_stands_with_its_hop() {
    let mut it = Session::story(80, 24);
    let mut status = it.model.status.clone();
    let note = |hop, author: &str, text: &str| Note {
        hop,
        at: Time(story::NOON),
        author: author.to_owned(),
        text: text.to_owned(),
    };
    status.notes = vec![
        note(
            it.model.open.as_ref().unwrap().analysis.chain.hops[1].hop.id,
            "ann",
            "here it \u{1b}[2Jloses /prod",
        ),
        note(story::id(999), "bob", "of another chain"),
    ];
    it.send(Message::Status(status));
    it.keys("enter enter");
    let drawn = it.drawn();
    assert!(drawn.contains("note         ann: here it \\x1b[2Jloses /prod"), "{drawn}");
    assert!(!drawn.contains("of another chain"), "{drawn}");
    it.keys("n");
    assert!(!it.drawn().contains("loses /prod"), "it is the note of one hop");
}

#[test]
fn a_body_that_still_comes_says_so() {
    let mut it = Session::story(80, 40);
    let mut chain = story::blocked_get();
    let mut hop = hopscope::trace::Hop::clone(&chain.chain.hops[0].hop);
    hop.ended = None;
    let Outcome::Answered(response) = &mut hop.outcome else { panic!() };
    response.body = Body { complete: false, ..Body::full(b"data: 1\n\n".as_slice()) };
    let mut whole = hopscope::trace::Chain::clone(&chain.chain);
    whole.hops.truncate(1);
    whole.hops[0].sightings.clear();
    whole.hops[0].hop = Arc::new(hop);
    chain.chain = Arc::new(whole);
    it.send(Message::Opened(Arc::new(chain)));
    it.keys("enter enter");
    let drawn = it.drawn();
    assert!(drawn.contains("9 bytes so far") && !drawn.contains("was not seen"), "{drawn}");
}

#[test]
fn the_smallest_screens_show_a_chain() {
    for (width, height, wanted) in [
        (20, 5, &["9 chains", "\u{25b8} /", "\u{2717} cors"][..]),
        (20, 3, &["9 chains", "\u{2717} cors"]),
        (40, 10, &["9 chains  2 blocked  1 failed"]),
        (60, 10, &[" hopscope  incident-42.hops", "2 blocked"]),
        (80, 10, &["incident-42.hops", "2 blocked", "12:04:31"]),
    ] {
        let it = Session::story(width, height);
        let drawn = it.drawn();
        for part in wanted {
            assert!(drawn.contains(part), "{width}x{height}, {part}:\n{drawn}");
        }
    }
}

#[test]
fn nothing_recorded_reaches_the_terminal_as_an_instruction() {
    let mut it = Session::story(100, 40);
    let hostile = Arc::new(story::hostile());
    it.rows[6] = ChainRow::of(7, &hostile).unwrap();
    it.chains = vec![(it.rows[6].id, hostile)];
    it.keys("k j");
    let mut all = String::new();
    for keys in ["enter", "l", "f", "v", "y", "enter", "tab", "tab", "end"] {
        it.keys(keys);
        let drawn = it.drawn();
        let bad =
            |it: &char| it.is_control() && *it != '\n' || matches!(it, '\u{202e}' | '\u{200b}');
        assert_eq!(drawn.chars().find(bad), None, "{keys}:\n{drawn}");
        all.push_str(&drawn);
    }
    assert!(all.contains("\\x1b["), "{all}");
}

#[test]
fn no_size_breaks_the_screen() {
    for width in [1, 9, 10, 17, 40, 79, 119, 120, 300] {
        for height in [1, 2, 3, 5, 9, 19, 28, 80] {
            for look in [Look::new(ThemeName::Dark, false), Look::new(ThemeName::Plain, true)] {
                let mut it = Session::story(width, height);
                it.look = look;
                for keys in [
                    "enter", "n", "enter", "pgdn", "esc", "l", "v", "z", "?", "esc", ": a", "esc",
                    "/ x",
                ] {
                    it.keys(keys);
                }
            }
        }
    }
}

#[test]
fn ascii_needs_no_sign_beyond_ascii() {
    let mut it = Session::story(120, 36);
    it.look = Look::new(ThemeName::Plain, true);
    snapshot!("story_120x36_ascii", it.drawn());
    for keys in ["enter", "l", "v", "?", "esc", ": ", "esc", "enter"] {
        it.keys(keys);
        let own: String = it.drawn().replace(['‘', '’'], "'");
        assert!(own.is_ascii(), "{keys}: {:?}", own.chars().find(|it| !it.is_ascii()));
    }
}
