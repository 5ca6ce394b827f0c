//! # hopscope: how it is built
//!
//! hopscope records every hop of a request between a browser, a gateway and an app, groups
//! the hops of one browser fetch into a chain, and says who answered each, where a header or a
//! path prefix disappeared, what a browser concludes, and what to change.
//!
//! ## Bird's eye
//!
//! ```text
//! cli ─▶ settings ─▶ app (composition root: starts parts, owns channels)
//! shell (does I/O):  tui   lab   drive   proxy   store   formats
//! core (pure):       diagnose ─▶ lineage ─▶ link ─▶ fetch ─▶ trace
//! ```
//!
//! ## Code map, in reading order
//!
//! * [`trace`]: what was on the wire. Hops, taps, headers as bytes, chains and their links.
//! * [`content`]: bodies without their codings, as bytes and as text.
//! * [`fetch`]: the Fetch standard as a machine without I/O, driven by sockets or by a recording.
//! * [`link`]: a fold over small facts that groups hops into chains, each link with its clue.
//! * [`lineage`]: one thing (a header, a prefix) followed across a chain.
//! * [`ladder`]: a chain as rungs between actors, ready to be drawn on a screen or in text.
//! * [`redact`]: what must not leave the machine.
//! * [`diagnose`]: rules over a chain; who caused it and what to change.
//! * `drive`, `proxy`, `store`, `formats`, `lab`, `tui`: the shell; each does its own kind of
//!   I/O and none knows another (`lab` and `proxy` are servers, `drive` is the client).
//! * `tls` is under those that open or take connections; `trust` lets other programs trust its
//!   authority.
//! * `app`: the only part that knows everybody.
//!
//! ## Invariants, as absences
//!
//! * **The core has no clock, socket, file, terminal**, and does not know tokio, ratatui or
//!   rusqlite. The same chain gives the same answer live, from a file and on a colleague's
//!   machine.
//! * **Core types are not `Serialize`.** Wire formats stand at the edge and convert.
//! * **Broken traffic is never an error of ours.** It is the subject.
//! * **Only `main` prints.** Commands write to the writer they are given.
//!
//! `tests/architecture.rs` keeps these.

pub mod content;
pub mod diagnose;
pub mod fetch;
pub mod ladder;
pub mod lineage;
pub mod link;
pub mod redact;
pub mod trace;

pub mod drive;
pub mod formats;
pub mod lab;
pub mod proxy;
pub mod store;
pub mod tls;
pub mod trust;
pub mod tui;

pub mod app;
pub mod cli;
