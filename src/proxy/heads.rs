//! Heads: which fields belong to one connection only, and what a recorder is shown.
//!
//! **Invariant:** forwarded fields are filtered into a new map, never removed from the old one:
//! removing would change the order of what stays.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};

use http::{request, response};
use hyper::ext::ReasonPhrase;

use crate::trace::{self, Body, Headers, Version};

/// What is to become of the client's connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// It ends, or nothing is said about it.
    Ends,
    /// It serves the next request. So does ours to the upstream: `keep-alive` is said as it was.
    Stays,
    /// `Connection` and `Upgrade` go through, because both ends must see them.
    Upgrades,
}

/// Which side's head is forwarded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Request,
    /// A request in which `Proxy-Authorization` was meant for us.
    ProxyRequest,
    Response,
}

/// The fields that go on, in their order: all but those of this connection
/// ([RFC 9110 §7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
pub(super) fn forward(headers: HeaderMap, kind: Kind, turn: Turn) -> HeaderMap {
    let stays = |value: &HeaderValue| turn == Turn::Stays && is_keep_alive(value);
    let may_go_on = |(name, value): (&HeaderName, &HeaderValue)| match name.as_str() {
        "connection" => stays(value),
        other => !belongs_to_connection(other),
    };
    if headers.iter().all(may_go_on) {
        return headers;
    }
    let named = named_by_connection(&headers);
    let is_coded = headers.contains_key(TRANSFER_ENCODING);
    let mut forwarded = HeaderMap::with_capacity(headers.len());
    // A repeat comes without its name.
    let mut last = None;
    let mut upgraded = false;
    for (name, value) in headers {
        let Some(name) = name.or(last) else { break };
        let goes_on = match name.as_str() {
            "connection" => {
                if turn == Turn::Upgrades && !std::mem::replace(&mut upgraded, true) {
                    forwarded.append(&name, upgrade(&value));
                }
                stays(&value)
            }
            "upgrade" => turn == Turn::Upgrades,
            "keep-alive" | "proxy-connection" | "transfer-encoding" => false,
            "proxy-authorization" => kind != Kind::ProxyRequest,
            // `trailers` must reach the server, or it may not send any (gRPC needs them).
            "te" => asks_for_trailers(&value),
            // A length beside a coding is no length
            // (https://www.rfc-editor.org/rfc/rfc9112#section-6.3).
            "content-length" => !is_coded,
            // What routes the message is never private to a connection.
            "host" => true,
            other => !named.iter().any(|it| it == other),
        };
        if goes_on {
            forwarded.append(&name, value);
        }
        last = Some(name);
    }
    forwarded
}

/// What goes on of a `Connection` field when the connection is to become something else: nothing
/// but that, as it was written where it stood alone.
fn upgrade(value: &HeaderValue) -> HeaderValue {
    let is_alone = value.as_bytes().eq_ignore_ascii_case(b"upgrade");
    if is_alone { value.clone() } else { HeaderValue::from_static("Upgrade") }
}

/// Whether a field of this name, besides `Connection`, may have to stay behind. Without one,
/// nothing has to.
fn belongs_to_connection(name: &str) -> bool {
    matches!(
        name,
        "upgrade"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "proxy-authorization"
            | "te"
    )
}

/// What a request's head asks for.
pub(super) fn turn(version: http::Version, headers: &HeaderMap) -> Turn {
    let (mut upgrade, mut names_it, mut stays) = (false, false, true);
    for (name, value) in headers {
        match *name {
            UPGRADE => upgrade = true,
            CONNECTION => {
                let mut options = value.to_str().unwrap_or_default().split(',').map(str::trim);
                names_it |= options.any(|it| it.eq_ignore_ascii_case("upgrade"));
                stays &= is_keep_alive(value);
            }
            _ => {}
        }
    }
    match version {
        _ if upgrade && names_it => Turn::Upgrades,
        http::Version::HTTP_11 if stays => Turn::Stays,
        _ => Turn::Ends,
    }
}

fn is_keep_alive(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"keep-alive")
}

/// The names in all `Connection` fields, in lower case. Nearly always none: the two that say
/// whether the connection stays open are not names of fields.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONNECTION).into_iter().filter_map(|it| it.to_str().ok());
    let names = values.flat_map(|it| it.split(',')).map(str::trim);
    let is_field =
        |it: &&str| !["", "keep-alive", "close"].iter().any(|no| it.eq_ignore_ascii_case(no));
    names.filter(is_field).map(str::to_ascii_lowercase).collect()
}

fn asks_for_trailers(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').any(|it| it.trim().eq_ignore_ascii_case("trailers"))
}

/// A request's head as the recorder keeps it; `complete` for one without a body.
pub(super) fn recorded_request(
    head: &request::Parts,
    url: String,
    complete: bool,
) -> trace::Request {
    trace::Request {
        method: head.method.as_str().to_owned(),
        url,
        version: version(head.version),
        headers: record(&head.headers),
        body: Body { complete, ..Body::default() },
    }
}

/// An answer's head as the recorder keeps it.
pub(super) fn recorded_response(head: &response::Parts, complete: bool) -> trace::Response {
    let reason = match head.extensions.get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        // HTTP/2 has none.
        None if head.version == http::Version::HTTP_2 => &[],
        None => head.status.canonical_reason().unwrap_or_default().as_bytes(),
    };
    trace::Response {
        status: head.status.as_u16(),
        reason: reason.to_vec(),
        version: version(head.version),
        headers: record(&head.headers),
        body: Body { complete, ..Body::default() },
        truncated: None,
    }
}

/// The fields as the recorder keeps them.
pub(super) fn record(headers: &HeaderMap) -> Headers {
    let fields = || headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let room = fields().map(|(name, value)| name.len() + value.len() + LENGTHS).sum();
    Headers::pack_within(room, fields())
}

pub(super) fn version(version: http::Version) -> Version {
    match version {
        http::Version::HTTP_09 | http::Version::HTTP_10 => Version::Http10,
        http::Version::HTTP_2 => Version::Http2,
        http::Version::HTTP_3 => Version::Http3,
        _ => Version::Http11,
    }
}

/// The value of a field as text, where it is text.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned())
}

/// Bytes that the lengths of a name and a value take, nearly always.
const LENGTHS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> HeaderMap {
        let fields = text.split('|').filter_map(|it| it.split_once(": "));
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    fn written(map: &HeaderMap) -> String {
        let fields: Vec<_> = map
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        fields.join("|")
    }

    #[test]
    fn forwards_all_but_what_belongs_to_the_connection() {
        use Kind::{ProxyRequest, Request, Response};
        for (kind, sent, forwarded) in [
            (Request, "host: a|x: 1|accept: b|x: 2", "host: a|x: 1|x: 2|accept: b"),
            (Request, "connection: keep-alive|a: 1", "connection: keep-alive|a: 1"),
            (Request, "connection: Keep-Alive|keep-alive: 1|a: 1", "connection: Keep-Alive|a: 1"),
            (Request, "connection: keep-alive, x|x: 1|a: 1", "a: 1"),
            (Request, "connection: keep-alive|connection: close|a: 1", "a: 1"),
            (Request, "connection: close, x|x: 1|y: 2", "y: 2"),
            (Request, "connection: a|connection: B|a: 1|b: 2|c: 3", "c: 3"),
            (
                Request,
                "connection: host, content-length|host: a|content-length: 2",
                "host: a|content-length: 2",
            ),
            (Request, "keep-alive: 1|proxy-connection: x|te: gzip|transfer-encoding: chunked", ""),
            (Request, "connection: te|te: trailers|te: gzip", "te: trailers"),
            (Request, "proxy-authorization: x", "proxy-authorization: x"),
            (ProxyRequest, "proxy-authorization: x|authorization: y", "authorization: y"),
            (
                Request,
                "connection: uPgrade|upgrade: websocket|a: 1",
                "connection: uPgrade|upgrade: websocket|a: 1",
            ),
            (
                Request,
                "connection: keep-alive, upgrade|upgrade: websocket|a: 1",
                "connection: Upgrade|upgrade: websocket|a: 1",
            ),
            (Request, "upgrade: websocket|a: 1", "a: 1"),
            (Response, "content-length: 2|transfer-encoding: chunked", ""),
            (Response, "trailer: x|date: d|connection: close", "trailer: x|date: d"),
        ] {
            let sent_map = map(sent);
            let turn = turn(http::Version::HTTP_11, &sent_map);
            let forwarded_map = forward(sent_map, kind, turn);
            assert_eq!(written(&forwarded_map), forwarded, "{sent}");
        }
        let sent = map("connection: keep-alive");
        for version in [http::Version::HTTP_10, http::Version::HTTP_2] {
            assert_eq!(turn(version, &sent), Turn::Ends);
        }
        assert_eq!(written(&forward(sent, Response, Turn::Ends)), "");
    }
}
