//! A hop in a row of its own: one that is open, or came late, and may be written again.

use std::borrow::Cow;

use rusqlite::{Connection, ErrorCode, Row, params};

use super::stored::{Message, Stored};

/// Write it, over an earlier row of the same id.
pub(super) fn write(
    db: &Connection,
    stored: &Stored<'_>,
    revision: i64,
    exists: bool,
) -> rusqlite::Result<()> {
    let (status, response) = match &stored.response {
        Some((status, message)) => (Some(*status), Some(message)),
        None => (None, None),
    };
    let [connect, tls, wait, receive] = stored.timing;
    let values = params![
        stored.id,
        revision,
        stored.recorder,
        stored.sequence,
        stored.tap,
        stored.flags,
        stored.connection,
        stored.started,
        stored.lasted,
        stored.method,
        stored.url,
        stored.request.headers,
        stored.request.changes,
        stored.request.body,
        stored.request.length,
        status,
        response.map(|it| it.headers),
        response.and_then(|it| it.changes.as_ref()),
        response.and_then(|it| it.body),
        response.map(|it| it.length),
        stored.failure,
        connect,
        tls,
        wait,
        receive,
        stored.rest,
    ];
    // `OR REPLACE` takes half as many instructions again as a plain insert, so it is for rows
    // that are known to be there, and for those that turn out to be.
    if !exists {
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

/// A row of [`COLUMNS`], with its revision.
pub(super) fn read<'a>(row: &'a Row<'_>) -> rusqlite::Result<(i64, Stored<'a>)> {
    let text = |column: usize| -> rusqlite::Result<Option<Cow<'a, str>>> {
        Ok(row.get_ref(column)?.as_str_or_null()?.map(Cow::Borrowed))
    };
    let message = |column: usize| -> rusqlite::Result<Message<'a>> {
        Ok(Message {
            headers: row.get(column)?,
            changes: row.get_ref(column + 1)?.as_blob_or_null()?.map(Cow::Borrowed),
            body: row.get(column + 2)?,
            length: row.get::<_, Option<i64>>(column + 3)?.unwrap_or(0),
        })
    };
    let response = match row.get::<_, Option<u16>>(15)? {
        Some(status) => Some((status, message(16)?)),
        None => None,
    };
    let stored = Stored {
        id: row.get(0)?,
        recorder: row.get(2)?,
        sequence: row.get(3)?,
        tap: row.get(4)?,
        flags: row.get(5)?,
        connection: row.get(6)?,
        started: row.get(7)?,
        lasted: row.get(8)?,
        method: text(9)?.unwrap_or_default(),
        url: row.get(10)?,
        request: message(11)?,
        response,
        failure: text(20)?,
        timing: [row.get(21)?, row.get(22)?, row.get(23)?, row.get(24)?],
        rest: text(25).unwrap_or_default(),
    };
    Ok((row.get(1)?, stored))
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
