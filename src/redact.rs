//! Redaction: what must not leave the machine.
//!
//! A secret is replaced by a keyed hash: the same secret gives the same token inside one
//! trace, so that "the cookie changed at hop 3" survives. Names of headers, CORS headers and
//! the structure of a `Location` survive.
