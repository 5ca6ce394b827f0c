//! Cross-Origin-Resource-Policy, and the embedder policy that turns it on by default.
//!
//! **Invariant:** only `no-cors` requests are checked; a CORS request has been allowed already.

use crate::trace::Headers;

use super::{Browser, Origin};

/// [Embedder policy](https://html.spec.whatwg.org/multipage/browsers.html#embedder-policy-value)
/// of a document.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum EmbedderPolicy {
    #[default]
    UnsafeNone,
    RequireCorp,
    /// Cross-origin `no-cors` requests go without credentials.
    Credentialless,
}

impl EmbedderPolicy {
    /// From a document's response headers. Counts only in a secure context; anything that is
    /// no known token is `unsafe-none`.
    pub fn parse(headers: &Headers) -> EmbedderPolicy {
        let value = headers.text("cross-origin-embedder-policy").unwrap_or_default();
        match value.split(';').next().unwrap_or_default().trim() {
            "require-corp" => EmbedderPolicy::RequireCorp,
            "credentialless" => EmbedderPolicy::Credentialless,
            _ => EmbedderPolicy::UnsafeNone,
        }
    }
}

/// Why an answer was withheld, as Chromium's `net_error` ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Withheld {
    NotSameOrigin,
    NotSameSite,
    NotSameOriginAfterDefaultedToSameOriginByCoep,
}

impl Withheld {
    /// The name after `net::ERR_BLOCKED_BY_RESPONSE.`.
    pub fn as_str(self) -> &'static str {
        match self {
            Withheld::NotSameOrigin => "NotSameOrigin",
            Withheld::NotSameSite => "NotSameSite",
            Withheld::NotSameOriginAfterDefaultedToSameOriginByCoep => {
                "NotSameOriginAfterDefaultedToSameOriginByCoep"
            }
        }
    }
}

/// [Cross-origin resource policy check](https://fetch.spec.whatwg.org/#cross-origin-resource-policy-check)
/// of a `no-cors` answer from `server` to `page`.
pub fn check(
    answer: &Headers,
    page: &Origin,
    server: &Origin,
    embedder: EmbedderPolicy,
    browser: Browser,
) -> Option<Withheld> {
    if page.same(server) {
        return None;
    }
    match answer.get("cross-origin-resource-policy").as_deref() {
        Some(b"same-origin") => Some(Withheld::NotSameOrigin),
        // An address has no registrable domain, so that in Chromium it is the same site as nothing
        // else; Firefox compares hosts then.
        Some(b"same-site") => {
            let has_site = browser == Browser::Firefox || page.registrable_domain().is_some();
            let same = has_site && page.same_site(server);
            (!same).then_some(Withheld::NotSameSite)
        }
        Some(b"cross-origin") => None,
        // Absent or not known: as the embedder says.
        _ => (embedder == EmbedderPolicy::RequireCorp)
            .then_some(Withheld::NotSameOriginAfterDefaultedToSameOriginByCoep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_and_the_embedder_decide() {
        use EmbedderPolicy::{Credentialless, RequireCorp, UnsafeNone};
        let page = Origin::parse("http://a.site.test");
        for (value, server, embedder, withheld) in [
            (None, "http://b.test", UnsafeNone, None),
            (None, "http://b.test", Credentialless, None),
            (
                None,
                "http://b.test",
                RequireCorp,
                Some(Withheld::NotSameOriginAfterDefaultedToSameOriginByCoep),
            ),
            (None, "http://a.site.test", RequireCorp, None),
            (Some("same-origin"), "http://b.site.test", UnsafeNone, Some(Withheld::NotSameOrigin)),
            (Some("same-site"), "http://b.site.test", UnsafeNone, None),
            (Some("same-site"), "http://b.test", UnsafeNone, Some(Withheld::NotSameSite)),
            (Some("cross-origin"), "http://b.test", RequireCorp, None),
            (Some("nonsense"), "http://b.test", UnsafeNone, None),
        ] {
            let answer: Headers =
                value.map(|it| ("Cross-Origin-Resource-Policy", it)).into_iter().collect();
            assert_eq!(
                check(&answer, &page, &Origin::parse(server), embedder, Browser::Chromium),
                withheld,
                "{value:?} {server} {embedder:?}"
            );
        }
    }
    #[test]
    fn an_address_is_a_site_in_firefox_alone() {
        let (page, server) = ("http://127.0.0.1:8000", "http://127.0.0.1:9000");
        let answer: Headers = [("Cross-Origin-Resource-Policy", "same-site")].into_iter().collect();
        let withheld = |browser| {
            let (page, server) = (Origin::parse(page), Origin::parse(server));
            check(&answer, &page, &server, EmbedderPolicy::UnsafeNone, browser)
        };
        assert_eq!(withheld(Browser::Chromium), Some(Withheld::NotSameSite));
        assert_eq!(withheld(Browser::Firefox), None);
    }
}
