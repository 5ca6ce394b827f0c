//! What the recorder is told of a request.

use http_body::Body as _;

use super::{Asked, Client};
use crate::proxy::heads;
use crate::proxy::scribe::Scribe;
use crate::trace::{self, Event, Exchange, OwnChange, Recorder};

impl<R: Recorder> Client<R> {
    /// Tell what the client asked for.
    pub(super) async fn tell_asked(
        &self,
        scribe: &Scribe<R>,
        asked: &Asked,
        url: String,
        exchange: Exchange,
        own_changes: Vec<OwnChange>,
    ) {
        let complete = exchange == Exchange::Http && asked.body.is_end_stream();
        let request = heads::recorded_request(&asked.head, url, complete);
        self.tell(scribe, request, exchange, own_changes).await;
    }

    /// Tell a request now; what comes back waits for room, if there is none.
    pub(super) fn tell(
        &self,
        scribe: &Scribe<R>,
        request: trace::Request,
        exchange: Exchange,
        own_changes: Vec<OwnChange>,
    ) -> impl Future<Output = ()> + use<R> {
        let asked = Event::Asked {
            id: scribe.id(),
            tap: self.tap.id,
            connection: self.id,
            exchange,
            at: self.tap.recorder.now(),
            request,
            own_changes,
        };
        scribe.tell(asked)
    }
}
