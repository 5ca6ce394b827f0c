//! A session of a real client with a healthy site: a browser with its pages, assets, logins and
//! scripts, or curl. Nothing in it is wrong, so nothing may be found.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use hopscope::diagnose::Analysis;
use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::trace::Hop;

use crate::gateway::Gateway;
use crate::recorder::Memory;
use crate::{apps, free_port, told};

/// What a client did, and what hopscope found wrong with it.
pub(crate) struct Session {
    pub(crate) hops: Vec<Arc<Hop>>,
    pub(crate) chains: usize,
    /// With both taps, with the edge tap alone, with the origin tap alone.
    pub(crate) alarms: [Vec<String>; 3],
    pub(crate) traffic: String,
}

/// Let `client` work with Django behind nginx: a site, and an API at another origin.
pub(crate) async fn play(client: &'static str) -> Session {
    let site = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let api = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let options = format!("origins=http://{site} credentials=on");
    let app = tokio::task::spawn_blocking(move || apps::app("django", &options, "")).await.unwrap();
    let taps = ["edge=forward:127.0.0.1:0", &format!("origin=reverse:127.0.0.1:0=http://{app}")];
    let taps = taps.iter().map(|it| it.parse::<TapSpec>().unwrap()).collect();
    let recorder = Memory::new();
    let proxy = Proxy::start(taps, &recorder, Options::default()).await.unwrap();
    let [edge, origin] = proxy.addresses() else { panic!("two taps") };
    let config = "location / { proxy_pass http://{app}; proxy_set_header Host $http_host; }";
    let _site = Gateway::start("nginx", config, site, *origin).await.expect("a free port");
    let _api = Gateway::start("nginx", config, api, *origin).await.expect("a free port");

    let (edge, site_url, api_url) =
        (format!("http://{edge}"), format!("http://{site}"), format!("http://{api}"));
    tokio::task::spawn_blocking(move || match client {
        "curl" => curl(&edge, &site_url),
        browser => {
            let script = apps::folder().join("session.mjs");
            run(Command::new("node").arg(script).args([browser, &edge, &site_url, &api_url]));
        }
    })
    .await
    .unwrap();

    let hops = recorder.take().await;
    // A browser calls home by itself.
    let hops: Vec<_> =
        hops.into_iter().filter(|it| it.request.url.starts_with("http://127.")).collect();
    let views: [Vec<Analysis>; 3] = [
        told::analyses(&hops, proxy.taps()),
        told::with_one_tap(&hops, proxy.taps(), 0),
        told::with_one_tap(&hops, proxy.taps(), 1),
    ];
    let session = Session {
        chains: views[0].len(),
        traffic: told::traffic(&views[0]),
        alarms: views.map(|it| told::findings(&it)),
        hops,
    };
    proxy.kill().await;
    session
}

/// What a person, or a script without a browser, does all day.
fn curl(proxy: &str, site: &str) {
    let folder = tempfile::tempdir().unwrap();
    let json = ["-H", "Content-Type: application/json", "-d", "{}"];
    let jar = folder.path().join("cookies").display().to_string();
    let asked: [&[&str]; 11] = [
        &["/items/"],
        &["/items"],
        &["-L", "/items"],
        &["-I", "/items/"],
        &["/nothing/"],
        &["-L", "-c", &jar, "-d", "user=me", "/login/"],
        &["-b", &jar, "/home/"],
        &[json[0], json[1], json[2], json[3], "/items/"],
        &["-X", "OPTIONS", "/items/"],
        &["-H", "If-None-Match: \"state-1\"", "/poll/"],
        &["-H", "Authorization: Bearer a", "/private/"],
    ];
    for words in asked {
        let (path, options) = words.split_last().unwrap();
        let mut command = Command::new("curl");
        command.args(["-s", "-o", "/dev/null", "--max-time", "20", "--proxy", proxy]);
        run(command.args(options).arg(format!("{site}{path}")));
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|it| panic!("{command:?}: {it}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}
