//! One run of one case: the tap against the servers, the linker against the page, the verdict
//! against the browser.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use hopscope::fetch::{self, Api, Browser, Known, PageRequest, VerdictOutcome};
use hopscope::link;
use hopscope::trace::{Chain, Exchange, FailureKind, Hop, Tap, Target, Time};

use super::case::{self, Case, Shape, Truth};
use super::world::Seen;

/// What a browser said of one request.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Said {
    ok: bool,
    status: Option<u16>,
    cors_error: Option<String>,
    #[serde(default)]
    failed_parameter: Option<String>,
    #[serde(default)]
    net_error: Option<String>,
    console: Vec<String>,
}

pub(crate) struct Run<'a> {
    pub browser: Browser,
    pub case: &'a Case,
    pub hops: &'a [Arc<Hop>],
    pub taps: &'a [Tap],
    pub seen: &'a [Seen],
    /// When each request began, and what came of it.
    pub said: &'a [(Time, Said)],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum What {
    Hops,
    Chains,
    Verdict,
    Rig,
}

impl What {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            What::Hops => "hops",
            What::Chains => "chains",
            What::Verdict => "verdict",
            What::Rig => "rig",
        }
    }
}

pub(crate) struct Difference {
    pub what: What,
    text: String,
}

impl Difference {
    pub(crate) fn of_rig(text: String) -> Difference {
        Difference { what: What::Rig, text }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what.as_str(), self.text)
    }
}

pub(crate) fn differences(run: &Run<'_>) -> Vec<Difference> {
    let hops: Vec<_> = run.hops.iter().filter(|it| is_of_the_case(it)).cloned().collect();
    let chains = link::chains(&hops, run.taps);
    let mut found = Vec::new();
    let mut differs = |what, text| found.push(Difference { what, text });
    if let Some(text) = run.hops_differ(&hops) {
        differs(What::Hops, text);
    }
    let requests = run.case.page().requests;
    for (n, (request, (_, said))) in requests.iter().zip(run.said).enumerate() {
        let mine: Vec<_> = chains.iter().filter(|it| run.step(&it.hops[0].hop) == n).collect();
        let expected = hops.iter().any(|it| run.step(it) == n);
        if mine.len() != usize::from(expected) {
            let text = format!("request {}: {}", n + 1, briefs(&mine));
            differs(What::Chains, text);
        } else if let Some(chain) = mine.first() {
            for text in run.verdict_differs(chain, request, said) {
                differs(What::Verdict, format!("request {}: {text}", n + 1));
            }
        }
    }
    found
}

impl Run<'_> {
    /// The request that a hop belongs to: the last that had begun.
    fn step(&self, hop: &Hop) -> usize {
        self.said.iter().take_while(|(begun, _)| *begun <= hop.started).count().saturating_sub(1)
    }

    fn hops_differ(&self, hops: &[Arc<Hop>]) -> Option<String> {
        let refused = |it: &Hop| it.failure().is_some_and(|it| it.kind == FailureKind::Refused);
        let recorded: Vec<_> =
            hops.iter().filter(|it| !refused(it)).map(|it| (shape(it), it.status())).collect();
        let seen: Vec<_> = self.seen.iter().map(|it| (it.shape.clone(), it.status)).collect();
        (recorded != seen).then(|| format!("servers saw {seen:?}, the tap {recorded:?}"))
    }

    fn verdict_differs(&self, chain: &Chain, request: &PageRequest, said: &Said) -> Vec<String> {
        let known = Known { browser: Some(self.browser), ..options(request) };
        let judged = fetch::judge(chain, &known);
        let verdict = &judged.verdict;
        let mut found = match self.browser {
            Browser::Chromium => case::differences(&said.truth(), &judged),
            Browser::Firefox if verdict.firefox.code != said.cors_error.as_deref() => {
                vec![format!("code {:?} != {:?}", said.cors_error, verdict.firefox.code)]
            }
            Browser::Firefox => Vec::new(),
        };
        // A beacon's script only learns that it was queued.
        let allowed = verdict.outcome == VerdictOutcome::Allowed;
        if self.browser == Browser::Firefox && allowed != said.ok && request.api != Api::Beacon {
            found.push(format!("outcome: ok {} != {:?}", said.ok, verdict.outcome));
        }
        if !found.is_empty() {
            found.push(format!("{}; {said:?}", briefs(&[chain])));
        }
        found
    }
}

/// Pages, icons, tunnels and the browser's own calls home are none.
fn is_of_the_case(hop: &Hop) -> bool {
    let target = Target::parse(&hop.request.url);
    let path = target.path_and_query();
    hop.exchange == Exchange::Http
        && hop.request.method != "CONNECT"
        && (target.host().starts_with("127.") || target.host() == "localhost")
        && !path.starts_with("/__page")
        && path != "/favicon.ico"
}

impl Said {
    fn truth(&self) -> Truth {
        Truth {
            hops: Vec::new(),
            ok: self.ok,
            status: self.status,
            cors_error: self.cors_error.clone(),
            failed_parameter: self.failed_parameter.clone(),
            net_error: self.net_error.clone(),
            console: self.console.clone(),
        }
    }
}

/// What `--assume` would say of a request.
fn options(request: &PageRequest) -> Known {
    let made = request.as_made();
    let told = matches!(request.api, Api::Fetch | Api::Xhr | Api::EventSource | Api::Module);
    let by_script = request.api == Api::Fetch;
    Known {
        browser: None,
        api: Some(request.api),
        crossorigin: request.crossorigin.clone(),
        credentials: told.then_some(made.credentials),
        mode: by_script.then_some(made.mode),
        redirect: by_script.then_some(made.redirect),
    }
}

fn shape(hop: &Hop) -> Shape {
    let text = |name: &str| hop.request.headers.text(name);
    (
        hop.request.method.clone(),
        hop.request.url.clone(),
        text("origin"),
        text("access-control-request-method"),
        text("access-control-request-headers"),
    )
}

fn briefs(chains: &[&Chain]) -> String {
    let hop = |it: &Hop| {
        let came = it.status().map(|it| it.to_string());
        let came = came.or_else(|| Some(it.failure()?.kind.as_str().to_owned()));
        format!("{} {} {}", it.request.method, it.request.url, came.unwrap_or_default())
    };
    let chain = |it: &&Chain| {
        format!("[{}]", it.hops.iter().map(|it| hop(&it.hop)).collect::<Vec<_>>().join(", "))
    };
    chains.iter().map(chain).collect::<Vec<_>>().join(" ")
}
