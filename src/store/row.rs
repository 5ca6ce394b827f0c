//! A hop as a row, and a row as a hop.
//!
//! **Invariant:** writing and reading a hop gives the same hop, byte for byte.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, Row, params};

use super::block;
use super::dictionary::Dictionary;
use super::rest::Rest;
use crate::trace::{
    Body, ConnectionId, Exchange, Failure, FailureKind, Headers, Hop, HopId, Outcome, Request,
    Response, TapId, Time, Timing, Version,
};

/// Where a row goes, and what is already there of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) recorder: i64,
    pub(super) revision: i64,
    /// A row of this id was written before.
    pub(super) exists: bool,
    pub(super) bodies: Bodies,
}

/// How the bodies of a hop are to be written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bodies {
    /// As one blob each; there are no chunks.
    Whole,
    /// What is in memory is the next chunk of each; these are the numbers of the chunks.
    Chunks([i64; 2]),
}

/// Write `hop`, over an earlier row of the same id.
pub(super) fn write(
    db: &Connection,
    dictionary: &mut Dictionary,
    hop: &Hop,
    place: Place,
) -> rusqlite::Result<()> {
    let request = &hop.request;
    let url = dictionary.intern(db, request.url.as_bytes())?;
    let (request_headers, request_changes) = dictionary.headers(db, b"", &request.headers)?;
    let request_body = write_body(db, dictionary, &request.body, place, Side::Request)?;
    let response = hop.response();
    let (mut response_headers, mut response_changes, mut response_body) = (None, None, None);
    if let Some(response) = response {
        let (base, changes) = dictionary.headers(db, &response.reason, &response.headers)?;
        (response_headers, response_changes) = (Some(base), changes);
        response_body = write_body(db, dictionary, &response.body, place, Side::Response)?;
    }
    dictionary.used();
    let rest = Rest::write(hop);
    let values = params![
        place.id,
        place.revision,
        place.recorder,
        hop.id.sequence.cast_signed(),
        hop.tap.0,
        flags(hop),
        hop.connection.map(|it| it.0.cast_signed()),
        hop.started.0,
        hop.ended.map(|it| it.since(hop.started)),
        request.method,
        url,
        request_headers,
        request_changes,
        request_body,
        request.body.length.cast_signed(),
        response.map(|it| it.status),
        response_headers,
        response_changes,
        response_body,
        response.map(|it| it.body.length.cast_signed()),
        hop.failure().map(|it| it.kind.as_str()),
        hop.timing.connect.map(u64::cast_signed),
        hop.timing.tls.map(u64::cast_signed),
        hop.timing.wait.map(u64::cast_signed),
        hop.timing.receive.map(u64::cast_signed),
        rest,
    ];
    // `OR REPLACE` takes half as many instructions again as a plain insert, so it is for rows
    // that are known to be there, and for those that turn out to be.
    if !place.exists {
        match db.prepare_cached(INSERT)?.execute(values) {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == ErrorCode::ConstraintViolation => {}
            done => return done.map(|_| ()),
        }
    }
    db.prepare_cached(REPLACE)?.execute(values)?;
    Ok(())
}

/// Remove a row of which the rest was lost.
pub(super) fn delete(db: &Connection, id: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM hop WHERE id = ?")?.execute([id])?;
    db.prepare_cached("DELETE FROM chunk WHERE hop = ?")?.execute([id])?;
    Ok(())
}

fn write_body(
    db: &Connection,
    dictionary: &mut Dictionary,
    body: &Body,
    place: Place,
    side: Side,
) -> rusqlite::Result<Option<i64>> {
    if body.bytes.is_empty() {
        return Ok(None);
    }
    match place.bodies {
        Bodies::Whole => dictionary.intern(db, &body.bytes).map(Some),
        Bodies::Chunks(numbers) => {
            let n = match side {
                Side::Request => numbers[0],
                Side::Response => numbers[1],
            };
            let blob = dictionary.append(db, &body.bytes)?;
            db.prepare_cached("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?)")?
                .execute(params![place.id, side as i64, n, blob])?;
            Ok(None)
        }
    }
}

/// How a row's blobs are found; a reader keeps those that come again and again.
pub(super) trait Blobs {
    fn blob(&self, id: i64) -> rusqlite::Result<Arc<[u8]>>;
    /// The bytes of all chunks of one body.
    fn chunks(&self, hop: i64, side: Side) -> rusqlite::Result<Vec<u8>>;
    /// The random number behind a recorder's short one.
    fn recorder(&self, id: i64) -> u64;
}

/// Whether a hop is wanted with the bytes of its bodies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Load {
    /// Heads, and of the bodies only their lengths.
    Heads,
    Bodies,
}

/// The row as a hop.
pub(super) fn read(row: &Row<'_>, blobs: &impl Blobs, load: Load) -> rusqlite::Result<Hop> {
    let id: i64 = row.get(0)?;
    let flags: i64 = row.get(5)?;
    let started = Time(row.get(7)?);
    let ended = row.get::<_, Option<i64>>(8)?.map(|it| started.plus(it));
    let mut rest = Rest::read(row.get_ref(25)?.as_str_or_null().unwrap_or_default());
    let body = |side: Side, column: usize| -> rusqlite::Result<Body> {
        let length = row.get::<_, Option<i64>>(column + 1)?.unwrap_or(0).cast_unsigned();
        let complete = flags & side.complete() != 0;
        let mut bytes = Vec::new();
        if load == Load::Bodies && length > 0 {
            match row.get::<_, Option<i64>>(column)? {
                Some(blob) => bytes.extend_from_slice(&blobs.blob(blob)?),
                None => bytes = blobs.chunks(id, side)?,
            }
        }
        Ok(Body { bytes, length, complete })
    };
    let head = |column: usize| -> rusqlite::Result<block::Block> {
        let base = blobs.blob(row.get(column)?)?;
        let changes = row.get_ref(column + 1)?.as_blob_or_null()?.unwrap_or_default();
        Ok(block::read(&base, changes))
    };
    let failure = row.get::<_, Option<String>>(20)?.map(|kind| Failure {
        kind: FailureKind::parse(&kind).unwrap_or(FailureKind::Closed),
        detail: std::mem::take(&mut rest.detail),
    });
    let outcome = match (row.get::<_, Option<u16>>(15)?, failure) {
        (Some(status), truncated) => {
            let block::Block { lead: reason, headers } = head(16)?;
            let version = version(flags >> 4);
            let body = body(Side::Response, 18)?;
            Outcome::Answered(Response { status, reason, version, headers, body, truncated })
        }
        (None, Some(failure)) => Outcome::Failed(failure),
        (None, None) => Outcome::Pending,
    };
    let url = blobs.blob(row.get(10)?)?;
    let headers: Headers = head(11)?.headers;
    Ok(Hop {
        id: HopId {
            recorder: blobs.recorder(row.get(2)?),
            sequence: row.get::<_, i64>(3)?.cast_unsigned(),
        },
        tap: TapId(row.get(4)?),
        exchange: exchange(flags),
        connection: row.get::<_, Option<i64>>(6)?.map(|it| ConnectionId(it.cast_unsigned())),
        started,
        ended,
        request: Request {
            method: row.get(9)?,
            url: String::from_utf8_lossy(&url).into_owned(),
            version: version(flags >> 2),
            headers,
            body: body(Side::Request, 13)?,
        },
        outcome,
        timing: Timing {
            connect: micros(row, 21)?,
            tls: micros(row, 22)?,
            wait: micros(row, 23)?,
            receive: micros(row, 24)?,
        },
        own_changes: rest.own_changes(),
        testimony: rest.testimony(),
    })
}

/// Which body of a hop; its number stands in the `chunk` table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Request = 0,
    Response = 1,
}

impl Side {
    /// The bit of `flags` that says whether this body was seen to its end.
    fn complete(self) -> i64 {
        match self {
            Side::Request => 1 << 6,
            Side::Response => 1 << 7,
        }
    }
}

/// Bits 0-1 the exchange, 2-3 and 4-5 the versions of request and response, 6 and 7 whether
/// their bodies are complete.
fn flags(hop: &Hop) -> i64 {
    let exchange = match hop.exchange {
        Exchange::Http => 0,
        Exchange::Tunnel => 1,
        Exchange::WebSocket => 2,
    };
    let response = hop.response();
    let versions =
        number(hop.request.version) << 2 | response.map_or(0, |it| number(it.version)) << 4;
    let complete = |side: Side, body: Option<&Body>| {
        if body.is_some_and(|it| it.complete) { side.complete() } else { 0 }
    };
    exchange
        | versions
        | complete(Side::Request, Some(&hop.request.body))
        | complete(Side::Response, response.map(|it| &it.body))
}

fn exchange(flags: i64) -> Exchange {
    match flags & 3 {
        1 => Exchange::Tunnel,
        2 => Exchange::WebSocket,
        _ => Exchange::Http,
    }
}

fn number(version: Version) -> i64 {
    match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
        Version::Http2 => 2,
        Version::Http3 => 3,
    }
}

fn version(bits: i64) -> Version {
    match bits & 3 {
        0 => Version::Http10,
        1 => Version::Http11,
        2 => Version::Http2,
        _ => Version::Http3,
    }
}

fn micros(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
}

const INSERT: &str = "INSERT INTO hop VALUES
    (?,?,?,?,?, ?,?,?,?,?, ?,?,?,?,?, ?,?,?,?,?, ?,?,?,?,?, ?)";

const REPLACE: &str = "INSERT OR REPLACE INTO hop VALUES
    (?,?,?,?,?, ?,?,?,?,?, ?,?,?,?,?, ?,?,?,?,?, ?,?,?,?,?, ?)";

/// Every column, in the order that [`read`] knows.
pub(super) const COLUMNS: &str = "id, revision, recorder, sequence, tap, flags, connection, \
    started, lasted, method, url, request_headers, request_changes, request_body, \
    request_length, status, response_headers, response_changes, response_body, \
    response_length, failure, connect, tls, wait, receive, rest";
