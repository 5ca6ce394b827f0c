//! `hopscope import`: hops of other tools into a trace.

use std::sync::Arc;

use super::progress::Progress;
use super::recording::Recording;
use super::{Console, Error};
use crate::cli::Import;
use crate::store::{Reader, Store};

/// Read, write, say how many.
pub(crate) fn run(options: &Import, mut console: Console) -> Result<u8, Error> {
    let mut progress = Progress::on(&mut console);
    let recording = Recording::read(&options.inputs, &mut progress)?;
    progress.clear();
    for warning in &recording.warnings {
        console.warn(warning);
    }
    progress.part("writing hops", recording.hops.len() as u64);
    let hops = recording.hops.into_iter().map(Arc::unwrap_or_clone);
    let hops = hops.inspect(|_| progress.add(1));
    let info = Store::import(&options.output, &recording.taps, hops)?;
    drop(progress);
    if !recording.notes.is_empty() {
        let trace = Reader::open(&options.output)?;
        recording.notes.iter().try_for_each(|it| trace.add_note(it))?;
    }
    console.line(&format!("{} hops in {}", info.hops, options.output.display()))?;
    Ok(0)
}
