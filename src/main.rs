//! Parse, run, print what went wrong, exit.

fn main() {}
