//! Diagnosis: who caused it, and what to change.
//!
//! A [`Finding`] says what broke, at which hop, on what evidence, and what to change. Each
//! rule is one file in `diagnose/rules/`, holding its words, its fix and its tests. To add a
//! rule: add the file, add a line to `RULES`.
//!
//! **Invariant:** products are known here and no algorithm of the standard is: a rule may ask
//! `fetch`, never the reverse.
//!
//! **Invariant:** a rule reads its case and nothing else, and cannot fail. A chain
//! with holes in it gives fewer findings, never an error, and no finding claims what the
//! evidence does not carry.

mod answered;
mod case;
mod finding;
mod fingerprint;
mod fix;
mod memo;
mod rules;
mod servers;
mod shape;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use answered::Fits;
pub use case::Case;
pub use finding::{Analysis, Answered, Evidence, Finding};
pub use fingerprint::{Fingerprint, FingerprintError, Fingerprints, Role};
pub use memo::Memo;
pub use servers::{Server, Servers, Tally};

use crate::fetch::Judgement;
use crate::lineage::{Actor, Actors, Route, follow, path};
use crate::trace::{Chain, Tap};

/// The code of every finding there is, causes before symptoms.
pub fn codes() -> impl Iterator<Item = &'static str> {
    rules::RULES.iter().map(|it| it.code)
}

/// Everything that can be concluded of one chain, with the built-in fingerprints.
pub fn analyse(
    chain: Arc<Chain>,
    taps: &[Tap],
    judgement: Judgement,
    servers: &Servers,
) -> Analysis {
    analyse_with(Fingerprints::builtin(), chain, taps, judgement, servers)
}

/// [`analyse`], with a set of fingerprints of one's own.
pub fn analyse_with(
    prints: &Fingerprints,
    chain: Arc<Chain>,
    taps: &[Tap],
    judgement: Judgement,
    servers: &Servers,
) -> Analysis {
    let fits: Vec<Fits<'_>> = chain.hops.iter().map(|it| Fits::of(it, prints)).collect();
    analyse_fitting(&fits, chain, taps, judgement, servers)
}

/// [`analyse_with`], with the fingerprints that fit each hop.
fn analyse_fitting(
    fits: &[Fits<'_>],
    chain: Arc<Chain>,
    taps: &[Tap],
    judgement: Judgement,
    servers: &Servers,
) -> Analysis {
    let who = answered::who_answered(&chain, taps, fits, servers);
    let actors = Actors {
        answered: who.answered.iter().map(|it| it.by.unwrap_or(Actor::Unknown)).collect(),
        between: who.between.unwrap_or(Actor::Unknown),
    };
    let first = chain.hops.first().map(|it| path::server_of(&it.hop.request.url));
    let earlier = first.and_then(|it| servers.get(&it)).and_then(|it| it.mapping.as_ref());
    let route = Route::learn(&chain, earlier).or_else(|| Route::of_dead_end(&chain, &actors));
    let lineage = follow(&chain, &actors, route.as_ref());
    let findings = find(&Case {
        chain: &chain,
        taps,
        judgement: &judgement,
        answered: &who.answered,
        actors: &actors,
        route: route.as_ref(),
        lineage: &lineage,
        products: &who.products,
        servers,
    });
    let lineage = lineage.into_iter().map(Arc::new).collect();
    Analysis { chain, judgement, answered: who.answered, actors, route, lineage, findings }
}

/// Ask every rule, then let symptoms name their causes.
fn find(case: &Case<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for rule in rules::RULES {
        for mut finding in (rule.find)(case) {
            finding.because =
                rule.causes.iter().copied().find(|cause| {
                    findings.iter().any(|it| it.code == *cause && it.hop <= finding.hop)
                });
            findings.push(finding);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::testing::{analysed, codes};

    const PREFLIGHT: [&str; 2] = [
        "edge OPTIONS http://gw.test/prod/items 200 access-control-allow-origin=http://page.test",
        "origin OPTIONS http://app.test/items 200 access-control-allow-origin=http://page.test",
    ];
    const FORBIDDEN: &str =
        "x-amzn-errortype=ForbiddenException body='{\"message\":\"Forbidden\"}'";

    #[test]
    fn one_cause_is_the_headline_and_the_others_hang_under_it() {
        let slash = |sent: &str, method: &str, status: u16, next: &str| {
            vec![
                PREFLIGHT[0].to_owned(),
                PREFLIGHT[1].to_owned(),
                format!(
                    "edge {method} http://gw.test/prod/items{sent} {status} location=/items/ access-control-allow-origin=http://page.test"
                ),
                format!(
                    "origin {method} http://app.test/items {status} location=/items/ access-control-allow-origin=http://page.test"
                ),
                format!("edge {next} http://gw.test/items/ 403 {FORBIDDEN}"),
            ]
        };
        for (lines, expected) in [
            (
                slash("", "GET", 301, "OPTIONS"),
                vec!["2 stage-prefix-lost", "3 gateway-error-without-cors < stage-prefix-lost"],
            ),
            (
                slash("/", "GET", 301, "OPTIONS"),
                vec![
                    "2 trailing-slash-dropped",
                    "2 stage-prefix-lost < trailing-slash-dropped",
                    "3 gateway-error-without-cors < stage-prefix-lost",
                ],
            ),
            (
                slash("", "POST", 301, "GET"),
                vec![
                    "2 stage-prefix-lost",
                    "2 redirect-drops-method < stage-prefix-lost",
                    "3 gateway-error-without-cors < stage-prefix-lost",
                ],
            ),
            // The gateway answers OPTIONS itself, so the app's log shows one line.
            (
                slash("", "GET", 301, "OPTIONS")
                    .into_iter()
                    .filter(|it| it != PREFLIGHT[1])
                    .collect(),
                vec![
                    "2 stage-prefix-lost",
                    "3 gateway-error-without-cors < stage-prefix-lost",
                    "2 preflight-answered-by-gateway < stage-prefix-lost",
                ],
            ),
            (
                vec![
                    "edge OPTIONS http://gw.test/prod/items 504 x-amzn-errortype=X".to_owned(),
                    "origin OPTIONS http://app.test/items refused".to_owned(),
                ],
                vec!["1 app-unreachable", "1 gateway-error-without-cors < app-unreachable"],
            ),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(codes(&lines), expected, "{}", lines.join("\n"));
        }
    }

    #[test]
    fn a_healthy_chain_has_no_finding() {
        let allow = "access-control-allow-origin=http://page.test vary=origin";
        for lines in [
            vec![
                PREFLIGHT[0].to_owned(),
                PREFLIGHT[1].to_owned(),
                format!("edge GET http://gw.test/prod/items 200 {allow}"),
                format!("origin GET http://app.test/items/ 200 {allow}"),
            ],
            vec![format!("edge GET http://gw.test/prod/nothing 404 {allow}")],
            vec![
                "edge POST http://page.test/login 302 location=/home >origin=-".to_owned(),
                "edge GET http://page.test/home 200 >origin=-".to_owned(),
            ],
            vec!["edge GET http://page.test/poll 304 >origin=-".to_owned()],
            vec![
                "edge GET http://page.test/favicon.ico 404 server=nginx/1.22.1 >origin=-"
                    .to_owned(),
            ],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(codes(&lines), [""; 0], "{}", lines.join("\n"));
        }
    }

    #[test]
    fn who_has_the_same_first_name_gets_no_fix_of_another() {
        let found = |server: &str| {
            let line = format!(
                "edge GET http://gw.test/a 404 server={server} content-type=text/html body='<TITLE>Not Found on Accelerator</TITLE> <!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">'"
            );
            analysed(&[&line]).findings.last().map(|it| it.fix.clone()).unwrap_or_default()
        };
        let (apache, other) = (found("Apache/2.4"), found("ATS/9.2"));
        assert!(apache.contains("(Apache)") && !other.contains("(Apache)"), "{apache}\n{other}");
    }

    #[test]
    fn names_who_answered() {
        for (lines, by) in [
            // Seen inside, or never arrived there: certain.
            (
                &[PREFLIGHT[0], PREFLIGHT[1], "edge GET http://gw.test/items/ 403"][..],
                "app! seen at tap origin | gateway! the request never reached tap origin",
            ),
            // Another server than the one whose traffic passes the inner tap.
            (
                &[PREFLIGHT[0], PREFLIGHT[1], "edge GET http://cdn.test/x 200"],
                "app! seen at tap origin | ? nothing tells",
            ),
            // Position outranks what the answer looks like.
            (
                &[
                    "edge GET http://gw.test/x 404 server=awselb/2.0",
                    "origin GET http://app.test/x 404",
                ],
                "app! seen at tap origin",
            ),
            (
                &["edge GET http://gw.test/x 500", "origin GET http://app.test/x 200"],
                "gateway! tap origin saw another answer (200)",
            ),
            (
                &["edge GET http://gw.test/x 502", "origin GET http://app.test/x refused"],
                "gateway! tap origin saw no answer",
            ),
            // Only fingerprints.
            (
                &["edge GET http://gw.test/x 403 x-amzn-errortype=ForbiddenException"],
                "gateway recognised by header x-amzn-errortype, no x-amzn-remapped-*",
            ),
            (
                &["edge GET http://gw.test/x 404 x-amzn-remapped-server=gunicorn"],
                "app handed on by AWS API Gateway (REST) (header x-amzn-remapped-*)",
            ),
            (&["edge GET http://gw.test/x 200"], "? nothing tells"),
            (&["edge GET http://gw.test/x refused"], "? no answer: refused"),
            (
                &["edge GET http://gw.test/x refused-by-tap"],
                "hopscope! the tap refused the request",
            ),
            // What gateways are made of, too: alone, beside another framework, under its mark.
            (
                &[
                    "edge GET http://gw.test/x 404 content-type='text/plain; charset=utf-8' x-content-type-options=nosniff body='404 page not found\n'",
                ],
                "? recognised by header content-type: text/plain; charset=utf-8, header x-content-type-options: nosniff, body `404 page not found\n`, which gateways answer as well as apps",
            ),
            (
                &[
                    "edge GET http://gw.test/x 302 location=/y server=Werkzeug/3",
                    "edge GET http://gw.test/y 404 x-powered-by=Express",
                ],
                "app recognised by header server: Werkzeug/* | gateway recognised by header x-powered-by: Express, while the app is another",
            ),
            (
                &["edge GET http://gw.test/x 404 x-powered-by=Express"],
                "? recognised by header x-powered-by: Express, which gateways answer as well as apps",
            ),
            (
                &["edge GET http://gw.test/x 404 server=nginx x-powered-by=Express"],
                "app recognised by header x-powered-by: Express",
            ),
            (
                &["edge GET http://gw.test/x 200 x-powered-by=Express"],
                "app recognised by header x-powered-by: Express",
            ),
            (
                &["edge GET http://gw.test/x 200 server=uvicorn x-powered-by=Express"],
                "app recognised by header server: uvicorn, handed on by Express",
            ),
            // Only an origin tap: what answers behind it is the app.
            (&["origin GET http://app.test/x 404"], "app! seen at tap origin"),
        ] {
            let answered = analysed(lines).answered;
            let words = answered.iter().map(|it| {
                let by = it.by.and_then(crate::lineage::Actor::as_str).unwrap_or("?");
                format!("{by}{} {}", if it.sure { "!" } else { "" }, it.why)
            });
            assert_eq!(words.collect::<Vec<_>>().join(" | "), by, "{}", lines.join("\n"));
        }
    }

    #[test]
    fn who_hands_on_what_others_answered_is_a_gateway() {
        use super::Servers;
        use super::testing::{analysed_after, story};
        use crate::lineage::Actor;
        let by = |seen: &str, line: &str| {
            let mut servers = Servers::default();
            servers.learn(&story(&[seen]).0);
            analysed_after(&[line], &servers).answered[0].by
        };
        let unknown = "edge GET http://gw.test/x 404 x-powered-by=Express";
        let seen = |server: &str| format!("edge GET http://gw.test/a 200 {server}");
        assert_eq!(
            by(&seen("server=gunicorn x-powered-by=Express"), unknown),
            Some(Actor::Gateway)
        );
        // Another layer may have led there; and what is no app server says nothing.
        assert_eq!(by(&seen("server=gunicorn"), unknown), None);
        assert_eq!(by(&seen("server=cloudflare x-powered-by=Express"), unknown), None);
        // The app's own.
        let own = "edge GET http://gw.test/x 404 server=gunicorn x-powered-by=Express";
        let marked = seen("server=gunicorn x-powered-by=Express");
        assert_eq!(by(&marked, own), Some(Actor::App));
    }
}
