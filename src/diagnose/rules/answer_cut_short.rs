//! An answer began well and broke off in its body. A page's script gets its head, and an error
//! when it reads on.

use super::Rule;
use crate::diagnose::case::{Case, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::diagnose::{Evidence, Finding};
use crate::lineage::Actor;
use crate::trace::{ChainHop, FailureKind, Hop, HopKind};

pub(super) const RULE: Rule =
    Rule { code: "answer-cut-short", find: answer_cut_short, causes: &[] };

const FIXES_OF_AN_APP: &[Fix] = &[
    Fix {
        product: "gunicorn",
        text: "see gunicorn's log for an exception in the middle of an answer, or for `WORKER TIMEOUT`; then a larger `timeout` in its settings (30 s unless set)",
        source: "https://docs.gunicorn.org/en/stable/settings.html#timeout",
    },
    Fix {
        product: "",
        text: "see the app's log for what ended it in its answer: an exception while it streamed, a worker killed for its time or memory, a Content-Length that is larger than what it sends",
        source: "https://www.rfc-editor.org/rfc/rfc9112#name-handling-incomplete-message",
    },
];

const FIXES_ON_THE_WAY: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "see nginx's error log: where it could not write to its temporary files, give its user room and rights in proxy_temp_path, or `proxy_max_temp_file_size 0;` (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_max_temp_file_size",
    },
    Fix {
        product: "",
        text: "see the gateway's log for why it ended the answer: a limit on its size or time, no room for its temporary files",
        source: "https://www.rfc-editor.org/rfc/rfc9112#name-handling-incomplete-message",
    },
];

/// For who gave up while there was more to come.
const FIXES_OF_A_WAIT: &[Fix] = &[
    Fix {
        product: "nginx",
        text: "let the app send something sooner, or raise proxy_read_timeout, which is 60 s between two pieces of an answer unless set (nginx)",
        source: "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout",
    },
    Fix {
        product: "HAProxy",
        text: "let the app send something sooner, or raise timeout server (HAProxy)",
        source: "https://docs.haproxy.org/3.0/configuration.html#timeout%20server",
    },
    Fix {
        product: "Envoy",
        text: "raise the route's timeout, which is 15 s for a whole answer unless set, or let the app send something sooner than stream_idle_timeout (Envoy)",
        source: "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts",
    },
    Fix {
        product: "",
        text: "let the app send its answer sooner, or raise the gateway's timeout for it; the gateway's log tells why it gave up",
        source: "https://www.rfc-editor.org/rfc/rfc9112#name-handling-incomplete-message",
    },
];

const FIXES_OF_NOBODY: &[Fix] = &[Fix {
    product: "",
    text: "put a tap right before the app, which shows whether the app's own answer was whole; or see the logs of the gateway and the app at that time",
    source: "https://www.rfc-editor.org/rfc/rfc9112#name-handling-incomplete-message",
}];

fn answer_cut_short(case: &Case<'_>) -> Vec<Finding> {
    let mut cut = case.hops().filter_map(|(idx, it)| {
        let counts = it.kind != HopKind::Preflight && !case.is_made_good(idx);
        Some((idx, it, cut(&it.hop).filter(|_| counts)?))
    });
    let Some((idx, it, kind)) = cut.next() else { return Vec::new() };
    let how = in_words(kind);
    let (by, title, fixes) = match end(case, it) {
        End::App => (
            Actor::App,
            format!("The app's answer broke off in its body ({how})."),
            FIXES_OF_AN_APP,
        ),
        End::Gateway(what, fixes) => {
            let title = format!("The gateway broke off the answer in its body ({how}), {what}.");
            (case.actors.between, title, fixes)
        }
        End::Unknown => {
            let title = format!("The answer broke off in its body ({how}), by whom is not seen.");
            (Actor::Unknown, title, FIXES_OF_NOBODY)
        }
    };
    let mut evidence = vec![request_line(idx, &it.hop)];
    let sides = [Some(&it.hop), it.sightings.last().map(|it| &it.hop)];
    for hop in sides.into_iter().flatten() {
        evidence.extend(status_line(idx, hop));
        evidence.extend(body_end(idx, hop));
    }
    vec![Draft { code: RULE.code, hop: idx, by, title, evidence, fixes, words: &[] }.finding(case)]
}

/// Who ended the answer.
enum End {
    App,
    /// What became of the app's answer, and what to change.
    Gateway(&'static str, &'static [Fix]),
    Unknown,
}

fn end(case: &Case<'_>, hop: &ChainHop) -> End {
    let inner = hop.innermost();
    if cut(inner).is_some() {
        return if case.stands_before_app(inner.tap) { End::App } else { End::Unknown };
    }
    match inner.failure().map(|it| it.kind) {
        None if inner.response().is_some_and(|it| it.body.complete) => {
            End::Gateway("which the app had sent whole", FIXES_ON_THE_WAY)
        }
        Some(FailureKind::Aborted) if inner.response().is_some() => {
            End::Gateway("and did not wait for the rest of the app's", FIXES_OF_A_WAIT)
        }
        _ => End::Unknown,
    }
}

/// What broke the answer off in its body, if its server did.
fn cut(hop: &Hop) -> Option<FailureKind> {
    use FailureKind::{Closed, Malformed, Reset, Timeout};
    let kind = hop.response()?.truncated.as_ref()?.kind;
    matches!(kind, Closed | Malformed | Reset | Timeout).then_some(kind)
}

fn in_words(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Reset => "the connection was reset",
        FailureKind::Timeout => "nothing more came in time",
        FailureKind::Malformed => "what came was not HTTP",
        _ => "the connection was closed",
    }
}

fn body_end(idx: usize, hop: &Hop) -> Option<Evidence> {
    let response = hop.response()?;
    let text = match &response.truncated {
        Some(failure) => format!("cut short: {}", failure.kind.as_str()),
        None => "whole".to_owned(),
    };
    Some(Evidence { hop: idx, tap: hop.tap, place: "response body".to_owned(), text })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::{analysed, check};

    #[test]
    fn names_who_ended_an_answer() {
        let edge = "edge GET http://gw.test/a 200 cut=closed";
        for (lines, found) in [
            (&[edge, "origin GET http://app.test/a 200 cut=closed"][..], Some((1, "app"))),
            (&[edge, "origin GET http://app.test/a 200 cut=reset"], Some((1, "app"))),
            (&[edge, "origin GET http://app.test/a 200"], Some((1, "gateway"))),
            (&[edge, "origin GET http://app.test/a 200 cut=aborted"], Some((1, "gateway"))),
            (&["origin GET http://app.test/a 200 cut=timeout"], Some((1, "app"))),
            (&[edge], Some((1, "?"))),
            // The page went away, or had what it wanted.
            (&["edge GET http://gw.test/a 200 cut=aborted"], None),
            (
                &["edge GET http://gw.test/a 200", "origin GET http://app.test/a 200 cut=reset"],
                None,
            ),
            (&["edge OPTIONS http://gw.test/a 200 cut=closed"], None),
            (&["edge GET http://gw.test/a closed"], None),
        ] {
            check("answer-cut-short", lines, found);
        }
    }

    #[test]
    fn shows_both_sides() {
        let lines = ["edge GET http://gw.test/a 200 cut=reset", "origin GET http://app.test/a 200"];
        let analysis = analysed(&lines);
        let finding = analysis.findings.iter().find(|it| it.code == "answer-cut-short").unwrap();
        let quoted: Vec<_> = finding.evidence.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(quoted, ["GET /a", "200", "cut short: reset", "200", "whole"]);
        assert!(finding.title.ends_with("which the app had sent whole."), "{}", finding.title);
    }
}
