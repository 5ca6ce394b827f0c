//! What recording costs, beside proxies that record nothing and proxies that record:
//! `tests/run bench`, or `cargo bench --bench proxies`.
//!
//! One server, asked directly and through every proxy that is installed. They take turns in short
//! rounds, so that whatever else the machine does meets all of them; figures are medians over the
//! rounds, and ratios are taken within a round. Needs `nginx` and `wrk`; `h2load`, `haproxy`,
//! `mitmdump` and `proxelar` take part where they are installed.
//!
//! `cargo bench --bench proxies -- large` measures only that, and prints it: any of `c1`, `c32`,
//! `c256`, `tls`, `h2`, `large` and `traces`.
//!
//! Writes `bench.md` and its charts into `assets`, or where `BENCH_TO` says. `BENCH_ROUNDS` (11),
//! `BENCH_SECONDS` (1) and `BENCH_HOPS` (1,000,000) make it shorter or longer.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures are for people")]

#[path = "proxies/bare.rs"]
mod bare;
#[path = "proxies/chart.rs"]
mod chart;
#[path = "proxies/load.rs"]
mod load;
#[path = "proxies/peers.rs"]
mod peers;
#[path = "proxies/process.rs"]
mod process;
#[path = "proxies/report.rs"]
mod report;
#[path = "proxies/servers.rs"]
mod servers;
#[path = "proxies/traces.rs"]
mod traces;

use std::error::Error;

use self::bare::Kind;
use self::load::Load;
use self::peers::{Doors, Field, HOPSCOPE};
use self::report::Report;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "bare", kind, plain, tls, http_2, upstream, upstream_2, certificate] => {
            let kind = Kind::named(kind).ok_or_else(|| format!("no bare proxy is {kind}"))?;
            let doors = Doors { plain: plain.parse()?, tls: tls.parse()?, http_2: http_2.parse()? };
            bare::run(kind, doors, upstream.parse()?, upstream_2.parse()?, certificate.as_ref())
        }
        [_, "trace", path, hops] => traces::make(path.as_ref(), hops.parse()?),
        [_, "open", path] => traces::open(path.as_ref()),
        [_, names @ .., "--bench"] if !names.is_empty() => some(names),
        _ => compare(),
    }
}

/// Measure only what is named, and print it.
fn some(names: &[&str]) -> Outcome<()> {
    let (rounds, hops) =
        (process::setting("BENCH_ROUNDS", 11), process::setting("BENCH_HOPS", MANY));
    let mut loads = Vec::new();
    for name in names.iter().filter(|it| **it != "traces") {
        let load = Load::named(name).ok_or_else(|| format!("nothing is called `{name}` here"))?;
        loads.push(load);
    }
    let folder = tempfile::tempdir()?;
    let mut field = Field::default();
    if !loads.is_empty() {
        field = peers::start(folder.path())?;
        take_turns(&mut field, &loads, rounds)?;
        field.peers.iter_mut().for_each(peers::Peer::small_done);
        field.end()?;
    }
    let wants_traces = names.len() > loads.len();
    let traces = if wants_traces { traces::measure(folder.path(), hops)? } else { Vec::new() };
    let (load, field) = (process::load(), &field);
    let report = Report { field, load, kept: 0.0, small: 0.0, traces: &traces, rounds };
    println!("{}", report.some(&loads));
    Ok(())
}

fn compare() -> Outcome<()> {
    if let Some(missing) = ["nginx", "wrk"].into_iter().find(|it| !process::is_installed(it)) {
        return Err(format!("{missing} is not installed: nothing measured").into());
    }
    let (load, folder) = (process::load(), tempfile::tempdir()?);
    let (rounds, hops) =
        (process::setting("BENCH_ROUNDS", 11), process::setting("BENCH_HOPS", MANY));
    let mut field = peers::start(folder.path())?;
    take_turns(&mut field, &Load::SMALL, rounds)?;
    let mut small = 0.0;
    for peer in &mut field.peers {
        if peer.name == HOPSCOPE {
            peer.fill(hops as f64)?;
            small = peer.requests;
        }
        peer.small_done();
    }
    // Large answers differ from hop to hop in how they are cut: they are no measure.
    let kept = field.kept()?;
    take_turns(&mut field, &Load::OTHERS, rounds)?;
    for peer in &mut field.peers {
        peer.idle(load::IDLE);
    }
    field.end()?;
    let traces = traces::measure(folder.path(), hops)?;
    let report = Report { field: &field, load, kept, small, traces: &traces, rounds };
    println!("{}", report.text());
    report.write(env!("CARGO_MANIFEST_DIR").as_ref())
}

fn take_turns(field: &mut Field, loads: &[Load], rounds: usize) -> Outcome<()> {
    for load in loads {
        println!("{}, {rounds} turns", load.title());
        for round in 0..rounds {
            for peer in &mut field.peers {
                peer.round(*load, round)?;
            }
            // Nobody always comes after the same neighbour.
            field.peers.rotate_left(1);
        }
    }
    field.peers.sort_by_key(|it| it.place);
    Ok(())
}

/// The middle of `all`; the upper one of two.
fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

/// Hops in the largest trace, and as many are recorded.
const MANY: u64 = 1_000_000;
