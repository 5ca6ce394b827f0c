//! How fast linked chains are diagnosed: `cargo bench --bench diagnose`.
//!
//! Prints microseconds a hop for the verdict and the findings of each chain, as the list and
//! `explain` need them, and what each part takes when every chain is worked out anew.
//! `--trace FILE [HOPS [TAPS]]` writes the same traffic as a trace instead.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "traffic.rs"]
mod traffic;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use hopscope::diagnose::{self, Fingerprints, Memo, Servers};
use hopscope::fetch::{Known, judge};
use hopscope::lineage::{self, Actor, Actors, Route};
use hopscope::link;
use hopscope::store::Store;
use hopscope::trace::{Chain, ChainHop, Hop, Tap};
use traffic::Traffic;

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |at: usize| args.get(at).and_then(|it| it.parse::<u64>().ok());
    if let Some(at) = args.iter().position(|it| it == "--trace") {
        let taps = if number(at + 3) == Some(2) { 2 } else { 1 };
        write(&args[at + 1], number(at + 2).unwrap_or(1_000_000), taps);
        return;
    }
    let count: u64 = args.iter().find_map(|it| it.parse().ok()).unwrap_or(1_000_000);
    for taps in [1, 2] {
        let name = if taps == 1 { "one tap" } else { "two taps" };
        parts(name, count / 20, taps);
        whole(name, count, taps);
    }
}

/// What the list and `explain` need, as they get it.
fn whole(name: &str, count: u64, n_taps: u16) {
    let mut clock = Clock::default();
    let (mut hops, mut findings, mut servers) = (0, 0, Servers::default());
    let taps = traffic::taps(n_taps);
    let mut memo = Memo::new(Known::default(), Cow::Borrowed(Fingerprints::builtin()));
    for portion in Portions::of(count, n_taps) {
        hops += seen(&portion);
        clock.time(0, || portion.iter().for_each(|it| servers.learn(it)));
        findings += clock.time(1, || {
            let all = portion.iter().map(|it| memo.conclude(Arc::clone(it), &taps, &servers));
            all.map(|it| it.findings.len()).sum::<usize>()
        });
    }
    println!(
        "{name}: {hops} hops diagnosed in {} ms (servers {} ms), {findings} findings, {} chains worked out",
        (clock.0[0] + clock.0[1]) / 1_000_000,
        clock.0[0] / 1_000_000,
        memo.worked_out(),
    );
}

fn seen(chains: &[Arc<Chain>]) -> usize {
    chains.iter().flat_map(|it| &it.hops).map(|it| it.seen().count()).sum()
}

/// What each part takes, worked out anew for every chain.
fn parts(name: &str, count: u64, n_taps: u16) {
    let mut clock = Clock::default();
    let (mut hops, mut chains, mut servers) = (0, 0, Servers::default());
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let (known, prints, taps) = (Known::default(), Fingerprints::builtin(), traffic::taps(n_taps));
    for portion in Portions::of(count, n_taps) {
        hops += seen(&portion);
        chains += portion.len();
        clock.time(0, || portion.iter().for_each(|it| servers.learn(it)));
        let judged =
            clock.time(1, || portion.iter().map(|it| judge(it, &known)).collect::<Vec<_>>());
        clock.time(2, || {
            let seen = portion.iter().flat_map(|it| &it.hops).flat_map(ChainHop::seen);
            seen.map(|it| prints.recognise(it).count()).sum::<usize>()
        });
        clock.time(3, || portion.iter().map(|it| follow(it).len()).sum::<usize>());
        let analysed = clock.time(4, || {
            let with = portion.iter().zip(judged);
            with.map(|(it, judged)| diagnose::analyse(it.clone(), &taps, judged, &servers))
                .collect::<Vec<_>>()
        });
        for finding in analysed.iter().flat_map(|it| &it.findings) {
            *found.entry(finding.code).or_default() += 1;
        }
    }
    let of = |at: usize| clock.0[at] / u128::try_from(hops).unwrap_or(1);
    println!("{name}, every chain anew: {hops} hops, {chains} chains; found: {found:?}");
    println!(
        "  ns a hop: judge {}, servers {}, fingerprints {}, lineage {}, rules and the rest {}; together {}",
        of(1),
        of(0),
        of(2),
        of(3),
        of(4).saturating_sub(of(2) + of(3)),
        of(0) + of(1) + of(4),
    );
}

fn follow(chain: &Chain) -> Vec<lineage::Lineage> {
    let actors =
        Actors { answered: vec![Actor::Unknown; chain.hops.len()], between: Actor::Gateway };
    lineage::follow(chain, &actors, Route::learn(chain, None).as_ref())
}

/// Linked chains in portions, so that making and linking them does not count.
struct Portions {
    traffic: Traffic,
    taps: Vec<Tap>,
    left: u64,
}

impl Portions {
    fn of(hops: u64, taps: u16) -> Portions {
        Portions { traffic: Traffic::new(taps), taps: traffic::taps(taps), left: hops }
    }
}

impl Iterator for Portions {
    type Item = Vec<Arc<Chain>>;

    fn next(&mut self) -> Option<Vec<Arc<Chain>>> {
        let mut hops: Vec<Arc<Hop>> = Vec::new();
        while self.left > 0 && hops.len() < PORTION {
            let more = self.traffic.conversation();
            self.left = self.left.saturating_sub(u64::try_from(more.len()).unwrap_or(1));
            hops.extend(more.into_iter().map(Arc::new));
        }
        let chains = link::chains(&hops, &self.taps);
        (!hops.is_empty()).then(|| chains.into_iter().map(Arc::new).collect())
    }
}

/// Nanoseconds of work, by part.
#[derive(Default)]
struct Clock([u128; 8]);

impl Clock {
    fn time<T>(&mut self, part: usize, act: impl FnOnce() -> T) -> T {
        let start = busy();
        let done = std::hint::black_box(act());
        self.0[part] += busy() - start;
        done
    }
}

fn write(path: &str, count: u64, taps: u16) {
    let mut traffic = Traffic::new(taps);
    let hops = std::iter::from_fn(|| Some(traffic.conversation())).flatten();
    let hops = hops.take(usize::try_from(count).unwrap_or(usize::MAX));
    match Store::import(Path::new(path), &traffic::taps(taps), hops) {
        Ok(info) => println!("{path}: {} hops, {} bytes", info.hops, info.bytes),
        Err(error) => println!("not written: {error}"),
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

const PORTION: usize = 2000;
