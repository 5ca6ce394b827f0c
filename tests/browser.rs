//! The lab's page in a real Chromium, through a forward tap before the gateway and a reverse
//! tap before the app: every button is pressed, and what the script saw, what the console said
//! and what the taps recorded must tell one story.
//!
//! Needs Chromium and Node 20 or newer: `cargo test --features real`. Without them it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/recorder.rs"]
mod recorder;

use std::net::SocketAddr;
use std::sync::Arc;

use chromium::Chromium;
use hopscope::fetch::{self, Api, Known, RedirectMode, VerdictOutcome};
use hopscope::lab::{Knobs, Lab, LabHandle, tries};
use hopscope::link;
use hopscope::proxy::{Options, Proxy, TapSpec, Upstream};
use hopscope::trace::{Chain, Hop, HopKind, TapId, Target};
use recorder::Memory;
use serde_json::Value;

/// What must come of a try: the status that the script read, or Chromium's CORS error; the
/// hops at the edge, and what the app saw of them.
#[rustfmt::skip]
const EXPECTED: [(&str, Result<u16, &str>, &str, &str); 13] = [
    ("direct-get", Ok(200), "OPTIONS /items/ 200, GET /items/ 200", ""),
    ("direct-post", Ok(201), "OPTIONS /items/ 200, POST /items/ 201", ""),
    ("get", Err("PreflightMissingAllowOriginHeader"), "OPTIONS /prod/items 200, GET /prod/items 301, OPTIONS /items/ 403", "OPTIONS /items 200, GET /items 301"),
    ("get-slash", Err("PreflightMissingAllowOriginHeader"), "OPTIONS /prod/items/ 200, GET /prod/items/ 301, OPTIONS /items/ 403", "OPTIONS /items 200, GET /items 301"),
    ("get-simple", Err("MissingAllowOriginHeader"), "GET /prod/items 301, GET /items/ 403", "GET /items 301"),
    ("post", Ok(500), "OPTIONS /prod/items 200, POST /prod/items 500", "OPTIONS /items 200, POST /items 500"),
    ("post-debug-off", Err("MissingAllowOriginHeader"), "OPTIONS /prod/items 200, POST /prod/items 301, GET /items/ 403", "OPTIONS /items 200, POST /items 301"),
    ("direct-post-debug-off", Ok(200), "OPTIONS /items 200, POST /items 301, GET /items/ 200", ""),
    ("app-down", Err("PreflightMissingAllowOriginHeader"), "OPTIONS /prod/items 504", "OPTIONS /items refused"),
    ("options-by-gateway", Err("PreflightMissingAllowOriginHeader"), "OPTIONS /prod/items 200, GET /prod/items 301, OPTIONS /items/ 403", "GET /items 301"),
    ("cors-after-slash", Err("MissingAllowOriginHeader"), "OPTIONS /prod/items 200, GET /prod/items 301", "OPTIONS /items 200, GET /items 301"),
    ("fixed-get", Ok(200), "OPTIONS /prod/items 200, GET /prod/items 200", "OPTIONS /items/ 200, GET /items/ 200"),
    ("fixed-post", Ok(201), "OPTIONS /prod/items 200, POST /prod/items 201", "OPTIONS /items/ 200, POST /items/ 201"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_story() {
    assert_eq!(tries().iter().map(|it| it.name).collect::<Vec<_>>(), EXPECTED.map(|it| it.0));
    let mut rig = Rig::start().await;
    for (name, outcome, edge, origin) in EXPECTED {
        let pressed = rig.press(&format!("try-{name}")).await;
        assert_eq!(pressed.outcome(), outcome, "{name}: {}", pressed.said);
        let chain = pressed.only_chain();
        let hops = chain.hops.iter().map(|it| Arc::as_ref(&it.hop));
        assert_eq!(brief(hops), edge, "{name}");
        let inner = chain.hops.iter().flat_map(|it| &it.sightings).map(|it| Arc::as_ref(&it.hop));
        assert_eq!(brief(inner), origin, "{name}");
        pressed.agrees(chain, &Known { api: Some(Api::Fetch), ..Known::default() });
    }
}

/// Whatever is asked, with the story's gateway and with the mended one: the taps pass on
/// exactly what the script gets, and put it all into one chain.
#[tokio::test(flavor = "multi_thread")]
async fn every_single_request() {
    let mut rig = Rig::start().await;
    let buttons = rig.buttons();
    let requests = buttons.iter().filter(|it| it.starts_with("request-"));
    let requests: Vec<_> = requests.cloned().collect();
    assert!(requests.len() >= 14, "{buttons:?}");
    for endpoint in ["{proxy}", "{proxy}/"] {
        rig.lab.set("endpoint", endpoint).await.unwrap();
        for name in &requests {
            let pressed = rig.press(name).await;
            let chain = pressed.only_chain();
            let last = chain.hops.last().unwrap();
            let saw = &pressed.said["saw"];
            if saw["ok"] == true && saw["type"] != "opaque" {
                assert_eq!(saw["status"], last.hop.status().unwrap(), "{name}: {}", pressed.said);
                let body = &last.hop.response().unwrap().body;
                assert_eq!(saw["body"], String::from_utf8_lossy(&body.bytes).as_ref(), "{name}");
                assert_eq!(last.kind, HopKind::Request, "{name}");
            }
            pressed.agrees(chain, &known(name));
        }
    }
}

/// What no wire shows of a button's request, and `hopscope explain --assume` would be told.
fn known(button: &str) -> Known {
    let api = if button.ends_with("-xhr") { Api::Xhr } else { Api::Fetch };
    let redirect = (button == "request-no-redirect").then_some(RedirectMode::Error);
    Known { api: Some(api), redirect, ..Known::default() }
}

/// Lab, taps and browser.
struct Rig {
    lab: LabHandle,
    chromium: Chromium,
    recorder: Memory,
    page: String,
    proxy: Proxy,
    _lab: Lab,
}

/// What came of pressing one button.
struct Pressed {
    said: Value,
    chains: Vec<Chain>,
}

impl Rig {
    async fn start() -> Rig {
        let lab = Lab::start(Knobs::default()).await.unwrap();
        let (handle, recorder) = (lab.handle(), Memory::new());
        let app = handle.addresses().app;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let upstream = format!("http://{app}").parse::<Upstream>().unwrap();
        let taps = vec![TapSpec::forward("edge", free), TapSpec::reverse("origin", free, upstream)];
        let proxy = Proxy::start(taps, &recorder, Options::default()).await.unwrap();
        handle.set("backend", &proxy.addresses()[1].to_string()).await.unwrap();
        let page = handle.page_origin();
        let chromium = Chromium::start(&page, &format!("http://{}", proxy.addresses()[0]));
        Rig { lab: handle, chromium, recorder, page, proxy, _lab: lab }
    }

    fn buttons(&mut self) -> Vec<String> {
        tokio::task::block_in_place(|| self.chromium.buttons())
    }

    async fn press(&mut self, button: &str) -> Pressed {
        self.recorder.take().await;
        let said = tokio::task::block_in_place(|| self.chromium.press(button));
        let hops = self.recorder.take().await;
        // The page itself and how it sets the lab are no part of the story, nor are Chromium's
        // calls home.
        let told = |it: &Arc<Hop>| {
            let url = &it.request.url;
            url.starts_with("http://127.") && !url.starts_with(&self.page)
        };
        let hops: Vec<_> = hops.into_iter().filter(told).collect();
        Pressed { said, chains: link::chains(&hops, self.proxy.taps()) }
    }
}

impl Pressed {
    fn only_chain(&self) -> &Chain {
        let briefs: Vec<_> = self
            .chains
            .iter()
            .map(|chain| brief(chain.hops.iter().map(|it| Arc::as_ref(&it.hop))))
            .collect();
        assert_eq!(self.chains.len(), 1, "{}: {briefs:?}", self.said["id"]);
        assert_eq!(self.chains[0].hops[0].hop.tap, TapId(0));
        &self.chains[0]
    }

    /// The verdict on the recorded chain is what Chromium did and said.
    fn agrees(&self, chain: &Chain, known: &Known) {
        let verdict = fetch::judge(chain, known).verdict;
        let said = &self.said;
        assert_eq!(verdict.chromium.code, said["cors_error"].as_str(), "{said}: {verdict:#?}");
        let allowed = verdict.outcome == VerdictOutcome::Allowed;
        assert_eq!(allowed, said["saw"]["ok"].as_bool().unwrap(), "{said}: {verdict:#?}");
        if let Some(text) = &verdict.chromium.console {
            let console = said["console"].as_array().unwrap();
            assert!(console.iter().any(|it| it == text), "{text}: {said}");
        }
    }

    /// The status that the script read, or the CORS error.
    fn outcome(&self) -> Result<u16, &str> {
        match self.said["cors_error"].as_str() {
            Some(error) => Err(error),
            None => Ok(u16::try_from(self.said["saw"]["status"].as_u64().unwrap()).unwrap()),
        }
    }
}

/// `GET /items 301, OPTIONS /items/ 403`.
fn brief<'a>(hops: impl Iterator<Item = &'a Hop>) -> String {
    let hop = |it: &Hop| {
        let status = it.status().map(|it| it.to_string());
        let came = status.or_else(|| Some(it.failure()?.kind.as_str().to_owned()));
        let path = Target::parse(&it.request.url).path;
        format!("{} {path} {}", it.request.method, came.unwrap_or_default())
    };
    hops.map(hop).collect::<Vec<_>>().join(", ")
}
