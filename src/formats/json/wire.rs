//! The shapes of the contract's JSON. Field order is the contract's.

mod convert;
mod socket;
mod tls;

pub(super) use convert::Context;

use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Chain {
    id: usize,
    request: Request,
    hops: Vec<Hop>,
    unseen: Vec<Unseen>,
    verdict: Verdict,
    lineage: Vec<Lineage>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Request {
    api: &'static str,
    method: String,
    url: String,
    origin: Option<String>,
    mode: &'static str,
    credentials: &'static str,
    redirect: &'static str,
    assumed: Vec<&'static str>,
}

#[derive(Serialize)]
struct Hop {
    n: usize,
    kind: &'static str,
    tap: String,
    method: String,
    url: String,
    origin: Option<String>,
    status: Option<u16>,
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_control_request_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_control_request_headers: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    answered_by: Option<&'static str>,
    answered: Answered,
    link: Option<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    own_changes: Vec<OwnChange>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interim: Vec<socket::Interim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    websocket: Option<socket::Socket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailers: Option<socket::Trailers>,
    protocol: tls::Protocol,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<tls::Tls>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
    sightings: Vec<Sighting>,
}

#[derive(Serialize)]
struct Answered {
    product: Option<String>,
    why: String,
    sure: bool,
}

#[derive(Serialize)]
struct Link {
    why: &'static str,
    to: Option<usize>,
    certain: bool,
    clue: String,
}

/// What somebody pinned to the hop, as `tap` saw it.
#[derive(Serialize)]
struct Note {
    tap: String,
    at: String,
    author: Option<String>,
    text: String,
}

#[derive(Serialize)]
struct OwnChange {
    place: String,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Serialize)]
struct Sighting {
    tap: String,
    method: String,
    url: String,
    status: Option<u16>,
    error: Option<&'static str>,
    certain: bool,
    clue: String,
}

#[derive(Serialize)]
struct Unseen {
    kind: &'static str,
    before_hop: usize,
    why: &'static str,
    from: Option<From>,
}

#[derive(Serialize)]
struct From {
    chain: usize,
    hop: usize,
}

#[derive(Serialize)]
struct Verdict {
    #[serde(rename = "as")]
    browser: &'static str,
    outcome: &'static str,
    hop: Option<usize>,
    failed: Option<Failed>,
    reading: String,
    chromium: Chromium,
    firefox: Firefox,
    depends: Vec<Branch>,
}

#[derive(Serialize)]
struct Failed {
    by: &'static str,
}

#[derive(Serialize)]
struct Chromium {
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    code: Option<&'static str>,
    parameter: String,
    net_error: Option<String>,
    console: Option<String>,
}

#[derive(Serialize)]
struct Firefox {
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    code: Option<&'static str>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Branch {
    on: &'static str,
    #[serde(rename = "if")]
    value: String,
    outcome: &'static str,
    code: Option<&'static str>,
}

#[derive(Serialize)]
struct Lineage {
    what: String,
    value: Option<String>,
    hops: Vec<&'static str>,
    changes: Vec<Change>,
}

#[derive(Serialize)]
struct Change {
    hop: usize,
    #[serde(rename = "change")]
    state: &'static str,
    by: Option<&'static str>,
    between: Option<[String; 2]>,
}

#[derive(Serialize)]
struct Finding {
    code: &'static str,
    hop: usize,
    by: Option<&'static str>,
    because: Option<&'static str>,
    title: String,
    evidence: Vec<Evidence>,
    fix: String,
    /// Where the fix is described.
    sources: Vec<&'static str>,
}

#[derive(Serialize)]
struct Evidence {
    hop: usize,
    tap: String,
    #[serde(rename = "where")]
    place: String,
    text: String,
}
