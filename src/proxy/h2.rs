//! HTTP/2 heads as HTTP/1 heads, and back.
//!
//! Between its two sides a tap holds a head as HTTP/1.1 has it: `:authority` is `Host`, and
//! cookie crumbs are one field ([RFC 9113 §8.2.3](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3)).
//! That is how it is recorded, too. WebSocket over HTTP/2
//! ([RFC 8441](https://www.rfc-editor.org/rfc/rfc8441)) is the upgrade that it stands for, and
//! goes on as the one or the other.
//!
//! **Invariant:** nothing but the version's own form is changed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, Scheme as UriScheme};
use http::{Method, Request, StatusCode, Uri, Version, response};
use hyper::ext::Protocol;
use sha1::{Digest as _, Sha1};

use super::leg::Leg;
use super::spec::Scheme;

/// A head that came over HTTP/2, in the form of HTTP/1.1. Its version stays, to be recorded.
pub(super) fn arrive(head: &mut Parts, leg: &Leg) {
    if head.version != Version::HTTP_2 {
        return;
    }
    if leg.is_http_3() {
        head.version = Version::HTTP_3;
    }
    if head.extensions.get::<Protocol>().is_some_and(|it| it.as_str() == "websocket") {
        head.method = Method::GET;
        head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    let host = head.uri.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok());
    let host = host.filter(|_| !head.headers.contains_key(HOST));
    let mut crumbs = cookie(&head.headers);
    if host.is_none() && crumbs.is_none() {
        return;
    }
    let mut headers = HeaderMap::with_capacity(head.headers.len() + 1);
    headers.extend(host.map(|it| (HOST, it)));
    for (name, value) in &head.headers {
        if name != COOKIE {
            headers.append(name, value.clone());
        } else if let Some(whole) = crumbs.take() {
            headers.insert(COOKIE, whole);
        }
    }
    head.headers = headers;
}

/// What an upgrade to WebSocket has in HTTP/1.1 alone
/// ([RFC 6455 §4.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.1)).
pub(super) fn upgrade(headers: &mut HeaderMap) {
    let mut nonce = [0; 16];
    // Whoever guesses it learns nothing: it only shows that the server speaks WebSocket.
    let _zero = getrandom::fill(&mut nonce);
    if let Ok(key) = HeaderValue::from_str(&STANDARD.encode(nonce)) {
        headers.entry(SEC_WEBSOCKET_KEY).or_insert(key);
    }
}

/// The answer to an upgrade, as HTTP/2 says it.
pub(super) fn upgraded(head: &mut response::Parts) {
    head.status = StatusCode::OK;
    without(&mut head.headers, &[CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT]);
}

/// A request for WebSocket as its upstream takes it: where it `extends` HTTP/2 for that, as an
/// extended `CONNECT`, else as the upgrade that it is.
pub(super) fn ask_for_websocket<B>(request: &mut Request<B>, extends: bool) {
    if !extends {
        // The client's own may have been one.
        request.extensions_mut().remove::<Protocol>();
        return;
    }
    *request.method_mut() = Method::CONNECT;
    without(request.headers_mut(), &[CONNECTION, UPGRADE, SEC_WEBSOCKET_KEY]);
    request.extensions_mut().insert(Protocol::from_static("websocket"));
}

/// The answer to an extended `CONNECT`, as the client of HTTP/1.1 waits for it that asked with
/// this `Sec-WebSocket-Key`.
pub(super) fn switched(head: &mut response::Parts, key: Option<&HeaderValue>) {
    head.status = StatusCode::SWITCHING_PROTOCOLS;
    head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let key = key.map_or(&b""[..], HeaderValue::as_bytes);
    let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        head.headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
}

/// What a server of WebSocket adds to a key
/// ([RFC 6455 §1.3](https://www.rfc-editor.org/rfc/rfc6455#section-1.3)).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// All fields but these. Filtering keeps the order of what stays.
fn without(headers: &mut HeaderMap, these: &[HeaderName]) {
    let kept = headers.iter().filter(|(name, _)| !these.contains(name));
    *headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
}

/// All crumbs as one field.
fn cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    let crumbs: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.is_empty() { None } else { HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).ok() }
}

/// A request in the form of HTTP/1.1 as HTTP/2 sends it.
pub(super) fn leave<B>(request: &mut Request<B>, scheme: Scheme) {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers().get(HOST);
    let Some(authority) = host.and_then(|it| Authority::try_from(it.as_bytes()).ok()) else {
        return;
    };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.authority = Some(authority);
    parts.scheme = Some(match scheme {
        Scheme::Http => UriScheme::HTTP,
        Scheme::Https => UriScheme::HTTPS,
    });
    // A path is there, as `leave` gets origin forms only.
    let Ok(uri) = Uri::from_parts(parts) else { return };
    *request.uri_mut() = uri;
    without(request.headers_mut(), &[HOST, CONNECTION]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(headers: &HeaderMap) -> String {
        let fields = headers.iter();
        let fields: Vec<_> =
            fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        fields.join("|")
    }

    fn leg() -> Leg {
        Leg::of_tunnel("http://gw.test".parse().unwrap(), crate::proxy::Protocol::Http2)
    }

    #[test]
    fn a_head_goes_there_and_back() {
        let request = Request::builder()
            .version(Version::HTTP_2)
            .uri("https://gw.test:8443/a?b")
            .header("x", "1")
            .header("cookie", "a=1")
            .header("y", "2")
            .header("cookie", "b=2; c=3");
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        arrive(&mut head, &leg());
        assert_eq!(written(&head.headers), "host: gw.test:8443|x: 1|cookie: a=1; b=2; c=3|y: 2");
        let mut request = Request::from_parts(head, ());
        *request.uri_mut() = "/a?b".parse().unwrap();
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().insert("connection", HeaderValue::from_static("keep-alive"));
        leave(&mut request, Scheme::Http);
        assert_eq!(request.uri(), "http://gw.test:8443/a?b");
        assert_eq!(request.version(), Version::HTTP_2);
        assert_eq!(written(request.headers()), "x: 1|cookie: a=1; b=2; c=3|y: 2");
    }

    #[test]
    fn leaves_http_1_alone() {
        let request = Request::builder().uri("/a").header("cookie", "a").header("cookie", "b");
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        arrive(&mut head, &leg());
        assert_eq!(written(&head.headers), "cookie: a|cookie: b");
    }
}
