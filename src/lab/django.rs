//! The app: answers as Django, Django REST Framework and django-cors-headers would.
//!
//! Written as the onion that a Django project is, because what goes wrong in the story is a
//! matter of which layer sees an answer last: the redirect that appends a slash is made *on the
//! way out*, in place of a 404, so only the layers outside of it can still add headers.
//!
//! ```text
//! security ( session ( [cors] ( common: the slash ( [cors] ( frame options ( view ))))))
//! ```
//!
//! Not imitated: sessions and CSRF cookies, Django's debug pages beyond their first lines, the
//! missing `Content-Length` of the development server's redirects.
//!
//! **Invariant:** agrees with the real ones in status, `Location`, `Allow`, `Vary` and every
//! CORS header; `tests/django.rs` asks both.

mod cors;
mod items;
mod log;
mod negotiate;
mod pages;
mod slash;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::knobs::{CorsMiddleware, Knobs};
use super::message::{Request, Response, http_date};
use super::server::Service;
use super::shared::Shared;
use crate::trace::Headers;
use items::Items;
use log::Log;

/// The app as a server. What it remembers outlives its being stopped and started.
pub(super) struct Django {
    shared: Arc<Shared>,
    items: Mutex<Items>,
    log: Mutex<Log>,
}

impl Django {
    pub(super) fn new(shared: Arc<Shared>) -> Django {
        Django { shared, items: Mutex::default(), log: Mutex::default() }
    }

    /// The newest lines of its log, oldest first.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).lines()
    }
}

impl Service for Django {
    const NAME: &'static str = "app";

    async fn answer(&self, request: Request, _client: IpAddr) -> Response {
        let knobs = self.shared.knobs();
        tokio::time::sleep(knobs.delay).await;
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let response = security(session(outer_cors(&knobs, &request, &mut items)));
        self.log.lock().unwrap_or_else(PoisonError::into_inner).add(&request, &response);
        development_server(response)
    }
}

/// A response on its way out through the layers.
struct Answer {
    response: Response,
    session: Session,
}

/// Whether something looked at the session, so that the answer depends on the cookie.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Session {
    Untouched,
    Accessed,
}

impl Answer {
    fn new(response: Response, session: Session) -> Answer {
        Answer { response, session }
    }
}

/// `Date` and `Server` come first, as the development server writes them.
fn development_server(answer: Response) -> Response {
    let mut headers: Headers =
        [("Date", http_date()), ("Server", "WSGIServer/0.2 CPython/3.11.7".to_owned())]
            .into_iter()
            .collect();
    for field in answer.headers.iter() {
        headers.push(field.name.clone(), field.value.clone());
    }
    Response { headers, ..answer }
}

fn security(mut response: Response) -> Response {
    response.headers.push("X-Content-Type-Options", "nosniff");
    response.headers.push("Referrer-Policy", "same-origin");
    response.headers.push("Cross-Origin-Opener-Policy", "same-origin");
    response
}

fn session(answer: Answer) -> Response {
    let mut response = answer.response;
    if answer.session == Session::Accessed {
        patch_vary(&mut response, "Cookie");
    }
    response
}

fn outer_cors(knobs: &Knobs, request: &Request, items: &mut Items) -> Answer {
    match knobs.cors {
        CorsMiddleware::Before => cors::around(knobs, request, || {
            slash::around(knobs, request, || view(knobs, request, items))
        }),
        CorsMiddleware::After => slash::around(knobs, request, || {
            cors::around(knobs, request, || view(knobs, request, items))
        }),
        CorsMiddleware::Off => slash::around(knobs, request, || view(knobs, request, items)),
    }
}

fn view(knobs: &Knobs, request: &Request, items: &mut Items) -> Answer {
    let mut answer = match slash::path_info(request).as_str() {
        items::PATH => items.answer(request),
        _ => Answer::new(pages::not_found(knobs, request), Session::Untouched),
    };
    answer.response.headers.push("X-Frame-Options", "DENY");
    answer
}

/// Add to `Vary` unless it stands there already.
fn patch_vary(response: &mut Response, name: &str) {
    let old = response.headers.text("vary");
    let mut names: Vec<&str> = old.iter().flat_map(|it| it.split(',')).map(str::trim).collect();
    if !names.iter().any(|it| it.eq_ignore_ascii_case(name)) {
        names.push(name);
        response.headers.set("Vary", names.join(", "));
    }
}

#[cfg(test)]
mod tests;
