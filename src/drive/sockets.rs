//! Idle connections, and when a browser sends a request again because of them.
//!
//! **Invariant:** connections that carry credentials and those that do not are never mixed
//! (Chromium's privacy mode), and a request is sent again only when the connection had been
//! used before and brought not a byte.

use std::collections::HashMap;

use crate::fetch::{Origin, Outgoing, Page};
use crate::trace::{Failure, FailureKind, Response};

/// Idle connections by server and by whether credentials travel on them.
#[derive(Debug)]
pub struct Sockets<T> {
    idle: HashMap<(String, bool), Vec<T>>,
}

impl<T> Default for Sockets<T> {
    fn default() -> Sockets<T> {
        Sockets { idle: HashMap::new() }
    }
}

impl<T> Sockets<T> {
    /// A connection that was used before, the latest first.
    pub fn take(&mut self, out: &Outgoing) -> Option<T> {
        self.idle.get_mut(&key(out)).and_then(Vec::pop)
    }

    /// Keep a connection for the next request.
    pub fn put(&mut self, out: &Outgoing, socket: T) {
        self.idle.entry(key(out)).or_default().push(socket);
    }

    /// The connection on which a browser loaded the document.
    pub fn open_for_document(&mut self, origin: &Origin, socket: T) {
        self.idle.entry((origin.serialise(), true)).or_default().push(socket);
    }
}

fn key(out: &Outgoing) -> (String, bool) {
    (Origin::of(&out.url).serialise(), out.with_credentials)
}

/// The servers from which the documents of a page were loaded.
pub fn documents(page: &Page) -> Vec<Origin> {
    let mut texts: Vec<&str> = vec![page.served_from.as_deref().unwrap_or(&page.origin)];
    for request in &page.requests {
        texts.extend(request.page_origin.as_deref().filter(|it| !texts.contains(it)));
    }
    texts.into_iter().map(Origin::parse).filter(|it| it.host().is_some()).collect()
}

/// Whether Chromium sends a request again, silently and whatever its method
/// (`net/http/http_network_transaction.cc`, `ShouldResendRequest`): after a connection that
/// `was_used` before broke, and once after a 421, whose server is asked over another one.
pub fn is_resent(outcome: &Result<Response, Failure>, was_used: bool, sent_before: usize) -> bool {
    match outcome {
        Err(it) => was_used && matches!(it.kind, FailureKind::Closed | FailureKind::Reset),
        Ok(response) if response.status == 421 => sent_before == 0,
        Ok(response) => was_used && response.status == 408,
    }
}
