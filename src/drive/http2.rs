//! One browser's connection in HTTP/2 ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113)), as it
//! is spoken where TLS has agreed on it.
//!
//! With the library that the taps use: what browsers make of a broken answer differs from it in
//! HTTP/1 alone. The settings are Chromium's (`net/http/http_network_session.cc`).
//!
//! **Invariant:** a request that the server has begun to look at never goes out again.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Error, Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use tokio::time::{Instant, timeout, timeout_at};

use crate::fetch::Outgoing;
use crate::trace::{self, Body, Failure, FailureKind, Headers, Response, Time};

use super::clock::Clock;
use super::connect::{Stream, failure, io_failure};
use super::wire::grow;

/// A connection, moved by a task of its own.
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    task: tokio::task::AbortHandle,
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What came of one request.
pub(super) struct Answered {
    pub(super) outcome: Result<Response, Failure>,
    pub(super) head_at: Option<Time>,
    pub(super) trailers: Headers,
    /// The connection takes another request.
    pub(super) keep: bool,
    /// Nothing says that the server looked at the request, where no answer came.
    pub(super) untouched: bool,
}

impl Http2 {
    pub(super) async fn over(stream: Box<dyn Stream>) -> Result<Http2, Failure> {
        let shaken = Builder::new()
            .enable_push(false)
            .header_table_size(65_536)
            .max_header_list_size(262_144)
            .initial_window_size(6 << 20)
            .initial_connection_window_size(15 << 20)
            .handshake(stream)
            .await;
        let (sender, driver) = shaken.map_err(|it| broken(&it))?;
        // How it ended is told to whoever waits for an answer.
        let task = tokio::spawn(async move { drop(driver.await) }).abort_handle();
        Ok(Http2 { sender, task })
    }

    /// Whether the server has not said farewell.
    pub(super) async fn is_open(&mut self) -> bool {
        let ready = poll_fn(|cx| self.sender.poll_ready(cx));
        timeout(Duration::ZERO, ready).await.is_ok_and(|it| it.is_ok())
    }

    /// Send a request and read until its answer is whole, or its head where that is enough.
    pub(super) async fn ask(
        &mut self,
        out: &Outgoing,
        head_is_enough: bool,
        clock: &Clock,
        deadline: Instant,
    ) -> Answered {
        let mut answered = Answered {
            outcome: Err(failure(FailureKind::Timeout, "nothing came within the limit")),
            head_at: None,
            trailers: Headers::new(),
            keep: false,
            untouched: false,
        };
        let asked = match self.send(out) {
            Ok(answer) => timeout_at(deadline, answer).await,
            Err(error) => Ok(Err(error)),
        };
        let (head, mut body) = match asked {
            // Time is up.
            Err(_) => return answered,
            Ok(Err(error)) => {
                answered.untouched = is_untouched(&error);
                answered.outcome = Err(broken(&error));
                return answered;
            }
            Ok(Ok(response)) => response.into_parts(),
        };
        answered.head_at = Some(clock.now());
        let mut response = Response {
            status: head.status.as_u16(),
            reason: Vec::new(),
            version: trace::Version::Http2,
            headers: recorded(&head.headers),
            body: Body::default(),
            truncated: None,
        };
        if !head_is_enough {
            match timeout_at(deadline, read(&mut body, &mut response)).await {
                Ok(Ok(trailers)) => answered.trailers = trailers,
                Ok(Err(error)) => response.truncated = Some(broken(&error)),
                Err(_) => {
                    let late = failure(FailureKind::Timeout, "nothing came within the limit");
                    response.truncated = Some(late);
                }
            }
        }
        answered.keep = response.body.complete;
        answered.outcome = Ok(response);
        answered
    }

    fn send(&mut self, out: &Outgoing) -> Result<ResponseFuture, Error> {
        // What a browser sends is a request for the library, too.
        let protocol = || Error::from(Reason::PROTOCOL_ERROR);
        let mut request = Request::new(());
        *request.method_mut() =
            Method::from_bytes(out.method.as_bytes()).map_err(|_| protocol())?;
        *request.uri_mut() = out.url.as_str().parse::<Uri>().map_err(|_| protocol())?;
        *request.version_mut() = Version::HTTP_2;
        for header in sent(&out.headers).iter().filter(|it| it.name != "host") {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_bytes(&header.value);
            if let (Ok(name), Ok(value)) = (name, value) {
                request.headers_mut().append(name, value);
            }
        }
        let (answer, mut stream) = self.sender.send_request(request, out.body.is_empty())?;
        if !out.body.is_empty() {
            // All of it waits for room in the connection.
            stream.send_data(Bytes::copy_from_slice(&out.body), true)?;
        }
        Ok(answer)
    }
}

/// The rest of an answer; its trailers.
async fn read(body: &mut RecvStream, response: &mut Response) -> Result<Headers, Error> {
    while let Some(piece) = body.data().await {
        let piece = piece?;
        // The window is for those who read slowly.
        let _given = body.flow_control().release_capacity(piece.len());
        grow(&mut response.body, &piece);
    }
    let trailers = body.trailers().await?;
    response.body.complete = true;
    Ok(trailers.as_ref().map(recorded).unwrap_or_default())
}

/// The fields as they go in HTTP/2: names in lower case, and none of the connection's own. `host`
/// stands for `:authority`, as in what taps record.
pub(super) fn sent(headers: &Headers) -> Headers {
    let fields = headers.iter().map(|it| (it.name.to_ascii_lowercase(), it.value.clone()));
    fields.filter(|(name, _)| name != "connection").collect()
}

fn recorded(headers: &HeaderMap) -> Headers {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes().to_vec())).collect()
}

/// Whether the server says that it never looked at the request, or may never have had it.
fn is_untouched(error: &Error) -> bool {
    error.is_io() || error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM)
}

fn broken(error: &Error) -> Failure {
    if let Some(error) = error.get_io() {
        return io_failure(error);
    }
    let kind = match error.is_reset() && error.is_remote() {
        _ if error.is_go_away() => FailureKind::Closed,
        true if error.reason() == Some(Reason::REFUSED_STREAM) => FailureKind::Closed,
        true => FailureKind::Reset,
        false => FailureKind::Malformed,
    };
    failure(kind, &error.to_string())
}
