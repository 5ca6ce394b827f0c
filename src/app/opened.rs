//! Inputs, opened: where their hops lie, and what is known before any is read.

use super::Error;
use super::desk::Source;
use super::progress::Progress;
use super::recording::{self, Recording};
use crate::cli::Input;
use crate::store::{Info, Reader, Skipped, State};

/// What a command was given to look at.
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(crate) facts: Info,
    /// For a person: the files' names.
    pub(crate) name: String,
    /// What could not be read, one sentence each; the rest was.
    pub(crate) warnings: Vec<String>,
}

impl Opened {
    /// A single trace is read as it is needed, so that none is too large; anything else is read
    /// now.
    pub(crate) fn open(inputs: &[Input], progress: &mut Progress) -> Result<Opened, Error> {
        let names: Vec<String> = inputs.iter().map(|it| file_name(&it.path)).collect();
        let name = names.join(" + ");
        if let [input] = inputs
            && input.name.is_none()
            && recording::is_trace_file(&input.path)
        {
            let reader = Reader::open(&input.path)?;
            let facts = reader.info()?;
            return Ok(Opened { source: Source::trace(reader), facts, name, warnings: Vec::new() });
        }
        let mut recording = Recording::read(inputs, progress)?;
        progress.clear();
        let facts = facts(&recording);
        let warnings = std::mem::take(&mut recording.warnings);
        Ok(Opened { source: Source::memory(recording), facts, name, warnings })
    }
}

fn facts(recording: &Recording) -> Info {
    let hops = &recording.hops;
    Info {
        hops: u64::try_from(hops.len()).unwrap_or(u64::MAX),
        taps: recording.taps.clone(),
        first: hops.iter().map(|it| it.started).min(),
        last: hops.iter().map(|it| it.ended.unwrap_or(it.started)).max(),
        bytes: recording.bytes,
        unrecorded: recording.unrecorded.clone(),
        dropped: recording.dropped.clone(),
        skipped: Skipped::default(),
        state: State::Finished,
    }
}

/// A file's name without its folder.
pub(crate) fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
