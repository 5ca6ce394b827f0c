//! A note: a remark pinned to a hop, kept in the trace and shared.

use super::{HopId, Time};

/// A remark that somebody pinned to a hop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    pub hop: HopId,
    pub at: Time,
    /// Who wrote it; empty for the owner of the trace.
    pub author: String,
    pub text: String,
}
