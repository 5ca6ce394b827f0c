//! Words: an end as each browser tells it, and as we do.
//!
//! **Invariant:** a browser's sentence is its own, letter for letter; ours names the hop that
//! decided and what it lacked.

mod chromium;
mod firefox;
mod reading;

pub(super) use chromium::chromium;
pub(super) use firefox::firefox;
pub(super) use reading::{Told, reading};
