//! A case's servers, without sockets: which route answers a request, and with what bytes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use hopscope::trace::Headers;

use super::case::{Respond, Server};

/// A request as a server reads it.
pub(crate) struct Asked<'a> {
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    pub headers: &'a Headers,
}

/// Counts how often each route of a server was used.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<(String, usize), usize>>);

/// The first route that matches; without one, a 404.
pub(crate) fn route(server: &Server, asked: &Asked<'_>, uses: &Uses) -> Respond {
    let preflight = asked.method == "OPTIONS" && asked.headers.has("access-control-request-method");
    for (at, route) in server.routes.iter().enumerate() {
        let it = &route.matches;
        let headers = it.headers.iter().all(|(name, wanted)| match wanted.as_deref() {
            None => !asked.headers.has(name),
            Some("*") => asked.headers.has(name),
            Some(value) => asked.headers.text(name).as_deref() == Some(value),
        });
        let matches = it.method.as_deref().is_none_or(|it| it == asked.method)
            && it.path.as_deref().is_none_or(|it| it == asked.target)
            && it.prefix.as_deref().is_none_or(|it| asked.target.starts_with(it))
            && it.preflight.is_none_or(|it| it == preflight)
            && headers;
        if !matches {
            continue;
        }
        let mut uses = uses.0.lock().unwrap();
        let count = uses.entry((server.origin.clone(), at)).or_default();
        if route.times.is_some_and(|it| it <= *count) {
            continue;
        }
        *count += 1;
        return filled(&route.respond, asked);
    }
    Respond {
        status: 404,
        headers: vec![("Content-Type".to_owned(), "text/plain".to_owned())],
        body: "no such route\n".to_owned(),
        ..Respond::default()
    }
}

fn filled(respond: &Respond, asked: &Asked<'_>) -> Respond {
    let text = |name: &str| asked.headers.text(name).unwrap_or_default();
    let fill = |it: &str| {
        it.replace("{origin}", &text("origin"))
            .replace("{acr_headers}", &text("access-control-request-headers"))
            .replace("{acr_method}", &text("access-control-request-method"))
    };
    let mut respond = respond.clone();
    for (_, value) in &mut respond.headers {
        *value = fill(value);
    }
    respond.raw = respond.raw.map(|it| fill(&it));
    respond
}

/// The bytes of an answer, as the recorded servers wrote them.
pub(crate) fn bytes(respond: &Respond, method: &str) -> Vec<u8> {
    if let Some(raw) = &respond.raw {
        return raw.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect();
    }
    let bodyless = matches!(respond.status, 204 | 304) || respond.status < 200;
    let body = if bodyless || method == "HEAD" { "" } else { &respond.body };
    let mut head = format!(
        "{} {} {}\r\n",
        respond.version.as_deref().unwrap_or("HTTP/1.1"),
        respond.status,
        respond.reason.as_deref().unwrap_or(reason(respond.status))
    );
    for (name, value) in &respond.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if !bodyless && !respond.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case("content-length"))
    {
        let length = respond.length.unwrap_or(respond.body.len() as u64);
        write!(head, "Content-Length: {length}\r\n").unwrap();
    }
    head.push_str("\r\n");
    let mut bytes: Vec<u8> =
        head.chars().map(|it| u8::try_from(u32::from(it)).unwrap_or(b'?')).collect();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
