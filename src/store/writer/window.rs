//! The flight recorder: a trace that holds a bounded window of the past.
//!
//! Epochs share nothing, so the oldest one can go as a whole. Its hops go at once; its blobs,
//! which nothing names any more, go a portion at a time, so that no commit takes long. The file
//! keeps its size from then on: what went makes room for what comes.
//!
//! **Invariant:** what is left is complete. A hop is there with everything, or not at all; only a
//! body that ran for longer than the window loses its bytes, and says so by its length.

use std::time::Duration;

use rusqlite::{Connection, params};

use crate::store::dictionary::Dictionary;
use crate::store::schema::{self, LOG, PAGE};
use crate::store::{Dropped, Keep};
use crate::trace::Time;

/// What the window holds, and what it let go.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    keep: Keep,
    dropped: Dropped,
    /// Blobs of epochs that went, which still take room: from the first to before the last.
    purge: Option<(i64, i64)>,
    /// When the current epoch began.
    epoch_began: i64,
    /// What of `dropped` the file says.
    said: u64,
}

impl Window {
    pub(super) fn new(keep: Keep) -> Window {
        Window { keep, ..Window::default() }
    }

    /// Whether the epoch has become so large that dropping it would be a loss too big.
    pub(super) fn ends_epoch(&self, dictionary: &Dictionary, now: Time) -> bool {
        let bytes = self.keep.bytes.is_some_and(|it| dictionary.stored() > it / EPOCHS);
        let time = self.keep.time.is_some_and(|it| {
            now.since(Time(self.epoch_began)) > micros(it) / i64::try_from(EPOCHS).unwrap_or(1)
        });
        bytes || time
    }

    pub(super) fn epoch_begins(&mut self, now: Time) {
        self.epoch_began = now.0;
    }

    /// Bytes that one transaction may write, so that the log stays small.
    pub(super) fn bytes_at_once(&self) -> u64 {
        self.keep.bytes.map_or(u64::MAX, at_once)
    }

    /// Keep the log small, which only grows while a reader looks at what it replaces. When that
    /// reader does not come to an end, nothing more can be written.
    pub(super) fn fold_log(&self, db: &Connection, bytes: u64) -> rusqlite::Result<()> {
        let Some(limit) = self.keep.bytes.map(log).filter(|it| bytes > it + it / 2) else {
            return Ok(());
        };
        db.busy_timeout(Duration::from_millis(20))?;
        let folded = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |it| it.get::<_, i64>(0));
        db.busy_timeout(schema::PATIENCE)?;
        if folded.unwrap_or(1) != 0 && bytes > 2 * limit {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None));
        }
        Ok(())
    }

    /// Let go what the window cannot hold. Says whether an epoch went.
    pub(super) fn shrink(&mut self, db: &Connection, now: Time) -> rusqlite::Result<bool> {
        let mut went = false;
        self.purge_some(db)?;
        while let Some(why) = self.is_too_large(db, now)? {
            while self.purge.is_some() && self.keep.bytes.is_some() {
                self.purge_some(db)?;
            }
            if self.is_too_large(db, now)?.is_none() {
                break;
            }
            if !self.drop_oldest(db, why)? {
                break;
            }
            went = true;
        }
        if self.dropped.count > self.said {
            self.say(db)?;
            self.said = self.dropped.count;
        }
        Ok(went)
    }

    /// Why the oldest epoch has to go.
    fn is_too_large(&self, db: &Connection, now: Time) -> rusqlite::Result<Option<Why>> {
        if let Some(limit) = self.keep.bytes
            && used(db)? > limit - reserve(limit)
        {
            return Ok(Some(Why::Size));
        }
        if let Some(limit) = self.keep.time {
            // The oldest goes when the one after it is already too old to be needed whole.
            let second: Option<i64> = db
                .prepare_cached("SELECT began FROM epoch ORDER BY id LIMIT 1 OFFSET 1")?
                .query_row([], |it| it.get(0))
                .map_or_else(none, |it| Ok(Some(it)))?;
            if second.is_some_and(|it| now.since(Time(it)) > micros(limit)) {
                return Ok(Some(Why::Age));
            }
        }
        Ok(None)
    }

    /// Drop the oldest epoch, unless it is the only one.
    fn drop_oldest(&mut self, db: &Connection, why: Why) -> rusqlite::Result<bool> {
        let next = db
            .prepare_cached(
                "SELECT first_revision, first_blob, began FROM epoch ORDER BY id LIMIT 1 OFFSET 1",
            )?
            .query_row([], |it| Ok(Some((it.get(0)?, it.get(1)?, it.get(2)?))))
            .or_else(none)?;
        let Some((revision, blob, began)): Option<(i64, i64, i64)> = next else {
            return Ok(false);
        };
        let packed: i64 = db
            .prepare_cached("SELECT coalesce(sum(hops), 0) FROM pack WHERE last_revision < ?")?
            .query_row([revision], |it| it.get(0))?;
        db.prepare_cached("DELETE FROM pack WHERE last_revision < ?")?.execute([revision])?;
        // Open hops were written again in the current epoch before.
        let mut rows =
            db.prepare_cached("DELETE FROM hop WHERE revision < ?")?.execute([revision])?;
        // What began in this epoch and ended in the next would lose its beginning.
        rows += db
            .prepare_cached(
                "DELETE FROM hop WHERE lasted IS NOT NULL
                 AND id IN (SELECT hop FROM chunk WHERE blob < ?)",
            )?
            .execute([blob])?;
        db.prepare_cached(
            "DELETE FROM chunk WHERE (hop, side) IN
                (SELECT hop, side FROM chunk WHERE blob < ?)",
        )?
        .execute([blob])?;
        db.execute("DELETE FROM epoch WHERE id = (SELECT min(id) FROM epoch)", [])?;
        let first = match self.purge {
            Some((first, _)) => first,
            None => db
                .query_row("SELECT min(id) FROM blob", [], |it| it.get::<_, Option<i64>>(0))?
                .unwrap_or(blob),
        };
        self.purge = Some((first, blob));
        self.dropped.count += packed.cast_unsigned() + rows as u64;
        self.dropped.until = Some(Time(began));
        self.dropped.why = match why {
            Why::Size => format!("the window of {} was full", size(self.keep.bytes.unwrap_or(0))),
            Why::Age => format!("older than {}", age(self.keep.time.unwrap_or_default())),
        };
        Ok(true)
    }

    fn purge_some(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let Some((first, end)) = self.purge else { return Ok(()) };
        let to = end.min(first + PORTION);
        db.prepare_cached("DELETE FROM blob WHERE id < ?")?.execute([to])?;
        self.purge = (to < end).then_some((to, end));
        Ok(())
    }

    fn say(&self, db: &Connection) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?, ?)")?;
        statement.execute(params!["dropped", self.dropped.count.cast_signed()])?;
        statement.execute(params!["dropped_until", self.dropped.until.map(|it| it.0)])?;
        statement.execute(params!["dropped_why", self.dropped.why])?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    Size,
    Age,
}

/// Settings of the connection, so that file and log together stay below the limit.
pub(super) fn prepare(db: &Connection, keep: Keep) -> rusqlite::Result<()> {
    let Some(limit) = keep.bytes else { return Ok(()) };
    let log = log(limit);
    db.pragma_update(None, "wal_autocheckpoint", (log / PAGE).cast_signed())?;
    db.pragma_update(None, "journal_size_limit", log.cast_signed())
}

/// Bytes of the file that hold something.
fn used(db: &Connection) -> rusqlite::Result<u64> {
    let number = |sql: &str| db.prepare_cached(sql)?.query_row([], |it| it.get::<_, i64>(0));
    let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
    Ok(pages.cast_unsigned() * PAGE)
}

/// Bytes of the log after which it is folded into the file.
fn log(limit: u64) -> u64 {
    (limit / 16).min(LOG)
}

/// Bytes that one transaction may write before its last hop.
fn at_once(limit: u64) -> u64 {
    (limit / EPOCHS).min(16 << 20)
}

/// Bytes that are left free for the log, which is folded at its double size at the latest, and
/// for what one transaction adds to either.
fn reserve(limit: u64) -> u64 {
    2 * log(limit) + 2 * (at_once(limit) + LARGEST_HOP)
}

fn none<T>(error: rusqlite::Error) -> rusqlite::Result<Option<T>> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(None),
        other => Err(other),
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// `200 MB`, as far as that is exact.
fn size(bytes: u64) -> String {
    for (unit, name) in
        [(1 << 30, "GiB"), (1_000_000_000, "GB"), (1 << 20, "MiB"), (1_000_000, "MB")]
    {
        if bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

/// `2 h`, as far as that is exact.
fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    for (unit, name) in [(86_400, "d"), (3600, "h"), (60, "min")] {
        if seconds.is_multiple_of(unit) {
            return format!("{} {name}", seconds / unit);
        }
    }
    format!("{seconds} s")
}

/// How many epochs a full window has, about.
const EPOCHS: u64 = 32;
/// Bytes of two captured bodies and two heads.
const LARGEST_HOP: u64 = 3 << 20;
/// Blobs that one commit lets go.
const PORTION: i64 = 8192;
