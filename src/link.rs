//! Linking: hops to chains, taps to sightings, each with the clue that says so.
//!
//! **Invariant:** a fold over small facts. A million hops link incrementally while they are
//! recorded, and a batch is the fold run to its end.
