//! What a tap does not take from a client, and how it says so.
//!
//! **Invariant:** whatever is refused here is a hop that says why; a client that sends half a
//! head and leaves is one, too.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;

use super::body::Passing;
use super::io::Control;
use super::leg::Leg;
use super::limits::Limits;
use super::unread::{Before, Unread};
use super::{answer, heads, refused};
use crate::trace::{self, FailureKind, Recorder};

/// A request that is not passed on.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) request: trace::Request,
    pub(super) kind: FailureKind,
    pub(super) why: String,
    status: StatusCode,
}

impl Refusal {
    /// What the client is told; after that its connection ends.
    pub(super) fn answer<R: Recorder>(&self) -> Response<Passing<R>> {
        let mut response = answer::refused(&self.why);
        *response.status_mut() = self.status;
        if self.request.version != trace::Version::Http2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Why a request that the library took is refused all the same.
pub(super) fn check<B: Body>(
    request: &Request<B>,
    control: &Control,
    leg: &Leg,
    tap_address: &str,
) -> Option<Refusal> {
    let limits = &leg.limits;
    let headers = request.headers();
    if request.version() < Version::HTTP_2 {
        let mut unread = control.unread();
        // The library drops the length, and passes on what is left. Whoever sends both may want
        // the next server to see another request than we do
        // (https://www.rfc-editor.org/rfc/rfc9112#section-6.3).
        let framing = Framing::of(headers);
        if framing.is_coded && unread.has_field("content-length") {
            return Some(Refusal {
                request: refused::request(unread.head(), leg.scheme, tap_address)?,
                kind: FailureKind::RefusedByTap,
                why: "the request has both a Content-Length and a Transfer-Encoding: servers \
                      would disagree about where it ends"
                    .to_owned(),
                status: StatusCode::BAD_REQUEST,
            });
        }
        unread.understood(framing.before_the_next(request.method()));
    }
    let length = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let (why, status) = if length > limits.target {
        let limit = limits.target;
        let why = format!(
            "the request's target is {length} bytes long, and the limit is {limit} \
             (--limit target=N)"
        );
        (why, StatusCode::URI_TOO_LONG)
    } else {
        // Of HTTP/1 the library keeps these limits.
        let why = over_limit(headers, limits).filter(|_| request.version() == Version::HTTP_2)?;
        (why, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    };
    let host = heads::text(headers, http::header::HOST).unwrap_or_else(|| tap_address.to_owned());
    let host = request.uri().authority().map_or(host, |it| it.as_str().to_owned());
    let scheme = request.uri().scheme_str().unwrap_or(leg.scheme.as_str());
    let path = request.uri().path_and_query().map_or("", |it| it.as_str());
    let beginning = path.get(..limits.target).unwrap_or(path);
    Some(Refusal {
        request: trace::Request {
            method: request.method().as_str().to_owned(),
            url: format!("{scheme}://{host}{beginning}"),
            version: heads::version(request.version()),
            headers: heads::record(headers),
            ..trace::Request::default()
        },
        kind: FailureKind::RefusedByTap,
        why,
        status,
    })
}

fn over_limit(headers: &HeaderMap, limits: &Limits) -> Option<String> {
    let bytes: usize = headers.iter().map(|(name, it)| name.as_str().len() + it.len() + 4).sum();
    if bytes > limits.head {
        return Some(head_too_large(limits));
    }
    (headers.len() > limits.fields).then(|| too_many_fields(limits))
}

fn head_too_large(limits: &Limits) -> String {
    format!("the request's head is larger than {} bytes (--limit head=N)", limits.head)
}

fn too_many_fields(limits: &Limits) -> String {
    format!("the request's head has more than {} fields (--limit fields=N)", limits.fields)
}

/// What a request's head says of where it ends.
#[derive(Clone, Copy, Debug, Default)]
struct Framing {
    length: Option<u64>,
    is_coded: bool,
    upgrades: bool,
}

impl Framing {
    /// In one walk: every request passes here.
    fn of(headers: &HeaderMap) -> Framing {
        let mut framing = Framing::default();
        for (name, value) in headers {
            match *name {
                CONTENT_LENGTH => {
                    let length = || value.to_str().ok()?.trim().parse().ok();
                    framing.length = framing.length.or_else(length);
                }
                TRANSFER_ENCODING => framing.is_coded = true,
                UPGRADE => framing.upgrades = true,
                _ => {}
            }
        }
        framing
    }

    fn before_the_next(self, method: &Method) -> Before {
        match self.length {
            _ if *method == Method::CONNECT => Before::Rest,
            _ if self.upgrades || self.is_coded => Before::Body,
            Some(length) => Before::Length(length),
            None => Before::Nothing,
        }
    }
}

/// What the library ended a connection for, if it was a request; with what can be read of it.
pub(super) fn of_error(
    error: &hyper::Error,
    unread: &Unread,
    leg: &Leg,
    tap_address: &str,
) -> Option<Refusal> {
    let is_parse = error.is_parse() || error.is_parse_too_large();
    if !is_parse && !unread.is_head_open() {
        return None;
    }
    let head = unread.head();
    let request = refused::request(head, leg.scheme, tap_address)?;
    let (kind, why) = if error.is_parse_too_large() {
        (FailureKind::RefusedByTap, too_large(unread, &leg.limits, &request))
    } else if is_parse {
        (FailureKind::RefusedByTap, refused::why(head, &error.to_string()))
    } else {
        let why = "the client left in the middle of the request's head".to_owned();
        (FailureKind::Aborted, why)
    };
    Some(Refusal { request, kind, why, status: StatusCode::BAD_REQUEST })
}

fn too_large(unread: &Unread, limits: &Limits, request: &trace::Request) -> String {
    if unread.came() >= limits.head as u64 {
        head_too_large(limits)
    } else if request.url.len() > limits.target.min(2048) {
        "the request's target is longer than 65534 bytes".to_owned()
    } else {
        too_many_fields(limits)
    }
}

/// A head that took too long.
pub(super) fn overdue(unread: &Unread, leg: &Leg, tap_address: &str) -> Option<Refusal> {
    Some(Refusal {
        request: refused::request(unread.head(), leg.scheme, tap_address)?,
        kind: FailureKind::RefusedByTap,
        why: too_late(&leg.limits),
        status: StatusCode::REQUEST_TIMEOUT,
    })
}

pub(super) fn too_late(limits: &Limits) -> String {
    let seconds = limits.head_time.as_secs();
    format!("the request's head was not complete after {seconds} s (--limit head-time=SECONDS)")
}

/// Wait for `serving`; `None` when a head has been open for longer than `limit`.
pub(super) async fn in_time<F: Future>(
    mut serving: Pin<&mut F>,
    control: &Control,
    limit: Duration,
) -> Option<F::Output> {
    let mut timer = None;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(ended) = serving.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        if !control.unread().is_head_open() {
            timer = None;
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}
