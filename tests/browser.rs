//! The lab's page in a real Chromium: every button of the story is pressed, and what the script
//! saw and the console said must be what the story tells.
//!
//! Needs Chromium and Node 20 or newer: `cargo test --features real`. Without them it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::process::{Command, Stdio};

use hopscope::lab::{Knobs, Lab, tries};
use serde_json::Value;

/// What must come of a try: the status that the script read, or Chromium's CORS error; and the
/// app's log.
const EXPECTED: [(&str, Result<u16, &str>, &str); 12] = [
    ("direct-get", Ok(200), "OPTIONS /items/ 200, GET /items/ 200"),
    ("direct-post", Ok(201), "OPTIONS /items/ 200, POST /items/ 201"),
    ("get", Err("PreflightMissingAllowOriginHeader"), "OPTIONS /items 200, GET /items 301"),
    ("get-simple", Err("MissingAllowOriginHeader"), "GET /items 301"),
    ("post", Ok(500), "OPTIONS /items 200, POST /items 500"),
    ("post-debug-off", Err("MissingAllowOriginHeader"), "OPTIONS /items 200, POST /items 301"),
    ("direct-post-debug-off", Ok(200), "OPTIONS /items 200, POST /items 301, GET /items/ 200"),
    ("app-down", Err("PreflightMissingAllowOriginHeader"), ""),
    ("options-by-gateway", Err("PreflightMissingAllowOriginHeader"), "GET /items 301"),
    ("cors-after-slash", Err("MissingAllowOriginHeader"), "OPTIONS /items 200, GET /items 301"),
    ("fixed-get", Ok(200), "OPTIONS /items/ 200, GET /items/ 200"),
    ("fixed-post", Ok(201), "OPTIONS /items/ 200, POST /items/ 201"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_story_in_a_real_browser() {
    assert_eq!(tries().iter().map(|it| it.name).collect::<Vec<_>>(), EXPECTED.map(|it| it.0));
    for (name, outcome, app_log) in EXPECTED {
        let lab = Lab::start(Knobs::default()).await.unwrap();
        let handle = lab.handle();
        let page = handle.page_origin();
        let button = format!("try-{name}");
        let pressed = tokio::task::spawn_blocking(move || press(&page, &button)).await.unwrap();
        let found = match pressed["cors_error"].as_str() {
            Some(error) => Err(error),
            None => Ok(u16::try_from(pressed["saw"]["status"].as_u64().unwrap()).unwrap()),
        };
        assert_eq!(found, outcome, "{name}: {pressed}");
        assert_eq!(requests(&handle.app_log()), app_log, "{name}");
        lab.stop().await;
    }
}

fn press(page: &str, button: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/press.mjs");
    let mut command = Command::new("node");
    command.args([script, page, button]).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `"GET /items HTTP/1.1" 301 0` as `GET /items 301`.
fn requests(log: &[String]) -> String {
    let request = |line: &String| {
        let mut parts = line.split('"').skip(1);
        let request = parts.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
        Some(format!("{request} {}", parts.next()?.split(' ').nth(1)?))
    };
    log.iter().filter_map(request).collect::<Vec<_>>().join(", ")
}
