//! Which hops the writer holds, and what of them is already in the file.
//!
//! **Invariant:** a hop stands here until a commit has kept its end.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};

use super::only::Only;
use crate::trace::{Body, Event, Frames, Hop, HopId, Outcome, Request, Response};

/// One hop in memory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) hop: Hop,
    /// Its row exists.
    pub(super) written: bool,
    /// It changed since it was last written.
    pub(super) dirty: bool,
    pub(super) place: Place,
    /// How many chunks of each body the file has.
    pub(super) chunks: [i64; 2],
    /// How many chunks of frames it has.
    pub(super) frames: i64,
    /// The file has let go the beginning of its bodies, so the rest is no use.
    cut: bool,
}

impl Entry {
    fn new(hop: Hop) -> Entry {
        let (written, dirty, place) = (false, true, Place::File);
        Entry { hop, written, dirty, place, chunks: [0, 0], frames: 0, cut: false }
    }

    fn grow(&mut self, event: Event) {
        event.grow(&mut self.hop);
        self.dirty = true;
        if self.cut {
            self.forget();
        }
    }

    /// Bytes of its heads and bodies in memory.
    pub(super) fn bytes(&self) -> usize {
        let response = self.hop.response().map_or(0, of_response);
        of_request(&self.hop.request) + response + self.hop.frames.packed().len()
    }

    fn forget(&mut self) {
        let (request, response) = bodies(&mut self.hop);
        for body in [Some(request), response].into_iter().flatten() {
            body.bytes = Vec::new();
        }
    }

    /// A commit kept it: its bytes may leave memory.
    fn kept(&mut self) {
        (self.written, self.dirty) = (true, false);
        if !self.hop.frames.is_empty() {
            self.hop.frames = Frames::default();
            self.frames += 1;
        }
        let (request, response) = bodies(&mut self.hop);
        for (body, chunks) in [Some(request), response].into_iter().zip(&mut self.chunks) {
            if let Some(body) = body.filter(|it| !it.bytes.is_empty()) {
                body.bytes = Vec::new();
                *chunks += 1;
            }
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
                (id, Box::new(Entry { place, ..Entry::new(it) }))
            }));
            return;
        }
        if ended {
            let Some(mut entry) = self.open.remove(&id) else { return };
            entry.grow(event);
            self.end(entry);
        } else if let Some(entry) = self.open.get_mut(&id) {
            let tells = matches!(event, Event::Answered { .. });
            entry.grow(event);
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

    /// A commit kept the first `open` that are open and had changed, and the first `over` that are
    /// over.
    pub(super) fn kept(&mut self, open: usize, over: usize) {
        self.over.drain(..over.min(self.over.len()));
        self.gone.clear();
        for entry in
            self.open.values_mut().filter(|it| it.dirty && it.place == Place::File).take(open)
        {
            entry.kept();
        }
        if self.over.is_empty() {
            self.weight = 0;
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
            && self.open.values().all(|it| !it.dirty || it.place == Place::Memory)
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

/// What a hop takes in memory beside its heads and bodies, roughly.
const HEADS: usize = 2048;
