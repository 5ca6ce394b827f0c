//! Real gateways in front of real frameworks, each pair with its usual mistakes: hopscope must
//! name the one cause, the hop, who did it and who answered; the fix, applied to the real
//! configuration, must make the chain pass; and healthy traffic must give no finding at all.
//!
//! ```text
//! browser ──▶ edge tap ──▶ nginx, HAProxy, Envoy, … ──▶ origin tap ──▶ Django, FastAPI, …
//!             127.0.0.1:P  127.0.0.2:P
//! ```
//!
//! Needs the gateways (Debian packages `nginx haproxy apache2-bin caddy varnish lighttpd h2o
//! nghttp2-proxy squid tinyproxy-bin trafficserver`), a C compiler for Varnish, Python 3.10 or newer, Ruby with
//! Sinatra, Rails and Puma (`ruby-sinatra ruby-railties ruby-rack-cors puma`),
//! Node 20 or newer and, the first time, the network: `cargo test --features real`, or
//! `tests/run gateways`, which installs them. Without them it fails. `ONLY=part-of-a-name`
//! restricts it, `SHOW=1` prints all traffic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

#[path = "gateways/apps.rs"]
mod apps;
#[path = "gateways/browser.rs"]
mod browser;
#[path = "gateways/gateway.rs"]
mod gateway;
#[path = "browser/recorder.rs"]
mod recorder;
#[path = "gateways/scenario.rs"]
mod scenario;
#[path = "gateways/session.rs"]
mod session;
#[path = "gateways/table.rs"]
mod table;
#[path = "gateways/told.rs"]
mod told;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use futures_util::StreamExt as _;
use gateway::Gateway;
use hopscope::diagnose::Analysis;
use hopscope::fetch::VerdictOutcome;
use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::store::Store;
use hopscope::trace::{Hop, Tap};
use recorder::Memory;
use scenario::{Fix, Scenario};
use table::Row;

/// Every mistake gives exactly the findings of its row, with both taps and with each alone, and
/// its fix makes the chain pass without a finding.
#[tokio::test(flavor = "multi_thread")]
async fn mistakes() {
    told_and_fixed("mistakes.toml").await;
}

/// The same with gateways of which less is known.
#[tokio::test(flavor = "multi_thread")]
async fn further_gateways() {
    told_and_fixed("further.toml").await;
}

/// The same with other frameworks, and with gateways that are libraries.
#[tokio::test(flavor = "multi_thread")]
async fn other_products() {
    told_and_fixed("products.toml").await;
}

async fn told_and_fixed(file: &str) {
    let rows = all(file, mistake).await;
    table::print(
        &TAPS.map(|it| format!("{it}: pair, mistake, finding, who answered, fixed?")),
        &rows,
    );
}

/// No finding at all where nothing is wrong, whichever taps there are: 200s, 404s, logins with a
/// redirect after POST, polling, 304s.
#[tokio::test(flavor = "multi_thread")]
async fn healthy_traffic() {
    let rows = all("healthy.toml", |it| async move {
        let recorded = record(&it).await;
        let mut row = Row::default();
        for (name, analyses) in TAPS.iter().zip(recorded.views()) {
            let findings = told::findings(&analyses);
            let said = if findings.is_empty() { "-".to_owned() } else { findings.join(", ") };
            let answered = told::answered(&analyses);
            row.cells.push([it.pair(), it.name.clone(), said, answered, String::new()]);
            if !findings.is_empty() {
                let traffic = told::traffic(&analyses);
                row.wrong.push(format!("{} {name}: {findings:?}\n{traffic}", it.name));
            } else if std::env::var_os("SHOW").is_some() {
                println!("{}\n{}", it.name, told::traffic(&analyses));
            }
        }
        row
    })
    .await;
    let alarms = rows.iter().map(|it| it.wrong.len()).sum::<usize>();
    println!("false alarms: {alarms} in {} recordings with {} taps each", rows.len(), TAPS.len());
    table::print(&TAPS.map(|it| format!("{it}: pair, healthy, findings, who answered")), &rows);
}

/// No finding either in what real browsers and curl do with a healthy site.
#[tokio::test(flavor = "multi_thread")]
async fn healthy_sessions() {
    let mut alarms = 0;
    for client in ["chromium", "firefox", "curl"] {
        let session = session::play(client).await;
        let count = |wanted: u16| {
            session.hops.iter().filter(|it| it.tap.0 == 0 && it.status() == Some(wanted)).count()
        };
        let statuses = [200, 201, 301, 302, 304, 404].map(|it| format!("{} × {it}", count(it)));
        let preflights = session.hops.iter().filter(|it| it.is_preflight()).count();
        let found: usize = session.alarms.iter().map(Vec::len).sum();
        println!(
            "{client}: {} hops, {} chains, {preflights} preflights seen, {}; false alarms: {found}",
            session.hops.len(),
            session.chains,
            statuses.join(", "),
        );
        if found > 0 {
            println!("{:#?}\n{}", session.alarms, session.traffic);
        }
        // It was a session worth looking at.
        assert!([200, 201, 301, 302, 304, 404].iter().all(|it| count(*it) > 0), "{statuses:?}");
        assert!(preflights > 0 || client == "curl");
        alarms += found;
    }
    assert_eq!(alarms, 0);
}

/// The taps whose hops are looked at, as [`Recorded::views`] gives them.
const TAPS: [&str; 3] = ["both taps", "edge tap only", "origin tap only"];

async fn mistake(it: Scenario) -> Row {
    let recorded = record(&it).await;
    let [both, edge, origin] = recorded.views();
    let mut row = Row::default();
    let mut expect = |what: &str, is: &[String], should: &[String]| {
        if is != should {
            row.wrong.push(format!("{}: {what} is {is:?}", it.name));
        }
    };
    expect("answered", &[told::answered(&both)], std::slice::from_ref(&it.answered));
    expect("findings", &told::findings(&both), &it.findings);
    expect("edge", &told::findings(&edge), &it.edge);
    expect("origin", &told::findings(&origin), &it.origin);
    let mut fixed = Vec::new();
    for fix in it.fix.all() {
        let done = apply(&it, fix, &recorded, &both).await;
        let word = if done.is_ok() { "yes" } else { "no" };
        fixed.push(format!("{} {word}", fix.name()));
        row.wrong.extend(done.err().map(|why| format!("{}, fixed {}: {why}", it.name, fix.name())));
    }
    if fixed.is_empty() {
        fixed.push("no fix given".to_owned());
    }
    let advice = |it: &[Analysis]| told::headline(it).map(|it| it.fix.clone());
    for (idx, analyses) in [&both, &edge, &origin].into_iter().enumerate() {
        let findings = told::findings(analyses);
        let first = findings.first().cloned().unwrap_or_else(|| "-".to_owned());
        let told = if idx == 0 { first } else { findings.join(", ") };
        let is_fixed = match advice(analyses) {
            _ if idx == 0 => fixed.join(", "),
            None => "-".to_owned(),
            same if same == advice(&both) => "the same fix".to_owned(),
            Some(_) => "another fix".to_owned(),
        };
        row.cells.push([it.pair(), it.name.clone(), told, told::answered(analyses), is_fixed]);
    }
    if !row.wrong.is_empty() || std::env::var_os("SHOW").is_some() {
        println!("{}\n{}", it.name, told::traffic(&both));
    }
    row
}

/// Change the real configuration, and ask once more.
async fn apply(
    it: &Scenario,
    fix: &Fix,
    seen: &Recorded,
    found: &[Analysis],
) -> Result<(), String> {
    let printed = || {
        let all = || found.iter().flat_map(|it| &it.findings);
        let of = all().find(|it| fix.of.as_deref().is_none_or(|code| it.code == code));
        let text = of.map(|it| it.fix.clone()).unwrap_or_default();
        // Gateway and app have other ports the next time.
        text.replace(&seen.edge.to_string(), "{edge}").replace(&seen.origin.to_string(), "{app}")
    };
    let fixed = it.fixed(fix, printed)?;
    let recorded = record(&fixed).await;
    let [analyses, ..] = recorded.views();
    let left = told::findings(&analyses);
    let fine = is_fine(&analyses);
    if fine && left == fix.leaves {
        return Ok(());
    }
    let traffic = told::traffic(&analyses);
    Err(format!("leaves {left:?}\n{}\n{}\n{traffic}", fixed.config(), fixed.code))
}

/// The same from a file, through the command line, for what a real curl asked: it follows the
/// redirect into nothing, and knows no CORS.
#[tokio::test(flavor = "multi_thread")]
async fn curl_and_explain() {
    let text = std::fs::read_to_string(apps::folder().join("mistakes.toml")).unwrap();
    let Scenarios { scenario: all } = toml::from_str(&text).unwrap();
    let explained = all.into_iter().filter(|it| {
        ["prefix-stripped-nginx-django-script", "prefix-stripped-haproxy-flask", "app-down-caddy"]
            .contains(&it.name.as_str())
    });
    for (it, (code, status)) in explained.zip([
        ("stage-prefix-lost", "404"),
        ("stage-prefix-lost", "404"),
        ("app-unreachable", "502"),
    ]) {
        let recorded = record_with(&it, Client::Curl(status)).await;
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("curl.hops");
        let hops = recorded.hops.into_iter().map(Arc::unwrap_or_clone);
        Store::import(&trace, &recorded.taps, hops).unwrap();
        let mut hopscope = Command::new(env!("CARGO_BIN_EXE_hopscope"));
        let output = hopscope.args(["explain", "--json"]).arg(&trace).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let chains = json["chains"].as_array().unwrap();
        assert_eq!(chains.len(), 1, "{}: {json:#}", it.name);
        assert_eq!(chains[0]["findings"][0]["code"], code, "{}: {json:#}", it.name);
        assert_eq!(chains[0]["verdict"]["outcome"], "allowed", "{}: {json:#}", it.name);
    }
}

impl Scenario {
    fn pair(&self) -> String {
        format!("{} + {}", self.gateway, self.app)
    }
}

/// A file of them.
#[derive(serde::Deserialize)]
struct Scenarios {
    scenario: Vec<Scenario>,
}

/// Play every scenario of `file`, a few at a time.
async fn all<F>(file: &str, play: impl Fn(Scenario) -> F) -> Vec<Row>
where
    F: Future<Output = Row> + Send + 'static,
{
    let text = std::fs::read_to_string(apps::folder().join(file)).unwrap();
    let Scenarios { scenario: mut all } = toml::from_str(&text).unwrap();
    if let Ok(only) = std::env::var("ONLY") {
        all.retain(|it| it.name.contains(&only));
    }
    let rows = futures_util::stream::iter(all.into_iter().map(|it| tokio::spawn(play(it))));
    rows.buffered(4).map(|it| it.unwrap_or_else(|it| Row::failed(it.to_string()))).collect().await
}

/// Whether the page can read the answer of every chain.
fn is_fine(analyses: &[Analysis]) -> bool {
    analyses.iter().all(|it| it.judgement.verdict.outcome == VerdictOutcome::Allowed)
}

struct Recorded {
    hops: Vec<Arc<Hop>>,
    taps: Vec<Tap>,
    edge: SocketAddr,
    origin: SocketAddr,
}

impl Recorded {
    /// What is told of it with both taps, with the edge tap only, with the origin tap only.
    fn views(&self) -> [Vec<Analysis>; 3] {
        let alone = |idx| told::with_one_tap(&self.hops, &self.taps, idx);
        [told::analyses(&self.hops, &self.taps), alone(0), alone(1)]
    }
}

/// Set everything up, let the browser ask, and keep what the taps saw.
async fn record(it: &Scenario) -> Recorded {
    record_with(it, Client::Browser).await
}

/// Who asks.
#[derive(Clone, Copy)]
enum Client {
    Browser,
    /// For the first request alone; it must end with this status.
    Curl(&'static str),
}

/// The same, for any client.
async fn record_with(it: &Scenario, client: Client) -> Recorded {
    let (silent, held);
    let app = match it.app.as_str() {
        "down" => {
            // Nobody listens there, and nobody else can.
            held = tokio::net::TcpSocket::new_v4().unwrap();
            held.bind(([127, 0, 0, 1], 0).into()).unwrap();
            held.local_addr().unwrap()
        }
        "silent" => {
            silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            silent.local_addr().unwrap()
        }
        name => {
            let (name, options, code) = (name.to_owned(), it.options.clone(), it.code.clone());
            let app = move || apps::app(&name, &options, &code);
            tokio::task::spawn_blocking(app).await.unwrap()
        }
    };
    loop {
        // The gateway listens at another address on the tap's port: addresses that it makes of
        // its own port are right, as if no tap stood there.
        let port = free_port().await;
        let edge = SocketAddr::from(([127, 0, 0, 1], port));
        let gateway_at = SocketAddr::from(([127, 0, 0, 2], port));
        let taps = [
            format!("edge=reverse:{edge}=http://{gateway_at}"),
            format!("origin=reverse:127.0.0.1:0=http://{app}"),
        ];
        let taps = taps.iter().map(|it| it.parse::<TapSpec>().unwrap()).collect();
        let bound = match Proxy::bind(taps, Options::default()).await {
            Ok(bound) => bound,
            Err(hopscope::proxy::Error::Listen { .. }) => continue,
            Err(error) => panic!("{}: {error}", it.name),
        };
        let (taps, origin) = (bound.taps(), bound.addresses()[1]);
        let started = Gateway::start(&it.gateway, &it.config(), gateway_at, origin).await;
        let Some(_gateway) = started else { continue };
        let recorder = Memory::new();
        let proxy = bound.start(&recorder);
        match client {
            Client::Browser => browser::browse(&it.page(edge), edge, !it.quiet).await,
            Client::Curl(status) => {
                let url = it.page(edge).requests[0].url.clone();
                let mut curl = Command::new("curl");
                curl.args(["-sL", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20"]);
                let output = tokio::task::spawn_blocking(move || curl.arg(url).output());
                let output = output.await.unwrap().unwrap();
                assert_eq!(String::from_utf8_lossy(&output.stdout), status, "{}", it.name);
            }
        }
        let hops = recorder.take().await;
        proxy.kill().await;
        return Recorded { hops, taps, edge, origin };
    }
}

/// A port that was free a moment ago. It is none of those that the system gives to connections
/// and to who asks for any, so nobody comes by it by chance.
async fn free_port() -> u16 {
    loop {
        let any = u16::try_from(getrandom::u64().unwrap() % 20_000).unwrap();
        let port = 10_000 + any;
        if tokio::net::TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return port;
        }
    }
}
