//! One request of one client, to one upstream and back.
//!
//! **Invariant:** what goes on is what came, without the fields of the connection itself; every
//! other difference is an [`OwnChange`](crate::trace::OwnChange) on record.

mod switched;
mod told;
mod tunnelled;
mod websocket;

use std::future::pending;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::body::{Passing, Source, gate};
use super::connect::{self, Connection, Upstreams, Use};
use super::failure::{self, Reaction};
use super::heads::{self, Kind, Turn};
use super::io::Control;
use super::leg::{Leg, Protocol};
use super::listener::TapState;
use super::route::{self, Route};
use super::scribe::Scribe;
use super::spec::{Mode, Upstream};
use super::tunnel::Heard;
use super::{answer, auth, guard, h2, interim, own, pages, serve};
use crate::trace::{ConnectionId, Event, Exchange, Failure, FailureKind, HopTls, Recorder};

/// One client's connection.
pub(super) struct Client<R: Recorder> {
    tap: Arc<TapState<R>>,
    id: ConnectionId,
    control: Arc<Control>,
    leg: Leg,
    upstreams: Arc<Upstreams<R>>,
}

/// The client's connection, or in HTTP/2 its stream, ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the upstream's failure is passed on")]
pub(super) struct Cut {
    /// With what an HTTP/2 stream is reset.
    source: Option<::h2::Error>,
}

/// Why no answer came.
struct Failed {
    failure: Failure,
    use_: Use,
    /// What an HTTP/2 upstream said.
    reason: Option<::h2::Reason>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Failed {
        Failed { failure, use_: Use::First, reason: None }
    }
}

type Answer<R> = Result<Response<Passing<R>>, Cut>;

/// What came from the client, taken apart.
struct Asked {
    head: Parts,
    body: Incoming,
    turn: Turn,
    upgrade: OnUpgrade,
}

impl<R: Recorder> Client<R> {
    pub(super) fn new(
        tap: Arc<TapState<R>>,
        id: ConnectionId,
        control: Arc<Control>,
        leg: Leg,
        upstreams: Upstreams<R>,
    ) -> Client<R> {
        let leg = Leg { limits: tap.options.limits, outermost: tap.id.0 == 0, ..leg };
        Client { tap, id, control, leg, upstreams: Arc::new(upstreams) }
    }

    pub(super) fn tap(&self) -> &Arc<TapState<R>> {
        &self.tap
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn leg(&self) -> &Leg {
        &self.leg
    }

    /// Answer one request, or end the connection as the upstream did.
    pub(super) async fn serve(self: Arc<Self>, mut request: Request<Incoming>) -> Answer<R> {
        let address = &self.tap.address_text;
        if let Some(refusal) = guard::check(&request, &self.control, &self.leg, address) {
            let answer = refusal.answer();
            serve::record_refusal(&self.tap, self.id, refusal).await;
            return Ok(answer);
        }
        let upgrade = hyper::upgrade::on(&mut request);
        let (mut head, body) = request.into_parts();
        h2::arrive(&mut head, &self.leg);
        let is_allowed = self.is_allowed(&mut head);
        let asked = Asked { turn: heads::turn(head.version, &head.headers), head, body, upgrade };
        let (route, url) = route::find(&self.leg, &self.tap.address_text, &asked.head);
        if let Route::OwnPage(page) = route {
            let (tap, address) = (&self.tap.spec.name, &self.tap.address_text);
            let authority = self.tap.intercept.as_ref().map(|it| &it.authority);
            return Ok(pages::answer(page, &asked.head, tap, address, authority));
        }
        let mut scribe = Scribe::new(&self.tap);
        if !is_allowed {
            self.tell_asked(&scribe, &asked, url, Exchange::Http, Vec::new()).await;
            scribe.end(Some(failure::failure(FailureKind::RefusedByTap, answer::NO_PASSWORD)));
            if auth::is_tried(&asked.head.headers) {
                // Rare: every request would carry its room along.
                Box::pin(auth::slow_down()).await;
            }
            return Ok(answer::wants_password());
        }
        match route {
            Route::Http { to } => self.http(scribe, asked, url, to).await,
            Route::Tunnel { to } => match &self.tap.intercept {
                Some(intercept) => {
                    Box::pin(self.intercept(intercept, scribe, asked, url, to)).await
                }
                None => Box::pin(self.tunnel(scribe, asked, url, to)).await,
            },
            Route::Refused { why } => {
                self.tell_asked(&scribe, &asked, url, Exchange::Http, Vec::new()).await;
                scribe.end(Some(failure::failure(FailureKind::RefusedByTap, &why)));
                Ok(answer::refused(&why))
            }
            Route::OwnPage(_) => Err(Cut { source: None }),
        }
    }

    /// Whether the client may use this tap. What it says about that is nobody else's business.
    fn is_allowed(&self, head: &mut Parts) -> bool {
        let Mode::Forward { .. } = self.leg.mode else { return true };
        let wanted = self.tap.options.auth.as_ref();
        let is_allowed = wanted.is_none_or(|it| it.fit(&head.headers));
        auth::hide(&mut head.headers);
        is_allowed
    }

    async fn http(&self, scribe: Scribe<R>, asked: Asked, url: String, to: Upstream) -> Answer<R> {
        let Asked { mut head, body, turn, upgrade } = asked;
        let mode = &self.leg.mode;
        let kind = match mode {
            Mode::Forward { .. } => Kind::ProxyRequest,
            Mode::Reverse { .. } => Kind::Request,
        };
        let exchange = match turn {
            Turn::Upgrades if is_websocket(&head.headers) => Exchange::WebSocket,
            _ => Exchange::Http,
        };
        // What is asked of them later, because they go on and are not copied.
        let is_browser = failure::is_browser(&head.headers);
        let keeps = self.tap.options.keep_redirects;
        let host = if keeps { heads::text(&head.headers, HOST) } else { None };
        let is_socket = exchange == Exchange::WebSocket;
        let key = if is_socket { head.headers.get(SEC_WEBSOCKET_KEY).cloned() } else { None };
        let recorded =
            heads::recorded_request(&head, url, exchange == Exchange::Http && body.is_end_stream());
        let mut headers = heads::forward(std::mem::take(&mut head.headers), kind, turn);
        let changes = own::change_request(&mut headers, mode, self.tap.mark, scribe.id());
        self.tell(&scribe, recorded, exchange, changes).await;
        let is_h2_socket = is_socket && head.version == Version::HTTP_2;
        if is_h2_socket {
            h2::upgrade(&mut headers);
        }

        let (id, limit) = (scribe.id(), self.tap.options.capture);
        let connected = match exchange {
            Exchange::WebSocket => Box::pin(self.connection_for_websocket(&scribe, &to)).await,
            Exchange::Http | Exchange::Tunnel => self.connection(&scribe, &to).await,
        };
        let mut connection = match connected {
            Ok(connection) => connection,
            Err(failure) => {
                let (body, _) = Passing::request(body, id, &self.tap, limit, None);
                Box::pin(drain(body)).await;
                return self.fail(scribe, &to, failure.into(), is_browser).await;
            }
        };
        let waits = !body.is_end_stream() && headers.contains_key(EXPECT);
        let (open, gate) = if waits { Some(gate()).unzip() } else { (None, None) };
        let (body, sent) = Passing::request(body, id, &self.tap, limit, gate);
        head.uri = route::target(head.uri);
        head.version = head.version.min(Version::HTTP_11);
        head.headers = headers;
        // Its extensions hold the case in which the client wrote the names.
        let mut request = Request::from_parts(head, body);
        if connection.speaks() == Protocol::Http2 {
            h2::leave(&mut request, to.scheme);
        }
        self.tap.options.via.address(&mut request, &to, &self.leg);
        let extends = is_socket && connection.takes_websocket();
        if is_socket {
            h2::ask_for_websocket(&mut request, extends);
        }
        interim::listen(&mut request, open, &scribe);
        let sending = connection.send(request);
        let answered = match self.tap.options.upstream_timeout {
            None => sending.await,
            Some(limit) => {
                let Ok(answered) = tokio::time::timeout(limit, sending).await else {
                    let failure = failure::failure(FailureKind::Timeout, "");
                    let late = Failed { use_: connection.use_, ..failure.into() };
                    return self.fail(scribe, &to, late, is_browser).await;
                };
                answered
            }
        };
        match answered {
            Ok(response) if is_agreed(response.status(), extends) => {
                let reading = match exchange {
                    Exchange::WebSocket => Heard::Frames { kept: limit },
                    Exchange::Http | Exchange::Tunnel => Heard::Count,
                };
                let switching = self.switch(scribe, key, response, connection, upgrade, reading);
                Ok(Box::pin(switching).await)
            }
            Ok(response) if is_h2_socket && response.status().is_success() => {
                let why = format!("it answered {} instead of an upgrade", response.status());
                let failure = failure::failure(FailureKind::Malformed, &why);
                self.fail(scribe, &to, failure.into(), is_browser).await
            }
            Ok(response) => {
                let home = Arc::clone(&self.upstreams);
                let source = Source { connection, home, sent };
                Ok(self.pass_on(scribe, response, source, turn, &to, host))
            }
            Err(error) => {
                let (failure, use_) = (connection.failure(&error), connection.use_);
                let failed = Failed { failure, use_, reason: failure::reason(&error) };
                self.fail(scribe, &to, failed, is_browser).await
            }
        }
    }

    /// The connection of the last request to the same place, or a new one.
    async fn connection(
        &self,
        scribe: &Scribe<R>,
        to: &Upstream,
    ) -> Result<Connection<R>, Failure> {
        let address = self.tap.address;
        let make = || {
            let (via, tls) = (&self.tap.options.via, &self.tap.tls);
            // Rare, and large: every request would carry its room along.
            Box::pin(connect::http(to, tls, &self.leg, via, move |it| own::leads_back(it, address)))
        };
        let opened = self.upstreams.open_or(to, self.leg.client, make).await;
        let (id, mut took) = (scribe.id(), None);
        let mut tls = HopTls { client: self.leg.tls.clone(), upstream: None, passed: None };
        let opened = match opened {
            Ok(mut connection) => {
                if let Some(opened) = connection.opened.take() {
                    scribe.tell(Event::Connected { id, micros: opened.connect }).await;
                    took = opened.tls;
                }
                tls.upstream.clone_from(&connection.tls);
                Ok(connection)
            }
            failed => failed,
        };
        if tls.client.is_some() || tls.upstream.is_some() {
            scribe.tell(Event::Secured { id, tls: Arc::new(tls), micros: took }).await;
        }
        opened
    }

    /// The answer, on its way to the client.
    fn pass_on(
        &self,
        mut scribe: Scribe<R>,
        response: Response<Incoming>,
        source: Source<R>,
        turn: Turn,
        to: &Upstream,
        host: Option<String>,
    ) -> Response<Passing<R>> {
        let (mut head, body) = response.into_parts();
        let seen = heads::recorded_response(&head, body.is_end_stream());
        let turn = if turn == Turn::Upgrades { Turn::Ends } else { turn };
        let mut headers = heads::forward(head.headers, Kind::Response, turn);
        let mut changes = Vec::new();
        if self.tap.options.keep_redirects
            && let Mode::Reverse { .. } = self.tap.spec.mode
        {
            let tap = host.unwrap_or_else(|| self.tap.address_text.clone());
            let tap = format!("{}://{tap}", self.leg.scheme.as_str());
            changes.extend(own::keep_redirect(&mut headers, to, &tap));
        }
        scribe.answered(seen, changes);
        head.headers = headers;
        // The version belongs to a connection; ours to the client is what the client speaks.
        head.version = Version::HTTP_11;
        let control = Arc::clone(&self.control);
        let limit = self.tap.options.capture;
        let is_absent = head.status == StatusCode::NOT_MODIFIED && body.is_end_stream();
        let passing = Passing::response(body, scribe, control, limit, source);
        let absent = if is_absent { self.absent(&head.headers) } else { None };
        Response::from_parts(head, absent.unwrap_or(passing))
    }

    /// A body that is not sent, as long as the head says.
    fn absent(&self, headers: &HeaderMap) -> Option<Passing<R>> {
        let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
        (self.leg.client == Protocol::Http1).then_some(Passing::Absent(length))
    }

    /// No answer came: record why, and let the client have what its kind of client should get.
    async fn fail(
        &self,
        mut scribe: Scribe<R>,
        to: &Upstream,
        failed: Failed,
        is_browser: bool,
    ) -> Answer<R> {
        let Failed { failure: failed, use_, reason } = failed;
        let kind = failed.kind;
        scribe.end(Some(failed.clone()));
        // HTTP/2 tells a broken stream from a connection that has become stale.
        let is_stale = reason.is_none_or(|it| it == ::h2::Reason::REFUSED_STREAM);
        let source = reason.map(::h2::Error::from);
        let reaction = match (use_, kind) {
            // The server closed a connection that was kept open for this very client. Without
            // the tap any client would have seen just that, and have known what to do.
            (Use::Again, FailureKind::Closed) if is_stale => Reaction::Close,
            (Use::Again, FailureKind::Reset) if is_stale => Reaction::Reset,
            _ => failure::reaction(self.tap.options.on_failure, is_browser, kind),
        };
        match reaction {
            Reaction::Answer => Ok(answer::failed(&self.tap.spec.name, &to.to_string(), &failed)),
            Reaction::Close => Err(Cut { source }),
            Reaction::Reset => {
                self.control.reset_on_close();
                Err(Cut { source })
            }
            Reaction::Silence => pending().await,
        }
    }
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

/// Whether an answer ends HTTP on its connection, or on its stream where that was asked for.
fn is_agreed(status: StatusCode, extends: bool) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || (extends && status == StatusCode::OK)
}

fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

const DRAINED: usize = 1 << 20;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);
