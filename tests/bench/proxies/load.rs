//! The loads, and what one round of one of them measures.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::process::setting;

/// What the clients do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Load {
    /// HTTP/1.1, a small JSON answer, so many connections.
    Small(u32),
    /// HTTP/1.1, answers of one megabyte.
    Large,
    /// HTTP/1.1 in TLS, the small answer.
    Tls,
    /// HTTP/2 in TLS, many streams a connection, the small answer.
    Http2,
}

/// At which of a peer's addresses a load asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Door {
    Plain,
    Tls,
    Http2,
}

impl Load {
    /// What is recorded a million times comes first.
    pub(crate) const SMALL: [Load; 3] = [Load::Small(1), Load::Small(32), Load::Small(256)];
    pub(crate) const OTHERS: [Load; 3] = [Load::Tls, Load::Http2, Load::Large];

    /// What the command line calls it.
    pub(crate) fn named(name: &str) -> Option<Load> {
        Some(match name {
            "tls" => Load::Tls,
            "h2" => Load::Http2,
            "large" => Load::Large,
            small => Load::Small(small.strip_prefix('c')?.parse().ok()?),
        })
    }

    pub(crate) fn title(self) -> String {
        match self {
            Load::Small(1) => "HTTP/1.1, one connection".to_owned(),
            Load::Small(many) => format!("HTTP/1.1, {many} connections"),
            Load::Large => "HTTP/1.1, answers of 1 MB, 8 connections".to_owned(),
            Load::Tls => "HTTP/1.1 in TLS, 32 connections".to_owned(),
            Load::Http2 => "HTTP/2 in TLS, 8 connections of 8 streams".to_owned(),
        }
    }

    pub(crate) fn door(self) -> Door {
        match self {
            Load::Small(_) | Load::Large => Door::Plain,
            Load::Tls => Door::Tls,
            Load::Http2 => Door::Http2,
        }
    }

    fn connections(self) -> u32 {
        match self {
            Load::Small(connections) => connections,
            Load::Large | Load::Http2 => 8,
            Load::Tls => 32,
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

/// Let clients ask at `address`.
pub(crate) fn run(load: Load, address: SocketAddr) -> Outcome<Round> {
    let seconds: u32 = setting("BENCH_SECONDS", 1);
    match load {
        Load::Http2 => http_2(load, address, seconds),
        Load::Small(_) | Load::Large | Load::Tls => http_1(load, address, seconds),
    }
}

fn http_1(load: Load, address: SocketAddr, seconds: u32) -> Outcome<Round> {
    let path = if load == Load::Large { "large" } else { "items" };
    let scheme = if load == Load::Tls { "https" } else { "http" };
    let out = Command::new("wrk")
        .args(["-t1", "--latency", "--timeout", "10s"])
        .args([format!("-c{}", load.connections()), format!("-d{seconds}s")])
        .arg(format!("{scheme}://{address}/{path}"))
        .output()?;
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    let round = of_wrk(&out).filter(|it| it.requests > 0.0 && !out.contains("Non-2xx"));
    round.ok_or_else(|| format!("wrk said: {out}").into())
}

/// `  118190 requests in 2.00s, 113.30MB read`, and `     99%    1.23ms`.
fn of_wrk(out: &str) -> Option<Round> {
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

fn http_2(load: Load, address: SocketAddr, seconds: u32) -> Outcome<Round> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let out = Command::new("h2load")
        .args(["-t1", "-m8"])
        .args([format!("-c{}", load.connections()), format!("-D{seconds}")])
        .arg(format!("--log-file={}", log.display()))
        .arg(format!("https://{address}/items"))
        .output()?;
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    let round = of_h2load(&out, &fs::read_to_string(log)?, f64::from(seconds));
    round.ok_or_else(|| format!("h2load said: {out}").into())
}

/// `status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx`; in the log a line each: when, status, and
/// microseconds.
fn of_h2load(out: &str, log: &str, seconds: f64) -> Option<Round> {
    let codes = out.lines().find_map(|it| it.strip_prefix("status codes: "))?;
    let requests: f64 = codes.split(" 2xx").next()?.parse().ok()?;
    let took = log.lines().filter_map(|it| it.split('\t').nth(2)?.trim().parse::<f64>().ok());
    let mut took: Vec<f64> = took.collect();
    took.sort_by(f64::total_cmp);
    let at = |hundredth: usize| Some(took.get(took.len() * hundredth / 100)? / 1000.0);
    let is_clean = codes.contains(" 0 4xx, 0 5xx") && requests > 0.0;
    is_clean.then_some(Round { requests, seconds, p50: at(50)?, p99: at(99)?, cpu: 0.0 })
}

/// How many connections stay open without a word.
pub(crate) const IDLE: usize = 10_000;

/// Open `count` connections to `address` within half a minute. They end when dropped.
pub(crate) fn idle(count: usize, address: SocketAddr) -> Outcome<Vec<TcpStream>> {
    let deadline = Instant::now() + 6 * PATIENCE;
    let connect = |_| {
        let left = deadline.saturating_duration_since(Instant::now()).min(PATIENCE);
        TcpStream::connect_timeout(&address, left)
    };
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

const PATIENCE: Duration = Duration::from_secs(5);
