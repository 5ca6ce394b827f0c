//! Idle connections, and when a browser sends a request again because of them.
//!
//! **Invariant:** connections that carry credentials and those that do not are never mixed
//! (Chromium's privacy mode), and a request is sent again only when the connection had been
//! used before and brought not a byte.

use std::collections::HashMap;

use crate::fetch::{Browser, Origin, Outgoing, Page};
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

/// Whether a browser sends a request again, silently and whatever its method (Chromium's
/// `net/http/http_network_transaction.cc`, `ShouldResendRequest`): after a connection that
/// `was_used` before broke, and once after a 421, whose server is asked over another one. Firefox
/// takes a 408 as it is.
pub fn is_resent(
    outcome: &Result<Response, Failure>,
    was_used: bool,
    sent_before: usize,
    browser: Browser,
) -> bool {
    match outcome {
        Err(it) => was_used && matches!(it.kind, FailureKind::Closed | FailureKind::Reset),
        Ok(response) if response.status == 421 => sent_before == 0,
        Ok(it) => was_used && it.status == 408 && browser == Browser::Chromium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again() {
        let answered = |status| Ok(Response { status, ..Response::default() });
        let failed = |kind| Err(Failure { kind, detail: String::new() });
        for (outcome, was_used, sent_before, chromium, firefox) in [
            (answered(408), true, 0, true, false),
            (answered(408), false, 0, false, false),
            (answered(421), false, 0, true, true),
            (answered(421), true, 1, false, false),
            (answered(503), true, 0, false, false),
            (failed(FailureKind::Reset), true, 0, true, true),
            (failed(FailureKind::Timeout), true, 0, false, false),
        ] {
            let again = |browser| is_resent(&outcome, was_used, sent_before, browser);
            assert_eq!(again(Browser::Chromium), chromium, "{outcome:?}");
            assert_eq!(again(Browser::Firefox), firefox, "{outcome:?}");
        }
    }
}
