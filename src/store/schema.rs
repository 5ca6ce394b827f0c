//! The tables of a trace, and how an older trace becomes a current one.
//!
//! **Invariant:** [`MIGRATIONS`] only grows. A released step is never edited: traces that went
//! through it exist.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::{Error, place};
use crate::trace::Tap;

/// `hops` in ASCII; stands in the file's header, so that `file` and we know a trace.
pub(super) const APPLICATION_ID: i32 = 0x686f_7073;

/// The schema version this program writes: one per migration.
pub(super) const VERSION: i64 = 2;

/// Each step with its reason. `user_version` counts the steps a file has gone through.
const MIGRATIONS: [&str; 2] = [FIRST, PACKS];

/// Since this version a trace has packs.
pub(super) const WITH_PACKS: i64 = 2;

/// The first layout.
///
/// A `hop` row is narrow: method, status, times, and the ids of blobs. Header blocks, URLs and
/// bodies are stored once per *epoch* (`epoch` says where one begins), so that a flight recorder
/// can drop whole epochs without counting references. Headers are a blob that many hops share
/// (`*_headers`) and what differs from it (`*_changes`, see `block`). A body is its `*_body`
/// blob followed by its `chunk`s. `revision` grows with every write of a row: who follows a
/// trace asks for what is beyond the last one seen.
const FIRST: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE tap (id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,
    address TEXT NOT NULL, upstream TEXT);
CREATE TABLE recorder (id INTEGER PRIMARY KEY, random INTEGER NOT NULL UNIQUE);
CREATE TABLE epoch (id INTEGER PRIMARY KEY, first_hop INTEGER NOT NULL,
    first_blob INTEGER NOT NULL);
CREATE TABLE blob (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE hop (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL,
    recorder INTEGER NOT NULL, sequence INTEGER NOT NULL, tap INTEGER NOT NULL,
    flags INTEGER NOT NULL, connection INTEGER, started INTEGER NOT NULL, lasted INTEGER,
    method TEXT NOT NULL, url INTEGER NOT NULL,
    request_headers INTEGER NOT NULL, request_changes BLOB,
    request_body INTEGER, request_length INTEGER NOT NULL,
    status INTEGER, response_headers INTEGER, response_changes BLOB,
    response_body INTEGER, response_length INTEGER,
    failure TEXT, connect INTEGER, tls INTEGER, wait INTEGER, receive INTEGER, rest TEXT);
CREATE INDEX hop_revision ON hop (revision);
CREATE TABLE chunk (hop INTEGER NOT NULL, side INTEGER NOT NULL, n INTEGER NOT NULL,
    blob INTEGER NOT NULL, PRIMARY KEY (hop, side, n)) WITHOUT ROWID;
CREATE TABLE note (id INTEGER PRIMARY KEY, recorder INTEGER NOT NULL,
    sequence INTEGER NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE derived (kind TEXT NOT NULL, id INTEGER NOT NULL,
    analysis_version INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
";

/// Hops that were over when they were first written stand many in one row, see `pack`. An epoch
/// says with which revision, and when, it began.
const PACKS: &str = "
CREATE TABLE pack (first_hop INTEGER PRIMARY KEY, last_hop INTEGER NOT NULL,
    first_revision INTEGER NOT NULL, last_revision INTEGER NOT NULL, hops INTEGER NOT NULL,
    began INTEGER NOT NULL, ended INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX pack_revision ON pack (last_revision);
ALTER TABLE epoch ADD COLUMN first_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN began INTEGER NOT NULL DEFAULT 0;
";

/// The id of a hop's row: its recorder's short number, then its sequence. So no index from a
/// hop's name to its row is needed, and hops of several recorders never collide.
pub(super) fn row_id(recorder: i64, sequence: u64) -> i64 {
    recorder.wrapping_shl(SEQUENCE_BITS).wrapping_add(sequence.cast_signed())
}

/// The recorder's short number and the sequence that [`row_id`] put together.
pub(super) fn of_row_id(id: i64) -> (i64, i64) {
    (id >> SEQUENCE_BITS, id & ((1 << SEQUENCE_BITS) - 1))
}

/// Bytes of a page. Large bodies cost a third more with half of it, as each page is written by
/// itself, twice; with twice of it small hops take more room than they have in it.
pub(super) const PAGE: u64 = 16 << 10;

/// Bytes of the log after which it is folded into the file. The commit that does it takes as much
/// longer, and what comes meanwhile waits.
pub(super) const LOG: u64 = 8 << 20;

/// How long the writer waits for another process that writes.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A recorder may name so many hops (2^40: a year at 30,000 a second).
const SEQUENCE_BITS: u32 = 40;

/// Make a new trace, private to its owner.
pub(super) fn create(path: &Path, taps: &[Tap]) -> Result<Connection, Error> {
    // What lies there is not touched. What lies beside it under these names SQLite would take for
    // its own and write to, also where it is a link to somewhere else.
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let beside = place::beside(path, suffix);
        if beside.symlink_metadata().is_ok() {
            return Err(Error::Exists { path: beside });
        }
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.to_owned() },
        io::ErrorKind::StorageFull => Error::DiskFull { path: path.to_owned() },
        _ => Error::Create { path: path.to_owned(), source },
    })?;
    let connection = Connection::open(path)
        .and_then(|mut it| lay_out(&mut it, taps).and_then(|()| for_writing(&it)).map(|()| it));
    connection.map_err(|source| {
        // A trace that could not even begin is not left behind to be stumbled upon.
        let _ = std::fs::remove_file(path);
        Error::writing(path, source)
    })
}

/// A trace that lives as long as its connection.
pub(super) fn in_memory(taps: &[Tap]) -> Result<Connection, Error> {
    let connection =
        Connection::open_in_memory().and_then(|mut it| lay_out(&mut it, taps).map(|()| it));
    connection.map_err(|source| Error::writing(Path::new(":memory:"), source))
}

/// Settings of the one writing connection. The log is never forced to disk: the promise is
/// against the death of the process, and the kernel keeps what a dead process wrote.
pub(super) fn for_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "wal_autocheckpoint", (LOG / PAGE).cast_signed())?;
    connection.pragma_update(None, "cache_size", -4096)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn lay_out(connection: &mut Connection, taps: &[Tap]) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE.cast_signed())?;
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate(&transaction, 0)?;
    for (id, tap) in taps.iter().enumerate() {
        transaction.execute(
            "INSERT INTO tap VALUES (?, ?, ?, ?, ?)",
            params![id.cast_signed(), tap.name, tap.kind.as_str(), tap.address, tap.upstream],
        )?;
    }
    transaction.execute("INSERT INTO meta VALUES ('state', 'open')", [])?;
    transaction.commit()
}

/// Take a file from `version` to [`VERSION`].
pub(super) fn migrate(connection: &Connection, version: i64) -> rusqlite::Result<()> {
    for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", VERSION)
}
