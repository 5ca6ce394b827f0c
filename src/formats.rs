//! Files of other tools, and what commands print: HAR, the JSON of the contract, text.

pub mod har;
