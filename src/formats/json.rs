//! The JSON of the contract: schema 1, written as a stream, one chain at a time.
//!
//! The types here own the wire format; the core's types are not `Serialize`. Every recorded
//! text passes the [`Secrets`] on its way out.
//!
//! **Invariant:** within a schema number, fields are only added. `assets/schema.json` says the
//! same for machines, and the tests hold every command's output against it.

mod wire;

use std::collections::HashMap;
use std::io::{self, Write};

use crate::diagnose::Analysis;
use crate::formats::Secrets;
use crate::trace::{Chain, HopId, Tap};

/// Where a hop stands in the output: chain and hop, both counted from 1.
pub type Place = (usize, usize);

/// The places of every hop of `chains`, their other sightings included.
pub fn places<'a>(chains: impl IntoIterator<Item = &'a Chain>) -> HashMap<HopId, Place> {
    let mut places = HashMap::new();
    for (chain_idx, chain) in chains.into_iter().enumerate() {
        for (hop_idx, hop) in chain.hops.iter().enumerate() {
            for seen in hop.seen() {
                places.insert(seen.id, (chain_idx + 1, hop_idx + 1));
            }
        }
    }
    places
}

/// Writes `{ "schema": 1, "chains": [ … ] }`, one chain as soon as it is known.
pub struct ChainWriter<'a, W: Write> {
    out: W,
    taps: &'a [Tap],
    places: &'a HashMap<HopId, Place>,
    secrets: &'a Secrets,
    written: usize,
}

impl<'a, W: Write> ChainWriter<'a, W> {
    /// Begin the document.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn begin(
        mut out: W,
        taps: &'a [Tap],
        places: &'a HashMap<HopId, Place>,
        secrets: &'a Secrets,
    ) -> io::Result<ChainWriter<'a, W>> {
        write!(out, "{{\n  \"schema\": 1,\n  \"chains\": [")?;
        Ok(ChainWriter { out, taps, places, secrets, written: 0 })
    }

    /// Write the chain with this ordinal.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn chain(&mut self, id: usize, analysis: &Analysis) -> io::Result<()> {
        let chain = wire::Chain::of(id, analysis, self.taps, self.places, self.secrets);
        let text = serde_json::to_string_pretty(&chain).map_err(io::Error::other)?;
        self.out.write_all(if self.written == 0 { b"\n    " } else { b",\n    " })?;
        self.out.write_all(text.replace('\n', "\n    ").as_bytes())?;
        self.written += 1;
        Ok(())
    }

    /// End the document.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn end(mut self) -> io::Result<()> {
        let close = if self.written == 0 { "" } else { "\n  " };
        writeln!(self.out, "{close}]\n}}")?;
        self.out.flush()
    }
}
