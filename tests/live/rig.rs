//! One real browser, by way of `rig.mjs`, behind a forward tap of its own.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tokio::task::block_in_place;

use hopscope::fetch::Browser;
use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::trace::{Recorder as _, Time};

use super::compare::{self, Difference, Run, Said};
use super::recorder::Memory;
use super::world::World;

/// Dropping it ends the browser: its standard input closes.
pub(crate) struct Rig {
    pub version: String,
    browser: Browser,
    recorder: Memory,
    proxy: Proxy,
    asked: Option<ChildStdin>,
    said: Lines<BufReader<ChildStdout>>,
    process: Child,
}

impl Rig {
    pub(crate) async fn start(browser: Browser) -> Rig {
        let recorder = Memory::new();
        let taps = vec![TapSpec::forward("edge", SocketAddr::from(([127, 0, 0, 1], 0)))];
        let proxy = Proxy::start(taps, &recorder, Options::default()).await.unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/rig.mjs");
        let through = format!("http://{}", proxy.addresses()[0]);
        let mut command = Command::new("node");
        command.args([script, browser.as_str(), "--proxy", &through]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{error}; this test needs node (20 or newer)"));
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        let asked = process.stdin.take();
        let version = String::new();
        let mut rig = Rig { version, browser, recorder, proxy, asked, said, process };
        let started = rig.hear();
        started["version"].as_str().unwrap_or_default().clone_into(&mut rig.version);
        rig
    }

    /// Play one case: its id, and what does not agree.
    pub(crate) async fn run(&mut self, line: &str) -> (String, Vec<Difference>) {
        let world = World::start(line);
        let id = world.case.id.clone();
        self.recorder.take().await;
        let begun_and_said = self.drive(&world);
        let hops = self.recorder.take().await;
        let found = match begun_and_said {
            Ok(said) => compare::differences(&Run {
                browser: self.browser,
                case: &world.case,
                hops: &hops,
                taps: self.proxy.taps(),
                seen: &world.seen(),
                said: &said,
            }),
            Err(it) => vec![Difference::of_rig(it)],
        };
        (id, found)
    }

    /// Every request of the page, in order.
    fn drive(&mut self, world: &World) -> Result<Vec<(Time, Said)>, String> {
        let page = &world.case.page;
        let home = page.get("served_from").unwrap_or(&page["origin"]);
        let earlier = page["earlier"].as_array().into_iter().flatten();
        let (mut at, mut all) = (String::new(), Vec::new());
        self.ask(&json!({ "do": "open" }))?;
        for (n, request) in earlier.chain([&page["request"]]).enumerate() {
            let origin = request.get("page_origin").unwrap_or(home).as_str().unwrap_or_default();
            let url = format!("{origin}/__page");
            if at != url {
                self.ask(&json!({ "do": "goto", "url": url }))?;
                at = url;
            }
            world.step(n);
            let begun = self.recorder.now();
            let said = self.ask(&json!({ "do": "request", "request": request }))?;
            all.push((begun, serde_json::from_value(said).map_err(|it| it.to_string())?));
        }
        self.ask(&json!({ "do": "close" }))?;
        Ok(all)
    }

    fn ask(&mut self, command: &Value) -> Result<Value, String> {
        writeln!(self.asked.as_mut().unwrap(), "{command}").unwrap();
        let said = self.hear();
        match said["failed"].as_str() {
            Some(it) => Err(format!("{}: {it}", command["do"])),
            None => Ok(said),
        }
    }

    /// The rig itself gives up on what does not end.
    fn hear(&mut self) -> Value {
        let line = block_in_place(|| self.said.next());
        let line = line.unwrap_or_else(|| panic!("{} has ended", self.browser.as_str()));
        serde_json::from_str(&line.unwrap()).unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.asked = None;
        let _ended = self.process.wait();
    }
}
