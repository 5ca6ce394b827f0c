//! Upgrades: both ends go on with another protocol.

use http::{HeaderValue, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::Client;
use crate::proxy::body::Passing;
use crate::proxy::connect::Connection;
use crate::proxy::h2;
use crate::proxy::heads::{self, Kind, Turn};
use crate::proxy::leg::Protocol;
use crate::proxy::scribe::Scribe;
use crate::proxy::tunnel::{self, Heard};
use crate::trace::Recorder;

impl<R: Recorder> Client<R> {
    /// Both ends go on with another protocol.
    pub(super) async fn switch(
        &self,
        mut scribe: Scribe<R>,
        key: Option<HeaderValue>,
        mut response: Response<Incoming>,
        mut connection: Connection<R>,
        client: OnUpgrade,
        reading: Heard,
    ) -> Response<Passing<R>> {
        let upstream = hyper::upgrade::on(&mut response);
        let (mut head, _) = response.into_parts();
        scribe.answered(heads::recorded_response(&head, false), Vec::new());
        if let Some(waiting) = scribe.flush() {
            waiting.await;
        }
        head.headers = heads::forward(head.headers, Kind::Response, Turn::Upgrades);
        match (self.leg.client, head.status) {
            (Protocol::Http2, StatusCode::SWITCHING_PROTOCOLS) => h2::upgraded(&mut head),
            (Protocol::Http1, StatusCode::OK) => h2::switched(&mut head, key.as_ref()),
            _ => {}
        }
        // The version belongs to a connection; ours to the client is what the client speaks.
        head.version = Version::HTTP_11;
        connection.detach();
        let life = self.tap.life.clone();
        tokio::spawn(async move {
            let both = tokio::join!(client, upstream);
            // Streams end with the last who has a part in their connection.
            let shared = (connection.speaks() == Protocol::Http2).then_some(connection);
            if let (Ok(client), Ok(upstream)) = both {
                let (client, upstream) = (TokioIo::new(client), TokioIo::new(upstream));
                tunnel::copy(client, upstream, reading, scribe, life).await;
            }
            drop(shared);
        });
        Response::from_parts(head, Passing::Own(None))
    }
}
