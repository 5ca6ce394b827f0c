//! One trace being written: the connection, the ledger, and the numbers that run on.
//!
//! **Invariant:** after a failed commit the file and the ledger are as before it.

use std::borrow::BorrowMut;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::ledger::{self, Entry, Ledger};
use super::missing::{self, Shortage};
use super::only::Only;
use super::window::{self, Window};
use crate::store::dictionary::{Beginning, Dictionary};
use crate::store::pack::Pack;
use crate::store::queue::Item;
use crate::store::stored::{Bodies, Place, Stored};
use crate::store::{Keep, Unrecorded, place, row, schema};
use crate::trace::{Filter, Hop, HopId};

#[derive(Debug)]
pub(super) struct Session<C> {
    connection: C,
    file: Option<place::File>,
    numbers: Numbers,
    dictionary: Dictionary,
    ledger: Ledger,
    pack: Pack,
    window: Window,
    /// Where bodies are put together that came in pieces.
    room: [Vec<u8>; 2],
    shortage: Option<Shortage>,
    pub(super) unrecorded: Unrecorded,
    /// What of `unrecorded` the file says.
    said: u64,
}

/// What counts up in the file.
#[derive(Clone, Debug, Default)]
struct Numbers {
    revision: i64,
    last_row: i64,
    /// The last hop in a pack; packs only take what comes after it.
    last_packed: i64,
    /// A recorder's short number, by its random one.
    recorders: HashMap<u64, i64>,
}

impl Session<Connection> {
    pub(super) fn begin(
        path: &Path,
        connection: Connection,
        recorder: u64,
        keep: Keep,
        only: Filter,
    ) -> rusqlite::Result<Session<Connection>> {
        window::prepare(&connection, keep)?;
        let mut session = Session::over(connection, Some(place::File::at(path)))?;
        session.ledger.only = Only::new(only);
        missing::say_skipped(&session.connection, &session.ledger.only)?;
        session.window = Window::new(keep);
        // The first one known gets number 0, so row ids of our own hops are their sequences.
        session.numbers.recorder(&session.connection, recorder)?;
        Ok(session)
    }

    /// The last commit is done: make the trace one file, and say that it is finished.
    pub(super) fn finish(mut self) {
        let Session { connection, unrecorded, ledger, .. } = &mut self;
        let say = || {
            // In one transaction these are one page.
            let transaction = connection.unchecked_transaction()?;
            missing::say_unrecorded(&transaction, unrecorded)?;
            missing::say_skipped(&transaction, &ledger.only)?;
            transaction.execute("UPDATE meta SET value = 'finished' WHERE key = 'state'", [])?;
            transaction.commit()
        };
        // The log stays beside the file when there is no room to fold it in; the trace opens
        // with it just as well.
        let _ = say()
            .or_else(|_| {
                missing::fold_log(connection)?;
                say()
            })
            .and_then(|()| connection.pragma_update(None, "journal_mode", "DELETE"));
    }
}

impl<'a> Session<&'a mut Connection> {
    pub(super) fn borrowing(
        connection: &'a mut Connection,
    ) -> rusqlite::Result<Session<&'a mut Connection>> {
        Session::over(connection, None)
    }
}

impl<C: BorrowMut<Connection>> Session<C> {
    fn over(connection: C, file: Option<place::File>) -> rusqlite::Result<Session<C>> {
        let db: &Connection = connection.borrow();
        let numbers = Numbers::read(db)?;
        let (dictionary, ledger) = (Dictionary::default(), Ledger::default());
        let (pack, window, room, unrecorded) = Default::default();
        Ok(Session {
            connection,
            file,
            numbers,
            dictionary,
            ledger,
            pack,
            window,
            room,
            shortage: None,
            unrecorded,
            said: 0,
        })
    }

    /// Take what was queued; what held it is given back empty.
    pub(super) fn fold(&mut self, mut items: Vec<Item>, lost: &[HopId]) -> Vec<Item> {
        let taken = Instant::now();
        for item in items.drain(..) {
            match item {
                Item::Event(event) => self.ledger.apply(event),
                Item::Hop(hop) => self.ledger.add(*hop),
            }
        }
        for id in lost {
            self.ledger.lose(*id);
        }
        self.ledger.taken = Some(taken);
        items
    }

    pub(super) fn add_hop(&mut self, hop: Hop) {
        self.ledger.add(hop);
    }

    /// Whether so much could not be written that no more should be taken.
    pub(super) fn is_full(&self) -> bool {
        self.ledger.weight > LIMIT
    }

    pub(super) fn hops_not_kept(&self) -> u64 {
        (self.ledger.over.len() + self.ledger.open.len()) as u64
    }

    /// Write what changed, in transactions short enough that none holds back for long what the
    /// one before it could already have kept.
    pub(super) fn commit(&mut self, what: What) -> rusqlite::Result<()> {
        let is_much = self.ledger.weight > LIMIT / 2;
        self.ledger.now = (what == What::Due && !is_much).then(Instant::now);
        while self.commit_some()? == Progress::More {}
        Ok(())
    }

    fn commit_some(&mut self) -> rusqlite::Result<Progress> {
        let db: &mut Connection = self.connection.borrow_mut();
        if let Some(file) = &mut self.file {
            file.restore_if_gone(db)?;
            self.window.fold_log(db, file.log_bytes())?;
        }
        if self.shortage.is_some() {
            missing::fold_log(db)?;
        }
        if self.ledger.is_clean() && self.unrecorded.count == self.said {
            return Ok(Progress::All);
        }
        self.ledger.sort();
        let before = (self.numbers.clone(), self.window.clone());
        let mut writing = Writing {
            numbers: &mut self.numbers,
            dictionary: &mut self.dictionary,
            pack: &mut self.pack,
            window: &mut self.window,
            room: &mut self.room,
            shortage: self.shortage.as_ref(),
            said: self.said,
        };
        match writing.write(db, &self.ledger, &self.unrecorded) {
            Ok(Written { open, over, cut, said }) => {
                self.said = said;
                if cut {
                    // All that is open was written.
                    self.ledger.now = None;
                }
                self.ledger.kept(open, over);
                if cut {
                    self.ledger.cut_running();
                }
                if self.ledger.is_clean() {
                    self.shortage = None;
                    return Ok(Progress::All);
                }
                if let Some(shortage) = &mut self.shortage {
                    shortage.portion = shortage.portion.saturating_mul(2);
                }
                Ok(Progress::More)
            }
            Err(error) => {
                // What the dictionary believes to be stored was rolled back.
                (self.numbers, self.window) = before;
                self.dictionary = Dictionary::default();
                self.pack = Pack::default();
                if self.file.is_none() || error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                {
                    return Err(error);
                }
                self.run_short(error)
            }
        }
    }

    /// Make the best of the room that is left, one hop at a time if need be.
    fn run_short(&mut self, error: rusqlite::Error) -> rusqlite::Result<Progress> {
        let all = self.ledger.over.len();
        let tried = self.shortage.as_ref().map_or(all, |it| it.portion.min(all));
        let shortage = Shortage::after(&error, tried);
        let words = shortage.words(&self.unrecorded, self.hops_not_kept());
        let is_first = self.shortage.replace(shortage).is_none();
        // Each time takes room.
        if is_first && missing::say_unrecorded(self.connection.borrow(), &words).is_ok() {
            self.said = words.count;
        }
        if tried > 1 { Ok(Progress::More) } else { Err(error) }
    }
}

/// Which of the hops that are open and changed are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What {
    /// Those that have waited long enough.
    Due,
    All,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    All,
    More,
}

/// What one transaction changes in memory.
struct Writing<'a> {
    numbers: &'a mut Numbers,
    dictionary: &'a mut Dictionary,
    pack: &'a mut Pack,
    window: &'a mut Window,
    room: &'a mut [Vec<u8>; 2],
    shortage: Option<&'a Shortage>,
    said: u64,
}

/// What one transaction did.
struct Written {
    /// How many of the open hops that had changed, and of those that are over, were in it.
    open: usize,
    over: usize,
    /// Bodies that still run lost their beginning.
    cut: bool,
    /// How many hops the file now says went unrecorded.
    said: u64,
}

impl Writing<'_> {
    /// Write one transaction.
    fn write(
        &mut self,
        db: &mut Connection,
        ledger: &Ledger,
        unrecorded: &Unrecorded,
    ) -> rusqlite::Result<Written> {
        let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let (begun, mut over) = (Instant::now(), 0);
        for id in &ledger.gone {
            if let Some(row) = self.numbers.row_of(*id) {
                row::delete(&transaction, row)?;
            }
        }
        let cut = self.make_room(&transaction, ledger)?;
        let before = self.dictionary.stored_in_all();
        let limit = before.saturating_add(self.window.bytes_at_once());
        let now = ledger.now.filter(|_| !cut);
        let mut open = 0;
        for entry in ledger.open.values() {
            let is_due = entry.is_due(now);
            if !(is_due || cut && entry.place == ledger::Place::File) {
                continue;
            }
            if self.dictionary.stored_in_all() > limit && !cut {
                break;
            }
            self.put(&transaction, entry)?;
            open += usize::from(is_due);
        }
        let mut looked = before;
        let portion = self.shortage.map_or(usize::MAX, |it| it.portion);
        for entry in ledger.over.as_slices().0.iter().take(portion) {
            let stored = self.dictionary.stored_in_all();
            let is_time = over % AT_ONCE == 0 || stored.abs_diff(looked) > BYTES_AT_ONCE;
            if is_time {
                looked = stored;
            }
            // Few hops are as large as all that one transaction may take.
            if is_time && begun.elapsed() > LONGEST || stored > limit {
                break;
            }
            self.put(&transaction, entry)?;
            over += 1;
        }
        self.pack.flush(&transaction)?;
        let waiting = (ledger.over.len() - over + ledger.open.len()) as u64;
        let words = self.shortage.map(|it| it.words(unrecorded, waiting));
        let words = words.as_ref().unwrap_or(unrecorded);
        // Also again: the file may be another one since.
        if words.count.max(self.said) > 0 {
            missing::say_unrecorded(&transaction, words)?;
        }
        missing::say_skipped(&transaction, &ledger.only)?;
        transaction.commit()?;
        Ok(Written { open, over, cut, said: words.count })
    }

    /// Let go what the window cannot hold; says whether something went.
    fn make_room(&mut self, db: &Connection, ledger: &Ledger) -> rusqlite::Result<bool> {
        let latest = ledger.open.values().chain(&ledger.over).map(|it| it.hop.started).max();
        let Some(now) = latest else { return Ok(false) };
        self.window.shrink(db, now)
    }

    fn put(&mut self, db: &Connection, entry: &Entry) -> rusqlite::Result<()> {
        let now = entry.hop.started;
        if self.dictionary.is_full() || self.window.ends_epoch(self.dictionary, now) {
            // Epochs share nothing, so no pack reaches into the next.
            self.pack.flush(db)?;
            let from = Beginning {
                first_hop: self.numbers.last_row + 1,
                first_revision: self.numbers.revision + 1,
                began: now.0,
            };
            *self.dictionary = self.dictionary.next(db, from)?;
            self.window.epoch_begins(now);
        }
        let place = self.numbers.place(db, entry)?;
        let bodies = entry.bodies(self.room);
        let stored = Stored::of(db, self.dictionary, &entry.hop, bodies, place)?;
        let packs = entry.hop.ended.is_some()
            && !place.exists
            && place.id > self.numbers.last_packed
            && schema::of_row_id(place.id) == (stored.recorder, stored.sequence);
        if !packs {
            // The revisions within a pack have no gaps.
            self.pack.flush(db)?;
            return row::write(db, &stored, place.revision, place.exists);
        }
        self.numbers.last_packed = place.id;
        self.pack.push(&stored, place.revision);
        if self.pack.is_full() { self.pack.flush(db) } else { Ok(()) }
    }
}

impl Numbers {
    fn read(db: &Connection) -> rusqlite::Result<Numbers> {
        let count = |sql: &str| -> rusqlite::Result<i64> {
            Ok(db.query_row(sql, [], |it| it.get::<_, Option<i64>>(0))?.unwrap_or(0))
        };
        let last_packed = count("SELECT max(last_hop) FROM pack")?;
        let packed = count("SELECT max(last_revision) FROM pack")?;
        let revision = count("SELECT max(revision) FROM hop")?.max(packed);
        let last_row = count("SELECT max(id) FROM hop")?.max(last_packed);
        Ok(Numbers { revision, last_row, last_packed, recorders: HashMap::new() })
    }

    /// Where a hop is written: its row id, its recorder, the next revision.
    fn place(&mut self, db: &Connection, entry: &Entry) -> rusqlite::Result<Place> {
        let HopId { recorder, sequence } = entry.hop.id;
        let short = self.recorder(db, recorder)?;
        let id = schema::row_id(short, sequence);
        self.last_row = self.last_row.max(id);
        self.revision += 1;
        // A hop that ends within one tick has whole bodies, which are stored once.
        let whole = entry.chunks == [0, 0] && entry.hop.ended.is_some();
        let bodies = if whole { Bodies::Whole } else { Bodies::Chunks(entry.chunks) };
        let (revision, exists, frames) = (self.revision, entry.written, entry.frames);
        Ok(Place { id, recorder: short, revision, exists, bodies, frames })
    }

    /// A recorder's short number, given now if it is new.
    fn recorder(&mut self, db: &Connection, random: u64) -> rusqlite::Result<i64> {
        if let Some(known) = self.recorders.get(&random) {
            return Ok(*known);
        }
        let key = random.cast_signed();
        let known = db
            .prepare_cached("SELECT id FROM recorder WHERE random = ?")?
            .query_row([key], |it| it.get(0))
            .optional()?;
        let short = if let Some(known) = known {
            known
        } else {
            db.prepare_cached(
                "INSERT INTO recorder SELECT coalesce(max(id) + 1, 0), ? FROM recorder RETURNING id",
            )?
            .query_row([key], |it| it.get(0))?
        };
        self.recorders.insert(random, short);
        Ok(short)
    }

    fn row_of(&self, id: HopId) -> Option<i64> {
        Some(schema::row_id(*self.recorders.get(&id.recorder)?, id.sequence))
    }
}

/// After this much work a transaction ends.
const LONGEST: Duration = Duration::from_millis(25);
/// How many hops, or bytes, are written between two looks at the clock.
const AT_ONCE: usize = 16;
const BYTES_AT_ONCE: u64 = 1 << 20;
/// Bytes that may wait to be written again.
const LIMIT: usize = 16 << 20;
