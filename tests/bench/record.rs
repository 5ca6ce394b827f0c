//! What recording costs: `tests/run bench`. Needs `nginx` and `wrk`.
//!
//! One server, asked directly, through a proxy of the same HTTP library that records nothing,
//! and through a tap that records. They take turns in short rounds, so that whatever else the
//! machine does meets all three; rounds are summed up.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    if let [_, role, address, upstream] = args.as_slice()
        && role == "bare"
    {
        return tokio::runtime::Runtime::new()?.block_on(bare(address, upstream.clone()));
    }
    let missing = |it: &&str| Command::new(it).arg("-v").output().is_err();
    if let Some(missing) = ["nginx", "wrk"].iter().find(|it| missing(it)) {
        println!("{missing} is not installed: nothing measured");
        return Ok(());
    }
    compare()
}

fn compare() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let (server, plain, tap) = (port()?, port()?, port()?);
    let trace = folder.path().join("bench.hops");
    let upstream = format!("http://127.0.0.1:{server}");
    let to_tap = format!("bench=reverse:127.0.0.1:{tap}={upstream}");
    let mut runs = [
        Run::start("direct", server, nginx(folder.path(), server)?)?,
        Run::start("bare proxy", plain, {
            let mut it = Command::new(std::env::current_exe()?);
            it.args(["bare", &format!("127.0.0.1:{plain}"), &format!("127.0.0.1:{server}")]);
            it
        })?,
        Run::start("hopscope", tap, {
            let mut it = Command::new(env!("CARGO_BIN_EXE_hopscope"));
            it.args(["record", "--headless", "--tap", &to_tap, "-o"]).arg(&trace);
            it
        })?,
    ];
    for _ in 0..ROUNDS {
        for run in &mut runs {
            run.round()?;
        }
    }
    println!(
        "{:<12}{:>12}{:>16}{:>10}{:>12}",
        "", "requests/s", "µs CPU/request", "RSS MB", "bytes/hop"
    );
    for mut run in runs {
        let resident = resident(run.process.id());
        run.end()?;
        let kept = if run.name == "hopscope" { fs::metadata(&trace)?.len() } else { 0 };
        println!(
            "{:<12}{:>12.0}{:>16.1}{:>10.1}{:>12}",
            run.name,
            f64::from(run.requests) / run.seconds,
            run.cpu * 1e6 / f64::from(run.requests),
            resident / 1024.0,
            if kept == 0 { "-".to_owned() } else { (kept / u64::from(run.requests)).to_string() },
        );
    }
    Ok(())
}

/// One way to the server.
struct Run {
    name: &'static str,
    url: String,
    process: Child,
    requests: u32,
    seconds: f64,
    /// Seconds of processor time.
    cpu: f64,
}

impl Run {
    fn start(name: &'static str, port: u16, mut command: Command) -> Outcome<Run> {
        let process = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if deadline < Instant::now() {
                return Err(format!("{name} does not listen").into());
            }
            std::thread::yield_now();
        }
        let url = format!("http://127.0.0.1:{port}/items");
        Ok(Run { name, url, process, requests: 0, seconds: 0.0, cpu: 0.0 })
    }

    fn round(&mut self) -> Outcome<()> {
        let before = busy(self.process.id());
        let out = Command::new("wrk").args(["-t1", "-c32", "-d2s", &self.url]).output()?;
        self.cpu += busy(self.process.id()) - before;
        // "  118190 requests in 2.00s, 113.30MB read"
        let out = String::from_utf8_lossy(&out.stdout).into_owned();
        let line = out.lines().find(|it| it.contains(" requests in ")).unwrap_or_default();
        let (requests, rest) = line.trim().split_once(" requests in ").ok_or("wrk said nothing")?;
        self.requests += requests.parse::<u32>()?;
        self.seconds += rest.split("s,").next().unwrap_or_default().parse::<f64>()?;
        Ok(())
    }

    fn end(&mut self) -> Outcome<()> {
        let process = self.process.id().to_string();
        Command::new("kill").args(["-INT", &process]).status()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One process that answers everything with the same JSON.
fn nginx(folder: &Path, port: u16) -> Outcome<Command> {
    let body = format!("{{\"items\":\"{}\"}}", "0".repeat(770));
    let folder = folder.display();
    let text = format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{port}; default_type application/json;
    location / {{ add_header X-Request-Id $request_id; return 200 '{body}'; }} }} }}"
    );
    let path = format!("{folder}/nginx.conf");
    fs::write(&path, text)?;
    let mut command = Command::new("nginx");
    command.args(["-p", &folder.to_string(), "-c", &path]).stderr(Stdio::null());
    Ok(command)
}

/// What the library alone does: each client has its connection to the upstream, which is kept.
async fn bare(address: &str, upstream: String) -> Outcome<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let upstream = upstream.clone();
        tokio::spawn(async move {
            let socket = tokio::net::TcpStream::connect(upstream).await?;
            socket.set_nodelay(true)?;
            let (sender, driver) = handshake(TokioIo::new(socket)).await?;
            tokio::spawn(driver);
            let sender = std::sync::Arc::new(tokio::sync::Mutex::new(sender));
            let service = service_fn(move |it| pass_on(std::sync::Arc::clone(&sender), it));
            Builder::new().serve_connection(TokioIo::new(client), service).await?;
            Outcome::Ok(())
        });
    }
}

async fn pass_on(
    sender: std::sync::Arc<tokio::sync::Mutex<SendRequest<Incoming>>>,
    request: Request<Incoming>,
) -> hyper::Result<Response<Incoming>> {
    let mut sender = sender.lock().await;
    sender.ready().await?;
    let sending = sender.send_request(request);
    drop(sender);
    sending.await
}

fn port() -> std::io::Result<u16> {
    TcpListener::bind("127.0.0.1:0")?.local_addr().map(|it| it.port())
}

/// Seconds that a process has worked, to a hundredth.
fn busy(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Kilobytes that a process holds.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    line.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

const ROUNDS: usize = 3;
