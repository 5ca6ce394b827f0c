//! The loads, and what one round of one of them measures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::process::setting;

/// What the clients do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Load {
    /// HTTP/1.1, a small JSON answer, so many connections.
    Small(u32),
    /// HTTP/1.1, answers of one megabyte.
    Large,
}

impl Load {
    /// In the order in which they are run.
    pub(crate) const ALL: [Load; 4] =
        [Load::Small(1), Load::Small(32), Load::Small(256), Load::Large];

    fn connections(self) -> u32 {
        match self {
            Load::Small(connections) => connections,
            Load::Large => 8,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Load::Small(_) => "/items",
            Load::Large => "/large",
        }
    }
}

/// One round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Seconds of processor time that the proxy took.
    pub(crate) cpu: f64,
}

/// Let `wrk` ask at `address`.
pub(crate) fn run(load: Load, address: SocketAddr) -> Outcome<Round> {
    let seconds: u32 = setting("BENCH_SECONDS", 2);
    let out = Command::new("wrk")
        .args(["-t1", "--latency", "--timeout", "10s"])
        .args([format!("-c{}", load.connections()), format!("-d{seconds}s")])
        .arg(format!("http://{address}{}", load.path()))
        .output()?;
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    read(&out).ok_or_else(|| format!("wrk said: {out}").into())
}

/// `  118190 requests in 2.00s, 113.30MB read`, and `     99%    1.23ms`.
fn read(out: &str) -> Option<Round> {
    let line = out.lines().find(|it| it.contains(" requests in "))?;
    let (requests, rest) = line.trim().split_once(" requests in ")?;
    let percentile = |name: &str| {
        let line = out.lines().find_map(|it| it.trim().strip_prefix(name))?;
        time(line.trim())
    };
    Some(Round {
        requests: requests.parse().ok()?,
        seconds: rest.split("s,").next()?.parse().ok()?,
        p50: percentile("50%")?,
        p99: percentile("99%")?,
        cpu: 0.0,
    })
}

/// Milliseconds.
fn time(text: &str) -> Option<f64> {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Some(number.parse::<f64>().ok()? * factor);
        }
    }
    None
}

/// How many connections stay open without a word.
pub(crate) const IDLE: usize = 10_000;

/// Open `count` connections to `address`. They end when dropped.
pub(crate) fn idle(count: usize, address: SocketAddr) -> Outcome<Vec<TcpStream>> {
    let connect = |_| TcpStream::connect_timeout(&address, PATIENCE);
    Ok((0..count).map(connect).collect::<Result<_, _>>()?)
}

/// Ask once, and read what comes first.
pub(crate) fn ask(address: SocketAddr) -> Outcome<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /items HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    match stream.read(&mut [0; 4096])? {
        0 => Err("closed without an answer".into()),
        _ => Ok(()),
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
