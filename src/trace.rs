//! The trace: what was on the wire, and nothing else.
//!
//! A [`Hop`] is one request and what came of it, seen at one [`Tap`]. A [`Chain`] is
//! the group of hops that one browser fetch caused. Everything that is *concluded*
//! (which hops belong together, what a browser thinks of them, who is to blame) is a
//! value of another part; a chain only carries the links that `link` found, each with
//! its clue, so that a reader can disagree.
//!
//! **Invariant:** header values are bytes, repeats are kept, nothing is normalised. A
//! broken answer is the subject of this program, not an error.
//!
//! **Invariant:** no clock, no I/O. Times come in with the hop.

mod body;
mod by_hop;
mod chain;
mod distrust;
mod event;
mod filter;
mod frame;
mod headers;
mod hop;
mod note;
pub(crate) mod packed;
mod size;
mod tap;
mod target;
mod time;
mod tls;
mod visible;

pub use body::Body;
pub use by_hop::ByHop;
pub use chain::{Chain, ChainHop, Clue, HopKind, Link, LinkWhy, Outside, Sighting};
pub use distrust::Distrust;
pub use event::{Event, Recorder};
pub use filter::Filter;
pub use frame::{Frame, Frames, From};
pub use headers::{Header, Headers};
pub use hop::{
    ConnectionId, Exchange, Failure, FailureKind, Hop, HopId, Interim, Outcome, OwnChange, Request,
    Response, Testimony, Timing, Trailers, Version,
};
pub use note::Note;
pub use size::size;
pub use tap::{Tap, TapId, TapKind};
pub use target::Target;
pub use time::Time;
pub use tls::{Certificate, HopTls, TlsSession};
pub use visible::{is_plain, visible, visible_bytes};
