//! A case, read from `cases.jsonl`, and the comparison with what was recorded.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use hopscope::drive::page_file;
use hopscope::fetch::{AddressSpace, Judgement, Page, VerdictOutcome};

#[derive(Clone, Deserialize)]
pub(crate) struct Case {
    pub id: String,
    pub har: Har,
    pub page: Value,
    pub servers: Vec<Server>,
    pub chromium: Truth,
    pub firefox: Option<Truth>,
    #[serde(default)]
    pub chromium_args: Vec<String>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Har {
    pub enough: bool,
    pub flip: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Server {
    pub origin: String,
    #[serde(default)]
    pub routes: Vec<Route>,
    #[serde(default)]
    pub refuse: bool,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Route {
    #[serde(default, rename = "match")]
    pub matches: Match,
    pub respond: Respond,
    pub times: Option<usize>,
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct Match {
    pub method: Option<String>,
    pub path: Option<String>,
    pub prefix: Option<String>,
    pub preflight: Option<bool>,
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct Respond {
    #[serde(default)]
    pub status: u16,
    pub reason: Option<String>,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub body: String,
    pub raw: Option<String>,
    pub action: Option<String>,
    #[serde(default)]
    pub close: bool,
    pub delay_ms: Option<u64>,
    pub length: Option<u64>,
    pub version: Option<String>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Truth {
    pub hops: Vec<TrueHop>,
    pub ok: bool,
    pub status: Option<u16>,
    pub cors_error: Option<String>,
    pub failed_parameter: Option<String>,
    pub net_error: Option<String>,
    #[serde(default)]
    pub console: Vec<String>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct TrueHop {
    #[serde(default)]
    pub step: usize,
    pub kind: String,
    pub method: String,
    pub url: String,
    pub origin: Option<String>,
    pub acr_method: Option<String>,
    pub acr_headers: Option<String>,
    pub status: Option<u16>,
    pub status_text: Option<String>,
    pub transport: Option<String>,
    #[serde(default)]
    pub request_headers: Vec<(String, String)>,
    #[serde(default)]
    pub response_headers: Vec<(String, String)>,
    pub response_body: Option<String>,
    #[serde(default)]
    pub t_ms: i64,
}

/// Every recorded case of the battery, with `{A}` to `{R}` replaced by ports from `base` on.
pub(crate) fn cases(base: u16) -> Vec<Case> {
    RECORDED.lines().map(|line| concrete(line, base)).collect()
}

/// The battery: recorded from real browsers.
pub(crate) const RECORDED: &str = include_str!("cases.jsonl");
/// Recorded by ourselves in the same rig, to find the rules between the battery's cases.
pub(crate) const OWN: &str = include_str!("own.jsonl");

/// One line of the file with ports from `base` on.
pub(crate) fn concrete(line: &str, base: u16) -> Case {
    let mut text = line.to_owned();
    for (at, letter) in "ABCDEFGHR".chars().enumerate() {
        let port = base + u16::try_from(at).unwrap();
        text = text.replace(&format!("{{{letter}}}"), &port.to_string());
    }
    serde_json::from_str(&text).unwrap()
}

impl Case {
    /// What the rig made Chromium believe of the page's server.
    fn address_space(&self) -> Option<AddressSpace> {
        let page = self.page.get("served_from").unwrap_or(&self.page["origin"]);
        let page = page.as_str()?.strip_prefix("http://")?;
        let overrides = self.chromium_args.iter().find_map(|it| it.split_once('='))?.1;
        let own = overrides.split(',').find_map(|it| it.strip_prefix(page)?.strip_prefix('='))?;
        AddressSpace::parse(own)
    }

    /// The rig also moved other servers to other address spaces, which no page file can say.
    pub(crate) fn moves_servers(&self) -> bool {
        self.chromium_args.iter().any(|it| it.contains(','))
    }

    pub(crate) fn page(&self) -> Page {
        let mut page = page_file::parse(&self.page.to_string()).unwrap();
        // The recorded pages stood at this path.
        page.url = Some(format!("{}/__page", page.served_from.as_ref().unwrap_or(&page.origin)));
        page.address_space = self.address_space();
        page
    }
}

/// A hop as compared: method, URL, `Origin`, `Access-Control-Request-*`.
pub(crate) type Shape = (String, String, Option<String>, Option<String>, Option<String>);

pub(crate) fn shapes(truth: &Truth) -> Vec<Shape> {
    truth
        .hops
        .iter()
        .map(|it| {
            (
                it.method.clone(),
                it.url.clone(),
                it.origin.clone(),
                it.acr_method.clone(),
                it.acr_headers.clone(),
            )
        })
        .collect()
}

/// The outcome that a truth means.
pub(crate) fn outcome(truth: &Truth) -> VerdictOutcome {
    if truth.cors_error.is_some() {
        VerdictOutcome::Blocked
    } else if truth.ok {
        VerdictOutcome::Allowed
    } else {
        VerdictOutcome::Failed
    }
}

/// What differs between Chromium's truth and a judgement; empty when they agree.
pub(crate) fn differences(truth: &Truth, judged: &Judgement) -> Vec<String> {
    let verdict = &judged.verdict;
    let mut found = Vec::new();
    let mut compare = |what: &str, expected: String, got: String| {
        if expected != got {
            found.push(format!("{what}: {expected} != {got}"));
        }
    };
    compare("outcome", format!("{:?}", outcome(truth)), format!("{:?}", verdict.outcome));
    compare(
        "code",
        format!("{:?}", truth.cors_error.as_deref()),
        format!("{:?}", verdict.chromium.code),
    );
    let several = verdict.chromium.code == Some("HeaderDisallowedByPreflightResponse");
    let expected = truth.failed_parameter.clone().unwrap_or_default();
    if !several {
        compare("parameter", expected.clone(), verdict.chromium.parameter.clone());
    }
    // Of several disallowed headers any may be named.
    let console =
        verdict.chromium.console.clone().map(|it| {
            if several { it.replace(&verdict.chromium.parameter, &expected) } else { it }
        });
    let known = match &console {
        None => truth
            .console
            .iter()
            .all(|it| it.starts_with("Failed to load resource: net::ERR_FAILED")),
        Some(text) => truth.console.iter().any(|it| it == text),
    };
    if !known {
        found.push(format!("console: {:?} != {console:?}", truth.console));
    }
    if truth.cors_error.is_none() && verdict.chromium.net_error != truth.net_error {
        found.push(format!("net: {:?} != {:?}", truth.net_error, verdict.chromium.net_error));
    }
    found
}

/// Print the count of a ring, and hold it against the least that ever agreed.
pub(crate) fn ratchet(
    ring: &str,
    total: usize,
    disagreeing: &[(String, Vec<String>)],
    least: usize,
) {
    let agree = total - disagreeing.len();
    println!("{ring}: {agree} / {total} agree");
    for (id, found) in disagreeing {
        println!("  {id}: {}", found.join("; "));
    }
    assert!(least <= agree, "{ring}: {agree} / {total} agree, {least} did before");
    assert!(agree <= least, "{ring}: {agree} agree now: raise the ratchet from {least}");
}
