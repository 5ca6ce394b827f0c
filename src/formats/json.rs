//! The JSON of the contract: schema 1, written as a stream, one chain at a time.
//!
//! The types here own the wire format; the core's types are not `Serialize`. Every recorded
//! text passes the [`Secrets`] on its way out.
//!
//! **Invariant:** within a schema number, fields are only added. `assets/schema.json` says the
//! same for machines, and the tests hold every command's output against it.

mod wire;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::diagnose::Analysis;
use crate::formats::Secrets;
use crate::trace::{ByHop, Chain, Note, Tap, is_plain};

/// Where a hop stands in the output: chain and hop, both counted from 1.
pub type Place = (usize, usize);

/// The places of every hop of `chains`, their other sightings included.
pub fn places<'a>(chains: impl IntoIterator<Item = &'a Chain>) -> ByHop<Place> {
    let mut places = ByHop::default();
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
    notes: &'a [Note],
    places: &'a ByHop<Place>,
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
        notes: &'a [Note],
        places: &'a ByHop<Place>,
        secrets: &'a Secrets,
    ) -> io::Result<ChainWriter<'a, W>> {
        write!(out, "{{\n  \"schema\": 1,\n  \"chains\": [")?;
        Ok(ChainWriter { out, taps, notes, places, secrets, written: 0 })
    }

    /// Write the chain with this ordinal.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn chain(&mut self, id: usize, analysis: &Analysis) -> io::Result<()> {
        let ChainWriter { taps, notes, places, secrets, .. } = *self;
        let chain = wire::Context { taps, notes, places, secrets }.chain(id, analysis);
        let text = serde_json::to_string_pretty(&chain).map_err(io::Error::other)?;
        self.out.write_all(if self.written == 0 { b"\n    " } else { b",\n    " })?;
        self.out.write_all(plain(&text).replace('\n', "\n    ").as_bytes())?;
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

/// The same JSON with every character escaped that a terminal could act on or hide. serde leaves
/// DEL, the C1 controls and overrides of the reading direction as they are.
pub fn plain(json: &str) -> Cow<'_, str> {
    let is_fine = |it: char| it == '\n' || is_plain(it);
    if json.chars().all(is_fine) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for it in json.chars() {
        if is_fine(it) {
            out.push(it);
        } else {
            for unit in it.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_steer_a_terminal() {
        let text = "a\u{7f}\u{9b}31m\u{202e}ü\u{e0041}\u{301}";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let printed = plain(&json);
        assert_eq!(printed, "[\n  \"a\\u007f\\u009b31m\\u202eü\\udb40\\udc41\\u0301\"\n]");
        assert_eq!(serde_json::from_str::<[String; 1]>(&printed).unwrap(), [text]);
    }
}
