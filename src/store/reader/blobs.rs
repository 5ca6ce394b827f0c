//! Blobs that come again and again, kept between calls.
//!
//! **Invariant:** a blob never changes, so what is kept is never stale.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use crate::store::stored::Blobs;
use crate::store::tls;
use crate::trace::TlsSession;

#[derive(Debug, Default)]
pub(super) struct Known {
    blobs: RefCell<HashMap<i64, Arc<[u8]>>>,
    held: RefCell<usize>,
    sessions: RefCell<HashMap<i64, Option<Arc<TlsSession>>>>,
    recorders: RefCell<HashMap<i64, u64>>,
}

/// [`Known`] with the connection that fills it.
pub(super) struct Over<'a> {
    known: &'a Known,
    db: &'a Connection,
}

impl Known {
    pub(super) fn over<'a>(&'a self, db: &'a Connection) -> Over<'a> {
        Over { known: self, db }
    }
}

/// A recorder's short number, if it recorded here.
pub(super) fn short(db: &Connection, random: u64) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM recorder WHERE random = ?")?
        .query_row([random.cast_signed()], |it| it.get(0))
        .optional()
}

impl Blobs for Over<'_> {
    fn blob(&self, id: i64) -> rusqlite::Result<Arc<[u8]>> {
        if let Some(blob) = self.known.blobs.borrow().get(&id) {
            return Ok(Arc::clone(blob));
        }
        let mut statement = self.db.prepare_cached("SELECT data FROM blob WHERE id = ?")?;
        let blob: Arc<[u8]> =
            statement.query_row([id], |it| Ok(Arc::from(it.get_ref(0)?.as_blob()?)))?;
        if blob.len() <= SMALL {
            let mut blobs = self.known.blobs.borrow_mut();
            let mut held = self.known.held.borrow_mut();
            if *held > LIMIT {
                blobs.clear();
                *held = 0;
            }
            *held += blob.len() + 64;
            blobs.insert(id, Arc::clone(&blob));
        }
        Ok(blob)
    }

    fn chunks(&self, hop: i64, side: i64) -> rusqlite::Result<Vec<u8>> {
        let mut statement = self.db.prepare_cached(
            "SELECT data FROM chunk JOIN blob ON blob.id = chunk.blob
             WHERE hop = ? AND side = ? ORDER BY n",
        )?;
        let mut rows = statement.query([hop, side])?;
        let mut bytes = Vec::new();
        while let Some(row) = rows.next()? {
            bytes.extend_from_slice(row.get_ref(0)?.as_blob()?);
        }
        Ok(bytes)
    }

    fn tls(&self, id: i64) -> rusqlite::Result<Option<Arc<TlsSession>>> {
        if let Some(session) = self.known.sessions.borrow().get(&id) {
            return Ok(session.clone());
        }
        let session = tls::read(&self.blob(id)?).map(Arc::new);
        let mut sessions = self.known.sessions.borrow_mut();
        if sessions.len() >= SESSIONS {
            sessions.clear();
        }
        sessions.insert(id, session.clone());
        Ok(session)
    }

    fn recorder(&self, id: i64) -> u64 {
        let mut recorders = self.known.recorders.borrow_mut();
        if let Some(random) = recorders.get(&id) {
            return *random;
        }
        let random = self
            .db
            .query_row("SELECT random FROM recorder WHERE id = ?", [id], |it| it.get::<_, i64>(0));
        match random {
            Ok(random) => *recorders.entry(id).or_insert(random.cast_unsigned()),
            Err(_) => 0,
        }
    }
}

const SMALL: usize = 8192;
const SESSIONS: usize = 1024;
const LIMIT: usize = 8 << 20;
