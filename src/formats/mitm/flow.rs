//! One flow to one hop.
//!
//! **Invariant:** what the flow does not say stays empty. The one thing inferred is the kind of
//! a failure, from the words that mitmproxy and Python have for it.

use std::sync::Arc;

use super::tnetstring::Value;
use crate::trace::{
    Body, ConnectionId, Exchange, Failure, FailureKind, Frame, Frames, From, Headers, Hop, HopId,
    HopTls, Outcome, Request, Response, TapId, Testimony, Time, Timing, TlsSession, Version,
};

/// The hop of `flow`; `None` without a request. `opened` says that it is the first on its
/// connection to the server.
pub(super) fn hop(
    flow: &Value<'_>,
    id: HopId,
    connection: Option<ConnectionId>,
    opened: bool,
) -> Option<Hop> {
    let asked = flow.get("request");
    let method = asked.get("method").text()?;
    let headers = headers(asked);
    let socket = flow.get("websocket");
    let exchange = match method.as_str() {
        "CONNECT" => Exchange::Tunnel,
        _ if *socket != Value::Null => Exchange::WebSocket,
        _ => Exchange::Http,
    };
    let created = time(flow.get("timestamp_created"));
    let started = time(asked.get("timestamp_start")).or(created).unwrap_or_default();
    let request = Request {
        url: url(asked, &headers, exchange),
        version: version(asked),
        body: body(asked, &headers),
        method,
        headers,
    };
    let (outcome, ended) = outcome(flow);
    Some(Hop {
        id,
        tap: TapId(0),
        exchange,
        connection,
        started,
        ended: time(socket.get("timestamp_end")).or(ended),
        timing: timing(flow, started, opened),
        request,
        outcome,
        tls: tls(flow),
        trailers: None,
        interim: Vec::new(),
        frames: frames(socket),
        own_changes: Vec::new(),
        testimony: Testimony::default(),
    })
}

/// The remark that somebody made on it in mitmproxy.
pub(super) fn comment(flow: &Value<'_>) -> Option<String> {
    flow.get("comment").text().filter(|it| !it.trim().is_empty())
}

fn headers(message: &Value<'_>) -> Headers {
    let fields = message.get("headers").items().iter();
    let fields = fields.filter_map(|it| {
        let [name, value] = it.items() else { return None };
        Some((name.text()?, value.bytes()?.to_vec()))
    });
    fields.collect()
}

/// What the client asked for: by its `:authority` or `Host`, else by where mitmproxy went.
fn url(asked: &Value<'_>, headers: &Headers, exchange: Exchange) -> String {
    let text = |key: &str| asked.get(key).text().filter(|it| !it.is_empty());
    let host = text("host").unwrap_or_default();
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let port = asked.get("port").int().unwrap_or(0);
    if exchange == Exchange::Tunnel {
        return format!("{host}:{port}");
    }
    let scheme = text("scheme").unwrap_or_else(|| "http".to_owned());
    let path = text("path").unwrap_or_default();
    if path.contains("://") {
        return path;
    }
    let named = text("authority").or_else(|| headers.text("host")).filter(|it| !it.is_empty());
    let authority = named.unwrap_or_else(|| match (scheme.as_str(), port) {
        ("http", 80) | ("https", 443) => host,
        _ => format!("{host}:{port}"),
    });
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{authority}{slash}{path}")
}

fn version(message: &Value<'_>) -> Version {
    let text = message.get("http_version").text().unwrap_or_default();
    match text.trim_start_matches("HTTP/").as_bytes() {
        [b'1', b'.', b'0', ..] => Version::Http10,
        [b'2', ..] => Version::Http2,
        [b'3', ..] => Version::Http3,
        _ => Version::Http11,
    }
}

/// As sent, codings and all. A body that mitmproxy streamed was not kept.
fn body(message: &Value<'_>, headers: &Headers) -> Body {
    if let Some(bytes) = message.get("content").bytes() {
        return Body::full(bytes);
    }
    let length = headers.text("content-length").and_then(|it| it.trim().parse().ok());
    Body { bytes: Vec::new(), length: length.unwrap_or(0), complete: true }
}

fn outcome(flow: &Value<'_>) -> (Outcome, Option<Time>) {
    let (answer, error) = (flow.get("response"), flow.get("error"));
    let failure = error.get("msg").text().map(|detail| Failure { kind: kind(&detail), detail });
    let status = answer.get("status_code").int().and_then(|it| u16::try_from(it).ok());
    let Some(status) = status else {
        let outcome = failure.map_or(Outcome::Pending, Outcome::Failed);
        return (outcome, time(error.get("timestamp")));
    };
    let headers = headers(answer);
    let body = Body { complete: failure.is_none(), ..body(answer, &headers) };
    let reason = answer.get("reason").bytes().unwrap_or_default().to_vec();
    let version = version(answer);
    let response = Response { status, reason, version, headers, body, truncated: failure };
    let ended = time(answer.get("timestamp_end")).or(time(error.get("timestamp")));
    (Outcome::Answered(response), ended)
}

/// The kind of a failure, by the words of mitmproxy, Python and OpenSSL.
fn kind(said: &str) -> FailureKind {
    let said = said.to_ascii_lowercase();
    let kinds = WORDS.iter().find(|(words, _)| words.iter().any(|it| said.contains(it)));
    kinds.map_or(FailureKind::Closed, |(_, kind)| *kind)
}

const WORDS: &[(&[&str], FailureKind)] = &[
    (&["tls", "ssl", "certificate"], FailureKind::Tls),
    (&["name or service", "getaddrinfo", "nodename", "name resolution"], FailureKind::Dns),
    (&["timed out", "timeout"], FailureKind::Timeout),
    (&["no route", "unreachable"], FailureKind::Unreachable),
    (&["refused", "connect call failed", "errno 111", "errno 61"], FailureKind::Refused),
    (&["reset"], FailureKind::Reset),
    (&["client disconnect", "client closed", "killed"], FailureKind::Aborted),
    (&["protocol error", "invalid", "malformed", "bad http"], FailureKind::Malformed),
];

fn frames(socket: &Value<'_>) -> Frames {
    let mut frames: Frames = socket.get("messages").items().iter().filter_map(frame).collect();
    if let Some(code) = socket.get("close_code").int().and_then(|it| u16::try_from(it).ok()) {
        let reason = socket.get("close_reason").bytes().unwrap_or_default();
        let payload = [&code.to_be_bytes(), reason].concat();
        frames.push(&Frame {
            from: from(socket.get("closed_by_client").is_true()),
            at: time(socket.get("timestamp_end")).unwrap_or_default(),
            opcode: 8,
            is_last: true,
            length: payload.len() as u64,
            payload,
            ..Frame::default()
        });
    }
    frames
}

/// Type, from the client or not, content, time; and since version 12 whether it was dropped.
fn frame(message: &Value<'_>) -> Option<Frame> {
    let [opcode, from_client, content, at, ..] = message.items() else { return None };
    let payload = content.bytes()?.to_vec();
    Some(Frame {
        from: from(from_client.is_true()),
        at: time(at).unwrap_or_default(),
        opcode: u8::try_from(opcode.int()?).ok()?,
        is_last: true,
        length: payload.len() as u64,
        payload,
        ..Frame::default()
    })
}

fn from(client: bool) -> From {
    if client { From::Client } else { From::Server }
}

/// What TLS said on either side. The certificates are not read.
fn tls(flow: &Value<'_>) -> Option<Arc<HopTls>> {
    let session = |name: &str| {
        let side = flow.get(name);
        let text = |key: &str| side.get(key).text().filter(|it| !it.is_empty());
        let version = text("tls_version")?;
        Some(Arc::new(TlsSession {
            version: version.replace("TLSv", "TLS "),
            cipher: text("cipher").or_else(|| text("cipher_name")).unwrap_or_default(),
            alpn: text("alpn"),
            sni: text("sni"),
            certificates: Vec::new(),
        }))
    };
    let tls =
        HopTls { client: session("client_conn"), upstream: session("server_conn"), passed: None };
    (tls != HopTls::default()).then(|| Arc::new(tls))
}

fn timing(flow: &Value<'_>, started: Time, opened: bool) -> Timing {
    let (server, answer) = (flow.get("server_conn"), flow.get("response"));
    let between = |from: Option<Time>, to: Option<Time>| u64::try_from(to?.since(from?)).ok();
    let begun = time(server.get("timestamp_start"));
    let connected = time(server.get("timestamp_tcp_setup"));
    let secured = time(server.get("timestamp_tls_setup"));
    let (first, last) = (time(answer.get("timestamp_start")), time(answer.get("timestamp_end")));
    Timing {
        connect: between(begun, connected).filter(|_| opened),
        tls: between(connected, secured).filter(|_| opened),
        wait: between(Some(started), first),
        receive: between(first, last),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked; saturates")]
fn time(seconds: &Value<'_>) -> Option<Time> {
    Some(Time((seconds.seconds()? * 1e6) as i64))
}
