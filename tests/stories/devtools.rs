//! The story as real browsers' developer tools export it: one chain, the right verdict, and a
//! word on what the export does not show.

use std::fs;
use std::sync::Arc;

use hopscope::diagnose::Analysis;
use hopscope::fetch::{On, UnseenKind, VerdictOutcome};
use hopscope::formats::har;
use hopscope::link;
use hopscope::trace::{Hop, Tap, TapKind, Target};

/// What is found in a file of the developer tools, each chain by itself: `HOP CODE`, a symptom
/// with `< CAUSE`.
fn found(name: &str) -> Vec<Vec<String>> {
    let file = har::read(&fs::read(format!("tests/devtools/{name}.har")).unwrap()).unwrap();
    let hops: Vec<Arc<Hop>> = file.hops.into_iter().map(Arc::new).collect();
    let kind = TapKind::File;
    let taps = [Tap { name: "har".to_owned(), kind, address: String::new(), upstream: None }];
    let all = crate::analyse(&link::chains(&hops, &taps), &taps);
    let of_chain = |it: &Analysis| {
        let because = |it: Option<&str>| it.map(|it| format!(" < {it}")).unwrap_or_default();
        let all = it.findings.iter();
        all.map(|it| format!("{} {}{}", it.hop + 1, it.code, because(it.because))).collect()
    };
    all.iter().map(of_chain).filter(|it: &Vec<String>| !it.is_empty()).collect()
}

/// The only chain of `tests/devtools/NAME.har` that goes to the gateway, its hops, and the
/// remarks on the file.
fn told(name: &str) -> (Analysis, String, Vec<String>) {
    let file = har::read(&fs::read(format!("tests/devtools/{name}.har")).unwrap()).unwrap();
    let hops: Vec<Arc<Hop>> = file.hops.into_iter().map(Arc::new).collect();
    let kind = TapKind::File;
    let taps = [Tap { name: "har".to_owned(), kind, address: String::new(), upstream: None }];
    let mut chains = link::chains(&hops, &taps);
    chains.retain(|it| it.hops[0].hop.request.url.starts_with("http://127.0.0.2:"));
    assert_eq!(chains.len(), 1, "{name}");
    let hop = |it: &Hop| {
        let path = Target::parse(&it.request.url).path;
        format!("{} {path} {}", it.request.method, it.status().unwrap_or_default())
    };
    let hops: Vec<String> = chains[0].hops.iter().map(|it| hop(&it.hop)).collect();
    let analysis = crate::analyse(&chains, &taps).remove(0);
    (analysis, hops.join(" | "), file.remarks)
}

const STOPPED: &str = "1 of its requests the browser stopped itself, before they were on a wire";

#[test]
fn with_preflights_all_is_told() {
    for name in ["chromium", "firefox"] {
        let (analysis, hops, remarks) = told(name);
        assert_eq!(hops, "OPTIONS /prod/items 200 | GET /prod/items 301 | OPTIONS /items/ 403");
        let verdict = &analysis.judgement.verdict;
        assert_eq!(verdict.browser.as_str(), name);
        assert_eq!((verdict.outcome, verdict.hop), (VerdictOutcome::Blocked, Some(2)));
        assert_eq!(verdict.chromium.code, Some("PreflightMissingAllowOriginHeader"));
        assert_eq!(verdict.firefox.code, Some("CORSMissingAllowOrigin2"));
        assert_eq!(analysis.judgement.unseen, []);
        assert_eq!(analysis.findings[0].code, "stage-prefix-lost");
        assert_eq!(remarks, [STOPPED]);
    }
}

/// Behind the panel's filter for fetches nothing is left of the refusal but the browser's word
/// that it stopped the request: blocked, and no code is made up.
#[test]
fn without_preflights_it_says_what_is_missing() {
    let (analysis, hops, remarks) = told("chromium-fetch-xhr");
    assert_eq!(hops, "GET /prod/items 301");
    let verdict = &analysis.judgement.verdict;
    assert_eq!((verdict.outcome, verdict.hop), (VerdictOutcome::Blocked, None));
    assert_eq!((verdict.chromium.code, verdict.firefox.code), (None, None));
    assert!(verdict.reading.contains("not in the recording"), "{}", verdict.reading);
    assert!(verdict.depends.iter().any(|it| it.on == On::Recording), "{verdict:?}");
    let unseen = &analysis.judgement.unseen;
    assert!(unseen.iter().any(|it| it.kind == UnseenKind::NotRecorded && it.before == 0));
    assert_eq!(analysis.findings[0].code, "stage-prefix-lost");
    assert_eq!(remarks, [STOPPED]);
}

/// A preflight that passed, and then an answer that the browser refused: of that the tools tell no
/// time but waiting, and Chromium no body. A redirect to a login. An address over http.
#[test]
fn what_a_refused_answer_hides_is_told() {
    let masked = vec!["2 gateway-error-without-cors"];
    let login = vec![
        "1 redirected-to-login",
        "1 origin-null-after-redirect < redirected-to-login",
        "2 allow-origin-missing < redirected-to-login",
    ];
    assert_eq!(found("chromium-masked"), [masked.clone(), login.clone(), vec!["1 mixed-content"]]);
    // Its page was over http, so that the last one was sent, to nobody.
    assert_eq!(found("firefox-masked"), [masked, login, vec!["1 server-unreachable"]]);
}
