//! Who takes part: the server itself, and proxies in front of it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bare::Kind;
use crate::load::{self, Door, Load, Round};
use crate::{Outcome, median, process, servers};

pub(crate) const DIRECT: &str = "nginx, direct";
pub(crate) const BARE: &str = "bare hyper proxy";
pub(crate) const FAITHFUL: &str = "the same, names kept as written";
pub(crate) const POOLED: &str = "the same, hyper-util's pool";
pub(crate) const HOPSCOPE: &str = "hopscope, recording";
pub(crate) const PROXELAR: &str = "proxelar";
pub(crate) const MITMDUMP: &str = "mitmdump -w";

/// Without them there is nothing to compare.
const ESSENTIAL: [&str; 3] = [DIRECT, BARE, HOPSCOPE];

/// Where a peer listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doors {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    pub(crate) http_2: SocketAddr,
}

impl Doors {
    /// Addresses where nobody listens yet.
    fn free() -> Outcome<Doors> {
        Ok(Doors { plain: free()?, tls: free()?, http_2: free()? })
    }

    fn of(self, door: Door) -> SocketAddr {
        match door {
            Door::Plain => self.plain,
            Door::Tls => self.tls,
            Door::Http2 => self.http_2,
        }
    }
}

/// The files of the certificate that every peer shows.
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Chain and key in one.
    pub(crate) both: PathBuf,
}

impl Certificate {
    pub(crate) fn at(folder: &Path) -> Certificate {
        let [chain, key, both] = ["chain.pem", "key.pem", "both.pem"].map(|it| folder.join(it));
        Certificate { chain, key, both }
    }

    fn make(folder: &Path) -> Outcome<Certificate> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let files = Certificate::at(folder);
        fs::write(&files.both, format!("{chain}{key}"))?;
        fs::write(&files.chain, chain)?;
        fs::write(&files.key, key)?;
        Ok(files)
    }
}

/// One way to the server.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Where it stands in the tables.
    pub(crate) place: usize,
    /// What it keeps.
    pub(crate) keeps: &'static str,
    doors: Doors,
    /// Whether the doors beside the plain one are open.
    speaks_tls: bool,
    process: Child,
    rounds: Vec<(Load, usize, Round)>,
    /// Why it takes part no longer.
    pub(crate) trouble: Option<String>,
    pub(crate) requests: f64,
    /// Megabytes at most, after the small answers and after everything.
    pub(crate) peak_small: f64,
    pub(crate) peak: f64,
    /// Kilobytes for each connection that stays open; none where they could not be opened.
    pub(crate) per_idle: Option<f64>,
}

impl Peer {
    /// One round of `load`, if it takes part in it.
    pub(crate) fn round(&mut self, load: Load, round: usize) -> Outcome<()> {
        let is_out = self.trouble.is_some() || !self.speaks_tls && load.door() != Door::Plain;
        if is_out || load == Load::Http2 && !process::is_installed("h2load") {
            return Ok(());
        }
        match self.measure(load, round) {
            Err(error) if ESSENTIAL.contains(&self.name) => {
                Err(format!("{}, {}: {error}", self.name, load.title()).into())
            }
            Err(error) => {
                self.trouble = Some(format!("{} stopped at {}: {error}", self.name, load.title()));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn measure(&mut self, load: Load, round: usize) -> Outcome<()> {
        let before = process::busy(self.process.id());
        let mut it = load::run(load, self.doors.of(load.door()))?;
        it.cpu = process::busy(self.process.id()) - before;
        self.requests += it.requests;
        self.peak = process::memory(self.process.id(), "VmHWM");
        self.rounds.push((load, round, it));
        Ok(())
    }

    /// Go on until so many requests have passed in all.
    pub(crate) fn fill(&mut self, least: f64) -> Outcome<()> {
        while self.requests < least {
            self.requests += load::run(Load::Small(32), self.doors.plain)?.requests;
        }
        Ok(())
    }

    /// The small answers are done.
    pub(crate) fn small_done(&mut self) {
        self.peak_small = process::memory(self.process.id(), "VmHWM");
    }

    pub(crate) fn idle(&mut self, count: usize) {
        if self.trouble.is_some() {
            return;
        }
        let before = process::memory(self.process.id(), "VmRSS");
        let open = load::idle(count, self.doors.plain);
        // Who holds them all still has to answer.
        let answers = open.is_ok() && load::ask(self.doors.plain).is_ok();
        let after = process::memory(self.process.id(), "VmRSS");
        self.per_idle = answers.then(|| (after - before).max(0.0) * 1024.0 / count as f64);
    }

    fn of(&self, load: Load) -> impl Iterator<Item = (usize, &Round)> {
        self.rounds.iter().filter(move |it| it.0 == load).map(|it| (it.1, &it.2))
    }

    /// The median over the rounds of a load; none where it took no part.
    pub(crate) fn median(&self, load: Load, figure: impl Fn(&Round) -> f64) -> Option<f64> {
        median(self.of(load).map(|it| figure(it.1)).collect())
    }

    /// The figures of both in the rounds of a load that both were in.
    pub(crate) fn beside<'a>(
        &'a self,
        other: &'a Peer,
        load: Load,
    ) -> impl Iterator<Item = (usize, &'a Round, &'a Round)> {
        let same = move |n: usize| other.of(load).find(|it| it.0 == n).map(|it| it.1);
        self.of(load).filter_map(move |(n, it)| Some((n, it, same(n)?)))
    }

    /// The median ratio to `other`, taken round by round.
    pub(crate) fn ratio(
        &self,
        other: &Peer,
        load: Load,
        figure: impl Fn(&Round) -> f64,
    ) -> Option<f64> {
        median(self.beside(other, load).map(|(_, it, other)| figure(it) / figure(other)).collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Those who take part, and those who could not be had.
#[derive(Default)]
pub(crate) struct Field {
    pub(crate) peers: Vec<Peer>,
    pub(crate) absent: Vec<&'static str>,
    /// What hopscope writes.
    trace: PathBuf,
}

/// Everybody who is installed.
pub(crate) fn start(folder: &Path) -> Outcome<Field> {
    let mut field = Field { trace: folder.join("bench.hops"), ..Field::default() };
    let certificate = Certificate::make(folder)?;
    let (doors, server_2) = (Doors::free()?, free()?);
    let (server, upstream) = (doors.plain, format!("http://{}", doors.plain));
    field.add(DIRECT, "-", doors, servers::nginx(folder, doors, server_2, &certificate)?)?;
    let doors = Doors::free()?;
    field.add("haproxy", "-", doors, servers::haproxy(folder, doors, server, &certificate)?)?;
    let doors = Doors::free()?;
    let nginx = servers::nginx_proxy(folder, doors, server, &certificate)?;
    field.add("nginx, proxy", "-", doors, nginx)?;
    for (name, kind) in [(BARE, Kind::Least), (FAITHFUL, Kind::Faithful), (POOLED, Kind::Pooled)] {
        let doors = Doors::free()?;
        let mut bare = Command::new(std::env::current_exe()?);
        let addresses = [doors.plain, doors.tls, doors.http_2, server, server_2];
        bare.args(["bare", kind.word()]).args(addresses.map(|it| it.to_string())).arg(folder);
        field.add(name, "-", doors, bare)?;
    }
    let doors = Doors::free()?;
    let hopscope = hopscope(&field.trace, doors, server, server_2, &certificate);
    field.add(HOPSCOPE, "everything, on disk", doors, hopscope)?;
    let doors = Doors::free()?;
    let mut proxelar = Command::new(PROXELAR);
    proxelar.args(["-i", "terminal", "-m", "reverse", "--target", &upstream]);
    proxelar.args(["-b", "127.0.0.1", "-p", &doors.plain.port().to_string()]);
    field.add(PROXELAR, "the latest, in memory", doors, proxelar)?;
    let doors = Doors::free()?;
    let mut mitmdump = Command::new("mitmdump");
    mitmdump.args(["-q", "--mode", &format!("reverse:{upstream}@{}", doors.plain), "-w"]);
    mitmdump.arg(folder.join("flows")).env("HOME", folder);
    field.add(MITMDUMP, "everything, on disk", doors, mitmdump)?;
    Ok(field)
}

/// The same taps that a user would open: plain, TLS, and HTTP/2 on both sides.
fn hopscope(
    trace: &Path,
    doors: Doors,
    server: SocketAddr,
    server_2: SocketAddr,
    certificate: &Certificate,
) -> Command {
    let Doors { plain, tls, http_2 } = doors;
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.args(["record", "--headless"]);
    command.args(["--tap", &format!("plain=reverse:{plain}=http://{server}")]);
    command.args(["--tap", &format!("tls=reverse:{tls}=http://{server},tls")]);
    command.args(["--tap", &format!("h2=reverse:{http_2}=http://{server_2},tls,http=2")]);
    command.arg("--cert").arg(&certificate.chain).arg("--key").arg(&certificate.key);
    command.arg("-o").arg(trace);
    command
}

impl Field {
    fn add(
        &mut self,
        name: &'static str,
        keeps: &'static str,
        doors: Doors,
        mut command: Command,
    ) -> Outcome<()> {
        if !process::is_installed(&command.get_program().to_string_lossy()) {
            self.absent.push(name);
            return Ok(());
        }
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = quiet.spawn()?;
        let peer = Peer {
            name,
            place: self.peers.len(),
            keeps,
            doors,
            speaks_tls: ![FAITHFUL, POOLED, PROXELAR, MITMDUMP].contains(&name),
            process,
            rounds: Vec::new(),
            trouble: None,
            requests: 0.0,
            peak_small: 0.0,
            peak: 0.0,
            per_idle: None,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(doors.plain).is_err() {
            if deadline < Instant::now() && ESSENTIAL.contains(&name) {
                return Err(format!("{name} does not listen").into());
            } else if deadline < Instant::now() {
                self.absent.push(name);
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.peers.push(peer);
        Ok(())
    }

    /// Bytes a hop that hopscope has kept so far.
    pub(crate) fn kept(&self) -> Outcome<f64> {
        let info = hopscope::store::Reader::open(&self.trace)?.info()?;
        Ok(info.bytes as f64 / info.hops as f64)
    }

    /// End them all, hopscope cleanly: it has kept every hop.
    pub(crate) fn end(&mut self) -> Outcome<()> {
        for peer in &mut self.peers {
            if peer.name == HOPSCOPE {
                Command::new("kill").args(["-TERM", &peer.process.id().to_string()]).status()?;
            } else {
                peer.process.kill()?;
            }
            peer.process.wait()?;
        }
        let info = hopscope::store::Reader::open(&self.trace)?.info()?;
        if info.unrecorded.count > 0 {
            return Err(format!("{} hops went unrecorded", info.unrecorded.count).into());
        }
        Ok(())
    }
}

/// An address where nobody listens yet.
fn free() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
