//! Opening a trace: is it one, is it whole, and how can it be read where it lies.
//!
//! **Invariant:** whatever the file is, the answer is a reader or one clear sentence.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::store::schema::{APPLICATION_ID, VERSION};
use crate::store::{Error, place};
use crate::trace::visible;

/// Look at the file's header before SQLite does, because its words are for programmers.
pub(super) fn check(path: &Path) -> Result<(), Error> {
    let own = || path.to_owned();
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: own() },
        io::ErrorKind::IsADirectory => Error::NotATrace { path: own() },
        _ => Error::Unreadable { path: own(), source },
    };
    let mut head = Vec::with_capacity(HEADER);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Error::NotATrace { path: own() });
    }
    file.take(HEADER as u64).read_to_end(&mut head).map_err(unreadable)?;
    let is_start = !head.is_empty() && MAGIC.starts_with(&head[..head.len().min(MAGIC.len())]);
    if !is_start {
        return Err(Error::NotATrace { path: own() });
    }
    let Some(header) = Header::read(&head) else {
        return Err(Error::Corrupt { path: own(), source: None });
    };
    if header.application != APPLICATION_ID {
        return Err(Error::NotATrace { path: own() });
    }
    if header.version > VERSION {
        return Err(Error::Newer { path: own(), found: header.version, known: VERSION });
    }
    // With a log beside it, the header may run ahead of the file.
    let has_log = fs::metadata(place::beside(path, "-wal")).is_ok_and(|it| it.len() > 0);
    if !has_log && metadata.len() < header.bytes {
        return Err(Error::Corrupt { path: own(), source: None });
    }
    Ok(())
}

/// What we need of the
/// [database header](https://www.sqlite.org/fileformat.html#the_database_header).
struct Header {
    bytes: u64,
    version: i64,
    application: i32,
}

impl Header {
    fn read(head: &[u8]) -> Option<Header> {
        let number = |at: usize| {
            let bytes = head.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let page = match u16::from_be_bytes(head.get(16..18)?.try_into().ok()?) {
            1 => 65_536,
            size => u64::from(size),
        };
        Some(Header {
            bytes: u64::from(number(28)?) * page,
            version: i64::from(number(60)?),
            application: number(68)?.cast_signed(),
        })
    }
}

/// A connection that reads, and the copy it reads if the trace's own place does not allow it.
pub(super) fn connect(path: &Path) -> Result<(Connection, Option<Copy>), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let plain = Connection::open_with_flags(path, flags).and_then(for_reading);
    let refused = match plain {
        Ok(connection) => {
            is_only_tables(path, &connection)?;
            return Ok((connection, None));
        }
        Err(refused) if needs_copy(&refused) => refused,
        Err(source) => return Err(Error::reading(path, source)),
    };
    // A trace with a log needs to write its index beside it, and the folder does not let us.
    let Ok(copy) = Copy::of(path) else { return Err(Error::reading(path, refused)) };
    let connection = Connection::open(copy.file()).and_then(for_reading);
    let connection = connection.map_err(|source| Error::reading(path, source))?;
    is_only_tables(path, &connection)?;
    Ok((connection, Some(copy)))
}

/// A view or a virtual table in a table's place would run what a stranger wrote when it is read, a
/// trigger when a note is added.
fn is_only_tables(path: &Path, connection: &Connection) -> Result<(), Error> {
    let sql = "SELECT type || ' `' || name || '`' FROM sqlite_schema
        WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1";
    let found = connection.query_row(sql, [], |it| it.get::<_, String>(0)).optional();
    match found.map_err(|source| Error::reading(path, source))? {
        Some(it) => Err(Error::Disguised { path: path.to_owned(), what: visible(&it).into() }),
        None => Ok(()),
    }
}

/// A connection for a note, beside a recorder that may be writing.
pub(super) fn for_notes(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    Ok(connection)
}

fn for_reading(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Else a statement is prepared again for each value that it is asked with: half of what a look
    // at one hop costs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn needs_copy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
    matches!(error.sqlite_error_code(), Some(CannotOpen | PermissionDenied | ReadOnly))
}

/// A private copy of a trace and its log.
#[derive(Debug)]
pub(super) struct Copy(PathBuf);

impl Copy {
    pub(super) fn of(path: &Path) -> io::Result<Copy> {
        let random = getrandom::u64().map_err(io::Error::other)?;
        let folder = std::env::temp_dir().join(format!("hopscope-{random:016x}"));
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        let copy = Copy(folder);
        // The log first: a checkpoint between the two copies then only repeats pages.
        let log = place::beside(path, "-wal");
        if log.exists() {
            fs::copy(log, place::beside(&copy.file(), "-wal"))?;
        }
        fs::copy(path, copy.file())?;
        Ok(copy)
    }

    fn file(&self) -> PathBuf {
        self.0.join("trace.hops")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
const PATIENCE: Duration = Duration::from_secs(2);
