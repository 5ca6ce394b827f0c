//! One HAR entry to one hop.
//!
//! **Invariant:** what the entry does not say stays empty. The one thing inferred is the kind
//! of a failure, from the words that a browser has for it.

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;
use url::Url;

use super::lenient::{count, list, micros, parse, some_text, text};
use super::message::{body_of_request, body_of_response, headers, version};
use super::{failure, socket};
use crate::trace::{
    ConnectionId, Exchange, Hop, HopId, Outcome, Request, Response, TapId, Testimony, Time, Timing,
};

/// `name version` of the tool, from the text before the entries. A tool that writes its name
/// after them stays unknown.
pub(super) fn creator(head: &str) -> Option<String> {
    let (_, rest) = head.split_once("\"creator\"")?;
    let open = rest.find('{')?;
    let close = rest.find('}')?;
    let value = parse(rest.get(open..=close)?)?;
    let words = ["name", "version"].iter().filter_map(|it| some_text(&value, it));
    Some(words.collect::<Vec<_>>().join(" ")).filter(|it| !it.is_empty())
}

/// The hop of `entry`; `None` without a request that has a URL. An entry without a time counts
/// as begun with the `previous` one.
pub(super) fn hop(entry: &Value, id: HopId, previous: Option<Time>) -> Option<Hop> {
    let asked = entry.get("request")?;
    let url = some_text(asked, "url")?.trim().to_owned();
    let method =
        some_text(asked, "method").map_or_else(|| "GET".to_owned(), std::borrow::Cow::into_owned);
    let exchange = exchange(entry, &method, &url);
    let begun = started(entry).or(previous).unwrap_or_default();
    let started = begun.plus(i64::try_from(held_back(entry)).unwrap_or(0));
    let request = Request {
        version: version(asked),
        headers: headers(asked, "Cookie"),
        body: body_of_request(asked),
        url: if exchange == Exchange::Tunnel { without_scheme(&url) } else { url },
        method,
    };
    let (outcome, ended) = outcome(entry, begun);
    Some(Hop {
        id,
        tap: TapId(0),
        exchange,
        connection: connection(entry, &request.url),
        started,
        ended,
        timing: timing(entry),
        request,
        outcome,
        interim: Vec::new(),
        frames: socket::frames(entry),
        tls: None,
        trailers: None,
        own_changes: Vec::new(),
        testimony: testimony(entry),
    })
}

/// The URL that an entry asks for.
pub(super) fn url(entry: &Value) -> Option<String> {
    some_text(entry.get("request")?, "url").map(Into::into)
}

/// Whether the browser stopped the request itself, before any wire: its preflight was refused.
/// Chromium says `net::ERR_FAILED`, Firefox nothing; neither knows an address or a version.
pub(super) fn is_unsent(entry: &Value) -> bool {
    let (Some(asked), Some(answer)) = (entry.get("request"), entry.get("response")) else {
        return false;
    };
    let stopped = if let Some(error) = failure::reported(entry) {
        error == "net::ERR_FAILED"
    } else {
        let parts = entry.get("timings").and_then(Value::as_object);
        parts.is_some_and(serde_json::Map::is_empty) && micros(entry, "time") == Some(0)
    };
    stopped && !was_on_wire(entry, asked, answer)
}

/// Whether anything tells of a connection.
fn was_on_wire(entry: &Value, asked: &Value, answer: &Value) -> bool {
    let says = |place: &Value, name| some_text(place, name).is_some();
    count(answer, "status") != Some(0)
        || says(entry, "serverIPAddress")
        || says(entry, "connection")
        || says(asked, "httpVersion")
        || says(answer, "httpVersion")
        || !list(answer, "headers").is_empty()
}

/// Whether a page over https asked over http, and the browser sent nothing and gave no error:
/// [mixed content](https://w3c.github.io/webappsec-mixed-content/#should-block-fetch).
fn is_mixed_content(entry: &Value) -> bool {
    let (Some(asked), Some(answer)) = (entry.get("request"), entry.get("response")) else {
        return false;
    };
    let over_http = some_text(asked, "url").is_some_and(|it| it.starts_with("http://"));
    let of_page = |it: &Value| text(it, "value").is_some_and(|it| it.starts_with("https://"));
    let names_page = |it: &&Value| {
        let name = text(it, "name").unwrap_or_default();
        name.eq_ignore_ascii_case("origin") || name.eq_ignore_ascii_case("referer")
    };
    over_http
        && failure::reported(entry).is_none()
        && !was_on_wire(entry, asked, answer)
        && (list(asked, "headers").iter().filter(names_page).any(of_page)
            || initiator(entry).is_some_and(|it| it.contains(" https://")))
}

fn exchange(entry: &Value, method: &str, url: &str) -> Exchange {
    let upgraded = entry.pointer("/response/status").and_then(Value::as_u64) == Some(101);
    let spoken = !list(entry, "_webSocketMessages").is_empty();
    let scheme = url.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("ws:"))
        || url.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("wss:"));
    if method == "CONNECT" {
        Exchange::Tunnel
    } else if spoken || scheme || upgraded {
        Exchange::WebSocket
    } else {
        Exchange::Http
    }
}

/// A tunnel's `host:port`, from whatever a tool makes of it.
fn without_scheme(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/').to_owned()
}

/// `startedDateTime`: RFC 3339, or the same without a zone (then UTC), or a number.
fn started(entry: &Value) -> Option<Time> {
    let text = some_text(entry, "startedDateTime")?;
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(Time(time.timestamp_micros()));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.fZ"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(Time(time.and_utc().timestamp_micros()));
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(Time(time.timestamp_micros()));
        }
    }
    epoch(text.parse().ok()?)
}

/// Seconds, milliseconds or microseconds since 1970, told apart by their size.
#[expect(clippy::cast_possible_truncation, reason = "checked; saturates")]
fn epoch(number: f64) -> Option<Time> {
    let scale = match number {
        it if it <= 0.0 || !it.is_finite() => return None,
        it if it < 1e11 => 1e6,
        it if it < 1e14 => 1e3,
        _ => 1.0,
    };
    Some(Time((number * scale) as i64))
}

fn outcome(entry: &Value, started: Time) -> (Outcome, Option<Time>) {
    let answer = entry.get("response").unwrap_or(&Value::Null);
    let took = took(entry);
    let ended = took.map(|it| started.plus(i64::try_from(it).unwrap_or(i64::MAX)));
    let error = failure::reported(entry);
    let mut headers = headers(answer, "Set-Cookie");
    if let Some(target) = some_text(answer, "redirectURL").filter(|_| !headers.has("location")) {
        headers.push("location", target.as_ref());
    }
    // A browser that hides the status of an answer may still show HTTP/2's own line.
    let status = count(answer, "status").filter(|it| *it != 0).or_else(|| {
        list(answer, "headers").iter().find_map(|it| {
            (text(it, "name")? == ":status").then(|| text(it, "value")?.trim().parse().ok())?
        })
    });
    match status.and_then(|it| u16::try_from(it).ok()) {
        Some(status) => {
            let response = Response {
                status,
                reason: text(answer, "statusText").unwrap_or_default().into_owned().into_bytes(),
                version: version(answer),
                headers,
                body: body_of_response(answer),
                truncated: error.as_deref().and_then(failure::of_body),
            };
            (Outcome::Answered(response), ended)
        }
        // The recording was stopped before this one came to an end.
        None if answer.is_null() && error.is_none() => (Outcome::Pending, None),
        None if is_mixed_content(entry) => (Outcome::Failed(failure::mixed_content()), ended),
        None => (Outcome::Failed(failure::of_exchange(error.as_deref())), ended),
    }
}

/// The entry's whole time in microseconds: as it says, or the sum of its parts.
fn took(entry: &Value) -> Option<u64> {
    let parts = entry.get("timings").unwrap_or(&Value::Null);
    let sum = || {
        let known = ["blocked", "dns", "connect", "send", "wait", "receive"];
        known.iter().filter_map(|it| micros(parts, it)).reduce(u64::saturating_add)
    };
    micros(entry, "time").or_else(sum)
}

/// How long, in microseconds, the request waited before it went out: in a queue, and for its
/// own preflight, which browsers count as part of it. An entry that shows nothing but waiting
/// does not tell when it was sent.
fn held_back(entry: &Value) -> u64 {
    let parts = entry.get("timings").unwrap_or(&Value::Null);
    let went_out = ["send", "wait", "receive"].iter().any(|it| micros(parts, it) > Some(0));
    let blocked = micros(parts, "blocked").filter(|_| went_out).unwrap_or(0);
    blocked.min(took(entry).unwrap_or(0))
}

/// HAR's `wait` is only the server's part; ours runs from the request to the answer's head.
fn timing(entry: &Value) -> Timing {
    let parts = entry.get("timings").unwrap_or(&Value::Null);
    let receive = micros(parts, "receive");
    let before = ["dns", "connect", "send", "wait"];
    let wait = before.iter().filter_map(|it| micros(parts, it)).reduce(u64::saturating_add);
    let whole = took(entry).map(|it| it.saturating_sub(held_back(entry)));
    Timing {
        connect: micros(parts, "connect"),
        tls: micros(parts, "ssl"),
        wait: match (wait, whole) {
            (Some(wait), Some(whole)) => Some(wait.min(whole)),
            (wait, _) => wait,
        },
        receive,
    }
}

/// The client's connection. Firefox writes the server's port there, which tells nothing.
fn connection(entry: &Value, url: &str) -> Option<ConnectionId> {
    let text = some_text(entry, "connection")?;
    let digits = text.strip_prefix("ClientPort:").unwrap_or(&text);
    let number: u64 = digits.split(';').next()?.trim().parse().ok()?;
    let port = Url::parse(url).ok().and_then(|it| it.port_or_known_default()).map(u64::from);
    (number != 0 && port != Some(number)).then_some(ConnectionId(number))
}

fn testimony(entry: &Value) -> Testimony {
    let kind = some_text(entry, "_resourceType").unwrap_or_default().to_ascii_lowercase();
    let mixed = || is_mixed_content(entry).then(|| Testimony::MIXED_CONTENT.to_owned());
    let cache = some_text(entry, "_fromCache").is_some_and(|it| it != "false")
        || some_text(entry, "_fetchType").is_some_and(|it| it.contains("Cache"));
    Testimony {
        api: API.iter().find(|(it, _)| *it == kind).map(|(_, api)| (*api).to_owned()),
        mode: (kind == "document").then(|| "navigate".to_owned()),
        error: failure::reported(entry).or_else(mixed),
        from_cache: cache,
        initiator: initiator(entry),
        ..Testimony::default()
    }
}

/// Chromium's resource types and the contract's words.
const API: &[(&str, &str)] = &[
    ("fetch", "fetch"),
    ("xhr", "xhr"),
    ("image", "img"),
    ("script", "script"),
    ("stylesheet", "style"),
    ("font", "font"),
    ("ping", "beacon"),
    ("beacon", "beacon"),
    ("eventsource", "eventsource"),
];

/// `script https://app.test/main.js:12`, from what Chromium writes.
fn initiator(entry: &Value) -> Option<String> {
    let initiator = entry.get("_initiator")?;
    if let Some(text) = initiator.as_str() {
        return Some(text.to_owned()).filter(|it| !it.is_empty());
    }
    let frame = initiator.pointer("/stack/callFrames/0").unwrap_or(initiator);
    let kind = some_text(initiator, "type")?;
    let Some(url) = some_text(frame, "url").or_else(|| some_text(initiator, "url")) else {
        return Some(kind.into_owned());
    };
    // Chromium counts lines from 0.
    let line = count(frame, "lineNumber").map(|it| format!(":{}", it + 1)).unwrap_or_default();
    Some(format!("{kind} {url}{line}"))
}
