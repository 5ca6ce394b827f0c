//! What a trace says of the hops that are not in it.

use rusqlite::{Connection, params};

use super::only::Only;
use crate::store::{Unrecorded, error};

/// There was no room for what had to be written.
///
/// As nobody knows whether there will be any for another word, the file says from here on of
/// all that waits that it went unrecorded, and takes it back with each hop that is written.
///
/// **Invariant:** hops do not take the room that the last words need. The log can begin anew in
/// the room that it has whenever all of it is in the file; nothing is added to one that is not.
#[derive(Debug)]
pub(super) struct Shortage {
    /// How many hops that are over one transaction takes.
    pub(super) portion: usize,
    why: String,
}

impl Shortage {
    /// So many hops were tried.
    pub(super) fn after(error: &rusqlite::Error, tried: usize) -> Shortage {
        Shortage { portion: (tried / 2).max(1), why: error::why(error) }
    }

    /// What to say when so many hops wait.
    pub(super) fn words(&self, unrecorded: &Unrecorded, waiting: u64) -> Unrecorded {
        let Unrecorded { count, why } = unrecorded.clone();
        Unrecorded { count: count + waiting, why: if count > 0 { why } else { self.why.clone() } }
    }
}

/// Put all of the log into the file. It then begins anew.
pub(super) fn fold_log(db: &Connection) -> rusqlite::Result<()> {
    let (log, folded) = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |it| {
        Ok((it.get::<_, i64>(1)?, it.get::<_, i64>(2)?))
    })?;
    if folded < log {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(busy, None));
    }
    Ok(())
}

pub(super) fn say_unrecorded(db: &Connection, unrecorded: &Unrecorded) -> rusqlite::Result<()> {
    let values = "('unrecorded', ?), ('unrecorded_why', ?)";
    let sql = format!("INSERT OR REPLACE INTO meta VALUES {values}");
    let Unrecorded { count, why } = unrecorded;
    db.prepare_cached(&sql)?.execute(params![count.cast_signed(), why])?;
    Ok(())
}

pub(super) fn say_skipped(db: &Connection, only: &Only) -> rusqlite::Result<()> {
    if only.is_all() {
        return Ok(());
    }
    let mut statement = db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?, ?)")?;
    statement.execute(params!["only", only.filter().text()])?;
    statement.execute(params!["skipped", only.passed_over().cast_signed()])?;
    Ok(())
}
