//! Nobody sent `Access-Control-Allow-Origin`.

use super::Rule;
use crate::content;
use crate::diagnose::case::{Case, outer_header, request_header, request_line, status_line};
use crate::diagnose::fix::{Draft, allow_origin};
use crate::diagnose::{Finding, Server};
use crate::lineage::Actor;
use crate::trace::{ChainHop, Hop, HopKind};

pub(super) const RULE: Rule = Rule {
    code: "allow-origin-missing",
    find: allow_origin_missing,
    causes: &[
        "stage-prefix-lost",
        "prefix-doubled",
        "location-scheme-downgraded",
        "location-internal-host",
        "preflight-not-routed",
        "preflight-refused",
        "answer-replaced",
        "cached-answer-without-allow-origin",
        "redirected-to-login",
        "origin-null-after-redirect",
    ],
};

fn allow_origin_missing(case: &Case<'_>) -> Vec<Finding> {
    let mut found =
        case.blocked_hops().filter(|(idx, it, status)| is_plainly_missing(case, *idx, it, *status));
    let Some((idx, it, status)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(request_header(idx, &it.hop, "origin"));
    evidence.extend(status_line(idx, &it.hop));
    let what = match it.kind {
        HopKind::Preflight => "answer to the preflight".to_owned(),
        _ if status >= 400 => format!("{status}, which the CORS message hides,"),
        _ => "answer to the request".to_owned(),
    };
    let by = case.known_author("access-control-allow-origin", idx);
    let who = if by == Actor::Unknown { "" } else { ": nobody on the way sent one" };
    let who = if case.may_be_added_outside(&it.hop) {
        " at this tap, and the request itself never came: no layer outside seems to add one"
    } else {
        who
    };
    let origin = it.hop.request.headers.text("origin").unwrap_or_default();
    let mut title = format!("The {what} has no Access-Control-Allow-Origin{who}.");
    if varies_by_origin(&it.hop) {
        evidence.extend(outer_header(idx, it, "vary"));
        title.push_str(" It varies by Origin: whoever decides by that does not list this one.");
    }
    let fixes = match &*origin {
        "null" if case.redirects().any(|(before, ..)| before < idx) => {
            allow_origin::FIXES_OF_TAINTED
        }
        "null" => allow_origin::FIXES_OF_NULL,
        _ => allow_origin::FIXES,
    };
    let draft = Draft {
        code: RULE.code,
        hop: idx,
        by,
        title,
        evidence,
        fixes,
        words: &[("origin", &origin)],
    };
    let finding = draft.finding(case);
    vec![if is_about_cors(it) { finding } else { finding.after_mending(status) }]
}

/// Whether the status itself is a refusal of the origin, as Spring's 403 and Starlette's 400.
fn is_about_cors(hop: &ChainHop) -> bool {
    let says_so =
        |it: &Hop| it.response().is_some_and(|it| content::of_response(it).contains("CORS"));
    varies_by_origin(&hop.hop) || hop.hop.status() >= Some(400) && says_so(&hop.hop)
}

/// Whether a layer that knows CORS has looked at the origin
/// ([CORS and caches](https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches)).
fn varies_by_origin(hop: &Hop) -> bool {
    let vary = hop.response().and_then(|it| it.headers.text("vary")).unwrap_or_default();
    vary.split(',').any(|it| it.trim().eq_ignore_ascii_case("origin"))
}

/// Missing everywhere, and not explained by who answered or how: those are other findings.
fn is_plainly_missing(case: &Case<'_>, idx: usize, hop: &ChainHop, status: u16) -> bool {
    let anywhere = hop
        .seen()
        .any(|it| it.response().is_some_and(|it| it.headers.has("access-control-allow-origin")));
    let explained = crate::lineage::path::redirect_target(&hop.hop).is_some()
        || status >= 400 && case.is_made_on_the_way(idx)
        || hop.kind == HopKind::Preflight && matches!(status, 401 | 403 | 404 | 405 | 407 | 501)
        || hop.hop.testimony.from_cache
        || status >= 400 && case.is_off_the_route(idx);
    let elsewhere = case.hops().any(|(other, it)| {
        let has = it.hop.response().is_some_and(|it| it.headers.has("access-control-allow-origin"));
        status >= 400 && other != idx && has
    });
    let known = status >= 400
        && case
            .servers
            .get(&crate::lineage::path::server_of(&hop.hop.request.url))
            .is_some_and(|it| it.fine.with > 0 && it.errors.with == 0);
    (!case.may_be_added_outside(&hop.hop) || nothing_followed(case, idx, hop))
        && !anywhere
        && !explained
        && !elsewhere
        && !known
        && case.is_cross_origin(&hop.hop)
}

/// A preflight, seen right before the app alone, for which no request ever came: an outer layer
/// might have added the header, but then the browser would have gone on.
fn nothing_followed(case: &Case<'_>, idx: usize, hop: &ChainHop) -> bool {
    let server = crate::lineage::path::server_of(&hop.hop.request.url);
    let passes = case.servers.get(&server).is_some_and(Server::lets_preflights_pass);
    hop.kind == HopKind::Preflight && idx + 1 == case.chain.hops.len() && !passes
}

#[cfg(test)]
mod tests {
    use crate::diagnose::Servers;
    use crate::diagnose::testing::{analysed_after, check, story};

    #[test]
    fn fires_when_nobody_sent_the_header() {
        for (lines, found) in [
            (
                &["edge GET http://gw.test/a 200", "origin GET http://app.test/a 200"][..],
                Some((1, "app")),
            ),
            (&["edge OPTIONS http://gw.test/items 200"], Some((1, "?"))),
            // An error of an app that never sends it.
            (
                &["edge GET http://gw.test/a 404", "origin GET http://app.test/a 404"],
                Some((1, "app")),
            ),
            (&["edge GET http://gw.test/a 200 access-control-allow-origin=http://page.test"], None),
            // Dropped on the way, redirected, refused, made by the gateway: other findings.
            (
                &[
                    "edge GET http://gw.test/a 200",
                    "origin GET http://app.test/a 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // Who looks behind the gateway alone does not see what it adds.
            (&["origin GET http://app.test/a 200"], None),
            (
                &[
                    "origin OPTIONS http://app.test/a 200 access-control-allow-origin=http://page.test",
                    "origin GET http://app.test/a 200",
                ],
                Some((2, "app")),
            ),
            // But it sees that the browser did not go on.
            (&["origin OPTIONS http://app.test/a 200"], Some((1, "app"))),
            // What an answer looks like does not tell who left something out.
            (&["edge GET http://gw.test/a 200 x-powered-by=Express"], Some((1, "?"))),
            (&["edge GET http://gw.test/a 301 location=/b"], None),
            (&["edge OPTIONS http://gw.test/items 401"], None),
            (&["edge GET http://gw.test/a 403 x-amzn-errortype=X"], None),
            (&["edge GET http://gw.test/a 200 >origin=-"], None),
            (&["edge GET http://page.test/a 200"], None),
        ] {
            check("allow-origin-missing", lines, found);
        }
    }

    #[test]
    fn a_layer_outside_lets_preflights_pass() {
        let preflight = "origin OPTIONS http://app.test/a 200";
        let mut servers = Servers::default();
        servers.learn(&story(&[preflight]).0);
        servers.learn(&story(&["origin GET http://app.test/a 200"]).0);
        let found = analysed_after(&[preflight], &servers).findings;
        assert!(found.is_empty(), "{found:?}");
    }
}
