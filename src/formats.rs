//! Files of other tools, and what commands print: HAR, the JSON of the contract, text.

pub mod har;
pub mod json;
mod secrets;
pub mod text;

pub use secrets::Secrets;
