//! `hopscope record` as a user runs it: the real program between a gateway and the real Django,
//! with curl as the client; and killed under the load of wrk, with nothing old lost.
//!
//! Needs Python, curl, wrk and, the first time, the network: `cargo test --features real`.
//! Without them it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/http.rs"]
mod http;
#[path = "django/real.rs"]
mod real;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hopscope::lab::{Knobs, Lab};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The program, recording. Killed when the test ends, whatever happens.
struct Recorder {
    child: Child,
    addresses: Vec<String>,
}

impl Recorder {
    fn start(taps: &[&str], trace: &Path) -> Recorder {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
        command.args(["record", "--headless", "-o"]).arg(trace);
        for tap in taps {
            command.args(["--tap", tap]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said: Vec<String> = lines.map_while(Result::ok).take(taps.len() + 1).collect();
        let address =
            |it: &String| it.strip_prefix("listening ")?.split(' ').nth(1).map(str::to_owned);
        let addresses: Vec<String> = said.iter().filter_map(address).collect();
        assert_eq!(addresses.len(), taps.len(), "{said:?}");
        assert_eq!(said.last().unwrap(), trace.to_str().unwrap());
        Recorder { child, addresses }
    }

    /// End it as a user would (SIGINT), and give its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hopscope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hopscope")).args(args).output().unwrap()
}

fn explain(trace: &Path) -> Value {
    let output = hopscope(&["explain", trace.to_str().unwrap(), "--json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn names_the_slash_that_the_gateway_dropped_before_the_real_django() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("x.hops");
    let django = real::Django::start(&[("debug", "on"), ("cors", "before")]).await;
    let lab = Lab::start(Knobs::default()).await.unwrap();
    let edge = format!("edge=reverse:127.0.0.1:0=http://{}", lab.addresses().gateway);
    let origin = format!("origin=reverse:127.0.0.1:0=http://{}", django.address);
    let recorder = Recorder::start(&[&edge, &origin], &trace);
    lab.handle().set("backend", &recorder.addresses[1]).await.unwrap();

    let url = format!("http://{}/prod/items/", recorder.addresses[0]);
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", &url]);
    curl.args(["-H", "Origin: http://my.front-end.test"]);
    let output = tokio::task::spawn_blocking(move || curl.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, format!("301 http://{}/items/", recorder.addresses[0]));
    assert_eq!(recorder.interrupt(), Some(0));

    let chain = &explain(&trace)["chains"][0];
    let finding = &chain["findings"][0];
    assert_eq!(finding["code"], "trailing-slash-dropped", "{:#}", chain["findings"]);
    assert_eq!((&finding["hop"], &finding["by"]), (&1.into(), &"gateway".into()));
    let slash = chain["lineage"].as_array().unwrap().iter().find(|it| it["what"] == "slash");
    let change = &slash.unwrap()["changes"][0];
    assert_eq!(change["change"], "dropped");
    assert_eq!(change["between"], serde_json::json!(["edge", "origin"]));
    lab.stop().await;
}

/// A server that counts the requests it has answered.
async fn counting_server() -> (std::net::SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                let mut piece = [0; 4096];
                while let Ok(n) = socket.read(&mut piece).await {
                    if n == 0 {
                        return;
                    }
                    bytes.extend_from_slice(&piece[..n]);
                    while let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                        bytes.drain(..end + 4);
                        counter.fetch_add(1, Ordering::SeqCst);
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        if socket.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (address, count)
}

/// What a killed recorder may have lost: the last commit interval.
const INTERVAL: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn loses_nothing_older_than_a_commit_when_killed_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("x.hops");
    let (upstream, answered) = counting_server().await;
    let tap = format!("edge=reverse:127.0.0.1:0=http://{upstream}");
    let mut recorder = Recorder::start(&[&tap], &trace);
    let url = format!("http://{}/items", recorder.addresses[0]);
    let mut wrk = Command::new("wrk")
        .args(["-t1", "-c16", "-d30", &url])
        .stdout(Stdio::null())
        .spawn()
        .expect("wrk is needed: the test script installs it");

    // How many had been answered when.
    let mut history = Vec::new();
    let mut samples = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..600 {
        samples.tick().await;
        history.push((Instant::now(), answered.load(Ordering::SeqCst)));
    }
    recorder.child.kill().unwrap();
    let killed = Instant::now();
    recorder.child.wait().unwrap();
    wrk.kill().unwrap();
    wrk.wait().unwrap();

    let old =
        history.iter().rev().find(|(at, _)| killed.duration_since(*at) >= INTERVAL).unwrap().1;
    let info = hopscope(&["info", trace.to_str().unwrap(), "--json"]);
    assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
    let info: Value = serde_json::from_slice(&info.stdout).unwrap();
    let kept = info["hops"].as_u64().unwrap();
    assert!(old > 1000, "no load: {old} requests in three seconds");
    assert!(kept >= old, "{kept} hops in the trace, {old} answered {INTERVAL:?} before the kill");
}
