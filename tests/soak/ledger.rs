//! What was asked, and whether all of it is in the trace, once and as it was.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hopscope::store::{Load, Reader};
use hopscope::trace::{Body, From, Hop};

use crate::kind::{ALL, Kind, Order};

#[derive(Default)]
pub(crate) struct Ledger {
    /// The address of the inner tap, which the outer one of two asks.
    inner: String,
    last: AtomicU64,
    /// Every order that has ended, and the taps that saw it.
    ended: Mutex<Vec<(u64, Kind, &'static [u16])>>,
    hops: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) fn new(inner: &str) -> Ledger {
        Ledger { inner: inner.to_owned(), ..Ledger::default() }
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn ended(&self, order: Order, taps: &'static [u16]) {
        self.ended.lock().unwrap().push((order.id, order.kind, taps));
        self.hops.fetch_add(taps.len(), Ordering::Relaxed);
    }

    /// Something that must not be.
    pub(crate) fn wrong(&self, what: String) {
        println!("WRONG: {what}");
        self.wrong.lock().unwrap().push(what);
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// Nothing that was wrong until now counts.
    pub(crate) fn forget(&self) {
        self.wrong.lock().unwrap().clear();
    }

    /// Hops of the first `n` orders that ended which are not there with their end.
    pub(crate) fn missing(&self, seen: &Seen, n: usize) -> Vec<(u16, u64)> {
        let ended = self.ended.lock().unwrap();
        let hops = ended[..n].iter().flat_map(|(id, _, taps)| taps.iter().map(|it| (*it, *id)));
        hops.filter(|it| seen.there.get(it) != Some(&true)).collect()
    }

    pub(crate) fn requests(&self) -> usize {
        self.ended.lock().unwrap().len()
    }

    /// Hops that must have been recorded of what has ended.
    pub(crate) fn hops(&self) -> usize {
        self.hops.load(Ordering::Relaxed)
    }

    /// Look at every hop that is there now.
    pub(crate) fn check(&self, trace: &Path, load: Load) -> Seen {
        let mut seen = Seen::default();
        let reader = Reader::open(trace).unwrap();
        for hop in reader.hops(load) {
            match hop {
                Err(error) => self.wrong(format!("a hop cannot be read: {error}")),
                Ok(hop) => {
                    if let Err(what) = seen.take(&hop, load, &self.inner) {
                        self.wrong(format!("{} at tap {}: {what}", hop.request.url, hop.tap.0));
                    }
                }
            }
        }
        seen
    }

    /// Compare all that was asked with all that is there after the end: a table by kind.
    pub(crate) fn settle(&self, seen: &Seen, dropped: u64) -> String {
        let ended = self.ended.lock().unwrap().clone();
        let mut asked: HashMap<Kind, [u64; 3]> = HashMap::new();
        let (mut missing, mut oldest_there, mut newest_gone) = (0, u64::MAX, 0);
        for (id, kind, taps) in ended {
            let counts = asked.entry(kind).or_default();
            counts[0] += 1;
            for tap in taps {
                if seen.there.contains_key(&(*tap, id)) {
                    counts[1] += 1;
                    oldest_there = oldest_there.min(id);
                } else {
                    counts[2] += 1;
                    missing += 1;
                    newest_gone = newest_gone.max(id);
                }
            }
        }
        if seen.open > 0 {
            self.wrong(format!("{} hops are open after the end", seen.open));
        }
        if missing != dropped {
            self.wrong(format!("{missing} hops are missing, and {dropped} were dropped"));
        }
        // What was asked first goes first, but for what took longest.
        if missing > 0 && newest_gone > oldest_there + NEAR {
            self.wrong(format!("{newest_gone} is gone, while {oldest_there} is there"));
        }
        let mut table = format!("{:<16} {:>9} {:>9} {:>9}\n", "kind", "asked", "kept", "dropped");
        for kind in ALL {
            let [asked, kept, gone] = asked.get(&kind).copied().unwrap_or_default();
            let _ = writeln!(table, "{:<16} {asked:>9} {kept:>9} {gone:>9}", kind.name());
        }
        table
    }
}

/// What is in a trace at one time.
#[derive(Default)]
pub(crate) struct Seen {
    /// By tap and order: whether the hop has ended.
    pub(crate) there: HashMap<(u16, u64), bool>,
    pub(crate) open: usize,
}

impl Seen {
    fn take(&mut self, hop: &Hop, load: Load, inner: &str) -> Result<(), String> {
        let order = Order::parse(&hop.request.url).ok_or("nobody asked for it")?;
        if self.there.insert((hop.tap.0, order.id), hop.ended.is_some()).is_some() {
            return Err("it is there twice".to_owned());
        }
        if hop.ended.is_none() {
            self.open += 1;
            return Ok(());
        }
        let status = hop.status().map(|it| it.to_string());
        let failure = hop.failure().map(|it| it.kind.as_str().to_owned());
        let came = [status, failure].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let is_outside = hop.tap.0 == 0 && hop.request.url.contains(inner);
        let kind = order.kind;
        let wanted = if is_outside { kind.recorded_outside() } else { kind.recorded() };
        if came != wanted {
            return Err(format!("recorded as `{came}` and not as `{wanted}`"));
        }
        if matches!(load, Load::Bodies) {
            bodies(hop, order)?;
        }
        Ok(())
    }
}

/// What went by is what was sent.
fn bodies(hop: &Hop, order: Order) -> Result<(), String> {
    if order.kind == Kind::BadFrames {
        return bad_frames(hop);
    }
    let Some(response) = hop.response().filter(|_| order.kind != Kind::WebSocket) else {
        return Ok(());
    };
    let sent = if order.kind.is_fine() { order.bytes() } else { order.half() };
    body(&response.body, sent)?;
    if order.kind == Kind::Upload { body(&hop.request.body, order.bytes()) } else { Ok(()) }
}

/// In either direction one frame went by, and then something that was none.
fn bad_frames(hop: &Hop) -> Result<(), String> {
    for from in [From::Client, From::Server] {
        let frames: Vec<_> = hop.frames.iter().filter(|it| it.from == from).collect();
        match &frames[..] {
            [fine, bad] if fine.payload == b"ok" && bad.broken.is_some() => {}
            other => return Err(format!("{other:?} are recorded")),
        }
    }
    Ok(())
}

/// A body that runs for longer than the window holds keeps only its end, or its beginning.
fn body(recorded: &Body, sent: &[u8]) -> Result<(), String> {
    let (kept, length) = (&recorded.bytes, recorded.length);
    if length == sent.len() as u64 && (sent.starts_with(kept) || sent.ends_with(kept)) {
        return Ok(());
    }
    Err(format!("{} bytes of {length} are recorded, and {} were sent", kept.len(), sent.len()))
}

/// Orders that run at the same time, and end one after the other.
const NEAR: u64 = 5_000;
