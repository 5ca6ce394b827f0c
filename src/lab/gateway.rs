//! The API gateway: a REST API of Amazon's kind with one stage and one resource,
//! `ANY /{proxy+}`, as an HTTP proxy integration.
//!
//! It never sends the stage to the app, drops a trailing slash, passes redirects back untouched
//! and makes its own errors without CORS headers: each is harmless alone, together they are the
//! story. The facts are recorded from the real service by others; where only one source says
//! so, the comment names what is taken on trust.
//!
//! Not imitated: authorizers, API keys, throttling, mapping templates, HTTP/2.
//!
//! **Invariant:** an answer either carries `x-amzn-ErrorType` (the gateway made it) or comes
//! from the app (or from the mock of `options=gateway`); never both.

mod answer;
mod integration;
mod route;

use std::net::IpAddr;
use std::sync::Arc;

use super::knobs::{Backend, Knobs};
use super::message::{Request, Response};
use super::server::Service;
use super::shared::Shared;
use answer::Refusal;
use integration::{Call, integrate};
use route::{Route, route};

/// The gateway as a server.
pub(super) struct Gateway {
    shared: Arc<Shared>,
    /// The API's id, ten letters and digits, as it would stand in the host name.
    api_id: String,
}

impl Gateway {
    pub(super) fn new(shared: Arc<Shared>) -> Gateway {
        Gateway { shared, api_id: answer::api_id() }
    }

    async fn respond(&self, knobs: &Knobs, request: Request, client: IpAddr) -> Response {
        match route(knobs, &request) {
            Route::NoStage => answer::refuse(knobs, Refusal::Forbidden),
            Route::NoMethod => answer::refuse(knobs, Refusal::MissingAuthenticationToken),
            Route::Mock => answer::enable_cors(knobs),
            Route::Proxy(path) => {
                let call = Call {
                    api_id: &self.api_id,
                    client,
                    backend: self.backend(knobs),
                    path: &path,
                    request: &request,
                };
                match integrate(knobs, call).await {
                    Ok(response) => response,
                    Err(refusal) => answer::refuse(knobs, refusal),
                }
            }
        }
    }

    fn backend(&self, knobs: &Knobs) -> String {
        match &knobs.backend {
            Backend::App => self.shared.app_address().to_string(),
            Backend::At(address) => address.clone(),
        }
    }
}

impl Service for Gateway {
    const NAME: &'static str = "gateway";

    async fn answer(&self, request: Request, client: IpAddr) -> Response {
        let knobs = self.shared.knobs();
        self.respond(&knobs, request, client).await
    }

    fn too_large(&self) -> Response {
        answer::refuse(&self.shared.knobs(), Refusal::TooLarge)
    }
}
