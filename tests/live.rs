//! The battery's cases in real browsers, through a forward tap.
//!
//! In one and the same run: what the tap recorded is what the case's servers saw; the linker
//! makes one chain of every request; and the verdict on that chain is what the page's script and
//! the browser's own CORS status say. Exceptions are named in `live/exceptions.tsv`.
//!
//! By default a sample that changes with the day; the seed is printed. `LIVE_SEED=n` repeats one,
//! `LIVE=all` takes every case, `LIVE=prefix,prefix` some. Needs node (20 or newer), Chromium and
//! Firefox ESR: `cargo test --features real --test live`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests say what they found")]
#![allow(dead_code, reason = "a case holds all that was recorded")]

#[path = "battery/case.rs"]
mod case;
#[path = "live/compare.rs"]
mod compare;
#[path = "live/exceptions.rs"]
mod exceptions;
#[path = "browser/recorder.rs"]
mod recorder;
#[path = "live/rig.rs"]
mod rig;
#[path = "live/sample.rs"]
mod sample;
#[path = "battery/server.rs"]
mod server;
#[path = "battery/world.rs"]
mod world;

use hopscope::fetch::Browser;

use compare::Difference;
use exceptions::Exceptions;
use rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium() {
    live(Browser::Chromium).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firefox() {
    live(Browser::Firefox).await;
}

async fn live(browser: Browser) {
    let lines = sample::lines();
    let total = lines.len();
    let mut rig = Rig::start(browser).await;
    println!("{}: {total} cases in {}", browser.as_str(), rig.version);
    let exceptions = Exceptions::read(browser);
    let mut disagreeing = Vec::new();
    let (mut agree, mut excepted) = (0, 0);
    for line in lines {
        let (id, found) = rig.run(line).await;
        // A busy machine may cut a connection short; what is wrong stays wrong.
        let found = if found.is_empty() { found } else { rig.run(line).await.1 };
        let (named, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| exceptions.name(&id, it.what).is_some());
        if let Some(it) = named.first() {
            let why = exceptions.name(&id, it.what).unwrap_or_default();
            println!("  {id}: exception ({}): {why}", it.what.as_str());
        }
        match (named.is_empty(), found.is_empty()) {
            (true, true) => agree += 1,
            (false, true) => excepted += 1,
            (_, false) => {
                println!("  {id}: {}", brief(&found));
                disagreeing.push(id);
            }
        }
    }
    println!(
        "{}, live: {agree} / {total} agree, {excepted} named exceptions, {} disagree",
        browser.as_str(),
        disagreeing.len()
    );
    assert!(disagreeing.is_empty(), "{}: {}", browser.as_str(), disagreeing.join(" "));
}

fn brief(found: &[Difference]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
