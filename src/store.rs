//! The trace file: one SQLite database, written by one thread, followed by any reader.
