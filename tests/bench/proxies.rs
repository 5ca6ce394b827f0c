//! What recording costs, beside proxies that record nothing and proxies that record:
//! `tests/run bench`, or `cargo bench --bench proxies`.
//!
//! One server, asked directly and through every proxy that is installed. They take turns in short
//! rounds, so that whatever else the machine does meets all of them; figures are medians over the
//! rounds, and ratios are taken within a round. Needs `nginx` and `wrk`; `haproxy`, `mitmdump` and
//! `proxelar` take part where they are installed.
//!
//! Writes `assets/bench.md` and its charts. `BENCH_ROUNDS` (5) and `BENCH_SECONDS` (2) make it
//! shorter or longer.
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
#[path = "proxies/traces.rs"]
mod traces;

use std::error::Error;

use self::load::Load;
use self::peers::Peer;
use self::report::Report;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "bare", address, upstream] => bare::run(address, upstream),
        [_, "trace", path, hops] => traces::make(path.as_ref(), hops.parse()?),
        [_, "open", path] => traces::open(path.as_ref()),
        _ => compare(),
    }
}

fn compare() -> Outcome<()> {
    if let Some(missing) = ["nginx", "wrk"].into_iter().find(|it| !process::is_installed(it)) {
        return Err(format!("{missing} is not installed: nothing measured").into());
    }
    let folder = tempfile::tempdir()?;
    let (mut peers, absent) = peers::start(folder.path())?;
    let rounds = process::setting("BENCH_ROUNDS", 5);
    for load in Load::ALL {
        for round in 0..rounds {
            for peer in &mut peers {
                // The order changes, so that nobody always comes after the same neighbour.
                peer.round(load, round)?;
            }
            peers.rotate_left(1);
        }
    }
    peers.sort_by_key(|it| it.place);
    let least = 1_000_000;
    for peer in peers.iter_mut().filter(|it| it.records()) {
        peer.fill(least)?;
    }
    for peer in &mut peers {
        peer.idle(load::IDLE);
    }
    let kept = peers::end(&mut peers)?;
    let traces = traces::measure(folder.path())?;
    let report = Report { peers: &peers, absent: &absent, kept, traces: &traces, rounds };
    println!("{}", report.table());
    report.write(env!("CARGO_MANIFEST_DIR").as_ref())
}

/// The middle of `all`; 0 for none.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}

impl Peer {
    fn records(&self) -> bool {
        self.name == peers::HOPSCOPE
    }
}
