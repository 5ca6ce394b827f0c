//! The terminal interface: model, message, update, view.
//!
//! ```text
//!          ┌──────────── Message ◀── keys, mouse, clock, the app's inbox
//!          ▼
//! Model ─ update ─▶ Effect ──▶ the app's outbox (load rows, open a chain), clipboard, quit
//!   │
//!   └─── view ───▶ frame ──▶ Seen (where everything stood: for clicks and scrolling)
//! ```
//!
//! The app owns the trace. It sends [`Message`]s (rows, one analysed chain, totals, the state
//! of the recording) and does what [`Effect`]s ask. The screen never touches data itself.
//!
//! **Invariant:** the model holds a window of rows, one open chain and totals, never the trace.
//!
//! **Invariant:** whatever came over the wire passes [`crate::trace::visible`] before it is drawn.

pub mod body;
pub mod compare;
pub mod keymap;
pub mod message;
pub mod model;
pub mod palette;
pub mod row;
mod run;
pub mod search;
pub mod seen;
mod terminal;
mod text;
pub mod theme;
mod update;
mod view;

pub use keymap::Action;
pub use message::{Effect, Feed, Loaded, Message, Notice, Status, Totals, Window};
pub use model::{Model, Pane, Screen};
pub use row::{Badge, ChainRow};
pub use run::{Error, Options, run};
pub use seen::Seen;
pub use theme::{Look, ThemeName};
pub use update::update;
pub use view::draw;
