//! One request of one client, to one upstream and back.
//!
//! **Invariant:** what goes on is what came, without the fields of the connection itself; every
//! other difference is an [`OwnChange`](crate::trace::OwnChange) on record.

use std::future::pending;
use std::sync::Arc;

use http::header::{EXPECT, HOST, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::body::{Passing, Source, gate};
use super::connect::{self, Connection, Upstreams, Use};
use super::failure::{self, Reaction};
use super::heads::{self, Kind, Turn};
use super::io::Control;
use super::listener::TapState;
use super::route::{self, Route};
use super::scribe::Scribe;
use super::spec::{Mode, Scheme, Upstream};
use super::tunnel::Heard;
use super::{answer, interim, own, tunnel};
use crate::trace::{
    self, Body, ConnectionId, Event, Exchange, Failure, FailureKind, OwnChange, Recorder,
};

/// One client's connection.
pub(super) struct Client<R: Recorder> {
    tap: Arc<TapState<R>>,
    id: ConnectionId,
    control: Arc<Control>,
    upstreams: Arc<Upstreams<R>>,
}

/// The client's connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's failure is passed on")]
pub(super) struct Cut;

type Answer<R> = Result<Response<Passing<R>>, Cut>;

/// What came from the client, taken apart.
struct Asked {
    head: Parts,
    body: Incoming,
    turn: Turn,
    upgrade: OnUpgrade,
}

impl<R: Recorder> Client<R> {
    pub(super) fn new(tap: Arc<TapState<R>>, id: ConnectionId, control: Arc<Control>) -> Client<R> {
        Client { tap, id, control, upstreams: Arc::default() }
    }

    /// Answer one request, or end the connection as the upstream did.
    pub(super) async fn serve(self: Arc<Self>, mut request: Request<Incoming>) -> Answer<R> {
        self.control.understood();
        let upgrade = hyper::upgrade::on(&mut request);
        let (head, body) = request.into_parts();
        let asked = Asked { turn: heads::turn(&head.headers), head, body, upgrade };
        let (route, url) = route::find(&self.tap.spec.mode, &self.tap.address_text, &asked.head);
        if route == Route::OwnPage {
            return Ok(answer::own_page(&self.tap.spec.name, &self.tap.address_text));
        }
        let mut scribe = Scribe::new(&self.tap.recorder);
        match route {
            Route::Http { to, target } => self.http(scribe, asked, url, to, target).await,
            Route::Tunnel { to } => self.tunnel(scribe, asked, url, to).await,
            Route::Refused { why } => {
                self.tell_asked(&scribe, &asked, url, Exchange::Http, Vec::new()).await;
                scribe.end(Some(failure::failure(FailureKind::RefusedByTap, &why)));
                Ok(answer::refused(&why))
            }
            Route::OwnPage => Err(Cut),
        }
    }

    async fn http(
        &self,
        scribe: Scribe<R>,
        asked: Asked,
        url: String,
        to: Upstream,
        target: Uri,
    ) -> Answer<R> {
        let (mode, turn) = (&self.tap.spec.mode, asked.turn);
        let kind = match mode {
            Mode::Forward { .. } => Kind::ProxyRequest,
            Mode::Reverse { .. } => Kind::Request,
        };
        let mut headers = heads::forward(&asked.head.headers, kind, turn);
        let changes = own::change_request(&mut headers, mode, self.tap.mark, scribe.id());
        let exchange = match turn {
            Turn::Upgrades if is_websocket(&headers) => Exchange::WebSocket,
            Turn::Upgrades | Turn::Stays => Exchange::Http,
        };
        self.tell_asked(&scribe, &asked, url, exchange, changes).await;

        let Asked { mut head, body, upgrade, .. } = asked;
        let (id, limit) = (scribe.id(), self.tap.options.capture);
        let mut connection = match self.connection(&scribe, &to).await {
            Ok(connection) => connection,
            Err(failure) => {
                let (body, _) = Passing::request(body, id, &self.tap.recorder, limit, None);
                drain(body).await;
                return self.fail(scribe, &to, failure, Use::First, &head.headers).await;
            }
        };
        let waits = headers.contains_key(EXPECT) && !body.is_end_stream();
        let (open, gate) = if waits { Some(gate()).unzip() } else { (None, None) };
        let (body, sent) = Passing::request(body, id, &self.tap.recorder, limit, gate);
        let mut request = Request::new(body);
        *request.method_mut() = head.method;
        *request.uri_mut() = target;
        *request.version_mut() = head.version;
        *request.headers_mut() = headers;
        // They hold the case in which the client wrote the names.
        *request.extensions_mut() = std::mem::take(&mut head.extensions);
        interim::listen(&mut request, open, &scribe);
        let sending = connection.send(request);
        let answered = match self.tap.options.upstream_timeout {
            None => sending.await,
            Some(limit) => {
                let Ok(answered) = tokio::time::timeout(limit, sending).await else {
                    let late = failure::failure(FailureKind::Timeout, "");
                    return self.fail(scribe, &to, late, connection.use_, &head.headers).await;
                };
                answered
            }
        };
        match answered {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let reading = match exchange {
                    Exchange::WebSocket => Heard::Frames { kept: limit },
                    Exchange::Http | Exchange::Tunnel => Heard::Count,
                };
                Ok(self.switch(scribe, response, connection, upgrade, reading).await)
            }
            Ok(response) => {
                let host = heads::text(&head.headers, HOST);
                let home = Arc::clone(&self.upstreams);
                let source = Source { connection, home, sent };
                Ok(self.pass_on(scribe, response, source, &to, host).await)
            }
            Err(error) => {
                let failed = failure::of_hyper(&error);
                self.fail(scribe, &to, failed, connection.use_, &head.headers).await
            }
        }
    }

    /// The connection of the last request to the same place, or a new one.
    async fn connection(
        &self,
        scribe: &Scribe<R>,
        to: &Upstream,
    ) -> Result<Connection<R>, Failure> {
        if let Some(connection) = self.upstreams.open(to).await {
            return Ok(connection);
        }
        let address = self.tap.address;
        let tls = if to.scheme == Scheme::Https { self.tap.tls() } else { None };
        let (connection, micros) =
            connect::http(to, tls, |it| own::leads_back(it, address)).await?;
        scribe.tell(Event::Connected { id: scribe.id(), micros }).await;
        Ok(connection)
    }

    /// The answer, on its way to the client.
    async fn pass_on(
        &self,
        scribe: Scribe<R>,
        response: Response<Incoming>,
        source: Source<R>,
        to: &Upstream,
        host: Option<String>,
    ) -> Response<Passing<R>> {
        let (mut head, body) = response.into_parts();
        let mut headers = heads::forward(&head.headers, Kind::Response, Turn::Stays);
        let mut changes = Vec::new();
        if self.tap.options.keep_redirects
            && let Mode::Reverse { .. } = self.tap.spec.mode
        {
            let tap = host.unwrap_or_else(|| self.tap.address_text.clone());
            changes.extend(own::keep_redirect(&mut headers, to, &tap));
        }
        let complete = body.is_end_stream();
        tell_answered(&scribe, &head, complete, changes).await;
        head.headers = headers;
        // The version belongs to a connection; ours to the client is what the client speaks.
        head.version = Version::HTTP_11;
        let control = Arc::clone(&self.control);
        let limit = self.tap.options.capture;
        Response::from_parts(head, Passing::response(body, scribe, control, limit, source))
    }

    /// Both ends go on with another protocol.
    async fn switch(
        &self,
        scribe: Scribe<R>,
        mut response: Response<Incoming>,
        mut connection: Connection<R>,
        client: OnUpgrade,
        reading: Heard,
    ) -> Response<Passing<R>> {
        let upstream = hyper::upgrade::on(&mut response);
        let (mut head, _) = response.into_parts();
        tell_answered(&scribe, &head, false, Vec::new()).await;
        head.headers = heads::forward(&head.headers, Kind::Response, Turn::Upgrades);
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

    /// `CONNECT`: a way through, unread.
    async fn tunnel(
        &self,
        mut scribe: Scribe<R>,
        asked: Asked,
        url: String,
        to: Upstream,
    ) -> Answer<R> {
        self.tell_asked(&scribe, &asked, url, Exchange::Tunnel, Vec::new()).await;
        let begun = self.tap.recorder.now();
        let socket = match connect::tcp(&to).await {
            Ok(socket) if own::leads_back(&socket, self.tap.address) => {
                let why = "the tunnel would have come back to the tap it came through";
                scribe.end(Some(failure::failure(FailureKind::RefusedByTap, why)));
                return Ok(answer::refused(why));
            }
            Ok(socket) => socket,
            Err(failure) => {
                return self.fail(scribe, &to, failure, Use::First, &asked.head.headers).await;
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

    /// No answer came: record why, and let the client have what its kind of client should get.
    async fn fail(
        &self,
        mut scribe: Scribe<R>,
        to: &Upstream,
        failed: Failure,
        use_: Use,
        request: &HeaderMap,
    ) -> Answer<R> {
        let kind = failed.kind;
        scribe.end(Some(failed.clone()));
        let reaction = match (use_, kind) {
            // The server closed a connection that was kept open for this very client. Without
            // the tap any client would have seen just that, and have known what to do.
            (Use::Again, FailureKind::Closed) => Reaction::Close,
            (Use::Again, FailureKind::Reset) => Reaction::Reset,
            _ => failure::reaction(self.tap.options.on_failure, request, kind),
        };
        match reaction {
            Reaction::Answer => Ok(answer::failed(&self.tap.spec.name, &to.to_string(), &failed)),
            Reaction::Close => Err(Cut),
            Reaction::Reset => {
                self.control.reset_on_close();
                Err(Cut)
            }
            Reaction::Silence => pending().await,
        }
    }

    async fn tell_asked(
        &self,
        scribe: &Scribe<R>,
        asked: &Asked,
        url: String,
        exchange: Exchange,
        own_changes: Vec<OwnChange>,
    ) {
        let head = &asked.head;
        let complete = exchange == Exchange::Http && asked.body.is_end_stream();
        let request = trace::Request {
            method: head.method.as_str().to_owned(),
            url,
            version: heads::version(head.version),
            headers: heads::record(&head.headers),
            body: Body { complete, ..Body::default() },
        };
        let asked = Event::Asked {
            id: scribe.id(),
            tap: self.tap.id,
            connection: self.id,
            exchange,
            at: self.tap.recorder.now(),
            request,
            own_changes,
        };
        scribe.tell(asked).await;
    }
}

async fn tell_answered<R: Recorder>(
    scribe: &Scribe<R>,
    head: &http::response::Parts,
    complete: bool,
    own_changes: Vec<OwnChange>,
) {
    let reason = match head.extensions.get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        None => head.status.canonical_reason().unwrap_or_default().as_bytes(),
    };
    let response = trace::Response {
        status: head.status.as_u16(),
        reason: reason.to_vec(),
        version: heads::version(head.version),
        headers: heads::record(&head.headers),
        body: Body { complete, ..Body::default() },
        truncated: None,
    };
    let at = scribe.recorder().now();
    scribe.tell(Event::Answered { id: scribe.id(), at, response, own_changes }).await;
}

/// Take what the client still sends, so that the end of the connection reaches it as one: data
/// that nobody read would turn it into a reset.
async fn drain<R: Recorder>(mut body: Passing<R>) {
    let mut taken = 0;
    let draining = async {
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, bytes::Bytes::len);
            if taken > DRAINED {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, draining).await;
}

fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

const DRAINED: usize = 1 << 20;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);
