//! Mixed traffic for a long time, through taps of one flight recorder and to upstreams that
//! break off in every way: memory stays flat, the file within its limit, and nothing is lost.
//!
//! `tests/run soak [MINUTES]`; without `SOAK_SECONDS` a short one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::print_stdout, reason = "a long run tells how it goes")]

#[path = "soak/clients.rs"]
mod clients;
#[path = "soak/gates.rs"]
mod gates;
#[path = "soak/kind.rs"]
mod kind;
#[path = "soak/ledger.rs"]
mod ledger;
#[path = "support/program.rs"]
mod program;
#[path = "support/secure.rs"]
mod secure;
#[path = "soak/upstream.rs"]
mod upstream;
#[path = "soak/upstream2.rs"]
mod upstream2;
#[path = "soak/watch.rs"]
mod watch;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clients::{How, Route, World};
use hopscope::store::{Load, Reader};
use hopscope::tls::Authority;
use program::Program;
use secure::Wants;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use watch::{Disk, Memory};

/// The taps, by their numbers.
const EDGE: u16 = 0;
const FRONT: u16 = 1;
const ORIGIN: u16 = 2;

const ROUTES: &[&[u16]] = &[&[EDGE], &[EDGE, ORIGIN], &[ORIGIN], &[FRONT]];

struct Soak {
    length: Duration,
    keep: &'static str,
    limit: u64,
    pause: Duration,
    /// Megabytes by which memory may grow, beside a tenth of what it was when warm: a short run
    /// has hardly become warm.
    growth: u64,
}

impl Soak {
    fn wanted() -> Soak {
        let seconds = std::env::var("SOAK_SECONDS").ok().map(|it| it.parse().unwrap());
        let (keep, limit, pause, growth) = match seconds {
            Some(300..) => ("200MB", 200_000_000, 120, 16),
            _ => ("32MiB", 32 << 20, 40, 48),
        };
        let length = Duration::from_secs(seconds.unwrap_or(20));
        Soak { length, keep, limit, pause: Duration::from_millis(pause), growth }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_the_long_run() {
    let soak = Soak::wanted();
    let Rig { mut program, world, mut clients, _nobody } = rig(soak.keep, soak.pause).await;
    let disk = Arc::new(Disk::default());
    let (watched, trace) = (Arc::clone(&disk), program.trace.clone());
    let watching = tokio::spawn(async move { watched.watch(&trace).await });

    let memory = run(&soak, &program, &world, &disk).await;
    world.over.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    program.signal("-INT");
    assert_eq!(program.exit_code().await, 0, "{}", program.errors());
    watching.abort();
    assert!(!program.errors().contains("panicked"), "{}", program.errors());
    settle(&soak, &program, &world, &disk, &memory);
}

/// The program is killed in the middle of it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_takes_the_last_moment_and_no_more() {
    let Rig { program, world, mut clients, _nobody } = rig("1GB", Duration::from_millis(10)).await;
    let asked = |n| {
        let ledger = &world.ledger;
        async move {
            let deadline = Instant::now() + secure::DEADLINE;
            while ledger.requests() < n {
                assert!(Instant::now() < deadline, "{} requests of {n}", ledger.requests());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    asked(500).await;
    let (safe, at) = (world.ledger.requests(), Instant::now());
    // What ended so long ago has been written, also by a busy machine.
    while at.elapsed() < MOMENT {
        asked(world.ledger.requests() + 1).await;
    }
    world.over.store(true, Ordering::Relaxed);
    let wrongs = world.ledger.wrongs();
    assert!(wrongs.is_empty(), "{wrongs:#?}");
    program.signal("-KILL");
    // What clients say of that is no matter.
    while clients.join_next().await.is_some() {}
    world.ledger.forget();
    let seen = world.ledger.check(&program.trace, Load::Bodies);
    let missing = world.ledger.missing(&seen, safe);
    println!(
        "killed after {} requests: {} hops are there, {} of them open, and {} of the first {safe} requests are missing",
        world.ledger.requests(),
        seen.there.len(),
        seen.open,
        missing.len()
    );
    assert!(missing.is_empty(), "{missing:?}");
    let wrongs = world.ledger.wrongs();
    assert!(wrongs.is_empty(), "{wrongs:#?}");
}

/// How long before a kill everything has surely been written; 100 ms is what is promised.
const MOMENT: Duration = Duration::from_secs(1);

/// The program between clients and upstreams of every kind.
struct Rig {
    program: Program,
    world: Arc<World>,
    clients: JoinSet<()>,
    /// Holds the port where nobody listens.
    _nobody: TcpSocket,
}

async fn rig(keep: &str, pause: Duration) -> Rig {
    let gates = gates::Gates::default();
    let outside = secure::World::new();
    let config = |alpn| outside.config("localhost", &[alpn], Wants::Nothing);
    let plain = upstream::start(&gates, None).await;
    let secret = upstream::start(&gates, Some(config("http/1.1"))).await;
    let second = upstream2::start(&gates, config("h2")).await;
    // Bound, but nobody listens: the port stays free of others.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let ca = outside.write(folder.path());
    let front = format!("front=reverse:127.0.0.1:0=http://{plain},tls,http=1.1");
    let origin = format!("origin=reverse:127.0.0.1:0=http://{plain}");
    let options = [
        ["--tap", "edge=forward:127.0.0.1:0"],
        ["--tap", &front],
        ["--tap", &origin],
        ["--ca", ca.to_str().unwrap()],
        ["--keep", keep],
    ];
    let program = Program::with(folder, "", options.as_flattened());
    let [edge, front, origin] = &program.taps[..] else { panic!("{:?}", program.taps) };
    let authority = Authority::open(&program.folder().join("hopscope")).unwrap();
    let connector = |alpn| secure::client(&[authority.certificate()], &[alpn]);
    let world = Arc::new(World {
        ledger: ledger::Ledger::new(origin),
        gates,
        tls: [connector("http/1.1"), connector("h2")],
        nobody: nobody.local_addr().unwrap().to_string(),
        over: AtomicBool::new(false),
        pause,
    });
    let localhost = |it: &str| format!("localhost:{}", it.rsplit_once(':').unwrap().1);
    let route = |name, connect: &String, host: &str, how, taps| {
        let (connect, host) = (connect.clone(), host.to_owned());
        Route { name, connect, host, how, taps }
    };
    let routes = [
        route("proxy", edge, &plain, How::Proxy, ROUTES[0]),
        route("two taps", edge, origin, How::Proxy, ROUTES[1]),
        route("reverse", origin, &plain, How::Direct, ROUTES[2]),
        route("tunnel", edge, &localhost(&secret), How::Tunnel { h2: false }, ROUTES[0]),
        route("h2 tunnel", edge, &localhost(&second), How::Tunnel { h2: true }, ROUTES[0]),
        route("h2 front", front, &localhost(front), How::Front, ROUTES[3]),
    ];
    let mut clients = JoinSet::new();
    for (n, route) in (0..).zip(routes.iter().cycle().take(4 * routes.len())) {
        clients.spawn(clients::client(route.clone(), Arc::clone(&world), n + 1));
    }
    Rig { program, world, clients, _nobody: nobody }
}

/// Look at the trace, as another process does, and at the recorder, until the time is over.
async fn run(soak: &Soak, program: &Program, world: &Arc<World>, disk: &Disk) -> Memory {
    let mut memory = Memory::new(soak.length);
    let (begun, mut told) = (Instant::now(), Duration::ZERO);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut before = 0;
    while begun.elapsed() < soak.length {
        tick.tick().await;
        memory.note(program.resident());
        if begun.elapsed() < told {
            continue;
        }
        told += Duration::from_secs(10);
        let (trace, looks) = (program.trace.clone(), Arc::clone(world));
        let looking = tokio::task::spawn_blocking(move || {
            let seen = looks.ledger.check(&trace, Load::Heads);
            let info = Reader::open(&trace).unwrap().info().unwrap();
            (seen, info)
        });
        let (seen, info) = looking.await.unwrap();
        let all = info.hops + info.dropped.count;
        if all < before || info.unrecorded.count > 0 {
            world.ledger.wrong(format!("{before} hops were recorded, now {info:?}"));
        }
        before = all;
        let path = program.trace.to_str().unwrap();
        let asked = Command::new(env!("CARGO_BIN_EXE_hopscope")).args(["info", path]).output();
        let asked = asked.unwrap();
        if !asked.status.success() {
            world.ledger.wrong(format!("info: {}", String::from_utf8_lossy(&asked.stderr)));
        }
        println!(
            "{:>5} s {:>8} requests {:>4} MB held {:>4} MB on disk {:>8} hops {:>4} open {:>8} dropped",
            begun.elapsed().as_secs(),
            world.ledger.requests(),
            program.resident(),
            disk.most().bytes() / 1_000_000,
            seen.there.len(),
            seen.open,
            info.dropped.count,
        );
    }
    memory
}

/// All that was asked against all that is there.
fn settle(soak: &Soak, program: &Program, world: &World, disk: &Disk, memory: &Memory) {
    let info = Reader::open(&program.trace).unwrap().info().unwrap();
    let seen = world.ledger.check(&program.trace, Load::Bodies);
    let table = world.ledger.settle(&seen, info.dropped.count);
    let most = disk.most();
    let (warm, last) = memory.warm_and_last();
    println!("\n{table}");
    println!("hops asked for  {:>12}", world.ledger.hops());
    println!("kept            {:>12}", info.hops);
    println!("dropped         {:>12} ({})", info.dropped.count, info.dropped.why);
    println!("unrecorded      {:>12}", info.unrecorded.count);
    println!("most on disk    {:>12} bytes of {}: {most:?}", most.bytes(), soak.limit);
    println!("memory          {warm:>9} MB when warm, {last} MB at the end");
    let wrongs = world.ledger.wrongs();
    assert!(
        wrongs.is_empty(),
        "{} things are wrong: {:#?}",
        wrongs.len(),
        &wrongs[..wrongs.len().min(10)]
    );
    assert_eq!(world.ledger.hops() as u64, info.hops + info.dropped.count);
    assert_eq!(info.unrecorded.count, 0, "{}", info.unrecorded.why);
    assert!(info.dropped.count > 2 * info.hops, "the window did not turn over");
    assert!(most.bytes() <= soak.limit, "{most:?} on disk");
    assert!(last <= warm + warm / 10 + soak.growth, "{warm} MB when warm, {last} MB at the end");
}
