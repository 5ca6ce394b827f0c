//! Every rule, causes before symptoms: the first finding is the headline.
//!
//! **Invariant:** a rule may name as its causes only rules that stand before it.

mod allow_origin_dropped;
mod allow_origin_duplicated;
mod allow_origin_mismatch;
mod allow_origin_missing;
mod allow_origin_missing_on_error;
mod allow_origin_missing_on_redirect;
mod answer_cut_short;
mod answer_replaced;
mod app_unreachable;
mod append_slash_refuses_write;
mod authorization_dropped;
mod body_url_lacks_prefix;
mod cached_answer_without_allow_origin;
mod credentials_not_allowed;
mod gateway_error_without_cors;
mod gateway_follows_redirects;
mod gateway_got_no_answer;
mod gateway_timeout;
mod gateway_unavailable;
mod header_not_allowed;
mod location_internal_host;
mod location_scheme_downgraded;
mod method_not_allowed;
mod mixed_content;
mod origin_null_after_redirect;
mod payload_too_large_masked;
mod permanent_redirect_cached;
mod prefix_doubled;
mod preflight_answered_by_gateway;
mod preflight_not_routed;
mod preflight_redirected;
mod preflight_refused;
mod rate_limited_masked;
mod redirect_drops_method;
mod redirect_drops_query;
mod redirect_leaves_tap;
mod redirect_loop;
mod redirected_to_login;
mod route_unknown;
mod server_unreachable;
mod stage_prefix_added;
mod stage_prefix_lost;
mod stage_unknown;
mod trailing_slash_dropped;
mod vary_origin_missing;
mod wildcard_with_credentials;

use super::{Case, Finding};
use crate::content;
use crate::trace::{ChainHop, Hop};

/// One rule: how it is found, and what may have caused it.
pub(super) struct Rule {
    pub(super) code: &'static str,
    pub(super) find: fn(&Case<'_>) -> Vec<Finding>,
    /// Codes that explain this one when they stand at the same hop or before, the deepest
    /// cause last.
    pub(super) causes: &'static [&'static str],
}

pub(super) const RULES: &[Rule] = &[
    app_unreachable::RULE,
    gateway_timeout::RULE,
    gateway_got_no_answer::RULE,
    gateway_unavailable::RULE,
    mixed_content::RULE,
    server_unreachable::RULE,
    trailing_slash_dropped::RULE,
    gateway_follows_redirects::RULE,
    redirect_loop::RULE,
    redirected_to_login::RULE,
    location_scheme_downgraded::RULE,
    redirect_leaves_tap::RULE,
    location_internal_host::RULE,
    preflight_redirected::RULE,
    allow_origin_missing_on_redirect::RULE,
    stage_prefix_lost::RULE,
    prefix_doubled::RULE,
    stage_prefix_added::RULE,
    redirect_drops_query::RULE,
    append_slash_refuses_write::RULE,
    redirect_drops_method::RULE,
    permanent_redirect_cached::RULE,
    authorization_dropped::RULE,
    answer_replaced::RULE,
    answer_cut_short::RULE,
    payload_too_large_masked::RULE,
    rate_limited_masked::RULE,
    stage_unknown::RULE,
    route_unknown::RULE,
    preflight_not_routed::RULE,
    preflight_refused::RULE,
    origin_null_after_redirect::RULE,
    allow_origin_duplicated::RULE,
    allow_origin_dropped::RULE,
    wildcard_with_credentials::RULE,
    credentials_not_allowed::RULE,
    cached_answer_without_allow_origin::RULE,
    allow_origin_mismatch::RULE,
    header_not_allowed::RULE,
    method_not_allowed::RULE,
    allow_origin_missing_on_error::RULE,
    gateway_error_without_cors::RULE,
    allow_origin_missing::RULE,
    vary_origin_missing::RULE,
    body_url_lacks_prefix::RULE,
    preflight_answered_by_gateway::RULE,
];

/// Whether the gateway says that it waited in vain: 504 is the status for that
/// ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#name-504-gateway-timeout)), though some
/// send it for a refused connection too, or 502 when they gave up reading.
fn is_gateway_timeout(hop: &Hop) -> bool {
    let Some(response) = hop.response() else { return false };
    let says = |words: &[&str]| {
        let body = response.body.text();
        words.iter().any(|it| body.contains(it))
    };
    let waited = || hop.timing.wait.is_some_and(|it| it >= PATIENCE);
    let at_once = || hop.timing.wait.is_some_and(|it| it < AT_ONCE);
    match response.status {
        504 | 524 => {
            !says(&[NO_ENDPOINT])
                && (waited() || !says(&[NO_PROXYING]))
                && (response.status != 504 || !at_once() || says(WAITED))
        }
        500 | 502 => waited() && (says(&["Error reading from remote server"]) || says(TIMED_OUT)),
        503 if says(&["first byte timeout", "between bytes timeout"]) => true,
        503 => waited() && (says(&["Backend fetch failed", "ERR_READ_TIMEOUT"]) || says(TIMED_OUT)),
        _ => false,
    }
}

/// Whether the app answered after the gateway had: who gives up does not always stop the app. The
/// two spans are each measured by one clock, and the inner one begins later.
pub(super) fn is_late(outer: &Hop, inner: &Hop) -> bool {
    let gave_up = outer.timing.wait.filter(|it| *it >= PATIENCE);
    let waits = gave_up.zip(inner.timing.wait);
    outer.status().is_some_and(|it| it >= 500)
        && inner.response().is_some()
        && waits.is_some_and(|(outer, inner)| inner > outer + AT_ONCE)
}

/// [`is_late`], as the innermost tap saw it.
fn answered_late(hop: &ChainHop) -> bool {
    hop.sightings.last().is_some_and(|it| is_late(&hop.hop, &it.hop))
}

/// What else is said of a timeout, in whatever product, after a wait: by Go's `TimeoutHandler`,
/// Node's `AbortSignal.timeout`, Java's `HttpTimeoutException`.
const TIMED_OUT: &[&str] = &["timeout", "Timeout", "timed out"];
/// A 504 of AWS API Gateway: a connection that failed, however long that took.
const NO_ENDPOINT: &str = "Network error communicating with endpoint";
/// Words for a timeout alone, of AWS API Gateway, Envoy, Vercel and Squid.
const WAITED: &[&str] =
    &["request timed out", "upstream request timeout", "INVOCATION_TIMEOUT", "ERR_READ_TIMEOUT"];
/// A 504 of http-proxy-middleware: any failure at all.
const NO_PROXYING: &str = "Error occurred while trying to proxy";

/// Whether these are the words of one who has no others for whatever broke.
fn says_any_failure(hop: &Hop) -> bool {
    hop.response().is_some_and(|it| content::of_response(it).contains(NO_PROXYING))
}

/// A connection that is refused or broken is known at once; microseconds.
pub(super) const PATIENCE: u64 = 900_000;
/// And nobody's patience is as short as this; microseconds.
pub(super) const AT_ONCE: u64 = 200_000;

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn causes_stand_before_their_symptoms() {
        for (idx, rule) in RULES.iter().enumerate() {
            let before = RULES.get(..idx).unwrap_or_default();
            for cause in rule.causes {
                let known = before.iter().any(|it| it.code == *cause);
                assert!(known, "{} names {cause}, which comes later", rule.code);
            }
            assert!(!before.iter().any(|it| it.code == rule.code), "{} twice", rule.code);
        }
    }
}
