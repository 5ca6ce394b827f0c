//! Upgrades: both ends go on with another protocol.

use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::{Client, seen};
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
        mut response: Response<Incoming>,
        mut connection: Connection<R>,
        client: OnUpgrade,
        reading: Heard,
    ) -> Response<Passing<R>> {
        let upstream = hyper::upgrade::on(&mut response);
        let (mut head, _) = response.into_parts();
        scribe.answered(seen(&head, false), Vec::new());
        if let Some(waiting) = scribe.flush() {
            waiting.await;
        }
        head.headers = heads::forward(head.headers, Kind::Response, Turn::Upgrades);
        if self.leg.client == Protocol::Http2 {
            h2::upgraded(&mut head);
        }
        connection.detach();
        let life = self.tap.life.clone();
        tokio::spawn(async move {
            let both = tokio::join!(client, upstream);
            drop(connection);
            if let (Ok(client), Ok(upstream)) = both {
                let (client, upstream) = (TokioIo::new(client), TokioIo::new(upstream));
                tunnel::copy(client, upstream, reading, scribe, life).await;
            }
        });
        Response::from_parts(head, Passing::Own(None))
    }
}
