//! The program, recording headless: its taps, its trace, its memory, its end.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::cell::Cell;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hopscope::store::{Load, Reader};
use hopscope::trace::{Hop, Outcome};
use tempfile::TempDir;

/// The program, recording. Killed when the test ends, whatever happens.
pub(crate) struct Program {
    child: Child,
    /// Where its taps listen, in the order they were asked for.
    pub(crate) taps: Vec<String>,
    pub(crate) trace: PathBuf,
    seen: Cell<usize>,
    folder: TempDir,
}

impl Program {
    /// With one forward tap.
    pub(crate) fn start(options: &[&str]) -> Program {
        Program::start_in("", options)
    }

    /// Start it from a shell that has run `setup`.
    pub(crate) fn start_in(setup: &str, options: &[&str]) -> Program {
        let options = [&["--tap", "edge=forward:127.0.0.1:0"], options].concat();
        Program::with(tempfile::tempdir().unwrap(), setup, &options)
    }

    /// With the taps that `options` name; all files are in `folder`.
    pub(crate) fn with(folder: TempDir, setup: &str, options: &[&str]) -> Program {
        let trace = folder.path().join("x.hops");
        let errors = std::fs::File::create(folder.path().join("stderr")).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", &format!("{setup} exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_hopscope"))
            .args(["record", "--headless", "-o"])
            .arg(&trace)
            .args(options)
            .env("XDG_CONFIG_HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut taps = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some(tap) = line.strip_prefix("listening ") else { break };
            taps.push(tap.split_once(' ').unwrap().1.to_owned());
        }
        let program = Program { child, taps, trace, seen: Cell::new(0), folder };
        assert!(!program.taps.is_empty(), "{}", program.errors());
        program
    }

    /// Where its first tap listens.
    pub(crate) fn tap(&self) -> &str {
        &self.taps[0]
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What it complained about.
    pub(crate) fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    pub(crate) fn hops(&self) -> Vec<Hop> {
        let Ok(reader) = Reader::open(&self.trace) else { return Vec::new() };
        reader.hops(Load::Heads).map_while(Result::ok).collect()
    }

    /// `n` more hops that have ended, once there are: what came of each, and why.
    pub(crate) async fn recorded(&self, n: usize) -> Vec<(String, String)> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let hops = self.hops();
            let new: Vec<_> = hops.iter().skip(self.seen.get()).collect();
            if new.len() >= n && new.iter().take(n).all(|it| it.ended.is_some()) {
                self.seen.set(hops.len());
                return new.into_iter().map(came_of).collect();
            }
            assert!(Instant::now() < deadline, "{} hops of {n}: {new:#?}", new.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What came of all new hops in a few words, once all have ended and there is one that
    /// begins so.
    pub(crate) async fn settled(&self, wanted: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let hops = self.hops();
            let new = &hops[self.seen.get()..];
            let found = new.iter().map(came_of).find(|it| it.0.starts_with(wanted));
            let is_over = new.iter().all(|it| it.ended.is_some());
            if is_over && (found.is_some() || wanted.is_empty()) {
                self.seen.set(hops.len());
                let (kind, detail) = found.unwrap_or_default();
                return format!("{} hops: {kind} {detail}", new.len());
            }
            let came: Vec<_> = new.iter().map(came_of).take(5).collect();
            assert!(Instant::now() < deadline, "no `{wanted}` in {} hops: {came:?}", new.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Megabytes that it holds.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub(crate) async fn exit_code(&mut self) -> i32 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// End it; every hop must have been recorded, and nothing may have gone wrong within.
    pub(crate) async fn end(mut self, signal: &str) {
        self.signal(signal);
        assert_eq!(self.exit_code().await, 0, "{}", self.errors());
        assert!(!self.errors().contains("panicked"), "{}", self.errors());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A hop in a few words.
fn came_of(hop: &Hop) -> (String, String) {
    let status = hop.status().map(|it| it.to_string());
    let failure = hop.failure().map(|it| it.kind.as_str().to_owned());
    let kind = [status, failure].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let detail = hop.failure().map(|it| it.detail.clone()).unwrap_or_default();
    let kind = if matches!(hop.outcome, Outcome::Pending) { "open".to_owned() } else { kind };
    (kind, detail)
}

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
