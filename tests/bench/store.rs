//! How fast finished hops go into a trace: `cargo bench --bench store`.
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
    let count: u64 = std::env::args().find_map(|it| it.parse().ok()).unwrap_or(200_000);
    let folder = tempfile::tempdir().expect("a folder for the trace");
    let path = folder.path().join("bench.hops");
    let before = making(count);
    let start = busy();
    let hops = (1..=count).map(hop);
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
fn making(count: u64) -> u64 {
    let start = busy();
    for number in 1..=count {
        std::hint::black_box(hop(number));
    }
    busy() - start
}

/// One answer of a small service: date and request id differ, 784 bytes of body are the same.
fn hop(number: u64) -> Hop {
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
            body: Body::full(vec![b'x'; 784]),
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
