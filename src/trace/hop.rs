//! A hop: one request and what came of it, seen at one tap.

use std::sync::Arc;

use super::{Body, Frames, Headers, HopTls, TapId, Time};

/// A hop's name, unique across hosts and recordings.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HopId {
    /// Random, drawn once per recorder.
    pub recorder: u64,
    /// Counts up from 1 within one recorder, in the order the requests arrived.
    pub sequence: u64,
}

/// A client's connection to a tap, counted from 1 within one recorder.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnectionId(pub u64);

/// One request and what came of it (a response, or a failure), seen from one tap.
///
/// A single browser fetch is usually several hops: the preflight, the request, every
/// redirect. With a second tap behind the gateway the same request is seen twice: that is
/// two hops, and comparing them tells which layer changed what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hop {
    pub id: HopId,
    /// Where we stood when we saw it.
    pub tap: TapId,
    pub exchange: Exchange,
    /// The client's connection it came on, where the recorder knows.
    pub connection: Option<ConnectionId>,
    /// When the request's head was complete.
    pub started: Time,
    /// When the last byte of the answer had passed, or the failure was known. `None` while open.
    pub ended: Option<Time>,
    pub request: Request,
    pub outcome: Outcome,
    /// Answers before the answer (`1xx`), in order.
    pub interim: Vec<Interim>,
    /// What was said after an upgrade to WebSocket.
    pub frames: Frames,
    pub timing: Timing,
    /// What hopscope itself changed on the way through. Empty unless asked for.
    pub own_changes: Vec<OwnChange>,
    /// What a source other than the wire said.
    pub testimony: Testimony,
    /// TLS on either side; `None` where both are plain.
    pub tls: Option<Arc<HopTls>>,
    /// Fields that came after the bodies; `None` for most hops.
    pub trailers: Option<Box<Trailers>>,
}

impl Hop {
    /// The response, when there is one.
    pub fn response(&self) -> Option<&Response> {
        match &self.outcome {
            Outcome::Answered(response) => Some(response),
            Outcome::Pending | Outcome::Failed(_) => None,
        }
    }

    /// The status code of a proper answer.
    pub fn status(&self) -> Option<u16> {
        self.response().map(|it| it.status)
    }

    /// How the exchange broke: no answer at all, or a body that stopped short.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Answered(response) => response.truncated.as_ref(),
            Outcome::Pending => None,
        }
    }

    /// A CORS preflight is an `OPTIONS` with `Access-Control-Request-Method`
    /// ([Fetch](https://fetch.spec.whatwg.org/#cors-preflight-request)); an `OPTIONS`
    /// without it is a request like any other.
    pub fn is_preflight(&self) -> bool {
        self.request.method == "OPTIONS"
            && self.request.headers.has("access-control-request-method")
            && self.request.headers.has("origin")
    }
}

/// What kind of exchange a hop is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Exchange {
    /// A request and a response.
    #[default]
    Http,
    /// A `CONNECT` tunnel whose bytes were passed on unread; the bodies only count them.
    Tunnel,
    /// An upgrade to WebSocket.
    WebSocket,
}

/// Fields after the content
/// ([RFC 9110 §6.5](https://www.rfc-editor.org/rfc/rfc9110#section-6.5)); gRPC tells its status
/// there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trailers {
    pub request: Headers,
    pub response: Headers,
}

/// A request as received by the tap.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Request {
    /// As sent: methods are case-sensitive.
    pub method: String,
    /// Absolute URL as the client meant it at this tap (scheme and authority from the request
    /// line or `Host`), not normalised. `host:port` for a tunnel. See [`super::Target`].
    pub url: String,
    pub version: Version,
    pub headers: Headers,
    pub body: Body,
}

/// How an exchange ended. Failing is an outcome to show, not an error of ours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Outcome {
    /// Still open.
    #[default]
    Pending,
    Answered(Response),
    /// No proper answer came. CORS was never reached.
    Failed(Failure),
}

/// A response as received by the tap.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    pub status: u16,
    /// The reason phrase as sent; empty in HTTP/2.
    pub reason: Vec<u8>,
    pub version: Version,
    pub headers: Headers,
    pub body: Body,
    /// Why the body stopped before its end, if it did.
    pub truncated: Option<Failure>,
}

/// An answer before the answer: `100 Continue`, `103 Early Hints`
/// ([RFC 9110 §15.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.2)).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Interim {
    pub at: Time,
    pub status: u16,
    pub headers: Headers,
}

/// Why no proper answer came, or why a body stopped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    pub kind: FailureKind,
    /// What the operating system or the parser said, for a person.
    pub detail: String,
}

impl Failure {
    /// The detail of a [`FailureKind::Malformed`] that browsers have a name of its own for.
    pub const HEAD_TOO_LARGE: &str = "the answer's head is too large";
}

/// The kinds of failure, as the contract's `error` names them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FailureKind {
    /// The connection was refused.
    Refused,
    /// No route, host down.
    Unreachable,
    /// The name did not resolve.
    Dns,
    /// The connection was reset.
    Reset,
    /// The connection closed before an answer was complete.
    Closed,
    /// Nothing came within the limit.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// The bytes were not HTTP.
    Malformed,
    /// The client went away first.
    Aborted,
    /// The tap itself refused the request (limits, loops, smuggling).
    RefusedByTap,
}

impl FailureKind {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Refused => "refused",
            FailureKind::Unreachable => "unreachable",
            FailureKind::Dns => "dns",
            FailureKind::Reset => "reset",
            FailureKind::Closed => "closed",
            FailureKind::Timeout => "timeout",
            FailureKind::Tls => "tls",
            FailureKind::Malformed => "malformed",
            FailureKind::Aborted => "aborted",
            FailureKind::RefusedByTap => "refused-by-tap",
        }
    }

    pub fn parse(text: &str) -> Option<FailureKind> {
        use FailureKind::{
            Aborted, Closed, Dns, Malformed, Refused, RefusedByTap, Reset, Timeout, Tls,
            Unreachable,
        };
        [Refused, Unreachable, Dns, Reset, Closed, Timeout, Tls, Malformed, Aborted, RefusedByTap]
            .into_iter()
            .find(|it| it.as_str() == text)
    }
}

/// The protocol version of a message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Version {
    Http10,
    #[default]
    Http11,
    Http2,
    Http3,
}

impl Version {
    /// As it stands in a start line or in a HAR.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2",
            Version::Http3 => "HTTP/3",
        }
    }
}

/// Microseconds that the steps of an exchange took, where they are known.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timing {
    /// Opening the upstream connection; `None` when an open one was used.
    pub connect: Option<u64>,
    /// The handshake on it, when there was one.
    pub tls: Option<u64>,
    /// From the request's head to the response's head.
    pub wait: Option<u64>,
    /// From the response's head to its last byte.
    pub receive: Option<u64>,
}

/// Something hopscope itself changed in a message that it passed on (`host=`, `--mark`,
/// `--keep-redirects`, a fix on trial), so that nobody mistakes it for the gateway's work.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnChange {
    /// `request host`, `response location`…
    pub place: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// What a source other than the wire says: a HAR's `_initiator`, the options of
/// `hopscope fetch`. A clue, shown as such, never evidence.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Testimony {
    /// `fetch`, `xhr`, `img`…, in the contract's words.
    pub api: Option<String>,
    pub mode: Option<String>,
    pub credentials: Option<String>,
    pub redirect: Option<String>,
    /// An error that the other tool reported, in its words.
    pub error: Option<String>,
    /// Answered from a browser's cache, so it was on no wire.
    pub from_cache: bool,
    /// What the other tool calls the fetch's initiator, for a person.
    pub initiator: Option<String>,
}

impl Testimony {
    /// What [`Testimony::error`] says at a redirect, when the browser itself stopped the request
    /// that it led to: Chromium's word for a refusal that it does not explain.
    pub const STOPPED: &str = "net::ERR_FAILED";
    /// What a request is said to be that the browser did not send from a page over https to an
    /// address over http ([mixed content](https://w3c.github.io/webappsec-mixed-content/)).
    pub const MIXED_CONTENT: &str = "mixed content";
}
