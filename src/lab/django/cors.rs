//! django-cors-headers' `CorsMiddleware`.

use bytes::Bytes;

use super::{Answer, Session, patch_vary};
use crate::lab::knobs::{Knobs, Origins, Switch};
use crate::lab::message::{Request, Response};

/// A preflight is answered here, before any other layer sees it, whatever the path; every
/// other answer gets its headers on the way out.
pub(super) fn around(knobs: &Knobs, request: &Request, inner: impl FnOnce() -> Answer) -> Answer {
    let preflight =
        request.method == "OPTIONS" && request.headers.has("access-control-request-method");
    let mut answer = if preflight { granted() } else { inner() };
    patch_vary(&mut answer.response, "origin");
    add_headers(knobs, request, &mut answer.response);
    answer
}

fn granted() -> Answer {
    let mut response = Response { status: 200, body: Bytes::new(), ..Response::default() };
    response.headers.push("Content-Length", "0");
    response.headers.push("Content-Type", "text/html; charset=utf-8");
    Answer::new(response, Session::Untouched)
}

fn add_headers(knobs: &Knobs, request: &Request, response: &mut Response) {
    let Some(origin) = request.headers.get("origin").filter(|it| !it.is_empty()) else { return };
    let credentials = knobs.credentials == Switch::On;
    let allow_origin = match &knobs.origins {
        Origins::Star if !credentials => b"*".to_vec(),
        Origins::Star | Origins::Any => origin,
        Origins::List(list) if list.iter().any(|it| it.as_bytes() == origin) => origin,
        Origins::List(_) => return,
    };
    let headers = &mut response.headers;
    headers.set("access-control-allow-origin", allow_origin);
    if credentials {
        headers.set("access-control-allow-credentials", "true");
    }
    if request.method == "OPTIONS" {
        headers.set("access-control-allow-headers", ALLOW_HEADERS);
        headers.set("access-control-allow-methods", "DELETE, GET, OPTIONS, PATCH, POST, PUT");
        headers.set("access-control-max-age", "86400");
    }
}

/// The package's default and the one header that this app's developer added.
const ALLOW_HEADERS: &str =
    "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with, x-token";
