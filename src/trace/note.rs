//! A note: a remark pinned to a hop, kept in the trace and shared.

use super::{ChainHop, Hop, HopId, Time};

/// A remark that somebody pinned to a hop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    pub hop: HopId,
    pub at: Time,
    /// Who wrote it; empty for the owner of the trace.
    pub author: String,
    pub text: String,
}

impl Note {
    /// Those of `notes` that are pinned to one of the hop's sightings, with the sighting.
    pub fn on<'a>(
        notes: &'a [Note],
        hop: &'a ChainHop,
    ) -> impl Iterator<Item = (&'a Note, &'a Hop)> {
        let pinned = |note: &'a Note| hop.seen().find(|it| it.id == note.hop);
        notes.iter().filter_map(move |note| Some((note, pinned(note)?.as_ref())))
    }
}
