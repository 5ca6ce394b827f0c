//! Traces of many hops: how soon one is open, and what that takes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hopscope::store::{Load, Reader, Store};
use hopscope::trace::{
    Body, ConnectionId, Frames, Headers, Hop, HopId, Outcome as HopOutcome, Request, Response, Tap,
    TapId, TapKind, Testimony, Time, Timing,
};

use crate::{Outcome, process};

/// One trace.
pub(crate) struct Figures {
    pub(crate) hops: u64,
    /// Bytes a hop.
    pub(crate) bytes: u64,
    /// Milliseconds until its facts and its first thousand hops are there.
    pub(crate) first: f64,
    pub(crate) info: Run,
    pub(crate) explain: Run,
}

/// What one command took: seconds, and megabytes at most.
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) peak: f64,
}

/// Traces of three sizes, or of those up to `most` hops.
pub(crate) fn measure(folder: &Path, most: u64) -> Outcome<Vec<Figures>> {
    let mut all = Vec::new();
    for hops in [10_000, 100_000, 1_000_000].into_iter().filter(|it| *it <= most) {
        let path = folder.join(format!("{hops}.hops"));
        let this = std::env::current_exe()?;
        // In a process of its own, as is the opening: memory is a process's.
        let made = Command::new(&this).arg("trace").arg(&path).arg(hops.to_string()).status()?;
        let opened = Command::new(&this).arg("open").arg(&path).output()?;
        if !made.success() || !opened.status.success() {
            return Err("a trace could not be made".into());
        }
        let (info, explain) = (run("info", &path)?, run("explain", &path)?);
        let bytes = std::fs::metadata(&path)?.len() / hops;
        let first = String::from_utf8_lossy(&opened.stdout).trim().parse()?;
        all.push(Figures { hops, bytes, first, info, explain });
        std::fs::remove_file(&path)?;
    }
    Ok(all)
}

/// Print the milliseconds until the first screen of a trace could be drawn.
pub(crate) fn open(path: &Path) -> Outcome<()> {
    let begun = Instant::now();
    let reader = Reader::open(path)?;
    reader.info()?;
    reader.changes_since(0, 1000, Load::Heads)?;
    println!("{}", begun.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}

/// `hopscope info` links all hops into chains, and `hopscope explain` judges every chain.
fn run(name: &str, path: &Path) -> Outcome<Run> {
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    let quiet = command.arg(name).arg(path).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn()?;
    let mut peak = 0.0_f64;
    while child.try_wait()?.is_none() {
        peak = peak.max(process::memory(child.id(), "VmHWM"));
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(Run { seconds: begun.elapsed().as_secs_f64(), peak })
}

/// Make a trace: a hundred clients, each with preflight, request, redirect, and an answer that
/// differs in its date and its request id.
pub(crate) fn make(path: &Path, hops: u64) -> Outcome<()> {
    let tap = Tap {
        name: "edge".to_owned(),
        kind: TapKind::Forward,
        address: "127.0.0.1:8080".to_owned(),
        upstream: None,
    };
    Store::import(path, &[tap], (0..hops).map(hop))?;
    Ok(())
}

fn hop(number: u64) -> Hop {
    let (client, step) = (number % 100, number / 100 % 3);
    let started = Time(1_800_000_000_000_000 + i64::try_from(number).unwrap_or(0) * 100);
    let page = format!("http://page{}.test", client % 7);
    let url = format!("http://gw.test/prod/items{}?tab={client}", if step == 2 { "/" } else { "" });
    let id = format!("{number:032x}");
    let date = started.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut asked = vec![("host", "gw.test"), ("origin", page.as_str()), ("user-agent", AGENT)];
    let mut answer = vec![
        ("date", date.as_str()),
        ("content-type", "application/json"),
        ("x-request-id", id.as_str()),
        ("access-control-allow-origin", "*"),
    ];
    let location = format!("http://gw.test/prod/items/?tab={client}");
    match step {
        0 => {
            asked.push(("access-control-request-method", "PUT"));
            answer.push(("access-control-allow-methods", "PUT"));
        }
        1 => answer.push(("location", &location)),
        _ => {}
    }
    let bytes = |(name, value): (&'static str, &str)| (name, value.as_bytes().to_vec());
    let pack = |fields: Vec<(&'static str, &str)>| -> Headers {
        let fields: Vec<_> = fields.into_iter().map(bytes).collect();
        Headers::pack(fields.iter().map(|(name, value)| (*name, value.as_slice())))
    };
    Hop {
        id: HopId { recorder: 5, sequence: number + 1 },
        tap: TapId(0),
        exchange: hopscope::trace::Exchange::Http,
        connection: Some(ConnectionId(client)),
        started,
        ended: Some(started.plus(900)),
        request: Request {
            method: if step == 0 { "OPTIONS" } else { "PUT" }.to_owned(),
            url,
            headers: pack(asked),
            body: Body::full(""),
            ..Request::default()
        },
        outcome: HopOutcome::Answered(Response {
            status: [200, 308, 200][usize::try_from(step).unwrap_or(0)],
            headers: pack(answer),
            body: Body::full(vec![b'0'; 784]),
            ..Response::default()
        }),
        timing: Timing { wait: Some(800), receive: Some(100), ..Timing::default() },
        own_changes: Vec::new(),
        testimony: Testimony::default(),
        interim: Vec::new(),
        frames: Frames::default(),
        tls: None,
        trailers: None,
    }
}

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/156.0.0.0 Safari/537.36";
