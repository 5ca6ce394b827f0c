//! Who takes part: the server itself, and proxies in front of it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::{self, Load, Round};
use crate::{Outcome, median, process};

pub(crate) const DIRECT: &str = "nginx, direct";
pub(crate) const BARE: &str = "bare hyper proxy";
pub(crate) const HOPSCOPE: &str = "hopscope, recording";

/// One way to the server.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Where it stands in the tables.
    pub(crate) place: usize,
    /// What it keeps.
    pub(crate) keeps: &'static str,
    address: SocketAddr,
    process: Child,
    /// What hopscope writes.
    trace: Option<PathBuf>,
    rounds: Vec<(Load, Round)>,
    requests: f64,
    /// Megabytes at most, while it worked.
    pub(crate) peak: f64,
    /// Kilobytes for each connection that stays open; none where they could not be opened.
    pub(crate) per_idle: Option<f64>,
}

impl Peer {
    pub(crate) fn round(&mut self, load: Load, round: usize) -> Outcome<()> {
        if round == 0 && !matches!(load, Load::Small(1)) {
            // The first connections of a load are not what is measured.
            load::ask(self.address)?;
        }
        let before = process::busy(self.process.id());
        let mut it = load::run(load, self.address)?;
        it.cpu = process::busy(self.process.id()) - before;
        self.requests += it.requests;
        self.peak = process::memory(self.process.id(), "VmHWM");
        self.rounds.push((load, it));
        Ok(())
    }

    /// Go on until so many requests have passed in all.
    pub(crate) fn fill(&mut self, least: u32) -> Outcome<()> {
        while self.requests < f64::from(least) {
            self.requests += load::run(Load::Small(32), self.address)?.requests;
        }
        self.peak = process::memory(self.process.id(), "VmHWM");
        Ok(())
    }

    pub(crate) fn idle(&mut self, count: usize) {
        let before = process::memory(self.process.id(), "VmRSS");
        let open = load::idle(count, self.address);
        // Who holds them all still has to answer.
        let answers = open.is_ok() && load::ask(self.address).is_ok();
        let after = process::memory(self.process.id(), "VmRSS");
        self.per_idle = answers.then(|| (after - before).max(0.0) * 1024.0 / count as f64);
    }

    pub(crate) fn requests(&self) -> f64 {
        self.requests
    }

    fn of(&self, load: Load) -> impl Iterator<Item = &Round> {
        self.rounds.iter().filter(move |it| it.0 == load).map(|it| &it.1)
    }

    /// The median over the rounds of a load.
    pub(crate) fn median(&self, load: Load, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.of(load).map(figure).collect())
    }

    /// The median ratio to `other`, taken round by round.
    pub(crate) fn ratio(&self, other: &Peer, load: Load, figure: impl Fn(&Round) -> f64) -> f64 {
        let pairs = self.of(load).zip(other.of(load));
        median(pairs.map(|(it, other)| figure(it) / figure(other)).collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Everybody who is installed, and who is not.
pub(crate) fn start(folder: &Path) -> Outcome<(Vec<Peer>, Vec<&'static str>)> {
    let (mut peers, mut absent) = (Vec::new(), Vec::new());
    let server = free()?;
    let upstream = format!("http://{server}");
    let mut add = |name, keeps, address, command: Option<Command>| -> Outcome<()> {
        match command {
            Some(command) => peers.push(run(name, keeps, address, command, peers.len())?),
            None => absent.push(name),
        }
        Ok(())
    };
    add(DIRECT, "-", server, Some(nginx(folder, server, None)?))?;
    let at = free()?;
    add("haproxy", "nothing", at, installed("haproxy", || haproxy(folder, at, server))?)?;
    let at = free()?;
    add("nginx, proxy", "nothing", at, Some(nginx(folder, at, Some(server))?))?;
    let at = free()?;
    let mut bare = Command::new(std::env::current_exe()?);
    bare.args(["bare", &at.to_string(), &server.to_string()]);
    add(BARE, "nothing", at, Some(bare))?;
    let at = free()?;
    let mut hopscope = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    hopscope.args(["record", "--headless", "--tap", &format!("b=reverse:{at}={upstream}"), "-o"]);
    let trace = folder.join("bench.hops");
    hopscope.arg(&trace);
    add(HOPSCOPE, "everything, on disk", at, Some(hopscope))?;
    let at = free()?;
    let proxelar = installed("proxelar", || {
        let mut it = Command::new("proxelar");
        it.args(["-i", "terminal", "-m", "reverse", "--target", &upstream]);
        it.args(["-b", "127.0.0.1", "-p", &at.port().to_string()]);
        Ok(it)
    })?;
    add("proxelar", "the latest, in memory", at, proxelar)?;
    let at = free()?;
    let mitmdump = installed("mitmdump", || {
        let mut it = Command::new("mitmdump");
        it.args(["-q", "--mode", &format!("reverse:{upstream}@{at}"), "-w"]);
        it.arg(folder.join("flows"));
        it.env("HOME", folder);
        Ok(it)
    })?;
    add("mitmdump -w", "everything, on disk", at, mitmdump)?;
    for peer in peers.iter_mut().filter(|it| it.name == HOPSCOPE) {
        peer.trace = Some(trace.clone());
    }
    Ok((peers, absent))
}

/// End them all; bytes a hop that hopscope kept.
pub(crate) fn end(peers: &mut [Peer]) -> Outcome<Option<f64>> {
    let mut kept = None;
    for peer in peers {
        Command::new("kill").args(["-INT", &peer.process.id().to_string()]).status()?;
        peer.process.wait()?;
        if let Some(trace) = &peer.trace {
            let info = hopscope::store::Reader::open(trace)?.info()?;
            kept = Some(info.bytes as f64 / info.hops as f64);
        }
    }
    Ok(kept)
}

fn run(
    name: &'static str,
    keeps: &'static str,
    address: SocketAddr,
    mut command: Command,
    place: usize,
) -> Outcome<Peer> {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = quiet.spawn()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        if deadline < Instant::now() {
            return Err(format!("{name} does not listen").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (trace, per_idle) = (None, None);
    let (rounds, requests, peak) = (Vec::new(), 0.0, 0.0);
    Ok(Peer { name, place, keeps, address, process, trace, rounds, requests, peak, per_idle })
}

fn installed(name: &str, command: impl FnOnce() -> Outcome<Command>) -> Outcome<Option<Command>> {
    if process::is_installed(name) { command().map(Some) } else { Ok(None) }
}

/// One process that answers with a JSON of 784 bytes or a megabyte, or passes on what asks it.
fn nginx(folder: &Path, address: SocketAddr, to: Option<SocketAddr>) -> Outcome<Command> {
    let folder = folder.join(address.port().to_string());
    fs::create_dir(&folder)?;
    fs::write(folder.join("large"), vec![b'x'; 1_000_000])?;
    let body = format!("{{\"items\":\"{}\"}}", "0".repeat(770));
    let here = folder.display();
    let upstream = to.map_or_else(String::new, |to| {
        format!("upstream server {{ server {to}; keepalive 256; keepalive_requests 100000000; }}")
    });
    let answer = match to {
        Some(_) => "location / { proxy_pass http://server; proxy_http_version 1.1;
            proxy_set_header Connection ''; }"
            .to_owned(),
        None => format!(
            "location / {{ add_header X-Request-Id $request_id; return 200 '{body}'; }}
             location /large {{ root {here}; add_header X-Request-Id $request_id; }}"
        ),
    };
    let text = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/errors;
events {{ worker_connections 19000; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 1h; {upstream}
  client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f;
  uwsgi_temp_path {here}/u; scgi_temp_path {here}/s; sendfile on;
  server {{ listen {address} backlog=4096; default_type application/json; {answer} }} }}"
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, text)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&folder).arg("-c").arg(&path);
    Ok(command)
}

fn haproxy(folder: &Path, address: SocketAddr, to: SocketAddr) -> Outcome<Command> {
    let text = format!(
        "global
  maxconn 19000
  no log
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen all
  bind {address} backlog 4096
  http-reuse always
  server one {to}
"
    );
    let path = folder.join("haproxy.cfg");
    fs::write(&path, text)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(&path);
    Ok(command)
}

/// An address where nobody listens yet.
fn free() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
