//! No answer at all at the outermost tap: the connection failed before CORS was reached. A gateway
//! may have closed it because it got no answer either.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::lineage::Actor;
use crate::trace::{Distrust, FailureKind};

pub(super) const RULE: Rule = Rule {
    code: "server-unreachable",
    find: server_unreachable,
    causes: &["app-unreachable", "gateway-timeout"],
};

const FIXES: &[Fix] = &[Fix {
    product: "",
    text: "check that {server} is running and can be reached from here; this is no CORS error, whatever the console says beside it",
    source: "https://fetch.spec.whatwg.org/#concept-network-error",
}];

const TRUST: &[Fix] = &[Fix {
    product: "",
    text: "record with `--ca FILE`, which holds its authority's certificate (or its own), or with `--insecure {host}`; without the tap, a browser refuses it, too, unless it was told otherwise",
    source: "https://www.rfc-editor.org/rfc/rfc9110#section-4.3.4",
}];

const RENEW: &[Fix] = &[Fix {
    product: "",
    text: "give {host} a certificate for this name and time; until then, `--insecure {host}` lets the tap take it, while a browser without the tap refuses it",
    source: "https://www.rfc-editor.org/rfc/rfc9110#section-4.3.4",
}];

fn server_unreachable(case: &Case<'_>) -> Vec<Finding> {
    let mut failed = case.hops().filter_map(|(idx, it)| {
        let failure = it.hop.failure().filter(|_| it.hop.response().is_none())?;
        let theirs = !matches!(failure.kind, FailureKind::Aborted | FailureKind::RefusedByTap);
        // Right before the app it is the app that is missing: see `app_unreachable`.
        (theirs && !case.stands_before_app(it.hop.tap) && !case.is_made_good(idx))
            .then_some((idx, it, failure))
    });
    let Some((idx, it, failure)) = failed.next() else { return Vec::new() };
    let target = crate::trace::Target::parse(&it.hop.request.url);
    let (server, host) = (target.authority, target.host());
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    let distrust = failure.distrust();
    let title = match distrust {
        Some(it) => {
            format!("The certificate of {server} {}: CORS was never reached.", it.as_str())
        }
        None => {
            format!("{server} gave no answer ({}): CORS was never reached.", failure.kind.as_str())
        }
    };
    let fixes = match distrust {
        None => FIXES,
        Some(Distrust::Authority) => TRUST,
        Some(_) => RENEW,
    };
    let by = Actor::Unknown;
    let words = [("server", server), ("host", host)];
    vec![
        Draft { code: RULE.code, hop: idx, by, title, evidence, fixes, words: &words }
            .finding(case),
    ]
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::{analysed, check};

    #[test]
    fn fires_when_no_answer_came() {
        for (lines, found) in [
            (&["edge GET http://gw.test/a refused"][..], Some((1, "?"))),
            (
                &["edge GET http://gw.test/a closed", "origin GET http://app.test/a refused"],
                Some((1, "?")),
            ),
            (&["edge GET http://gw.test/a timeout"], Some((1, "?"))),
            // Sent again at once, and answered.
            (&["edge GET http://gw.test/a closed", "edge GET http://gw.test/a 200"], None),
            (
                &["edge GET http://gw.test/a closed", "edge GET http://gw.test/a closed"],
                Some((1, "?")),
            ),
            // The client went away, or the tap refused.
            (&["edge GET http://gw.test/a aborted"], None),
            (&["edge GET http://gw.test/a refused-by-tap"], None),
            (&["edge GET http://gw.test/a 502"], None),
            (&["origin GET http://app.test/a refused"], None),
        ] {
            check("server-unreachable", lines, found);
        }
    }

    #[test]
    fn tells_a_certificate_from_a_dead_server() {
        for (said, title, fix) in [
            ("", "gw.test gave no answer (tls): CORS was never reached.", "is running"),
            (
                "net::ERR_CERT_AUTHORITY_INVALID",
                "The certificate of gw.test is signed by nobody who is trusted here: CORS was \
                 never reached.",
                "`--ca FILE`",
            ),
            (
                "net::ERR_CERT_DATE_INVALID",
                "The certificate of gw.test is not valid now: CORS was never reached.",
                "`--insecure gw.test`",
            ),
        ] {
            let line = format!("edge GET https://gw.test/a tls said='{said}'");
            let finding = &analysed(&[&line]).findings[0];
            assert_eq!(finding.title, title);
            assert!(finding.evidence.iter().any(|it| it.place == "no response"));
            assert!(finding.fix.contains(fix), "{}", finding.fix);
        }
    }
}
