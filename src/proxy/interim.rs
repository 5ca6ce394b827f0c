//! Answers before the answer (`1xx`): recorded, and `100 Continue` lets a waiting body go.
//!
//! The library reads them from an upstream, but cannot send any to a client besides its own
//! `100 Continue`: `103 Early Hints` end here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, StatusCode};
use tokio::sync::oneshot;

use super::heads;
use super::scribe::{Scribe, tell_with_next};
use crate::trace::{Event, Interim, Recorder};

/// Listen for them on behalf of `request`; `open` is told when the upstream wants the body.
pub(super) fn listen<R: Recorder, B>(
    request: &mut Request<B>,
    open: Option<oneshot::Sender<()>>,
    scribe: &Scribe<R>,
) {
    let (tap, id, open) = (Arc::clone(scribe.tap()), scribe.id(), Mutex::new(open));
    let told = AtomicUsize::default();
    hyper::ext::on_informational(request, move |it| {
        let (at, status) = (tap.recorder.now(), it.status().as_u16());
        if told.fetch_add(1, Ordering::Relaxed) < MOST {
            let interim = Interim { at, status, headers: heads::record(it.headers()) };
            tell_with_next(&tap, Event::Interim { id, interim });
        }
        if it.status() == StatusCode::CONTINUE
            && let Some(open) = open.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            let _ = open.send(());
        }
    });
}

/// How many of one exchange are recorded: a server may send them without end.
const MOST: usize = 64;
