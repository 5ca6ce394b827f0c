//! Which hops the writer holds, and what of them is already in the file.
//!
//! **Invariant:** a hop stands here until a commit has kept its end.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use super::only::Only;
use super::pieces::Pieces;
use crate::trace::{Body, Event, Frames, Hop, HopId, Outcome, Request, Response};

/// One hop in memory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) hop: Hop,
    /// Its row exists.
    pub(super) written: bool,
    /// It changed since it was last written.
    pub(super) dirty: bool,
    /// Before its first change of those; `None` for long ago.
    since: Option<Instant>,
    pub(super) place: Place,
    /// How many chunks of each body the file has.
    pub(super) chunks: [i64; 2],
    /// How many chunks of frames it has.
    pub(super) frames: i64,
    /// What came of its bodies, after what the hop itself has.
    pieces: [Pieces; 2],
    /// The file has let go the beginning of its bodies, so the rest is no use.
    cut: bool,
}

impl Entry {
    fn new(hop: Hop) -> Entry {
        let (written, dirty, place) = (false, true, Place::File);
        let (since, chunks, pieces) = Default::default();
        Entry { hop, written, dirty, since, place, chunks, frames: 0, pieces, cut: false }
    }

    /// Whether it has to be written now although it is open: see [`YOUNG`].
    pub(super) fn is_due(&self, now: Option<Instant>) -> bool {
        let age = now.zip(self.since).map(|(now, since)| now.duration_since(since));
        self.dirty && self.place == Place::File && age.is_none_or(|it| it >= YOUNG)
    }

    fn grow(&mut self, mut event: Event, since: Option<Instant>) {
        let [request, response] = &mut self.pieces;
        match &mut event {
            Event::RequestBody { kept, .. } => request.push(std::mem::take(kept)),
            Event::ResponseBody { kept, .. } if self.hop.response().is_some() => {
                response.push(std::mem::take(kept));
            }
            _ => {}
        }
        event.grow(&mut self.hop);
        if !std::mem::replace(&mut self.dirty, true) {
            self.since = since;
        }
        if self.cut {
            self.forget();
        }
    }

    /// Bytes of its heads and bodies in memory.
    pub(super) fn bytes(&self) -> usize {
        let response = self.hop.response().map_or(0, of_response);
        let whole = of_request(&self.hop.request) + response + self.hop.frames.packed().len();
        whole + self.pieces.iter().map(Pieces::bytes).sum::<usize>()
    }

    /// What of its bodies is in memory: the request's and the response's. `room` is for those
    /// that have to be put together.
    pub(super) fn bodies<'a>(&'a self, room: &'a mut [Vec<u8>; 2]) -> [&'a [u8]; 2] {
        let [request, response] = &self.pieces;
        let [for_request, for_response] = room;
        let answered = self.hop.response().map_or(&[][..], |it| &it.body.bytes);
        let asked = &self.hop.request.body.bytes;
        [request.after(asked, for_request), response.after(answered, for_response)]
    }

    fn forget(&mut self) {
        let (request, response) = bodies(&mut self.hop);
        for body in [Some(request), response].into_iter().flatten() {
            body.bytes = Vec::new();
        }
        self.pieces.iter_mut().for_each(Pieces::clear);
    }

    /// A commit kept it: its bytes may leave memory.
    fn kept(&mut self) {
        (self.written, self.dirty) = (true, false);
        if !self.hop.frames.is_empty() {
            self.hop.frames = Frames::default();
            self.frames += 1;
        }
        let (request, response) = bodies(&mut self.hop);
        let sides = [Some(request), response].into_iter().zip(&mut self.pieces);
        for ((body, pieces), chunks) in sides.zip(&mut self.chunks) {
            let Some(body) = body.filter(|it| !it.bytes.is_empty() || pieces.bytes() > 0) else {
                continue;
            };
            body.bytes = Vec::new();
            pieces.clear();
            *chunks += 1;
        }
    }
}

/// Where an open hop belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    File,
    /// Nothing says yet that it is to be kept.
    Memory,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) open: HashMap<HopId, Box<Entry>, ByNumber>,
    /// What a commit has not kept yet.
    pub(super) over: VecDeque<Box<Entry>>,
    /// Hops whose rows must go, because a part of them was lost.
    pub(super) gone: Vec<HopId>,
    /// Bytes of heads and bodies that no commit has kept yet.
    pub(super) weight: usize,
    /// Which hops are kept.
    pub(super) only: Only,
    /// What comes now came after this.
    pub(super) taken: Option<Instant>,
    /// When the commit began; `None` where all has to be written.
    pub(super) now: Option<Instant>,
}

impl Ledger {
    pub(super) fn apply(&mut self, event: Event) {
        let id = event.id();
        let ended = event.is_end();
        self.weight += match &event {
            Event::Asked { request, .. } => of_request(request),
            Event::RequestBody { kept, .. } | Event::ResponseBody { kept, .. } => kept.len(),
            Event::Answered { response, .. } | Event::Whole { response, .. } => {
                of_response(response)
            }
            Event::Frames { frames, .. } => frames.packed().len(),
            _ => 0,
        };
        if matches!(event, Event::Asked { .. }) {
            let mut hop = None;
            event.apply(&mut hop);
            self.weight += HEADS;
            self.open.extend(hop.map(|it| {
                let place = if self.only.wants(&it) { Place::File } else { Place::Memory };
                (id, Box::new(Entry { place, since: self.taken, ..Entry::new(it) }))
            }));
            return;
        }
        if ended {
            let Some(mut entry) = self.open.remove(&id) else { return };
            entry.grow(event, self.taken);
            self.end(entry);
        } else if let Some(entry) = self.open.get_mut(&id) {
            let tells = matches!(event, Event::Answered { .. });
            entry.grow(event, self.taken);
            if tells && entry.place == Place::Memory && self.only.wants(&entry.hop) {
                entry.place = Place::File;
            }
        }
    }

    /// It is over; whether it is kept is known now or soon.
    fn end(&mut self, mut entry: Box<Entry>) {
        if self.only.is_all() {
            return self.over.push_back(entry);
        }
        entry.place = Place::File;
        self.weight = self.weight.saturating_sub(entry.bytes() + HEADS);
        let kept = self.only.over(entry);
        self.weight += kept.iter().map(|it| it.bytes() + HEADS).sum::<usize>();
        self.over.extend(kept);
    }

    pub(super) fn add(&mut self, hop: Hop) {
        let entry = Box::new(Entry::new(hop));
        self.weight += HEADS + entry.bytes();
        self.end(entry);
    }

    /// Bring what is over into the order in which it was asked, as far as ids tell.
    pub(super) fn sort(&mut self) {
        let over = self.over.make_contiguous();
        if !over.is_sorted_by_key(|it| it.hop.id.sequence) {
            over.sort_by_key(|it| it.hop.id.sequence);
        }
    }

    /// A part of this hop was lost: what is left would be a lie.
    pub(super) fn lose(&mut self, id: HopId) {
        self.over.retain(|it| it.hop.id != id);
        self.open.remove(&id);
        self.only.lose(id);
        self.gone.push(id);
    }

    /// A commit kept the first `open` of those that are open and due, and the first `over` that
    /// are over.
    pub(super) fn kept(&mut self, open: usize, over: usize) {
        self.over.drain(..over.min(self.over.len()));
        self.gone.clear();
        for entry in self.open.values_mut().filter(|it| it.is_due(self.now)).take(open) {
            entry.kept();
        }
        if self.over.is_empty() {
            let waiting = self.open.values().filter(|it| it.dirty && it.place == Place::File);
            self.weight = waiting.map(|it| it.bytes() + HEADS).sum();
        }
    }

    /// The window has let go an epoch, and with it the beginning of what still runs.
    pub(super) fn cut_running(&mut self) {
        for entry in self.open.values_mut().filter(|it| it.chunks != [0, 0]) {
            entry.cut = true;
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.over.is_empty()
            && self.gone.is_empty()
            && !self.open.values().any(|it| it.is_due(self.now))
    }
}

fn of_request(request: &Request) -> usize {
    request.headers.bytes() + request.body.bytes.len()
}

fn of_response(response: &Response) -> usize {
    response.headers.bytes() + response.body.bytes.len()
}

fn bodies(hop: &mut Hop) -> (&mut Body, Option<&mut Body>) {
    let response = match &mut hop.outcome {
        Outcome::Answered(response) => Some(&mut response.body),
        Outcome::Pending | Outcome::Failed(_) => None,
    };
    (&mut hop.request.body, response)
}

/// Ids are given by recorders, not by traffic: nobody can make them collide, so they need no
/// hash that defends itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByNumber(u64);

impl BuildHasher for ByNumber {
    type Hasher = ByNumber;

    fn build_hasher(&self) -> ByNumber {
        *self
    }
}

impl Hasher for ByNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    }
}

/// A hop that began to change so recently waits for a later commit while it is open: by then it
/// is mostly over, and a body that is written whole is written once, and not at all when it is
/// known. As commits come at least every tick, it waits for this long and a tick at most.
const YOUNG: Duration = Duration::from_millis(20);
/// What a hop takes in memory beside its heads and bodies, roughly.
const HEADS: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{ConnectionId, Exchange, Request, TapId, Time};

    #[test]
    fn what_is_open_and_young_waits_for_a_later_commit() {
        let id = HopId { recorder: 1, sequence: 1 };
        let (tap, connection, exchange) = (TapId(0), ConnectionId(0), Exchange::Http);
        let (request, own_changes) = (Request::default(), Vec::new());
        let at = Time(0);
        let asked = Event::Asked { id, tap, connection, exchange, at, request, own_changes };
        let piece = || Event::RequestBody { id, kept: vec![0; 9], length: 9, end: false };
        let began = Instant::now();
        let mut ledger = Ledger { taken: Some(began), ..Ledger::default() };
        ledger.apply(asked);
        ledger.apply(piece());
        for (now, waits) in [(Some(began), true), (Some(began + YOUNG), false), (None, false)] {
            ledger.now = now;
            assert_eq!(ledger.is_clean(), waits);
        }
        // Another piece makes it no younger; a commit does.
        ledger.taken = Some(began + YOUNG);
        ledger.apply(piece());
        ledger.now = Some(began + YOUNG);
        ledger.kept(1, 0);
        assert_eq!(ledger.open.get(&id).map(|it| (it.bytes(), it.chunks)), Some((0, [1, 0])));
        ledger.apply(piece());
        assert!(ledger.is_clean());
        ledger.now = Some(began + 2 * YOUNG);
        assert!(!ledger.is_clean());
    }
}
