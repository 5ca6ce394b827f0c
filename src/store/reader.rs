//! Reading a trace, also one that another process is recording, or was until it was killed.
//!
//! Every call is a read transaction of its own and short, so that the recorder's log stays
//! small.
//!
//! **Invariant:** reading changes nothing in a trace. Notes and derived values are the exception,
//! and have a connection of their own.

mod blobs;
mod found;
mod open;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use self::blobs::{Known, short};
use self::found::{Found, Portion, Wanted};
use super::{Dropped, Error, Info, Load, Skipped, State, Unrecorded, place, schema};
use crate::trace::{Hop, HopId, Note, Tap, TapKind, Time};

/// An open trace.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    /// `None` for a trace in memory, and for a copy of one in a folder that cannot be written.
    file: Option<place::File>,
    known: Known,
    /// Whether it has packs: those of the first version have none.
    packs: bool,
    /// A private copy of the trace, removed with the reader.
    _copy: Option<open::Copy>,
}

/// What happened in a trace since a revision.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Ask for what comes after this next time.
    pub revision: u64,
    /// New and grown hops, in the order in which they were written. A hop stands here once.
    pub hops: Vec<Hop>,
}

impl Reader {
    /// Open the trace at `path`.
    pub fn open(path: &Path) -> Result<Reader, Error> {
        open::check(path)?;
        let (connection, copy) = open::connect(path)?;
        let file = copy.is_none().then(|| place::File::at(path));
        let (path, known) = (path.to_owned(), Known::default());
        let mut reader = Reader { connection, path, file, known, packs: false, _copy: copy };
        let version: i64 =
            reader.one("SELECT user_version FROM pragma_user_version", |it| it.get(0))?;
        reader.packs = version >= schema::WITH_PACKS;
        reader.taps()?;
        Ok(reader)
    }

    pub(super) fn over(connection: Connection) -> Reader {
        let (path, known) = (PathBuf::from(":memory:"), Known::default());
        Reader { connection, path, file: None, known, packs: true, _copy: None }
    }

    /// Where it lies; `:memory:` for one without a file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The taps, outermost first. The position is the [`crate::trace::TapId`].
    pub fn taps(&self) -> Result<Vec<Tap>, Error> {
        self.query("SELECT name, kind, address, upstream FROM tap ORDER BY id", [], |it| {
            Ok(Tap {
                name: it.get(0)?,
                kind: TapKind::parse(&it.get::<_, String>(1)?).unwrap_or(TapKind::File),
                address: it.get(2)?,
                upstream: it.get(3)?,
            })
        })
    }

    /// What is in it, in numbers.
    pub fn info(&self) -> Result<Info, Error> {
        let rows = "SELECT count(*), min(started), max(started + coalesce(lasted, 0)) FROM hop";
        let packs = "SELECT coalesce(sum(hops), 0), min(began), max(ended) FROM pack";
        let span = |sql: &str| {
            let time = |it: Option<i64>| it.map(Time);
            self.one(sql, |it| Ok((it.get::<_, i64>(0)?, time(it.get(1)?), time(it.get(2)?))))
        };
        let (mut hops, mut first, mut last) = span(rows)?;
        if self.packs {
            let packed = span(packs)?;
            hops += packed.0;
            first = first.into_iter().chain(packed.1).min();
            last = last.max(packed.2);
        }
        let (unrecorded, dropped) = (self.unrecorded()?, self.dropped()?);
        let state = match self.meta::<String>("state")?.as_deref() {
            Some("finished") => State::Finished,
            _ => State::Open,
        };
        let (taps, bytes) = (self.taps()?, self.bytes()?);
        let hops = hops.cast_unsigned();
        let skipped = Skipped {
            count: self.meta::<i64>("skipped")?.unwrap_or(0).cast_unsigned(),
            only: self.meta("only")?.unwrap_or_default(),
        };
        Ok(Info { hops, taps, first, last, bytes, unrecorded, dropped, skipped, state })
    }

    /// What its recorder could not keep so far.
    pub fn unrecorded(&self) -> Result<Unrecorded, Error> {
        Ok(Unrecorded {
            count: self.meta::<i64>("unrecorded")?.unwrap_or(0).cast_unsigned(),
            why: self.meta("unrecorded_why")?.unwrap_or_default(),
        })
    }

    /// What a flight recorder has let go so far.
    pub fn dropped(&self) -> Result<Dropped, Error> {
        Ok(Dropped {
            count: self.meta::<i64>("dropped")?.unwrap_or(0).cast_unsigned(),
            until: self.meta::<Option<i64>>("dropped_until")?.flatten().map(Time),
            why: self.meta("dropped_why")?.unwrap_or_default(),
        })
    }

    /// One hop with its bodies.
    pub fn hop(&self, id: HopId) -> Result<Option<Hop>, Error> {
        let Some(row) = self.row_id(id)? else { return Ok(None) };
        let hops = self.find(Wanted::One(row), Portion::of(1), Load::Bodies)?;
        Ok(hops.into_iter().map(|it| it.hop).find(|it| it.id == id))
    }

    /// Whether there is such a hop: a flight recorder lets the oldest go.
    pub fn has(&self, id: HopId) -> Result<bool, Error> {
        let Some(row) = self.row_id(id)? else { return Ok(false) };
        found::has(&self.connection, self.packs, row).map_err(self.wrong())
    }

    /// Where a hop of this recorder stands, if it is there.
    fn row_id(&self, id: HopId) -> Result<Option<i64>, Error> {
        let short = short(&self.connection, id.recorder).map_err(self.wrong())?;
        Ok(short.map(|it| schema::row_id(it, id.sequence)))
    }

    /// All hops, in the order in which they arrived.
    pub fn hops(&self, load: Load) -> Hops<'_> {
        Hops { reader: self, load, after: i64::MIN, page: Vec::new().into_iter(), over: false }
    }

    /// At most `limit` hops that were written after `revision` (0 is before the first). Says
    /// [`Error::Vanished`] when there is nothing new and the file has gone.
    pub fn changes_since(&self, revision: u64, limit: usize, load: Load) -> Result<Changes, Error> {
        let hops = self.find(Wanted::Since(revision.cast_signed()), Portion::of(limit), load)?;
        let Some(last) = hops.last() else {
            return match &self.file {
                Some(file) if !file.is_there() => Err(Error::Vanished { path: self.path.clone() }),
                _ => Ok(Changes { revision, hops: Vec::new() }),
            };
        };
        let revision = last.revision.cast_unsigned();
        Ok(Changes { revision, hops: hops.into_iter().map(|it| it.hop).collect() })
    }

    /// The latest revision: where to start following without the past.
    pub fn revision(&self) -> Result<u64, Error> {
        let last = |sql: &str| self.one(sql, |it| it.get::<_, i64>(0)).map(i64::cast_unsigned);
        let packed =
            if self.packs { last("SELECT coalesce(max(last_revision), 0) FROM pack")? } else { 0 };
        Ok(packed.max(last("SELECT coalesce(max(revision), 0) FROM hop")?))
    }

    /// All notes, oldest first.
    pub fn notes(&self) -> Result<Vec<Note>, Error> {
        let sql = "SELECT random, sequence, at, author, text FROM note
            JOIN recorder ON recorder.id = note.recorder ORDER BY at, note.id";
        self.query(sql, [], |it| {
            let recorder = it.get::<_, i64>(0)?.cast_unsigned();
            let sequence = it.get::<_, i64>(1)?.cast_unsigned();
            let hop = HopId { recorder, sequence };
            Ok(Note { hop, at: Time(it.get(2)?), author: it.get(3)?, text: it.get(4)? })
        })
    }

    /// Pin a note to a hop of this trace.
    pub fn add_note(&self, note: &Note) -> Result<(), Error> {
        self.write(|db| {
            db.execute(
                "INSERT INTO note (recorder, sequence, at, author, text)
                 SELECT id, ?, ?, ?, ? FROM recorder WHERE random = ?",
                params![
                    note.hop.sequence.cast_signed(),
                    note.at.0,
                    note.author,
                    note.text,
                    note.hop.recorder.cast_signed()
                ],
            )
        })
    }

    /// Keep what was concluded, under a name, a number and the version of the analysis.
    pub fn put_derived(
        &self,
        kind: &str,
        id: i64,
        analysis_version: u32,
        data: &[u8],
    ) -> Result<(), Error> {
        self.write(|db| {
            db.execute(
                "INSERT OR REPLACE INTO derived VALUES (?, ?, ?, ?)",
                params![kind, id, analysis_version, data],
            )
        })
    }

    /// What was concluded by this version of the analysis, by number.
    pub fn derived(&self, kind: &str, analysis_version: u32) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        let sql = "SELECT id, data FROM derived WHERE kind = ? AND analysis_version = ?
            ORDER BY id";
        self.query(sql, params![kind, analysis_version], |it| Ok((it.get(0)?, it.get(1)?)))
    }

    fn write(&self, act: impl Fn(&Connection) -> rusqlite::Result<usize>) -> Result<(), Error> {
        let writing = |source| Error::writing(&self.path, source);
        if self.file.is_none() {
            return act(&self.connection).map(drop).map_err(writing);
        }
        let connection = open::for_notes(&self.path).map_err(writing)?;
        act(&connection).map(drop).map_err(writing)
    }

    /// Size on disk, the write-ahead log included; of a trace in memory, its pages.
    pub fn bytes(&self) -> Result<u64, Error> {
        if self.file.is_none() {
            let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
            return self.one(sql, |it| it.get::<_, i64>(0)).map(i64::cast_unsigned);
        }
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |it| it.len());
        Ok(size(&self.path) + size(&place::beside(&self.path, "-wal")))
    }

    fn meta<T: rusqlite::types::FromSql>(&self, key: &str) -> Result<Option<T>, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?")
            .map_err(self.wrong())?;
        statement.query_row([key], |it| it.get(0)).optional().map_err(self.wrong())
    }

    /// At most a portion of the hops that are wanted, in their order.
    fn find(&self, wanted: Wanted, portion: Portion, load: Load) -> Result<Vec<Found>, Error> {
        // One snapshot for the rows and the blobs they name.
        let snapshot = self.connection.unchecked_transaction().map_err(self.wrong())?;
        let blobs = self.known.over(&snapshot);
        found::find(&snapshot, &blobs, self.packs, wanted, portion, load).map_err(self.wrong())
    }

    fn query<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.wrong())?;
        let rows = statement.query_map(params, read).map_err(self.wrong())?;
        rows.collect::<rusqlite::Result<_>>().map_err(self.wrong())
    }

    fn one<T>(
        &self,
        sql: &str,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.connection.query_row(sql, [], read).map_err(self.wrong())
    }

    fn wrong(&self) -> impl Fn(rusqlite::Error) -> Error {
        |source| Error::reading(&self.path, source)
    }
}

/// All hops of a trace, read page by page. After an error it ends.
#[derive(Debug)]
pub struct Hops<'a> {
    reader: &'a Reader,
    load: Load,
    after: i64,
    page: std::vec::IntoIter<Found>,
    over: bool,
}

impl Iterator for Hops<'_> {
    type Item = Result<Hop, Error>;

    fn next(&mut self) -> Option<Result<Hop, Error>> {
        if let Some(found) = self.page.next() {
            self.after = found.id;
            return Some(Ok(found.hop));
        }
        if self.over {
            return None;
        }
        match self.reader.find(Wanted::After(self.after), PAGE, self.load) {
            Ok(page) => {
                self.over = page.is_empty();
                self.page = page.into_iter();
                self.next()
            }
            Err(error) => {
                self.over = true;
                Some(Err(error))
            }
        }
    }
}

/// What is read at once of all hops: bodies may be large, and must fit into memory.
const PAGE: Portion = Portion { hops: 1024, bytes: 1 << 20 };
