//! Real clients through the real program, in front of a real nginx with TLS and HTTP/2: each
//! works, and each of its hops is right. Prints a table.
//!
//! Needs curl, h2load, wget, openssl, nginx, Go, certutil, Chromium, Firefox, Python, Node, and the first
//! time the network: `cargo test --features real --test clients -- --nocapture`. Without them it
//! fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::print_stdout, reason = "the table is what this test is for")]

#[path = "clients/nginx.rs"]
mod nginx;
#[path = "support/secure.rs"]
mod secure;
#[path = "clients/websocket.rs"]
mod websocket;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hopscope::store::{Load, Reader};
use hopscope::trace::{Exchange, FailureKind, Hop, Target, Version};
use nginx::Nginx;
use tempfile::TempDir;

/// A program that asks, as `NAME`; what it says.
type Client = (&'static str, fn(&Rig, &str) -> Output);

/// Name, how to ask, and what is spoken to the tap and to nginx.
const CLIENTS: &[(Client, &str)] = &[
    (("curl --http1.1", |rig, name| rig.curl(name, &["--http1.1"])), "HTTP/1.1"),
    (("curl --http2", |rig, name| rig.curl(name, &["--http2"])), "HTTP/2"),
    (("curl to the reverse tap", |rig, name| rig.curl_front(name)), "HTTP/2"),
    (("curl --socks5-hostname", |rig, name| rig.curl_socks(name)), "HTTP/2"),
    (("h2load to the reverse tap", |rig, name| rig.h2load(name)), "HTTP/2"),
    (("Go", Rig::go), "HTTP/2"),
    (("wget", Rig::wget), "HTTP/1.1"),
    (("openssl s_client", Rig::openssl), "HTTP/1.1"),
    (("Python requests", |rig, name| rig.python("requests", name)), "HTTP/1.1"),
    (("Python requests, SOCKS5", |rig, name| rig.python("requests-socks", name)), "HTTP/1.1"),
    (("Python httpx", |rig, name| rig.python("httpx", name)), "HTTP/2"),
    (("Node fetch", Rig::node), "HTTP/1.1"),
    (("Node fetch to the reverse tap", Rig::node_front), "HTTP/2"),
    (("Chromium", Rig::chromium), "HTTP/2"),
    (("Firefox", |rig, name| rig.firefox(name, PROXY_PREFS)), "HTTP/2"),
    (("Firefox, SOCKS5", |rig, name| rig.firefox(name, SOCKS_PREFS)), "HTTP/2"),
    (("hopscope browser chromium", |rig, name| rig.browser("chromium", name)), "HTTP/2"),
    (("hopscope browser firefox", |rig, name| rig.browser("firefox", name)), "HTTP/2"),
];

#[test]
fn each_works_and_each_hop_is_right() {
    let rig = Rig::start();
    let mut table = vec![["client", "to the tap", "to nginx", "answer", "hop"].map(String::from)];
    for ((name, asks), version) in CLIENTS {
        let id = name.to_lowercase().replace(|it: char| !it.is_alphanumeric(), "-");
        let output = asks(&rig, &id);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        let hop = rig.hop(&id).unwrap_or_else(|| panic!("{name}: no hop: {said} {errors}"));
        let heard = if *version == "HTTP/2" { "HTTP/2.0" } else { "HTTP/1.1" };
        if !id.contains("firefox") && !id.contains("h2load") {
            assert!(said.contains(&format!("nginx heard {heard}")), "{name}: {said} {errors}");
        }
        let response = hop.response().unwrap_or_else(|| panic!("{name}: {:?}", hop.outcome));
        let body = String::from_utf8_lossy(&response.body.bytes).trim().to_owned();
        assert_eq!(
            (response.status, body.as_str()),
            (200, format!("nginx heard {heard}").as_str())
        );
        let [to_tap, to_nginx] = [hop.request.version, response.version].map(Version::as_str);
        assert_eq!([to_tap, to_nginx], [*version; 2], "{name}");
        assert_eq!(hop.exchange, Exchange::Http, "{name}");
        assert!(hop.request.url.starts_with("https://localhost:"), "{name}: {}", hop.request.url);
        assert!(response.body.complete && hop.failure().is_none(), "{name}");
        let tls = hop.tls.as_ref().unwrap();
        let upstream = tls.upstream.as_ref().unwrap();
        assert_eq!(upstream.certificates[0].issuer, "CN=World CA", "{name}");
        assert!(tls.client.is_some(), "{name}");
        let told = format!("{} {}, {}", upstream.version, upstream.cipher, hop.request.method);
        let row = [*name, to_tap, to_nginx, "200", &told];
        table.push(row.map(String::from));
    }
    table.extend(websocket::rows(&rig));
    table.push(rig.refuses());
    table.push(rig.passes());
    print(&table);
    let keys = fs::read_to_string(rig.home.path().join("keys")).unwrap();
    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0 "), "SSLKEYLOGFILE is honoured");
    let mode = fs::metadata(rig.home.path().join("keys")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    assert_eq!(rig.interrupt(), Some(0));
}

fn print(table: &[[String; 5]]) {
    for row in table {
        let [client, tap, upstream, answer, hop] = row;
        println!("{client:<30} {tap:<11} {upstream:<11} {answer:<8} {hop}");
    }
}

/// nginx, the program before it, and a home with browsers that trust it.
struct Rig {
    home: TempDir,
    nginx: Nginx,
    child: Child,
    forward: String,
    front: String,
    ca: PathBuf,
}

impl Rig {
    fn start() -> Rig {
        let home = tempfile::tempdir().unwrap();
        let world = secure::World::new();
        let (cert, key) = world.certify("localhost");
        fs::write(home.path().join("cert.pem"), cert).unwrap();
        fs::write(home.path().join("key.pem"), key).unwrap();
        let world = world.write(home.path());
        let nginx = Nginx::start(home.path());
        let mut command = hopscope(home.path());
        let front = format!("front=reverse:127.0.0.1:0=https://localhost:{},tls", nginx.port);
        command.args(["record", "--headless", "--tap", "edge=forward:127.0.0.1:0"]);
        command.args(["--tap", &front, "--ca"]).arg(&world);
        command.arg("-o").arg(home.path().join("x.hops"));
        command.env("SSLKEYLOGFILE", home.path().join("keys"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said: Vec<String> = lines.map_while(Result::ok).take(3).collect();
        let address = |n: usize| said[n].rsplit(' ').next().unwrap().to_owned();
        let (forward, front) = (address(0), address(1));
        let path = hopscope(home.path()).args(["ca", "path"]).output().unwrap();
        let ca = PathBuf::from(String::from_utf8(path.stdout).unwrap().trim());
        Rig { home, nginx, child, forward, front, ca }
    }

    fn url(&self, path: &str, id: &str) -> String {
        format!("https://localhost:{}{path}?client={id}", self.nginx.port)
    }

    fn proxy(&self) -> String {
        format!("http://{}", self.forward)
    }

    fn curl(&self, id: &str, more: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "--proxy", &self.proxy(), "--cacert"]).arg(&self.ca);
        run(command.args(more).arg(self.url("/items", id)))
    }

    fn curl_front(&self, id: &str) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "--noproxy", "*", "--cacert"]).arg(&self.ca);
        run(command.arg(self.front_url(id)))
    }

    fn curl_socks(&self, id: &str) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "--noproxy", "", "--socks5-hostname", &self.forward, "--cacert"]);
        run(command.arg(&self.ca).arg(self.url("/items", id)))
    }

    fn h2load(&self, id: &str) -> Output {
        let mut command = Command::new("h2load");
        let output = run(command.args(["-n40", "-c2", "-m10"]).arg(self.front_url(id)));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("40 succeeded, 0 failed, 0 errored"), "{said}");
        output
    }

    /// Go's own choice of a proxy leaves out this machine, so it is told.
    fn go(&self, id: &str) -> Output {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-go");
        let source = folder().join("asks.go");
        installed(&place, &source, || {
            fs::create_dir_all(&place).unwrap();
            done(Command::new("go").args(["build", "-o"]).arg(place.join("asks")).arg(&source));
        });
        let mut command = Command::new(place.join("asks"));
        run(command.args([&self.url("/items", id), &self.proxy()]).env("SSL_CERT_FILE", &self.ca))
    }

    fn front_url(&self, id: &str) -> String {
        let port = self.front.rsplit(':').next().unwrap();
        format!("https://localhost:{port}/items?client={id}")
    }

    fn wget(&self, id: &str) -> Output {
        let mut command = Command::new("wget");
        command.args(["-q", "-O-", "-e", "use_proxy=on", "-e"]);
        command.arg(format!("https_proxy={}", self.proxy()));
        command.arg(format!("--ca-certificate={}", self.ca.display()));
        run(command.arg(self.url("/items", id)))
    }

    fn openssl(&self, id: &str) -> Output {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-verify_return_error", "-proxy", &self.forward]);
        command.arg("-CAfile").arg(&self.ca).args(["-servername", "localhost", "-connect"]);
        command.arg(format!("localhost:{}", self.nginx.port));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|it| panic!("{command:?}: {it}"));
        let ask =
            format!("GET /items?client={id} HTTP/1.1\r\nHost: localhost:{}\r\n", self.nginx.port);
        let mut to = child.stdin.take().unwrap();
        to.write_all(format!("{ask}Connection: close\r\n\r\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(to);
        output
    }

    fn python(&self, library: &str, id: &str) -> Output {
        let mut command = Command::new(python());
        let proxy = match library {
            "requests-socks" => format!("socks5h://{}", self.forward),
            _ => self.proxy(),
        };
        command.arg(folder().join("asks.py")).arg(library);
        run(command.args([&self.url("/items", id), &proxy]).arg(&self.ca))
    }

    fn node(&self, id: &str) -> Output {
        self.node_asks(&self.url("/items", id), &self.proxy())
    }

    fn node_front(&self, id: &str) -> Output {
        self.node_asks(&self.front_url(id), "direct")
    }

    fn node_asks(&self, url: &str, proxy: &str) -> Output {
        let mut command = Command::new("node");
        command.arg(folder().join("asks.mjs")).args([url, proxy]).arg(&self.ca);
        run(command.current_dir(modules()))
    }

    /// Chromium with a home of its own, in which `hopscope ca install` has been.
    fn chromium(&self, id: &str) -> Output {
        self.install("chromium");
        let mut command = Command::new("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
        command.args(["--proxy-bypass-list=<-loopback>", "--disable-background-networking"]);
        command.arg(format!("--proxy-server={}", self.proxy()));
        command.arg(format!("--user-data-dir={}", self.home.path().join("chromium").display()));
        run(command.arg(self.url("/page", id)).env("HOME", self.home.path()))
    }

    /// Firefox with a profile of its own, in which `hopscope ca install` has been.
    fn firefox(&self, id: &str, proxy: &str) -> Output {
        let profile = self.home.path().join(".mozilla/firefox").join(id);
        fs::create_dir_all(&profile).unwrap();
        let database = format!("sql:{}", profile.display());
        run(Command::new("certutil").args(["-N", "--empty-password", "-d", &database]));
        self.install("firefox");
        let (host, port) = self.forward.split_once(':').unwrap();
        let prefs = [PREFS, proxy].concat().replace("{host}", host).replace("{port}", port);
        fs::write(profile.join("user.js"), prefs).unwrap();
        let mut command = Command::new("firefox-esr");
        command.args(["--headless", "--no-remote", "--profile"]).arg(&profile);
        command.arg("--screenshot").arg(self.home.path().join("x.png"));
        run(command.arg(self.url("/page", id)).env("HOME", self.home.path()))
    }

    /// A browser as `hopscope browser` starts it: nothing is left behind, and nobody else asked.
    fn browser(&self, kind: &str, id: &str) -> Output {
        let scratch = self.home.path().join("scratch");
        fs::create_dir_all(&scratch).unwrap();
        let before = self.hosts(0).1;
        let mut command = hopscope(self.home.path());
        command.args(["browser", kind, &self.url("/page", id), "--tap", &self.forward, "--"]);
        command.args(match kind {
            "chromium" => ["--headless", "--no-sandbox", "--dump-dom"].as_slice(),
            _ => &["--headless", "--screenshot", "/dev/null"],
        });
        let output = run(command.env("TMPDIR", &scratch));
        let left: Vec<_> = fs::read_dir(&scratch).unwrap().flatten().map(|it| it.path()).collect();
        let ours = |it: &&PathBuf| it.to_string_lossy().contains("hopscope");
        assert_eq!(left.iter().find(ours), None, "{kind} leaves nothing behind");
        let (asked, all) = self.hosts(before);
        println!("{kind}: {} hops, unasked: {asked:?}", all - before);
        assert!(asked.is_empty(), "{kind}: {asked:?}");
        output
    }

    /// Whom the hops after the first so many went to beside nginx, and how many there are.
    fn hosts(&self, before: usize) -> (BTreeSet<String>, usize) {
        let reader = Reader::open(&self.home.path().join("x.hops")).unwrap();
        let urls: Vec<_> = reader.hops(Load::Heads).map(|it| it.unwrap().request.url).collect();
        let hosts = urls.iter().skip(before).map(|it| Target::parse(it).authority.to_owned());
        let own = format!("localhost:{}", self.nginx.port);
        (hosts.filter(|it| *it != own).collect(), urls.len())
    }

    fn install(&self, place: &str) {
        let mut command = hopscope(self.home.path());
        let output = command.args(["ca", "install", "--yes", "--only", place]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("done: "), "{said}");
    }

    /// A client that does not trust the authority: it fails, and says so.
    fn refuses(&self) -> [String; 5] {
        let mut command = Command::new("curl");
        command.args(["-sS", "-A", "pins", "--proxy", &self.proxy(), "--cacert"]);
        let output = command.arg(self.home.path().join("world.pem")).arg(self.url("/items", "a"));
        assert_eq!(output.output().unwrap().status.code(), Some(60), "curl: peer certificate");
        let hop = self.wait(|it| it.failure().is_some_and(|it| it.kind == FailureKind::Tls));
        let hop = hop.unwrap_or_else(|| panic!("the refusal is not recorded"));
        assert_eq!(hop.exchange, Exchange::Tunnel);
        ["curl, not trusting", "-", "-", "error 60", "CONNECT, tls"].map(String::from)
    }

    /// The same client again: it passes, unread.
    fn passes(&self) -> [String; 5] {
        let mut command = Command::new("curl");
        command.args(["-sS", "-A", "pins", "--proxy", &self.proxy(), "--cacert"]);
        let output =
            run(command.arg(self.home.path().join("world.pem")).arg(self.url("/items", "b")));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("nginx heard"), "{said}");
        let passed = |it: &Hop| it.tls.as_ref().is_some_and(|it| it.passed.is_some());
        let hop = self.wait(passed).unwrap_or_else(|| panic!("the tunnel is not recorded"));
        assert!(hop.response().unwrap().body.length > 300);
        ["curl, not trusting, again", "-", "-", "200", "CONNECT, passed on unread"]
            .map(String::from)
    }

    /// The hop of `/items` that this client caused, once it is over.
    fn hop(&self, id: &str) -> Option<Hop> {
        let end = format!("/items?client={id}");
        self.wait(|it| it.request.url.ends_with(&end))
    }

    fn wait(&self, wanted: impl Fn(&Hop) -> bool) -> Option<Hop> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let reader = Reader::open(&self.home.path().join("x.hops")).unwrap();
            let hops = reader.hops(Load::Bodies).map(Result::unwrap);
            let found = hops.filter(|it| it.ended.is_some()).find(&wanted);
            if found.is_some() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// End the program as a user would; its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn hopscope(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.env("HOME", home).env_remove("XDG_DATA_HOME");
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|it| panic!("{command:?}: {it}; tests/run installs it"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// An interpreter with the libraries installed.
fn python() -> PathBuf {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-python");
    let wanted = folder().join("requirements.txt");
    installed(&environment, &wanted, || {
        done(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        done(Command::new(environment.join("bin/python")).args(pip).arg(&wanted));
    });
    environment.join("bin/python")
}

/// A folder with the modules installed.
fn modules() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients-node");
    let wanted = folder().join("package-lock.json");
    installed(&place, &wanted, || {
        fs::create_dir_all(&place).unwrap();
        for file in ["package.json", "package-lock.json"] {
            fs::copy(folder().join(file), place.join(file)).unwrap();
        }
        let npm = ["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
        done(Command::new("npm").args(npm).current_dir(&place));
    });
    place
}

/// Install unless what is `wanted` is there already. The stamp is written last, so that an
/// installation that was interrupted is done again.
fn installed(place: &Path, wanted: &Path, install: impl FnOnce()) {
    let (stamp, wanted) = (place.join("installed"), fs::read_to_string(wanted).unwrap());
    if !fs::read_to_string(&stamp).is_ok_and(|it| it == wanted) {
        install();
        fs::write(stamp, wanted).unwrap();
    }
}

fn done(command: &mut Command) {
    let status = command.status().unwrap_or_else(|it| panic!("{command:?}: {it}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// A quiet Firefox that uses the tap, also for this machine.
const PREFS: &str = r#"
user_pref("network.proxy.type", 1);
user_pref("network.proxy.allow_hijacking_localhost", true);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("app.update.auto", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
"#;

const PROXY_PREFS: &str = r#"
user_pref("network.proxy.ssl", "{host}");
user_pref("network.proxy.ssl_port", {port});
user_pref("network.proxy.http", "{host}");
user_pref("network.proxy.http_port", {port});
"#;

const SOCKS_PREFS: &str = r#"
user_pref("network.proxy.socks", "{host}");
user_pref("network.proxy.socks_port", {port});
user_pref("network.proxy.socks_version", 5);
user_pref("network.proxy.socks_remote_dns", true);
"#;
