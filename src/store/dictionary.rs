//! What the current epoch has already stored, so that it is stored once.
//!
//! An epoch is a run of hops. Its dictionary lives in memory only and is forgotten when the
//! epoch ends, so nothing ever counts references: dropping an epoch drops its hops and blobs.
//!
//! **Invariant:** two different values never get one id. Small ones are compared byte for byte,
//! large ones by SHA-256.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::block;
use crate::trace::Headers;

/// The dictionary of one epoch. The default one has not begun yet.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    next_blob: i64,
    hops: u32,
    /// Bytes that this dictionary itself holds in memory.
    held: usize,
    /// Strangers choose these bytes: the hash has a seed that they do not know.
    small: HashMap<Box<[u8]>, i64, RandomState>,
    large: HashMap<[u8; 32], i64>,
    bases: HashMap<u64, Base>,
}

/// A header block that others are told apart from.
#[derive(Debug)]
struct Base {
    blob: i64,
    bytes: Vec<u8>,
    uses: u32,
}

impl Dictionary {
    /// Begin an epoch after what the file already holds.
    pub(super) fn begin(connection: &Connection, first_hop: i64) -> rusqlite::Result<Dictionary> {
        let last: Option<i64> =
            connection.query_row("SELECT max(id) FROM blob", [], |it| it.get(0))?;
        let next_blob = last.unwrap_or(0) + 1;
        connection
            .prepare_cached("INSERT INTO epoch (first_hop, first_blob) VALUES (?, ?)")?
            .execute(params![first_hop, next_blob])?;
        Ok(Dictionary { next_blob, ..Dictionary::default() })
    }

    /// Whether it is time for the next epoch; also before the first.
    pub(super) fn is_full(&self) -> bool {
        self.next_blob == 0 || self.hops >= HOPS_PER_EPOCH || self.held >= BYTES_PER_DICTIONARY
    }

    /// Count one hop.
    pub(super) fn used(&mut self) {
        self.hops += 1;
    }

    /// The id of these bytes, stored now if they are new.
    pub(super) fn intern(&mut self, db: &Connection, bytes: &[u8]) -> rusqlite::Result<i64> {
        if bytes.len() > SMALL {
            let digest: [u8; 32] = Sha256::digest(bytes).into();
            if let Some(id) = self.large.get(&digest) {
                return Ok(*id);
            }
            let id = self.append(db, bytes)?;
            self.large.insert(digest, id);
            self.held += 64;
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

    /// The id of a base for this header block, and what the block changes in it.
    pub(super) fn headers(
        &mut self,
        db: &Connection,
        lead: &[u8],
        headers: &Headers,
    ) -> rusqlite::Result<(i64, Option<Vec<u8>>)> {
        let packed = headers.packed();
        let shape = block::shape(&packed);
        if let Some(base) = self.bases.get_mut(&shape)
            && base.uses < USES_PER_BASE
            && let Some(changes) = block::changes(&base.bytes, lead, &packed)
            && changes.len() <= base.bytes.len() / 2
        {
            // A base grows stale (its date is of the past), so only changes use it up.
            base.uses += u32::from(!changes.is_empty());
            return Ok((base.blob, (!changes.is_empty()).then_some(changes)));
        }
        let bytes = block::write(lead, headers);
        let blob = self.intern(db, &bytes)?;
        self.held += bytes.len();
        self.bases.insert(shape, Base { blob, bytes, uses: 0 });
        Ok((blob, None))
    }

    /// Store bytes that will not come again.
    pub(super) fn append(&mut self, db: &Connection, bytes: &[u8]) -> rusqlite::Result<i64> {
        let id = self.next_blob;
        db.prepare_cached("INSERT INTO blob VALUES (?, ?)")?.execute(params![id, bytes])?;
        self.next_blob += 1;
        Ok(id)
    }
}

const HOPS_PER_EPOCH: u32 = 65_536;
/// Keeps the dictionary's memory small; what repeats is learned again within a few hops.
const BYTES_PER_DICTIONARY: usize = 8 << 20;
const SMALL: usize = 4096;
const USES_PER_BASE: u32 = 1024;
