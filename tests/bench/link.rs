//! How fast a million interleaved hops link: `cargo bench --bench link`.
//!
//! Prints microseconds a hop for taking facts and for linking, and the memory that stays.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::sync::LazyLock;
use std::time::Instant;

use hopscope::link::{HopFacts, Interner, Linker};
use hopscope::trace::{
    Body, ConnectionId, Exchange, Headers, Hop, HopId, Outcome, Request, Response, TapId,
    Testimony, Time, Timing, Version,
};

fn main() {
    let count: u64 = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(1_000_000);
    for (name, taps) in [("one tap", 1), ("two taps", 2)] {
        let mut interner = Interner::default();
        let mut linker = Linker::new(TapId(taps - 1));
        let (mut taking, mut linking) = (0, 0);
        let mut changes = 0;
        let mut at = 0;
        while at < count {
            // Made in portions, so that making them does not count.
            let hops: Vec<Hop> = (at..(at + PORTION).min(count)).map(|it| hop(it, taps)).collect();
            let start = busy();
            let facts: Vec<HopFacts> =
                hops.iter().map(|it| HopFacts::of(it, &mut interner)).collect();
            taking += busy() - start;
            let start = busy();
            for it in &facts {
                changes += linker.push(it).len();
            }
            linking += busy() - start;
            at += PORTION;
        }
        let whole = (taking + linking) / 1_000_000;
        println!(
            "{name}: {count} hops in {whole} ms ({} facts, {} linking), {changes} changes, {}",
            taking / 1_000_000,
            linking / 1_000_000,
            resident()
        );
    }
}

/// Hop `number` of a hundred tabs at once: each preflights, is redirected, preflights again.
fn hop(number: u64, taps: u16) -> Hop {
    let lane = number % LANES;
    let turn = number / LANES;
    let (tap, step) = if taps == 1 { (0, turn % 4) } else { ((turn % 2) as u16, turn / 2 % 4) };
    let round = turn / (4 * u64::from(taps));
    let base = if tap == 0 { "http://gw.test/prod" } else { "http://app.test" };
    let path = if step < 2 { "items" } else { "items/" };
    let url = format!("{base}/{path}?tab={lane}&round={}", round % 50);
    let mut headers: Headers = BROWSER.iter().map(|(name, value)| (*name, *value)).collect();
    headers.push("Origin", format!("http://page{}.test", lane % 7));
    headers.push("Referer", format!("http://page{}.test/", lane % 7));
    let mut answer: Headers = ANSWER.iter().map(|(name, value)| (*name, *value)).collect();
    answer.push("Access-Control-Allow-Origin", "*");
    let mut status = 200;
    if step % 2 == 0 {
        headers.push("Access-Control-Request-Method", "GET");
        headers.push("Access-Control-Request-Headers", "x-token");
        answer.push("Access-Control-Allow-Headers", "x-token");
        answer.push("Access-Control-Max-Age", "0");
    } else {
        headers.push("X-Token", "abc");
    }
    if step == 1 {
        status = 301;
        let query = url.split_once('?').map_or("", |it| it.1);
        answer.push("Location", format!("{base}/items/?{query}"));
    }
    let started = Time(i64::try_from(number).unwrap_or(0) * 50);
    Hop {
        id: HopId { recorder: 7, sequence: number + 1 },
        tap: TapId(tap),
        exchange: Exchange::Http,
        connection: Some(ConnectionId(lane + 1)),
        started,
        ended: Some(started.plus(if tap == 0 { 9_000 } else { 2_000 })),
        request: Request {
            method: if step % 2 == 0 { "OPTIONS" } else { "GET" }.to_owned(),
            url,
            version: Version::Http11,
            headers,
            body: Body::default(),
        },
        outcome: Outcome::Answered(Response {
            status,
            headers: answer,
            body: Body::full("{\"items\":[]}"),
            ..Response::default()
        }),
        timing: Timing::default(),
        interim: Vec::new(),
        frames: <_>::default(),
        tls: None,
        trailers: None,
        own_changes: Vec::new(),
        testimony: Testimony::default(),
    }
}

/// Nanoseconds that this thread has worked, where the system tells (a busy machine does not
/// count then), else nanoseconds that went by.
fn busy() -> u128 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let worked = told.and_then(|it| it.split(' ').next()?.parse().ok());
    worked.unwrap_or_else(|| START.elapsed().as_nanos())
}

/// What the process holds, where the system tells.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    peak.map_or_else(String::new, |it| format!("peak {}", it.trim()))
}

const LANES: u64 = 100;
/// Small enough to be in the cache, as a hop is that has just been recorded.
const PORTION: u64 = 100;

const BROWSER: &[(&str, &str)] = &[
    ("Host", "gw.test"),
    ("Connection", "keep-alive"),
    ("Accept", "*/*"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    ),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Dest", "empty"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
];

const ANSWER: &[(&str, &str)] = &[
    ("Date", "Sun, 22 Nov 2026 16:29:38 GMT"),
    ("Server", "WSGIServer/0.2"),
    ("Content-Type", "application/json"),
    ("Content-Length", "12"),
    ("Vary", "origin"),
];
