//! Many hops in one row: those that were over when they were first written, which are nearly all.
//!
//! A row of its own costs a hop several times what its values do; as bytes in a row that it
//! shares, a hop costs its values.
//!
//! ```text
//! pack   (length hop)*                 in the order of their ids
//! hop    numbers and short texts, as LEB128, zigzag where they may be negative; id and time
//!        relative to the hop before
//! ```
//!
//! **Invariant:** packs are never written again, and the ids of a later one are beyond those of
//! an earlier one. What does not fit that (a hop that was open, ids out of order) has a row.

use std::borrow::Cow;

use rusqlite::{Connection, params};

use super::schema;
use super::stored::{Message, Stored};
use crate::trace::packed::{put, put_u64, take, take_u64};

/// A pack that is being filled.
#[derive(Debug, Default)]
pub(super) struct Pack {
    first_hop: i64,
    last_hop: i64,
    first_revision: i64,
    last_revision: i64,
    hops: i64,
    /// When its first hop began, and its last one ended.
    began: i64,
    ended: i64,
    before: Before,
    data: Vec<u8>,
    /// One hop, before its length is known.
    scratch: Vec<u8>,
}

/// What the next hop's numbers are relative to.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    id: i64,
    started: i64,
}

impl Pack {
    pub(super) fn is_full(&self) -> bool {
        self.hops >= HOPS || self.data.len() >= BYTES
    }

    /// Append a hop whose id is beyond all before it.
    pub(super) fn push(&mut self, stored: &Stored<'_>, revision: i64) {
        let ended = stored.started.saturating_add(stored.lasted.unwrap_or(0));
        if self.hops == 0 {
            (self.first_hop, self.first_revision) = (stored.id, revision);
            (self.began, self.ended) = (stored.started, ended);
            self.before = Before { id: stored.id, started: 0 };
        }
        self.scratch.clear();
        write(&mut self.scratch, stored, self.before);
        self.before = Before { id: stored.id, started: stored.started };
        put(&mut self.data, &self.scratch);
        self.hops += 1;
        (self.last_hop, self.last_revision) = (stored.id, revision);
        (self.began, self.ended) = (self.began.min(stored.started), self.ended.max(ended));
    }

    /// Write it, and begin the next one.
    pub(super) fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if self.hops == 0 {
            return Ok(());
        }
        db.prepare_cached("INSERT INTO pack VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?.execute(params![
            self.first_hop,
            self.last_hop,
            self.first_revision,
            self.last_revision,
            self.hops,
            self.began,
            self.ended,
            self.data
        ])?;
        self.data.clear();
        self.hops = 0;
        Ok(())
    }
}

/// The hops of a pack, in the order of their ids. Damaged bytes end it early.
pub(super) fn read(mut data: &[u8], first_hop: i64) -> impl Iterator<Item = Stored<'_>> {
    let mut before = Before { id: first_hop, started: 0 };
    std::iter::from_fn(move || {
        let stored = read_one(take(&mut data)?, before)?;
        before = Before { id: stored.id, started: stored.started };
        Some(stored)
    })
}

fn write(out: &mut Vec<u8>, stored: &Stored<'_>, before: Before) {
    put_u64(out, stored.id.abs_diff(before.id));
    put_u64(out, u64::from(stored.tap));
    out.push(stored.flags);
    put_optional(out, stored.connection);
    put_signed(out, stored.started.wrapping_sub(before.started));
    put_optional(out, stored.lasted);
    put(out, stored.method.as_bytes());
    put_signed(out, stored.url);
    put_message(out, &stored.request);
    put_optional(out, stored.response.as_ref().map(|it| i64::from(it.0)));
    if let Some((_, message)) = &stored.response {
        put_message(out, message);
    }
    put(out, stored.failure.as_deref().unwrap_or_default().as_bytes());
    for time in stored.timing {
        put_optional(out, time);
    }
    put(out, stored.rest.as_deref().unwrap_or_default().as_bytes());
}

fn read_one(mut rest: &[u8], before: Before) -> Option<Stored<'_>> {
    let rest = &mut rest;
    let id = before.id.checked_add_unsigned(take_u64(rest)?)?;
    let (recorder, sequence) = schema::of_row_id(id);
    Some(Stored {
        id,
        recorder,
        sequence,
        tap: u16::try_from(take_u64(rest)?).ok()?,
        flags: *rest.split_off_first()?,
        connection: take_optional(rest)?,
        started: take_signed(rest)?.wrapping_add(before.started),
        lasted: take_optional(rest)?,
        method: take_text(rest)?,
        url: take_signed(rest)?,
        request: take_message(rest)?,
        response: match take_optional(rest)? {
            Some(status) => Some((u16::try_from(status).ok()?, take_message(rest)?)),
            None => None,
        },
        failure: Some(take_text(rest)?).filter(|it| !it.is_empty()),
        timing: [
            take_optional(rest)?,
            take_optional(rest)?,
            take_optional(rest)?,
            take_optional(rest)?,
        ],
        rest: Some(take_text(rest)?).filter(|it| !it.is_empty()),
    })
}

fn put_message(out: &mut Vec<u8>, message: &Message<'_>) {
    put_signed(out, message.headers);
    put(out, message.changes.as_deref().unwrap_or_default());
    put_optional(out, message.body);
    put_signed(out, message.length);
}

fn take_message<'a>(rest: &mut &'a [u8]) -> Option<Message<'a>> {
    Some(Message {
        headers: take_signed(rest)?,
        changes: Some(take(rest)?).filter(|it| !it.is_empty()).map(Cow::Borrowed),
        body: take_optional(rest)?,
        length: take_signed(rest)?,
    })
}

/// Zigzag: small numbers of either sign take few bytes.
fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_u64(out, (number << 1 ^ number >> 63).cast_unsigned());
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let number = take_u64(rest)?;
    Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
}

/// A byte says whether there is one; small ones stand in that byte.
fn put_optional(out: &mut Vec<u8>, number: Option<i64>) {
    match number {
        None => out.push(0),
        Some(small @ 0..=0xfd) => out.push(small.to_le_bytes()[0] + 1),
        Some(other) => {
            out.push(0xff);
            put_signed(out, other);
        }
    }
}

#[expect(clippy::option_option, reason = "outside: the bytes were damaged; inside: no number")]
fn take_optional(rest: &mut &[u8]) -> Option<Option<i64>> {
    match *rest.split_off_first()? {
        0 => Some(None),
        0xff => take_signed(rest).map(Some),
        small => Some(Some(i64::from(small) - 1)),
    }
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<Cow<'a, str>> {
    take(rest).map(String::from_utf8_lossy)
}

/// Who wants one hop reads its whole pack, so it is not large.
const HOPS: i64 = 256;
const BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(id: i64) -> Stored<'static> {
        let changes = Some(Cow::Owned(vec![1, 2, 3]));
        let message = Message { headers: 7, changes, body: Some(300), length: i64::MAX };
        Stored {
            id,
            recorder: id >> 40,
            sequence: id & ((1 << 40) - 1),
            tap: 3,
            flags: 0xff,
            connection: Some(0),
            started: -5,
            lasted: Some(254),
            method: "GET".into(),
            url: 1 << 50,
            request: message.clone(),
            response: Some((599, message)),
            failure: Some("reset".into()),
            timing: [None, Some(0), Some(253), Some(i64::MAX)],
            rest: Some("{}".into()),
        }
    }

    #[test]
    fn gives_back_what_was_packed() {
        let failed = Stored { response: None, ..stored((1 << 41) + 900) };
        let empty = Stored { id: 1 << 42, recorder: 4, ..Stored::default() };
        let hops = [stored(1 << 41), failed, stored((1 << 41) + 901), empty];
        let mut pack = Pack::default();
        for (n, hop) in (0..).zip(&hops) {
            pack.push(hop, 40 + n);
        }
        assert_eq!((pack.first_hop, pack.last_hop), (1 << 41, 1 << 42));
        assert_eq!((pack.first_revision, pack.last_revision, pack.hops), (40, 43, 4));
        assert_eq!((pack.began, pack.ended), (-5, 249));
        assert!(read(&pack.data, 1 << 41).eq(hops));
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let mut pack = Pack::default();
        pack.push(&stored(5), 1);
        for end in 0..pack.data.len() {
            assert_eq!(read(&pack.data[..end], 5).count(), 0);
            let mut damaged = pack.data.clone();
            damaged[end] ^= 0xff;
            read(&damaged, i64::MAX).count();
        }
    }
}
