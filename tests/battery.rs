//! The battery: what real browsers did, case by case, against the machine.
//!
//! Rings: the machine with the case's servers in memory; the machine driven over real sockets;
//! recorded hops judged, with the case's options and without.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests say what they found")]
#![allow(dead_code, reason = "a case holds all that was recorded")]

#[path = "battery/case.rs"]
mod case;
#[path = "battery/judged.rs"]
mod judged;
#[path = "battery/memory.rs"]
mod memory;
#[path = "battery/server.rs"]
mod server;
#[path = "battery/sockets.rs"]
mod sockets;
#[path = "battery/world.rs"]
mod world;
