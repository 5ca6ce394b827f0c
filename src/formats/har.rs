//! HAR files ([HAR 1.2](http://www.softwareishard.com/blog/har-12-spec/)) of browsers, proxies
//! and API clients, read into hops.
//!
//! Lenient: every tool writes its own dialect, and people cut files short. Whatever entry can
//! be understood becomes a hop; what could not is said in [`HarFile::remarks`]. What a HAR does
//! not carry stays unknown and is never guessed. What it says beyond the wire (`_resourceType`,
//! `_initiator`, `_error`) is testimony.
//!
//! A HAR holds bodies decoded: a hop may have `Content-Encoding: gzip` and a plain body.
//!
//! **Invariant:** any bytes at all give hops or one clear error, in linear time.

mod base64;
mod dated;
mod failure;
mod import;
mod lenient;
mod message;
mod scan;
mod socket;
mod stopped;

use crate::trace::{Hop, HopId, TapId};

/// What was in a HAR.
#[derive(Clone, Debug, Default)]
pub struct HarFile {
    /// In the order of the file, all at tap 0.
    pub hops: Vec<Hop>,
    /// The tool that wrote it, with its version, as it calls itself.
    pub creator: Option<String>,
    /// What could not be read, one sentence each.
    pub remarks: Vec<String>,
}

impl HarFile {
    /// Make this the recording of `tap`. The same file at two taps has two sets of names.
    pub fn place_at(&mut self, tap: TapId) {
        for hop in &mut self.hops {
            hop.tap = tap;
            hop.id.recorder = hop.id.recorder.wrapping_add(u64::from(tap.0));
        }
    }
}

/// Why a file is no HAR.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read HAR: the file is empty")]
    Empty,
    #[error("cannot read HAR: this is not JSON")]
    NotJson,
    #[error("cannot read HAR: there is no `log.entries` in this JSON")]
    NoEntries,
    #[error("cannot read HAR: none of its {count} entries could be understood")]
    NothingReadable { count: usize },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Error::Empty => "the export may have failed; save the HAR again",
            Error::NotJson => {
                "give a trace (.hops), a HAR as a browser's network panel or a proxy saves it, or \
                 mitmproxy flows"
            }
            Error::NoEntries => {
                "the file was cut off before its first entry, or is JSON of another kind"
            }
            Error::NothingReadable { .. } => "an entry needs at least a request with a URL",
        }
    }
}

/// Read a HAR. An empty list of entries is no error: nothing was recorded.
pub fn read(bytes: &[u8]) -> Result<HarFile, Error> {
    read_telling(bytes, &mut |_, _| {})
}

/// The same; `tell` hears how many of how many entries are read.
pub fn read_telling(bytes: &[u8], tell: &mut dyn FnMut(u64, u64)) -> Result<HarFile, Error> {
    let text = lenient::decode(bytes);
    let text = text.trim_start();
    if text.is_empty() {
        return Err(Error::Empty);
    }
    if !text.starts_with(['{', '[']) {
        return Err(Error::NotJson);
    }
    let found = scan::entries(text).ok_or(Error::NoEntries)?;
    let mut file = HarFile { creator: import::creator(&text[..found.start]), ..HarFile::default() };
    let recorder = super::recorder_of(bytes);
    let (mut unreadable, mut unsent) = (0, Vec::new());
    for (index, entry) in found.entries.iter().enumerate() {
        let id = HopId { recorder, sequence: index as u64 + 1 };
        tell(index as u64, found.entries.len() as u64);
        let previous = file.hops.last().map(|it| it.started);
        let entry = lenient::parse(entry);
        if let Some(entry) = entry.as_ref().filter(|it| import::is_unsent(it)) {
            unsent.push(import::url(entry).unwrap_or_default());
            continue;
        }
        match entry.and_then(|it| import::hop(&it, id, previous)) {
            Some(hop) => file.hops.push(hop),
            None => unreadable += 1,
        }
    }
    if file.hops.is_empty() && 0 < unreadable {
        return Err(Error::NothingReadable { count: unreadable });
    }
    if 0 < unreadable {
        file.remarks.push(format!("{unreadable} entries without a readable request were left out"));
    }
    let is_firefox = file.creator.as_deref().is_some_and(|it| it.starts_with("Firefox"));
    dated::after_their_preflights(&mut file.hops, |it| is_firefox || dated::is_all_waiting(it));
    if !unsent.is_empty() {
        stopped::tell(&mut file.hops, &unsent);
        let count = unsent.len();
        file.remarks.push(format!(
            "{count} of its requests the browser stopped itself, before they were on a wire"
        ));
    }
    if found.is_cut {
        let count = file.hops.len();
        file.remarks.push(format!("the file is cut off; its {count} whole entries were read"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
