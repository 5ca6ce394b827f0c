//! A hop as the file holds it: numbers, and the ids of blobs.
//!
//! **Invariant:** storing and reading a hop gives the same hop, byte for byte.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::asides::Asides;
use super::block;
use super::dictionary::Dictionary;
use super::rest::Rest;
use crate::trace::{
    Body, ConnectionId, Exchange, Failure, FailureKind, Frames, Hop, HopId, Outcome, Request,
    Response, TapId, Time, Timing, TlsSession, Version,
};

/// The values of one hop, wherever they stand: in a row, or in a pack of many.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Stored<'a> {
    pub(super) id: i64,
    /// The recorder's short number.
    pub(super) recorder: i64,
    pub(super) sequence: i64,
    pub(super) tap: u16,
    /// See [`flags`].
    pub(super) flags: u8,
    pub(super) connection: Option<i64>,
    pub(super) started: i64,
    pub(super) lasted: Option<i64>,
    pub(super) method: Cow<'a, str>,
    pub(super) url: i64,
    pub(super) request: Message<'a>,
    pub(super) response: Option<(u16, Message<'a>)>,
    pub(super) failure: Option<Cow<'a, str>>,
    /// Connect, TLS, wait, receive.
    pub(super) timing: [Option<i64>; 4],
    pub(super) rest: Option<Cow<'a, str>>,
}

/// Head and body of one message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Message<'a> {
    /// The blob of a header block, and what this message changes in it.
    pub(super) headers: i64,
    pub(super) changes: Option<Cow<'a, [u8]>>,
    /// The blob of a whole body; none for an empty one, and for one in chunks.
    pub(super) body: Option<i64>,
    pub(super) length: i64,
}

/// Where a hop goes, and what is already there of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) recorder: i64,
    pub(super) revision: i64,
    /// A row of this id was written before.
    pub(super) exists: bool,
    pub(super) bodies: Bodies,
    /// The number of the next chunk of frames.
    pub(super) frames: i64,
}

/// How the bodies of a hop are to be written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bodies {
    /// As one blob each; there are no chunks.
    Whole,
    /// What is in memory is the next chunk of each; these are the numbers of the chunks.
    Chunks([i64; 2]),
}

/// How a hop's blobs are found; a reader keeps those that come again and again.
pub(super) trait Blobs {
    fn blob(&self, id: i64) -> rusqlite::Result<Arc<[u8]>>;
    /// The bytes of all chunks of one side.
    fn chunks(&self, hop: i64, side: i64) -> rusqlite::Result<Vec<u8>>;
    /// A TLS session; `None` for one that cannot be read.
    fn tls(&self, id: i64) -> rusqlite::Result<Option<Arc<TlsSession>>>;
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

impl<'a> Stored<'a> {
    /// Store the blobs of `hop` that are new; `bodies` are the bytes of its request's body and
    /// of its response's.
    pub(super) fn of(
        db: &Connection,
        dictionary: &mut Dictionary,
        hop: &'a Hop,
        bodies: [&[u8]; 2],
        place: Place,
    ) -> rusqlite::Result<Stored<'a>> {
        let url = dictionary.intern(db, hop.request.url.as_bytes())?;
        let mut message = |lead: &[u8], headers, body: &Body, side| -> rusqlite::Result<_> {
            let (base, changes) = dictionary.headers(db, lead, headers)?;
            let length = body.length.cast_signed();
            let body = write_body(db, dictionary, bodies, place, side)?;
            let changes = changes.map(Cow::Owned);
            Ok(Message { headers: base, changes, body, length })
        };
        let asked = &hop.request;
        let request = message(b"", &asked.headers, &asked.body, Side::Request)?;
        let response = match hop.response() {
            Some(it) => {
                Some((it.status, message(&it.reason, &it.headers, &it.body, Side::Response)?))
            }
            None => None,
        };
        if !hop.frames.is_empty() {
            // Always chunks: what is in memory is the next one.
            let blob = dictionary.append(db, hop.frames.packed())?;
            write_chunk(db, place.id, FRAMES, place.frames, blob)?;
        }
        let asides = Asides::write(db, dictionary, hop)?;
        dictionary.used();
        let Timing { connect, tls, wait, receive } = hop.timing;
        Ok(Stored {
            id: place.id,
            recorder: place.recorder,
            sequence: hop.id.sequence.cast_signed(),
            tap: hop.tap.0,
            flags: flags(hop),
            connection: hop.connection.map(|it| it.0.cast_signed()),
            started: hop.started.0,
            lasted: hop.ended.map(|it| it.since(hop.started)),
            method: Cow::Borrowed(&asked.method),
            url,
            request,
            response,
            failure: hop.failure().map(|it| Cow::Borrowed(it.kind.as_str())),
            timing: [connect, tls, wait, receive].map(|it| it.map(u64::cast_signed)),
            rest: Rest::write(hop, asides).map(Cow::Owned),
        })
    }

    /// The hop again.
    pub(super) fn hop(&self, blobs: &impl Blobs, load: Load) -> rusqlite::Result<Hop> {
        let started = Time(self.started);
        let mut rest = Rest::read(self.rest.as_deref());
        let failure = self.failure.as_deref().map(|kind| Failure {
            kind: FailureKind::parse(kind).unwrap_or(FailureKind::Closed),
            detail: std::mem::take(&mut rest.detail),
        });
        let outcome = match (&self.response, failure) {
            (Some((status, message)), truncated) => {
                let block::Block { lead: reason, headers } = message.head(blobs)?;
                let version = version(self.flags >> 4);
                let body = self.body(message, Side::Response, blobs, load)?;
                let status = *status;
                Outcome::Answered(Response { status, reason, version, headers, body, truncated })
            }
            (None, Some(failure)) => Outcome::Failed(failure),
            (None, None) => Outcome::Pending,
        };
        let has_frames = load == Load::Bodies && exchange(self.flags) == Exchange::WebSocket;
        let frames = if has_frames { blobs.chunks(self.id, FRAMES)? } else { Vec::new() };
        let url = blobs.blob(self.url)?;
        let [connect, tls, wait, receive] = self.timing.map(|it| it.map(i64::cast_unsigned));
        Ok(Hop {
            id: HopId {
                recorder: blobs.recorder(self.recorder),
                sequence: self.sequence.cast_unsigned(),
            },
            tap: TapId(self.tap),
            exchange: exchange(self.flags),
            connection: self.connection.map(|it| ConnectionId(it.cast_unsigned())),
            started,
            ended: self.lasted.map(|it| started.plus(it)),
            request: Request {
                method: self.method.clone().into_owned(),
                url: String::from_utf8_lossy(&url).into_owned(),
                version: version(self.flags >> 2),
                headers: self.request.head(blobs)?.headers,
                body: self.body(&self.request, Side::Request, blobs, load)?,
            },
            outcome,
            interim: rest.interim(started),
            frames: Frames::from_packed(frames),
            timing: Timing { connect, tls, wait, receive },
            own_changes: rest.own_changes(),
            testimony: rest.testimony(),
            tls: rest.asides.tls(rest.passed.take(), blobs)?,
            trailers: rest.asides.trailers(blobs)?,
        })
    }

    fn body(
        &self,
        message: &Message<'_>,
        side: Side,
        blobs: &impl Blobs,
        load: Load,
    ) -> rusqlite::Result<Body> {
        let mut bytes = Vec::new();
        if load == Load::Bodies && message.length > 0 {
            match message.body {
                Some(blob) => bytes.extend_from_slice(&blobs.blob(blob)?),
                None => bytes = blobs.chunks(self.id, side as i64)?,
            }
        }
        let (length, complete) = (message.length.cast_unsigned(), self.flags & side.bit() != 0);
        Ok(Body { bytes, length, complete })
    }
}

impl Message<'_> {
    fn head(&self, blobs: &impl Blobs) -> rusqlite::Result<block::Block> {
        let base = blobs.blob(self.headers)?;
        Ok(block::read(&base, self.changes.as_deref().unwrap_or_default()))
    }
}

fn write_body(
    db: &Connection,
    dictionary: &mut Dictionary,
    bodies: [&[u8]; 2],
    place: Place,
    side: Side,
) -> rusqlite::Result<Option<i64>> {
    let [request, response] = bodies;
    let bytes = match side {
        Side::Request => request,
        Side::Response => response,
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    match place.bodies {
        Bodies::Whole => dictionary.intern(db, bytes).map(Some),
        Bodies::Chunks([request, response]) => {
            let n = match side {
                Side::Request => request,
                Side::Response => response,
            };
            let blob = dictionary.append(db, bytes)?;
            write_chunk(db, place.id, side as i64, n, blob)?;
            Ok(None)
        }
    }
}

fn write_chunk(db: &Connection, hop: i64, side: i64, n: i64, blob: i64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO chunk VALUES (?, ?, ?, ?)")?
        .execute(params![hop, side, n, blob])?;
    Ok(())
}

/// Frames, in the `chunk` table.
const FRAMES: i64 = 2;

/// Which body of a hop; its number stands in the `chunk` table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Request = 0,
    Response = 1,
}

impl Side {
    /// The bit of [`flags`] that says whether this body was seen to its end.
    fn bit(self) -> u8 {
        match self {
            Side::Request => 1 << 6,
            Side::Response => 1 << 7,
        }
    }
}

/// Bits 0-1 the exchange, 2-3 and 4-5 the versions of request and response, 6 and 7 whether
/// their bodies are complete.
fn flags(hop: &Hop) -> u8 {
    let exchange = match hop.exchange {
        Exchange::Http => 0,
        Exchange::Tunnel => 1,
        Exchange::WebSocket => 2,
    };
    let response = hop.response();
    let versions =
        number(hop.request.version) << 2 | response.map_or(0, |it| number(it.version)) << 4;
    let complete = |side: Side, body: Option<&Body>| {
        if body.is_some_and(|it| it.complete) { side.bit() } else { 0 }
    };
    exchange
        | versions
        | complete(Side::Request, Some(&hop.request.body))
        | complete(Side::Response, response.map(|it| &it.body))
}

fn exchange(flags: u8) -> Exchange {
    match flags & 3 {
        1 => Exchange::Tunnel,
        2 => Exchange::WebSocket,
        _ => Exchange::Http,
    }
}

fn number(version: Version) -> u8 {
    match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
        Version::Http2 => 2,
        Version::Http3 => 3,
    }
}

fn version(bits: u8) -> Version {
    match bits & 3 {
        0 => Version::Http10,
        1 => Version::Http11,
        2 => Version::Http2,
        _ => Version::Http3,
    }
}
