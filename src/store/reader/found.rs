//! Finding hops, which stand in rows of their own and in packs.

use rusqlite::Connection;

use crate::store::row::{self, COLUMNS};
use crate::store::stored::{Blobs, Stored};
use crate::store::{Load, pack};
use crate::trace::Hop;

/// A hop, and where it stands.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: i64,
    pub(super) revision: i64,
    pub(super) hop: Hop,
}

/// Which hops, and in which order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// The one with this id.
    One(i64),
    /// Those with ids beyond this, by id.
    After(i64),
    /// Those written after this revision, by revision.
    Since(i64),
}

/// How many are read at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portion {
    pub(super) hops: usize,
    /// So many bytes of bodies are enough.
    pub(super) bytes: usize,
}

impl Portion {
    pub(super) fn of(hops: usize) -> Portion {
        Portion { hops, bytes: usize::MAX }
    }

    /// Take `found` into `all`. Whether that is enough.
    fn take(&mut self, found: Found, all: &mut Vec<Found>) -> bool {
        let response = found.hop.response().map_or(0, |it| it.body.bytes.len());
        let bytes = found.hop.request.body.bytes.len() + response + found.hop.frames.packed().len();
        all.push(found);
        self.hops = self.hops.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.hops == 0 || self.bytes == 0
    }
}

/// At most a portion of them, in their order.
pub(super) fn find(
    db: &Connection,
    blobs: &impl Blobs,
    packs: bool,
    wanted: Wanted,
    portion: Portion,
    load: Load,
) -> rusqlite::Result<Vec<Found>> {
    let (mut found, rows_go_on) = in_rows(db, blobs, wanted, portion, load)?;
    let mut end = found.last().filter(|_| rows_go_on).map(|it| wanted.key(it));
    if packs {
        let (packed, packs_go_on) = in_packs(db, blobs, wanted, portion, load)?;
        let last = packed.last().filter(|_| packs_go_on).map(|it| wanted.key(it));
        end = end.into_iter().chain(last).min();
        found.extend(packed);
    }
    // The sort is stable: of a hop that stands in both, the row comes first and wins.
    match wanted {
        Wanted::Since(_) => found.sort_by_key(|it| it.revision),
        Wanted::One(_) | Wanted::After(_) => {
            found.sort_by_key(|it| it.id);
            found.dedup_by_key(|it| it.id);
        }
    }
    // Where one of them goes on, nothing beyond it can be told yet.
    found.retain(|it| end.is_none_or(|end| wanted.key(it) <= end));
    found.truncate(portion.hops);
    Ok(found)
}

/// Whether there is a hop with this id, without a look at what it holds.
pub(super) fn has(db: &Connection, packs: bool, id: i64) -> rusqlite::Result<bool> {
    let row = db.prepare_cached("SELECT 1 FROM hop WHERE id = ?")?.exists([id])?;
    if row || !packs {
        return Ok(row);
    }
    let mut statement = db.prepare_cached(ONE)?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let mut packed = pack::read(row.get_ref(2)?.as_blob()?, row.get(0)?);
    Ok(packed.any(|it| it.id == id))
}

impl Wanted {
    /// What they are ordered by.
    fn key(self, found: &Found) -> i64 {
        match self {
            Wanted::One(_) | Wanted::After(_) => found.id,
            Wanted::Since(_) => found.revision,
        }
    }
}

/// A portion of those in rows, and whether there may be more.
fn in_rows(
    db: &Connection,
    blobs: &impl Blobs,
    wanted: Wanted,
    mut portion: Portion,
    load: Load,
) -> rusqlite::Result<(Vec<Found>, bool)> {
    let (condition, from) = match wanted {
        Wanted::One(id) => ("id = ?", id),
        Wanted::After(id) => ("id > ? ORDER BY id", id),
        Wanted::Since(revision) => ("revision > ? ORDER BY revision", revision),
    };
    let sql = format!("SELECT {COLUMNS} FROM hop WHERE {condition} LIMIT ?");
    let limit = i64::try_from(portion.hops).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([from, limit])?;
    let mut found = Vec::new();
    while let Some(it) = rows.next()? {
        let (revision, stored) = row::read(it)?;
        let this = Found { id: stored.id, revision, hop: stored.hop(blobs, load)? };
        if portion.take(this, &mut found) {
            return Ok((found, true));
        }
    }
    Ok((found, false))
}

/// A portion of those in packs, and whether there may be more.
fn in_packs(
    db: &Connection,
    blobs: &impl Blobs,
    wanted: Wanted,
    mut portion: Portion,
    load: Load,
) -> rusqlite::Result<(Vec<Found>, bool)> {
    let (sql, from) = match wanted {
        Wanted::One(id) => (ONE, id),
        Wanted::After(id) => (AFTER, id),
        Wanted::Since(revision) => (SINCE, revision),
    };
    let is_wanted = |stored: &Stored<'_>, revision: i64| match wanted {
        Wanted::One(id) => stored.id == id,
        Wanted::After(id) => stored.id > id,
        Wanted::Since(since) => revision > since,
    };
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([from])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (first_hop, first_revision): (i64, i64) = (row.get(0)?, row.get(1)?);
        for (revision, stored) in
            (first_revision..).zip(pack::read(row.get_ref(2)?.as_blob()?, first_hop))
        {
            if is_wanted(&stored, revision) {
                let this = Found { id: stored.id, revision, hop: stored.hop(blobs, load)? };
                if portion.take(this, &mut found) {
                    return Ok((found, true));
                }
            }
        }
    }
    Ok((found, false))
}

// Packs follow one another without overlap, by id as by revision.

const ONE: &str = "SELECT first_hop, first_revision, data FROM pack
    WHERE first_hop <= ? ORDER BY first_hop DESC LIMIT 1";

const AFTER: &str = "SELECT first_hop, first_revision, data FROM pack
    WHERE first_hop >= coalesce((SELECT max(first_hop) FROM pack WHERE first_hop <= ?1), ?1)
    ORDER BY first_hop";

const SINCE: &str = "SELECT first_hop, first_revision, data FROM pack
    WHERE last_revision > ? ORDER BY last_revision";
