//! What can go wrong, done to the real program: tried, what a browser and any other client got,
//! what was recorded, and what memory was held then. `tests/run faults` prints the table.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "faults/clients.rs"]
mod clients;
#[path = "faults/floods.rs"]
mod floods;
#[path = "faults/frames.rs"]
mod frames;
#[path = "support/program.rs"]
mod program;
#[path = "faults/servers.rs"]
mod servers;
#[path = "faults/trace.rs"]
mod trace;

use std::sync::{Arc, Mutex};

use program::Program;

/// One line of the table.
fn line(tried: &str, got: &str, recorded: &str, held: u64) {
    println!("{tried:<34} | {got:<42} | {recorded:<46} | {held:>4} MB");
}

fn head(title: &str) {
    println!("\n{title}");
    println!("{:<34} | {:<42} | {:<46} | held", "tried", "the client got", "recorded");
}

/// Megabytes that the program may hold at any time in any of this.
const HELD: u64 = 160;

/// And with ten thousand connections open.
const CROWD: u64 = 100;

/// What clients are told apart by.
const BROWSER: &str = "Origin: http://page.test\r\nSec-Fetch-Mode: cors\r\n";
const OTHER: &str = "User-Agent: curl/8.0\r\n";

#[tokio::test]
async fn what_upstreams_do() {
    let program = Program::start(&["--limit", "fields=500"]);
    head("an upstream that…");
    for fault in servers::FAULTS {
        for (client, words, expected) in
            [("browser", BROWSER, fault.browser), ("curl", OTHER, fault.other)]
        {
            let upstream = servers::start(fault).await;
            let got = clients::ask(program.tap(), &upstream, words).await;
            let (kind, detail) = program.recorded(1).await.remove(0);
            let held = program.resident();
            line(&format!("{} ({client})", fault.name), &got, &format!("{kind} {detail}"), held);
            assert!(got.starts_with(expected), "{} ({client}): {got}", fault.name);
            assert!(kind.starts_with(fault.recorded), "{} ({client}): {kind}", fault.name);
            assert!(held < HELD, "{held} MB");
        }
    }
    program.end("-INT").await;
}

#[tokio::test]
async fn what_clients_do() {
    let program = Program::start(&["--limit", "head-time=1"]);
    let upstream = servers::start(&servers::FINE).await;
    head("a client that…");
    for fault in clients::FAULTS {
        let got = (fault.act)(program.tap().to_owned(), upstream.clone()).await;
        let n = fault.recorded.split(", ").count();
        let (kinds, details): (Vec<_>, Vec<_>) = program.recorded(n).await.into_iter().unzip();
        let (kind, detail) = (kinds.join(", "), details.concat());
        let held = program.resident();
        line(fault.name, &got, &format!("{kind} {detail}"), held);
        assert!(got.starts_with(fault.gets), "{}: {got}", fault.name);
        assert!(kind.starts_with(fault.recorded), "{}: {kind} {detail}", fault.name);
        assert!(detail.contains(fault.says), "{}: {detail}", fault.name);
        assert!(held < HELD, "{held} MB");
    }
    program.end("-TERM").await;
}

#[tokio::test]
async fn what_clients_do_in_http_2() {
    let upstream = servers::start(&servers::FINE).await;
    head("a client of HTTP/2 that…");
    let hurry = ["--limit", "head-time=1"];
    for (floods, options) in [(floods::FLOODS, &[][..]), (floods::STALLS, &hurry)] {
        let program = Program::start(options);
        let mut wrong = Vec::new();
        for flood in floods {
            let got = flood.act(program.tap(), &upstream).await;
            let recorded = program.settled(flood.recorded).await;
            let held = program.resident();
            line(flood.name, &got, &recorded, held);
            let as_wanted = got.contains(flood.gets) && recorded.contains(flood.says);
            if !as_wanted || held >= HELD {
                wrong.push(flood.name);
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        let got = clients::ask(program.tap(), &upstream, OTHER).await;
        assert_eq!(got, "200 and 2 bytes", "the tap lives");
        program.end("-INT").await;
    }
}

#[tokio::test]
async fn what_upstreams_do_in_http_2() {
    let next = Arc::new(Mutex::new(&floods::FAULTS[0]));
    let upstream = floods::upstream(Arc::clone(&next)).await;
    let tap = format!("origin=reverse:127.0.0.1:0=http://{upstream},http=2");
    let program = Program::with(tempfile::tempdir().unwrap(), "", &["--tap", &tap]);
    head("an upstream of HTTP/2 that…");
    for fault in floods::FAULTS {
        *next.lock().unwrap() = fault;
        let got = clients::ask(program.tap(), &upstream, OTHER).await;
        let (kind, detail) = program.recorded(1).await.remove(0);
        let held = program.resident();
        line(fault.name, &got, &format!("{kind} {detail}"), held);
        assert!(got.starts_with(fault.gets), "{}: {got}", fault.name);
        assert!(kind.contains(fault.recorded), "{}: {kind} {detail}", fault.name);
        assert!(held < HELD, "{held} MB");
    }
    program.end("-INT").await;
}

#[tokio::test]
async fn what_crowds_do() {
    const MANY: usize = 10_000;
    let program = Program::start(&["--limit", "connections=10000"]);
    let upstream = servers::start(&servers::FINE).await;
    head("crowds");
    let before = program.resident();
    let mut crowd = clients::idle(program.tap(), MANY - 1).await;
    let got = clients::ask(program.tap(), &upstream, OTHER).await;
    let held = program.resident();
    let (kind, _) = program.recorded(1).await.remove(0);
    let each = (held.saturating_sub(before)) * 1024 / (MANY as u64 / 1024 * 1024).max(1);
    line(&format!("{MANY} idle connections"), &got, &format!("{kind} ({each} kB each)"), held);
    assert_eq!((got.as_str(), kind.as_str()), ("200 and 2 bytes", "200"));
    assert!(held < HELD + CROWD, "{held} MB");
    crowd.extend(clients::idle(program.tap(), 1).await);
    let got = clients::ask(program.tap(), &upstream, OTHER).await;
    let (kind, detail) = program.recorded(1).await.remove(0);
    line("one connection more", &got, &format!("{kind} {detail}"), program.resident());
    assert!(kind == "refused-by-tap" && detail.contains("--limit connections"), "{kind} {detail}");
    drop(crowd);
    program.end("-INT").await;
    out_of_files(&upstream).await;
}

/// More connections than the system lets the program have open.
async fn out_of_files(upstream: &str) {
    let program = Program::start_in("ulimit -Sn 64;", &[]);
    let crowd = clients::idle(program.tap(), 100).await;
    let got = clients::ask(program.tap(), upstream, OTHER).await;
    let (kind, _) = program.recorded(1).await.remove(0);
    line("100 with a soft limit of 64 files", &got, &kind, program.resident());
    assert_eq!((got.as_str(), kind.as_str()), ("200 and 2 bytes", "200"));
    drop(crowd);
    program.end("-INT").await;

    let program = Program::start_in("ulimit -n 64;", &[]);
    let crowd = clients::idle(program.tap(), 100).await;
    let (kind, detail) = program.recorded(1).await.remove(0);
    assert!(kind == "refused-by-tap" && detail.contains("ulimit"), "{kind} {detail}");
    drop(crowd);
    let got = clients::ask(program.tap(), upstream, OTHER).await;
    let after = program.recorded(1).await.pop().unwrap();
    let recorded = format!("{kind} once, then {}", after.0);
    line("100 with a hard limit of 64 files", &got, &recorded, program.resident());
    assert_eq!((got.as_str(), after.0.as_str()), ("200 and 2 bytes", "200"));
    program.end("-INT").await;
}

#[tokio::test]
async fn what_happens_to_the_trace() {
    head("a trace that…");
    for (name, signal) in [("SIGTERM under load", "-TERM"), ("SIGINT under load", "-INT")] {
        let mut program = Program::start(&[]);
        let upstream = servers::start(&servers::FINE).await;
        let load = clients::load(program.tap(), &upstream, 16);
        program.recorded(200).await;
        let held = program.resident();
        program.signal(signal);
        let code = program.exit_code().await;
        let answered = load.end().await;
        let kept = program.hops().iter().filter(|it| it.ended.is_some()).count();
        let recorded = format!("{kept} hops of {answered} answers, exit {code}");
        line(name, &format!("{answered} answers"), &recorded, held);
        assert!(code == 0 && kept >= answered, "{recorded}");
    }
    trace::killed().await;
    trace::killed_under_large_bodies().await;
    trace::removed().await;
    trace::locked().await;
    trace::hanging().await;
    trace::full().await;
}
