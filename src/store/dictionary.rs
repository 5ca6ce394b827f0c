//! What the current epoch has already stored, so that it is stored once.
//!
//! An epoch is a run of hops. Its dictionary lives in memory only and is forgotten when the
//! epoch ends, so nothing ever counts references: dropping an epoch drops its hops and blobs.
//!
//! **Invariant:** two different values never get one id: they are compared byte for byte, large
//! ones with what the file holds.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;
use rusqlite::blob::ZeroBlob;
use rusqlite::{Connection, MAIN_DB, params};

use super::{block, tls};
use crate::trace::{Headers, TlsSession};

/// The dictionary of one epoch. The default one has not begun yet.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    next_blob: i64,
    hops: u32,
    /// Bytes that this dictionary itself holds in memory.
    held: usize,
    /// Bytes that this epoch has stored, and those before it, roughly.
    stored: u64,
    stored_before: u64,
    /// Strangers choose these bytes: the hash has a seed that they do not know.
    small: HashMap<Box<[u8]>, i64, RandomState>,
    /// By hash, because they do not stay in memory.
    large: HashMap<u64, i64, RandomState>,
    again: Again,
    /// By address, which is nobody else's as long as they are held.
    sessions: HashMap<usize, (Arc<TlsSession>, i64)>,
    bases: HashMap<u64, Base, RandomState>,
    /// The shapes of the last request and of the last response: the next is often the same.
    recent: [u64; 2],
}

/// Where an epoch begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub(super) first_hop: i64,
    pub(super) first_revision: i64,
    pub(super) began: i64,
}

/// A header block that others are told apart from.
#[derive(Debug)]
struct Base {
    blob: i64,
    bytes: Vec<u8>,
    uses: u32,
}

impl Dictionary {
    /// The dictionary of the next epoch, which begins after what the file already holds.
    pub(super) fn next(
        &self,
        connection: &Connection,
        from: Beginning,
    ) -> rusqlite::Result<Dictionary> {
        let Beginning { first_hop, first_revision, began } = from;
        let last: Option<i64> =
            connection.query_row("SELECT max(id) FROM blob", [], |it| it.get(0))?;
        // Numbers of blobs that went are not given again.
        let next_blob = self.next_blob.max(last.unwrap_or(0) + 1);
        connection
            .prepare_cached(
                "INSERT INTO epoch (first_hop, first_blob, first_revision, began)
                 VALUES (?, ?, ?, ?)",
            )?
            .execute(params![first_hop, next_blob, first_revision, began])?;
        let stored_before = self.stored_in_all();
        Ok(Dictionary { next_blob, stored_before, ..Dictionary::default() })
    }

    /// Whether it is time for the next epoch; also before the first.
    pub(super) fn is_full(&self) -> bool {
        self.next_blob == 0 || self.hops >= HOPS_PER_EPOCH || self.held >= BYTES_PER_DICTIONARY
    }

    /// Count one hop.
    pub(super) fn used(&mut self) {
        self.hops += 1;
        self.stored += HOP;
    }

    /// Bytes that the epoch has stored so far, roughly.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// Bytes that this epoch and those before it have stored, roughly.
    pub(super) fn stored_in_all(&self) -> u64 {
        self.stored_before + self.stored
    }

    /// The id of these bytes, stored now if they are new.
    pub(super) fn intern(&mut self, db: &Connection, bytes: &[u8]) -> rusqlite::Result<i64> {
        if bytes.len() > SMALL {
            let hash = self.large.hasher().hash_one(bytes);
            if let Some(id) = self.large.get(&hash)
                && self.again.is_stored(db, *id, bytes)?
            {
                return Ok(*id);
            }
            let id = self.append(db, bytes)?;
            self.large.insert(hash, id);
            self.held += 32;
            return Ok(id);
        }
        if let Some(id) = self.small.get(bytes) {
            return Ok(*id);
        }
        let id = self.append(db, bytes)?;
        self.small.insert(bytes.into(), id);
        self.held += bytes.len() + 64;
        Ok(id)
    }

    /// The id of what a TLS handshake agreed on. All hops of a connection share it.
    pub(super) fn session(
        &mut self,
        db: &Connection,
        session: &Arc<TlsSession>,
    ) -> rusqlite::Result<i64> {
        let key = Arc::as_ptr(session).addr();
        if let Some((_, id)) = self.sessions.get(&key) {
            return Ok(*id);
        }
        let id = self.intern(db, &tls::write(session))?;
        if self.sessions.len() >= SESSIONS {
            self.sessions.clear();
        }
        self.sessions.insert(key, (Arc::clone(session), id));
        Ok(id)
    }

    /// The id of a base for this header block, and what the block changes in it.
    pub(super) fn headers(
        &mut self,
        db: &Connection,
        lead: &[u8],
        headers: &Headers,
    ) -> rusqlite::Result<(i64, Option<Vec<u8>>)> {
        let packed = headers.packed();
        let recent = usize::from(!lead.is_empty());
        if let Some(known) = self.changed(self.recent[recent], lead, &packed) {
            return Ok(known);
        }
        let shape = block::shape(&packed);
        self.recent[recent] = shape;
        if let Some(known) = self.changed(shape, lead, &packed) {
            return Ok(known);
        }
        let bytes = block::write(lead, &packed);
        let blob = self.intern(db, &bytes)?;
        self.held += bytes.len();
        self.bases.insert(shape, Base { blob, bytes, uses: 0 });
        Ok((blob, None))
    }

    /// The block as a change of the base of this shape, where that pays.
    fn changed(
        &mut self,
        shape: u64,
        lead: &[u8],
        packed: &[u8],
    ) -> Option<(i64, Option<Vec<u8>>)> {
        let base = self.bases.get_mut(&shape).filter(|it| it.uses < USES_PER_BASE)?;
        let changes = block::changes(&base.bytes, lead, packed)?;
        if changes.len() > base.bytes.len() / 2 {
            return None;
        }
        // A base grows stale (its date is of the past), so only changes use it up.
        base.uses += u32::from(!changes.is_empty());
        Some((base.blob, (!changes.is_empty()).then_some(changes)))
    }

    /// Store bytes that will not come again.
    pub(super) fn append(&mut self, db: &Connection, bytes: &[u8]) -> rusqlite::Result<i64> {
        let id = self.next_blob;
        let mut insert = db.prepare_cached("INSERT INTO blob VALUES (?, ?)")?;
        if (LARGE..=HUGE).contains(&bytes.len()) {
            // As a parameter they would be copied twice on their way into the pages.
            insert.execute(params![id, ZeroBlob(bytes.len() as u64)])?;
            db.blob_open(MAIN_DB, "blob", "data", id, false)?.write_all_at(bytes, 0)?;
        } else {
            insert.execute(params![id, bytes])?;
        }
        self.next_blob += 1;
        self.stored += bytes.len() as u64 + BLOB;
        Ok(id)
    }
}

/// The latest large values that came again. What came twice comes often, and reading it from the
/// file to compare it takes longer than recording it.
#[derive(Debug, Default)]
struct Again {
    /// Oldest first.
    values: VecDeque<(i64, Box<[u8]>)>,
    bytes: usize,
}

impl Again {
    /// Whether the blob has exactly these bytes.
    fn is_stored(&mut self, db: &Connection, id: i64, bytes: &[u8]) -> rusqlite::Result<bool> {
        if let Some((_, known)) = self.values.iter().find(|it| it.0 == id) {
            return Ok(**known == *bytes);
        }
        let same = db
            .prepare_cached("SELECT data FROM blob WHERE id = ?")?
            .query_row([id], |it| Ok(it.get_ref(0)?.as_blob()? == bytes))?;
        if same && bytes.len() <= AGAIN {
            self.bytes += bytes.len();
            self.values.push_back((id, bytes.into()));
            while self.bytes > AGAIN
                && let Some((_, oldest)) = self.values.pop_front()
            {
                self.bytes -= oldest.len();
            }
        }
        Ok(same)
    }
}

const HOPS_PER_EPOCH: u32 = 65_536;
/// Keeps the dictionary's memory small; what repeats is learned again within a few hops.
const BYTES_PER_DICTIONARY: usize = 8 << 20;
/// Connections whose sessions are known without a look at them.
const SESSIONS: usize = 1024;
const SMALL: usize = 4096;
/// Values that are written into their place, for which there is a price, too; those beyond do not
/// fit into the page cache, and their empty pages would go to the log before they are filled.
const LARGE: usize = 64 << 10;
const HUGE: usize = 2 << 20;
/// Bytes of large values that stay in memory to be compared.
const AGAIN: usize = 4 << 20;
/// What a hop takes beside its blobs, and a blob beside its bytes.
const HOP: u64 = 100;
const BLOB: u64 = 16;
const USES_PER_BASE: u32 = 1024;
