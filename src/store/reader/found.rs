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

/// At most `limit` of them, in their order.
pub(super) fn find(
    db: &Connection,
    blobs: &impl Blobs,
    packs: bool,
    wanted: Wanted,
    limit: usize,
    load: Load,
) -> rusqlite::Result<Vec<Found>> {
    let mut found = in_rows(db, blobs, wanted, limit, load)?;
    if packs {
        found.extend(in_packs(db, blobs, wanted, limit, load)?);
    }
    // The sort is stable: of a hop that stands in both, the row comes first and wins.
    match wanted {
        Wanted::Since(_) => found.sort_by_key(|it| it.revision),
        Wanted::One(_) | Wanted::After(_) => {
            found.sort_by_key(|it| it.id);
            found.dedup_by_key(|it| it.id);
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn in_rows(
    db: &Connection,
    blobs: &impl Blobs,
    wanted: Wanted,
    limit: usize,
    load: Load,
) -> rusqlite::Result<Vec<Found>> {
    let (condition, from) = match wanted {
        Wanted::One(id) => ("id = ?", id),
        Wanted::After(id) => ("id > ? ORDER BY id", id),
        Wanted::Since(revision) => ("revision > ? ORDER BY revision", revision),
    };
    let sql = format!("SELECT {COLUMNS} FROM hop WHERE {condition} LIMIT ?");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([from, limit], |it| {
        let (revision, stored) = row::read(it)?;
        Ok(Found { id: stored.id, revision, hop: stored.hop(blobs, load)? })
    })?;
    rows.collect()
}

fn in_packs(
    db: &Connection,
    blobs: &impl Blobs,
    wanted: Wanted,
    limit: usize,
    load: Load,
) -> rusqlite::Result<Vec<Found>> {
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
                found.push(Found { id: stored.id, revision, hop: stored.hop(blobs, load)? });
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

// Packs follow one another without overlap, by id as by revision.

const ONE: &str = "SELECT first_hop, first_revision, data FROM pack
    WHERE first_hop <= ? ORDER BY first_hop DESC LIMIT 1";

const AFTER: &str = "SELECT first_hop, first_revision, data FROM pack
    WHERE first_hop >= coalesce((SELECT max(first_hop) FROM pack WHERE first_hop <= ?1), ?1)
    ORDER BY first_hop";

const SINCE: &str = "SELECT first_hop, first_revision, data FROM pack
    WHERE last_revision > ? ORDER BY last_revision";
