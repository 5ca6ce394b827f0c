//! What a recorder is told, in the order it happens to one exchange.

use std::future::Future;
use std::sync::Arc;

use super::{
    Body, ConnectionId, Exchange, Failure, Frames, Headers, Hop, HopId, HopTls, Interim, Outcome,
    OwnChange, Request, Response, TapId, Time,
};

/// One thing that happened to an exchange. A hop is the fold of its events ([`Event::apply`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// The request's head is here. `request.body` is still empty.
    Asked {
        id: HopId,
        tap: TapId,
        connection: ConnectionId,
        exchange: Exchange,
        at: Time,
        request: Request,
        own_changes: Vec<OwnChange>,
    },
    /// A piece of the request's body. `kept` is what is within the capture limit, `length` the
    /// piece's whole length.
    RequestBody { id: HopId, kept: Vec<u8>, length: u64, end: bool },
    /// The upstream connection was opened, in so many microseconds.
    Connected { id: HopId, micros: u64 },
    /// An answer before the answer.
    Interim { id: HopId, interim: Interim },
    /// What TLS said on either side, and how many microseconds the handshake with the upstream
    /// took, if it was made for this exchange.
    Secured { id: HopId, tls: Arc<HopTls>, micros: Option<u64> },
    /// The fields after the request's body, before its end.
    RequestTrailers { id: HopId, trailers: Headers },
    /// The response's head is here. `response.body` is still empty.
    Answered { id: HopId, at: Time, response: Response, own_changes: Vec<OwnChange> },
    /// A piece of the response's body.
    ResponseBody { id: HopId, kept: Vec<u8>, length: u64, end: bool },
    /// WebSocket frames that went by since the last of these.
    Frames { id: HopId, frames: Frames },
    /// The fields after the response's body, before its end.
    ResponseTrailers { id: HopId, trailers: Headers },
    /// An answer from its head to its end, which is how most come: what [`Event::Answered`],
    /// [`Event::ResponseBody`] and [`Event::Ended`] would say one after the other.
    Whole {
        id: HopId,
        answered: Time,
        response: Response,
        own_changes: Vec<OwnChange>,
        ended: Time,
    },
    /// The exchange is over. With a failure: before [`Event::Answered`] no answer came, after it
    /// the body stopped short.
    Ended { id: HopId, at: Time, failure: Option<Failure> },
}

impl Event {
    pub fn id(&self) -> HopId {
        match self {
            Event::Asked { id, .. }
            | Event::RequestBody { id, .. }
            | Event::RequestTrailers { id, .. }
            | Event::Connected { id, .. }
            | Event::Interim { id, .. }
            | Event::Secured { id, .. }
            | Event::Answered { id, .. }
            | Event::Frames { id, .. }
            | Event::ResponseBody { id, .. }
            | Event::ResponseTrailers { id, .. }
            | Event::Whole { id, .. }
            | Event::Ended { id, .. } => *id,
        }
    }

    /// Whether it is the last of its exchange.
    pub fn is_end(&self) -> bool {
        matches!(self, Event::Whole { .. } | Event::Ended { .. })
    }

    /// Grow `hop` by this event. `Asked` starts a new hop; any other event without a hop is
    /// dropped, because its beginning was lost.
    pub fn apply(self, hop: &mut Option<Hop>) {
        match (self, hop.as_mut()) {
            (Event::Asked { id, tap, connection, exchange, at, request, own_changes }, _) => {
                *hop = Some(Hop {
                    id,
                    tap,
                    exchange,
                    connection: Some(connection),
                    started: at,
                    ended: None,
                    request,
                    outcome: Outcome::Pending,
                    interim: Vec::new(),
                    frames: Frames::default(),
                    timing: super::Timing::default(),
                    own_changes,
                    testimony: super::Testimony::default(),
                    tls: None,
                    trailers: None,
                });
            }
            (event, Some(hop)) => event.grow(hop),
            (_, None) => {}
        }
    }

    /// [`Event::apply`] to a hop that was begun.
    pub fn grow(self, hop: &mut Hop) {
        match self {
            Event::Asked { .. } => {}
            Event::RequestBody { kept, length, end, .. } => {
                grow(&mut hop.request.body, kept, length, end);
            }
            Event::Connected { micros, .. } => hop.timing.connect = Some(micros),
            Event::Interim { interim, .. } => hop.interim.push(interim),
            Event::Frames { frames, .. } => hop.frames.append(frames),
            Event::Secured { tls, micros, .. } => {
                hop.tls = Some(tls);
                hop.timing.tls = micros;
            }
            Event::RequestTrailers { trailers, .. } => {
                hop.trailers.get_or_insert_default().request = trailers;
            }
            Event::ResponseTrailers { trailers, .. } => {
                hop.trailers.get_or_insert_default().response = trailers;
            }
            Event::Answered { at, response, own_changes, .. } => {
                answer(hop, at, response, own_changes);
            }
            Event::Whole { answered, response, own_changes, ended, .. } => {
                answer(hop, answered, response, own_changes);
                end_hop(hop, ended, None);
            }
            Event::ResponseBody { kept, length, end, .. } => {
                if let Outcome::Answered(response) = &mut hop.outcome {
                    grow(&mut response.body, kept, length, end);
                }
            }
            Event::Ended { at, failure, .. } => end_hop(hop, at, failure),
        }
    }
}

fn grow(body: &mut Body, kept: Vec<u8>, length: u64, end: bool) {
    if body.bytes.is_empty() {
        body.bytes = kept;
    } else {
        body.bytes.extend_from_slice(&kept);
    }
    body.length += length;
    body.complete |= end;
}

fn answer(hop: &mut Hop, at: Time, response: Response, own_changes: Vec<OwnChange>) {
    hop.timing.wait = u64::try_from(at.since(hop.started)).ok();
    hop.outcome = Outcome::Answered(response);
    hop.own_changes.extend(own_changes);
}

fn end_hop(hop: &mut Hop, at: Time, failure: Option<Failure>) {
    hop.ended = Some(at);
    let total = u64::try_from(at.since(hop.started)).ok();
    hop.timing.receive = total.zip(hop.timing.wait).map(|(all, wait)| all.saturating_sub(wait));
    match (&mut hop.outcome, failure) {
        (Outcome::Answered(response), failure) => response.truncated = failure,
        (outcome, Some(failure)) => *outcome = Outcome::Failed(failure),
        (_, None) => {}
    }
}

/// Where the proxy puts what it sees. All it knows of the store, the screen and the people
/// watching along.
///
/// `record` takes bursts without waiting and waits when its queue is full; it drops only when
/// the disk has failed, and what was dropped is counted and shown.
pub trait Recorder: Clone + Send + Sync + Unpin + 'static {
    /// Names for the exchanges to come.
    fn next_id(&self) -> HopId;
    /// The time now: the recorder's epoch plus a monotonic offset.
    fn now(&self) -> Time;
    fn record(&self, event: Event) -> impl Future<Output = ()> + Send;
    /// Keep `event` if there is room for it now, else hand it back. For places that cannot wait;
    /// they go on to [`Recorder::record`] when it comes back.
    fn offer(&self, event: Event) -> Option<Event> {
        Some(event)
    }
}
