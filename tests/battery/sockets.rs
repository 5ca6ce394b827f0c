//! The machine driven over real sockets, against a case's servers.

use tokio::task::JoinSet;

use hopscope::drive::{self, Options};

use super::case::{self, Shape};
use super::world::World;

async fn run(line: String) -> (String, Vec<String>) {
    let world = World::start(&line);
    let case = &world.case;
    let driven = drive::run(&case.page(), &Options::default()).await;
    let hops: Vec<Shape> = driven
        .iter()
        .flat_map(drive::DrivenChain::hops)
        .map(|it| {
            let text = |name: &str| it.request.headers.text(name);
            (
                it.request.method.clone(),
                it.request.url.clone(),
                text("origin"),
                text("access-control-request-method"),
                text("access-control-request-headers"),
            )
        })
        .collect();
    let expected = case::shapes(&case.chromium);
    let mut found = Vec::new();
    if hops != expected {
        found.push(format!("hops: {expected:?} != {hops:?}"));
    }
    let seen: Vec<Shape> = world.seen().into_iter().map(|it| it.shape).collect();
    if seen != expected {
        found.push(format!("seen by the servers: {expected:?} != {seen:?}"));
    }
    let judgement = &driven.last().unwrap().judgement;
    found.extend(case::differences(&case.chromium, judgement));
    // What was driven is judged alike when it is read back.
    let mut known = super::judged::options(case);
    known.browser = None;
    let chain = &driven.last().unwrap().chain;
    if case.har.enough && !chain.hops.is_empty() && case.chromium.cors_error.is_some() {
        let judged = hopscope::fetch::judge(chain, &known);
        if judged.verdict.chromium.code != judgement.verdict.chromium.code {
            found.push(format!("judged {:?}", judged.verdict));
        }
        if judged.verdict.hop != judgement.verdict.hop {
            found.push(format!(
                "judged at {:?}, driven {:?}",
                judged.verdict.hop, judgement.verdict.hop
            ));
        }
    }
    (case.id.clone(), found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn driving_does_what_chromium_did() {
    let lines = case::RECORDED.lines().map(str::to_owned).collect();
    ring("chromium, over sockets", lines, 326).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn driving_does_what_chromium_did_in_between() {
    let own = case::OWN.lines().filter(|it| !case::concrete(it, 18_001).moves_servers());
    ring("our own recordings, over sockets", own.map(str::to_owned).collect(), 709).await;
}

async fn ring(name: &str, mut lines: Vec<String>, least: usize) {
    let total = lines.len();
    let mut running = JoinSet::new();
    let mut disagreeing = Vec::new();
    while !lines.is_empty() || !running.is_empty() {
        while running.len() < 16
            && let Some(line) = lines.pop()
        {
            running.spawn(run(line));
        }
        let (id, found) = running.join_next().await.unwrap().unwrap();
        if !found.is_empty() {
            disagreeing.push((id, found));
        }
    }
    disagreeing.sort();
    case::ratchet(name, total, &disagreeing, least);
}
