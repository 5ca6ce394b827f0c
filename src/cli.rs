//! What the user typed. Parsing only; touches nothing.
