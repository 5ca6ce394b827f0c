//! What a request inherits from its page.
//!
//! **Invariant:** a page is known by its headers and its origin, never by its content.

use crate::trace::Headers;

use super::corp::EmbedderPolicy;
use super::csp::{self, Policy};
use super::{AddressSpace, Origin, Page, PageRequest};

/// [Environment settings object](https://html.spec.whatwg.org/multipage/webappapis.html#environment-settings-object),
/// as far as a fetch needs it.
#[derive(Clone, Debug)]
pub struct Context {
    pub origin: Origin,
    /// Where the document came from: what CSP's `'self'` means.
    pub served_from: Origin,
    pub policies: Vec<Policy>,
    pub embedder: EmbedderPolicy,
    pub space: Option<AddressSpace>,
    url: Option<String>,
}

impl Context {
    /// The context of one request of a page.
    pub fn of(page: &Page, request: &PageRequest) -> Context {
        let origin = request.page_origin.as_deref().unwrap_or(&page.origin);
        let served_from = match &request.page_origin {
            Some(it) => it,
            None => page.served_from.as_deref().unwrap_or(&page.origin),
        };
        let mut context =
            Context::new(Origin::parse(origin), Origin::parse(served_from), &page.response_headers);
        if !csp::treats_as_public(&context.policies) {
            context.space = page.address_space.or(context.space);
        }
        if request.page_origin.is_none() {
            context.url.clone_from(&page.url);
        }
        context
    }

    pub fn new(origin: Origin, served_from: Origin, headers: &Headers) -> Context {
        let secure = served_from.is_potentially_trustworthy();
        let policies = csp::parse(headers);
        let public = csp::treats_as_public(&policies);
        Context {
            space: if public { Some(AddressSpace::Public) } else { served_from.address_space() },
            policies,
            embedder: if secure {
                EmbedderPolicy::parse(headers)
            } else {
                EmbedderPolicy::UnsafeNone
            },
            url: None,
            origin,
            served_from,
        }
    }

    /// The document's URL as far as it is known.
    pub fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| format!("{}/", self.served_from.serialise()))
    }
}
