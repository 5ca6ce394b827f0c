//! The way for a WebSocket: an upgrade in HTTP/1.1, an extended `CONNECT` in HTTP/2
//! ([RFC 8441](https://www.rfc-editor.org/rfc/rfc8441)).

use std::sync::Arc;

use super::Client;
use crate::proxy::connect::{Connection, Upstreams};
use crate::proxy::leg::{HTTP_1, Leg, Protocol};
use crate::proxy::scribe::Scribe;
use crate::proxy::spec::{Mode, Upstream};
use crate::trace::{Failure, Recorder};

impl<R: Recorder> Client<R> {
    /// A connection that takes a WebSocket. Where the upstream speaks HTTP/2 without it, that is
    /// one in HTTP/1.1, as clients open it themselves.
    pub(super) async fn connection_for_websocket(
        &self,
        scribe: &Scribe<R>,
        to: &Upstream,
    ) -> Result<Connection<R>, Failure> {
        let connection = self.connection(scribe, to).await?;
        let Some(greeted) = connection.greeted().cloned() else { return Ok(connection) };
        let is_chosen = matches!(self.leg.mode, Mode::Reverse { http: Some(_), .. });
        // The user's own choice of a protocol holds, even where it takes none.
        if greeted.will_take_websocket().await || is_chosen {
            return Ok(connection);
        }
        self.upstreams.keep(connection);
        let leg = Leg {
            client: Protocol::Http1,
            offers: vec![HTTP_1],
            plain: Protocol::Http1,
            ..self.leg.clone()
        };
        let (tap, control) = (Arc::clone(&self.tap), Arc::clone(&self.control));
        let alone = Client::new(tap, self.id, control, leg, Upstreams::default());
        alone.connection(scribe, to).await
    }
}
