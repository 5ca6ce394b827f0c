//! Flow files of [mitmproxy](https://docs.mitmproxy.org/stable/) (`mitmdump -w`), read into hops.
//!
//! Lenient: every version since 4 is read; what a newer one added is not missed, what an older
//! one lacked stays unknown.
//!
//! **Invariant:** any bytes at all give hops or one clear error, in linear time.

mod flow;
mod tnetstring;

use std::collections::{HashMap, HashSet};

use self::tnetstring::Value;
use crate::trace::{ConnectionId, Hop, HopId, Note};

/// What was in a flow file.
#[derive(Clone, Debug, Default)]
pub struct FlowFile {
    /// In the order of the file, all at tap 0.
    pub hops: Vec<Hop>,
    /// Comments that were made in mitmproxy.
    pub notes: Vec<Note>,
    /// What could not be read, one sentence each.
    pub remarks: Vec<String>,
}

/// Why a file has no flows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read mitmproxy flows: the first flow is cut off or damaged")]
    Unreadable,
    #[error("cannot read mitmproxy flows: none of its {count} flows is HTTP")]
    NothingReadable { count: usize },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Error::Unreadable => "write it again with mitmdump -w FILE, and end mitmdump first",
            Error::NothingReadable { .. } => "flows of TCP, UDP and DNS are not read",
        }
    }
}

/// Whether a file is one, by how it begins: the length of the first flow.
pub fn is_flow_file(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|it| it.is_ascii_digit()).count();
    (1..13).contains(&digits)
        && bytes.get(digits) == Some(&b':')
        && bytes.get(digits + 1).is_none_or(u8::is_ascii_digit)
}

/// Read a flow file.
pub fn read(bytes: &[u8]) -> Result<FlowFile, Error> {
    read_telling(bytes, &mut |_, _| {})
}

/// The same; `tell` hears how many of how many bytes are read.
pub fn read_telling(bytes: &[u8], tell: &mut dyn FnMut(u64, u64)) -> Result<FlowFile, Error> {
    let recorder = super::recorder_of(bytes);
    let (mut file, mut rest) = (FlowFile::default(), bytes);
    let (mut others, mut newest) = (0, 0);
    let mut connections: HashMap<&[u8], u64> = HashMap::new();
    let mut servers: HashSet<&[u8]> = HashSet::new();
    while let Some((flow, after)) = tnetstring::take(rest).filter(|_| !rest.is_empty()) {
        rest = after;
        tell((bytes.len() - rest.len()) as u64, bytes.len() as u64);
        newest = newest.max(flow.get("version").int().unwrap_or(0));
        let id = HopId { recorder, sequence: file.hops.len() as u64 + 1 };
        let connection = flow.get("client_conn").get("id").bytes().map(|it| {
            let next = connections.len() as u64 + 1;
            ConnectionId(*connections.entry(it).or_insert(next))
        });
        let server = flow.get("server_conn").get("id").bytes();
        let opened = server.is_some_and(|it| servers.insert(it));
        let is_http = matches!(flow.get("type"), Value::Bytes(b"http"));
        match flow::hop(&flow, id, connection, opened).filter(|_| is_http) {
            Some(hop) => {
                let (at, author) = (hop.started, String::new());
                let notes = flow::comment(&flow).map(|text| Note { hop: id, at, author, text });
                file.notes.extend(notes);
                file.hops.push(hop);
            }
            None => others += 1,
        }
    }
    let count = file.hops.len();
    if count == 0 && others == 0 {
        return Err(Error::Unreadable);
    }
    if count == 0 {
        return Err(Error::NothingReadable { count: others });
    }
    if others > 0 {
        file.remarks.push(format!("{others} flows that are no HTTP were left out"));
    }
    if newest > NEWEST {
        file.remarks.push(format!(
            "the file has format {newest}, newer than {NEWEST}: something may be missing"
        ));
    }
    if !rest.is_empty() {
        file.remarks.push(format!("the file is cut off or damaged behind flow {count}"));
    }
    Ok(file)
}

/// The newest version of the format that this was held against (mitmproxy 11 and 12).
const NEWEST: i64 = 21;

#[cfg(test)]
mod tests;
