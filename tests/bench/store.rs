//! How fast finished hops go into a trace: `cargo bench --bench store`; those with a large body
//! of its own each: `cargo bench --bench store -- large`.
//!
//! Prints microseconds of processor time a hop, all threads counted, and bytes a hop.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::path::Path;

use hopscope::store::Store;
use hopscope::trace::{
    Body, ConnectionId, Exchange, Headers, Hop, HopId, Outcome, Request, Response, TapId,
    Testimony, Time, Timing, Version,
};

fn main() {
    let is_large = std::env::args().any(|it| it == "large");
    let count = std::env::args().find_map(|it| it.parse().ok());
    let count: u64 = count.unwrap_or(if is_large { 1000 } else { 200_000 });
    let length = if is_large { 1_000_000 } else { 784 };
    let folder = tempfile::tempdir().expect("a folder for the trace");
    let path = folder.path().join("bench.hops");
    let before = making(count, length);
    let start = busy();
    let hops = (1..=count).map(|it| hop(it, length));
    match Store::import(Path::new(&path), &[], hops) {
        Ok(info) => println!(
            "{count} hops: {} ns of processor time a hop, {} bytes a hop",
            (busy() - start).saturating_sub(before) * 1000 / count,
            info.bytes / info.hops.max(1),
        ),
        Err(error) => println!("not stored: {error}"),
    }
}

/// What it takes to make the hops alone.
fn making(count: u64, length: usize) -> u64 {
    let start = busy();
    for number in 1..=count {
        std::hint::black_box(hop(number, length));
    }
    busy() - start
}

/// One answer: date and request id differ, a small body is always the same, a large one never.
fn hop(number: u64, length: usize) -> Hop {
    let mut body = vec![b'x'; length];
    if length > 784 {
        body.extend(number.to_be_bytes());
    }
    let date =
        format!("Sun, 22 Nov 2026 17:{:02}:{:02} GMT", number / 600_000 % 60, number / 10_000 % 60);
    let id = format!("{number:032x}");
    let started = Time(i64::try_from(number).unwrap_or(0) * 17);
    Hop {
        id: HopId { recorder: 5, sequence: number },
        tap: TapId(0),
        exchange: Exchange::Http,
        connection: Some(ConnectionId(number % 32)),
        started,
        ended: Some(started.plus(500)),
        request: Request {
            method: "GET".to_owned(),
            url: "http://127.0.0.1:8000/prod/items".to_owned(),
            version: Version::Http11,
            headers: Headers::pack([
                ("host", b"127.0.0.1:8000".as_slice()),
                ("user-agent", b"bench/1"),
                ("accept", b"*/*"),
                ("accept-encoding", b"gzip, deflate, br"),
                ("cookie", b"a=b; c=d"),
            ]),
            body: Body { complete: true, ..Body::default() },
        },
        outcome: Outcome::Answered(Response {
            status: 200,
            reason: b"OK".to_vec(),
            headers: Headers::pack([
                ("server", b"nginx".as_slice()),
                ("date", date.as_bytes()),
                ("content-type", b"application/json"),
                ("content-length", b"784"),
                ("x-request-id", id.as_bytes()),
                ("access-control-allow-origin", b"*"),
            ]),
            body: Body::full(body),
            ..Response::default()
        }),
        timing: Timing { wait: Some(400), receive: Some(100), ..Timing::default() },
        interim: Vec::new(),
        frames: <_>::default(),
        tls: None,
        trailers: None,
        own_changes: Vec::new(),
        testimony: Testimony::default(),
    }
}

/// Microseconds that all threads of this process have worked, to a hundredth of a second.
fn busy() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|it| it.parse::<u64>().ok());
    ticks.sum::<u64>() * 10_000
}
