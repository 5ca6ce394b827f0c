//! A request and a response as the lab's servers pass them around: whole, in memory.
//!
//! The real gateway buffers both as well and caps them at [`LIMIT`], so nothing is lost by
//! not streaming here. **Invariant:** header values stay bytes, in order, with every repeat.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body;

use crate::trace::Headers;

/// What the gateway takes and what it hands back at most, in bytes
/// ([quota](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html)).
pub(super) const LIMIT: usize = 10 * 1024 * 1024;

/// A request as a server of the lab received it.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    /// As sent: methods are case-sensitive.
    pub(super) method: String,
    /// The path as it stood on the request line, still percent-encoded.
    pub(super) path: String,
    /// What stood behind the question mark, if there was one.
    pub(super) query: Option<String>,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

impl Request {
    /// Read a whole request; `None` when its body is larger than [`LIMIT`] or broke off.
    pub(super) async fn read<B>(request: http::Request<B>) -> (Request, Option<TooLarge>)
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let (body, too_large) = match Limited::new(body, LIMIT).collect().await {
            Ok(body) => (body.to_bytes(), None),
            Err(_) => (Bytes::new(), Some(TooLarge)),
        };
        let request = Request {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers: headers_of(&head.headers),
            body,
        };
        (request, too_large)
    }

    /// The header's value as text, repeats joined; bytes that are not UTF-8 become U+FFFD.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.text(name)
    }

    /// `?` and the query as it stood on the request line, or nothing.
    pub(super) fn query_suffix(&self) -> String {
        self.query.as_deref().map(|it| format!("?{it}")).unwrap_or_default()
    }
}

/// The body did not fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooLarge;

/// A response as a server of the lab sends it.
#[derive(Clone, Debug, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

impl Response {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response {
        let headers = [("Content-Type", content_type)].into_iter().collect();
        Response { status, headers, body: body.into() }
    }

    /// Read a whole response; `None` when its body is larger than [`LIMIT`] or broke off.
    pub(super) async fn read<B>(response: http::Response<B>) -> Option<Response>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LIMIT).collect().await.ok()?.to_bytes();
        Some(Response { status: head.status.as_u16(), headers: headers_of(&head.headers), body })
    }

    /// As hyper sends it. A field that HTTP does not allow is left out.
    pub(super) fn into_http(self) -> http::Response<Full<Bytes>> {
        let mut response = http::Response::new(Full::new(self.body));
        *response.status_mut() =
            http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        *response.headers_mut() = header_map(&self.headers);
        response
    }
}

fn headers_of(map: &http::HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

pub(super) fn header_map(headers: &Headers) -> http::HeaderMap {
    let mut map = http::HeaderMap::with_capacity(headers.len());
    for field in headers.iter() {
        let name = http::HeaderName::from_bytes(field.name.as_bytes());
        let value = http::HeaderValue::from_bytes(&field.value);
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

/// Now, as a `Date` header has it
/// ([RFC 9110 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)).
pub(super) fn http_date() -> String {
    chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
