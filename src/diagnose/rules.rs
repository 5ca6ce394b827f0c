//! Every rule, causes before symptoms: the first finding is the headline.
//!
//! **Invariant:** a rule may name as its causes only rules that stand before it.

mod allow_origin_missing_on_redirect;
mod app_unreachable;
mod append_slash_refuses_write;
mod gateway_error_without_cors;
mod gateway_follows_redirects;
mod gateway_timeout;
mod location_internal_host;
mod location_scheme_downgraded;
mod prefix_doubled;
mod preflight_redirected;
mod redirect_drops_method;
mod redirect_drops_query;
mod redirect_leaves_tap;
mod redirect_loop;
mod server_unreachable;
mod stage_prefix_added;
mod stage_prefix_lost;
mod trailing_slash_dropped;

use super::{Case, Finding};

/// One rule: how it is found, and what may have caused it.
pub(super) struct Rule {
    pub(super) code: &'static str,
    pub(super) find: fn(&Case<'_>) -> Vec<Finding>,
    /// Codes that explain this one when they stand at the same hop or before, the deepest
    /// cause last.
    pub(super) causes: &'static [&'static str],
}

pub(super) const RULES: &[Rule] = &[
    server_unreachable::RULE,
    app_unreachable::RULE,
    gateway_timeout::RULE,
    trailing_slash_dropped::RULE,
    gateway_follows_redirects::RULE,
    redirect_loop::RULE,
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
    gateway_error_without_cors::RULE,
];

/// The words of a gateway that waited in vain, where its answer has some.
fn gateway_timeout_text(hop: &crate::trace::Hop) -> Option<&'static str> {
    let response = hop.response().filter(|it| it.status == 504)?;
    let body = response.body.text();
    TIMEOUTS.iter().copied().find(|it| body.contains(it))
}

const TIMEOUTS: &[&str] = &[
    "Endpoint request timed out",
    "The server didn't respond in time.",
    "upstream request timeout",
    "504 Gateway Time-out",
    "504 Gateway Timeout",
];

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
