//! `CONNECT`: a way through a forward tap.

use std::sync::Arc;

use http::Response;
use hyper_util::rt::TokioIo;

use super::{Answer, Asked, Client};
use crate::proxy::body::Passing;
use crate::proxy::intercept::{self, Intercept, Tunnel};
use crate::proxy::scribe::Scribe;
use crate::proxy::spec::Upstream;
use crate::proxy::tunnel::Heard;
use crate::proxy::{answer, failure, heads, own, tunnel};
use crate::trace::{self, Event, Exchange, Failure, FailureKind, Recorder};

impl<R: Recorder> Client<R> {
    /// `CONNECT`: a way through, to be read as far as it can be.
    pub(super) async fn intercept(
        &self,
        intercept: &Arc<Intercept>,
        mut scribe: Scribe<R>,
        asked: Asked,
        url: String,
        to: Upstream,
    ) -> Answer<R> {
        let at = self.tap.recorder.now();
        let socket = intercept::way(&self.tap, &to).await;
        if let Err(Failure { kind: FailureKind::RefusedByTap, detail }) = socket {
            self.tell_asked(&scribe, &asked, url, Exchange::Tunnel, Vec::new()).await;
            scribe.end(Some(failure::failure(FailureKind::RefusedByTap, &detail)));
            return Ok(answer::refused(&detail));
        }
        // What comes through gets a number of its own.
        scribe.dismiss();
        let tunnel = Tunnel {
            tap: Arc::clone(&self.tap),
            connection: self.id,
            control: Arc::clone(&self.control),
            intercept: Some(Arc::clone(intercept)),
            to,
            request: heads::recorded_request(&asked.head, url, false),
            asked: at,
            address: self.leg.peer,
            socket,
        };
        tokio::spawn(tunnel.run(asked.upgrade));
        Ok(Response::new(Passing::Own(None)))
    }

    /// `CONNECT`: a way through, unread.
    pub(super) async fn tunnel(
        &self,
        mut scribe: Scribe<R>,
        asked: Asked,
        url: String,
        to: Upstream,
    ) -> Answer<R> {
        self.tell_asked(&scribe, &asked, url, Exchange::Tunnel, Vec::new()).await;
        let begun = self.tap.recorder.now();
        let socket = match self.tap.options.via.tcp(&to, &self.tap.tls).await {
            Ok((socket, _)) if own::leads_back(socket.tcp(), self.tap.address) => {
                let why = "the tunnel would have come back to the tap it came through";
                scribe.end(Some(failure::failure(FailureKind::RefusedByTap, why)));
                return Ok(answer::refused(why));
            }
            Ok((socket, _)) => socket,
            Err(failure) => {
                let is_browser = failure::is_browser(&asked.head.headers);
                return self.fail(scribe, &to, failure.into(), is_browser).await;
            }
        };
        let (id, at) = (scribe.id(), self.tap.recorder.now());
        let micros = u64::try_from(at.since(begun)).unwrap_or(0);
        scribe.tell(Event::Connected { id, micros }).await;
        let response =
            trace::Response { status: 200, reason: b"OK".to_vec(), ..trace::Response::default() };
        scribe.tell(Event::Answered { id, at, response, own_changes: Vec::new() }).await;
        let life = self.tap.life.clone();
        tokio::spawn(async move {
            if let Ok(client) = asked.upgrade.await {
                tunnel::copy(TokioIo::new(client), socket, Heard::Count, scribe, life).await;
            }
        });
        Ok(Response::new(Passing::Own(None)))
    }
}
