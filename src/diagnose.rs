//! Diagnosis: who caused it, and what to change.
//!
//! A [`Finding`] says what broke, at which hop, on what evidence, and what to change. Each
//! rule is one file in `diagnose/rules/`, holding its words, its fix and its tests.
//!
//! **Invariant:** products are known here and no algorithm of the standard is: a rule may ask
//! `fetch`, never the reverse.
//!
//! **Invariant:** a rule reads its case and nothing else, and cannot fail. A chain
//! with holes in it gives fewer findings, never an error, and no finding claims what the
//! evidence does not carry.

mod finding;

pub use finding::{Analysis, Answered, Evidence, Finding};
