//! The promises on the box, kept by the real program: output, exit codes, error texts.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use hopscope::lab::{Knobs, Lab};
use hopscope::store::{Load, Reader};
use serde_json::{Value, json};

fn hopscope(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    // The user's own authority is none of a test's business.
    command.args(args).env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The output as JSON that the published schema allows.
fn checked_json(output: &Output) -> Value {
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = std::fs::read_to_string("assets/schema.json").unwrap();
    let mut schema: Value = serde_json::from_str(&schema).unwrap();
    // One of the forms, by what stands in the output, so that an error names the wrong field.
    let form = usize::from(!json.get("chains").is_some_and(Value::is_array));
    let forms = schema["oneOf"].take();
    schema["oneOf"] = serde_json::json!([forms[form]]);
    schema["allOf"] = schema["oneOf"].take();
    schema.as_object_mut().unwrap().remove("oneOf");
    let schema = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        schema.iter_errors(&json).map(|it| it.instance_path().to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    json
}

fn pair(name: &str) -> [String; 2] {
    [format!("edge=tests/seed/{name}-browser.har"), format!("origin=tests/seed/{name}-backend.har")]
}

#[test]
fn every_recording_of_the_story_is_judged_as_chromium_did() {
    let index = std::fs::read_to_string("tests/seed/index.txt").unwrap();
    let mut n_pairs = 0;
    for line in index.lines() {
        let [file, _, _, hops, verdict] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let Some(name) = file.strip_suffix("-browser.har") else { continue };
        let [edge, origin] = pair(name);
        let output = hopscope(&["explain", &edge, &origin, "--json"]);
        let json = checked_json(&output);
        let chain = &json["chains"][0];
        let found: Vec<String> = chain["hops"].as_array().unwrap().iter().map(hop_text).collect();
        assert_eq!(found.join(" | "), hops, "{name}");
        let code = verdict.split(' ').next().unwrap().strip_prefix("cors=").unwrap();
        let expected = if code == "None" { Value::Null } else { code.into() };
        assert_eq!(chain["verdict"]["chromium"]["code"], expected, "{name}: {chain:#}");
        assert_eq!(output.status.code(), Some(i32::from(!expected.is_null())), "{name}");
        assert_eq!(json["chains"].as_array().unwrap().len(), 1, "{name}");
        n_pairs += 1;
    }
    assert_eq!(n_pairs, 32);
}

fn hop_text(hop: &Value) -> String {
    let url = hop["url"].as_str().unwrap();
    let path = url.splitn(4, '/').nth(3).unwrap();
    format!("{} /{path} {}", hop["method"].as_str().unwrap(), hop["status"])
}

#[test]
fn the_blocked_get_is_explained() {
    let [edge, origin] = pair("00-1");
    let output = hopscope(&["explain", &edge, &origin, "--json"]);
    let json = checked_json(&output);
    let chain = &json["chains"][0];
    assert_eq!(chain["verdict"]["hop"], 3);
    assert_eq!(chain["findings"][0]["code"], "stage-prefix-lost", "{:#}", chain["findings"]);
    assert_eq!(chain["findings"][0]["hop"], 2);
    assert_eq!(chain["findings"][0]["by"], "app");
    assert_eq!(chain["hops"][2]["answered_by"], "gateway");
    let text = stdout(&hopscope(&["explain", &edge, &origin]));
    for part in ["✂ /prod lost here", "blocked at hop 3", "{proxy}/"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn says_what_is_wrong_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = write("notes.har", b"just some notes");
    let cut = write("cut.hops", b"SQLite format 3\0 and then nothing");
    let empty = write("empty.hops", b"");
    let missing = dir.path().join("none.hops").to_str().unwrap().to_owned();
    let seed = "tests/seed/00-0-browser.har";
    for args in [
        vec!["explain", seed, seed],
        vec!["explain", &text],
        vec!["explain", &cut],
        vec!["explain", &empty],
        vec!["explain", &missing],
        vec!["info", &missing],
        vec!["explain", seed, "--chain", "9"],
        vec!["record", "--tap", "edge=sideways:8080"],
        vec!["record", "--tap", "edge=reverse:8080"],
        vec!["record", "--headless", "--tap", "edge=forward:0.0.0.0:0"],
        vec!["fetch", "http://127.0.0.1:1/", "--origin", "not an origin"],
        vec!["fetch", "http://:x/", "--origin", "http://a.test"],
        vec!["fetch", "http://a.test/", "--origin", "http://a.test", "--via", "u:hunter2@h:1"],
        vec!["fetch", "--page", "page.json", "-X", "POST"],
        vec!["explain", seed, "--assume", "credentials=maybe"],
        vec!["explain", seed, "--fail-on", "stage-prefix-lots"],
        vec!["record", "--auth", ":hunter2"],
        vec!["ca", "export", "-o", "/nowhere/ca.pem"],
        vec!["explain", "tests"],
        vec!["fetch", "http://a.test/", "--origin", "http://a.test", "--via", "http://127.0.0.1:1"],
    ] {
        let output = hopscope(&args);
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(errors.starts_with("error: "), "{args:?}: {errors}");
        assert!(!errors.contains("panicked"), "{args:?}: {errors}");
        assert!(!errors.contains("hunter2"), "{args:?}: {errors}");
        assert!(stdout(&output).is_empty(), "{args:?}");
    }
    let two = stderr(&hopscope(&["explain", seed, seed]));
    assert!(two.contains("hint:  name them, outermost first: edge="), "{two}");
    let folder = stderr(&hopscope(&["info", "tests"]));
    assert!(folder.contains("hint:  this is a folder: name a file in it"), "{folder}");
    let other = stderr(&hopscope(&["open", &text]));
    assert!(
        other.contains("give a trace (.hops), a HAR") && other.contains("mitmproxy"),
        "{other}"
    );
    let via = "--via=http://127.0.0.1:1";
    let via = stderr(&hopscope(&["fetch", "http://a.test/", "--origin", "http://a.test", via]));
    assert!(via.contains("start the tap first: hopscope record --tap edge=forward:"), "{via}");
    let taken = ["import", seed, "-o", &text];
    std::fs::write(format!("{text}-wal"), b"of somebody else").unwrap();
    let taken = stderr(&hopscope(&taken));
    assert!(taken.contains("notes.har: a file of that name exists"), "{taken}");
}

/// Where nothing went over a wire there is no ladder, and no browser says a thing twice.
#[test]
fn a_fetch_without_a_hop_says_once_why() {
    let args = ["fetch", "http://127.0.0.1:1/", "--origin", "http://a.test"];
    for extra in [&[][..], &["--markdown"]] {
        let output = hopscope(&[&args[..], extra].concat());
        let told = stdout(&output);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(!told.contains("server") && !told.contains("```text\n\n"), "{told}");
        assert_eq!(told.matches("net::ERR_UNSAFE_PORT").count(), 1, "{told}");
    }
}

#[test]
fn nothing_recorded_reaches_the_terminal_raw() {
    let dir = tempfile::tempdir().unwrap();
    let har = std::fs::read_to_string("tests/seed/00-1-browser.har").unwrap();
    let har = har.replace("/items/", "/it\\u001b]0;owned\\u0007ems/");
    let path = dir.path().join("evil.har");
    std::fs::write(&path, har).unwrap();
    for extra in [&[][..], &["--markdown"], &["--json"]] {
        let output = hopscope(&[&["explain", path.to_str().unwrap()], extra].concat());
        let wild = output.stdout.iter().any(|it| *it == 0x1b || *it == 0x07);
        assert!(!wild, "{extra:?}: {}", stdout(&output));
    }
}

/// In a ticket as on a terminal: the latest of them, without secrets, and within their place.
#[test]
fn websocket_messages_are_explained_with_their_chain() {
    let dir = tempfile::tempdir().unwrap();
    let mut messages = vec![
        ("send", r#"{"token":"s3cr3t-s3cr3t-s3cr3t","room":"lobby"}"#.to_owned()),
        ("receive", "```\n# \u{1b}[2Jowned".to_owned()),
        ("receive", "x".repeat(300)),
    ];
    messages.splice(0..0, (0..30).map(|n| ("receive", format!("old {n}"))));
    let messages: Vec<_> = messages
        .iter()
        .map(|(from, data)| json!({"type": from, "time": 1.0, "opcode": 1, "data": data}))
        .collect();
    let entry = json!({
        "startedDateTime": "2026-01-01T00:00:00Z",
        "request": {"method": "GET", "url": "ws://chat.test/room", "headers": []},
        "response": {"status": 101, "headers": []},
        "_webSocketMessages": messages,
    });
    let path = dir.path().join("chat.har");
    std::fs::write(&path, json!({"log": {"entries": [entry]}}).to_string()).unwrap();
    for extra in [&[][..], &["--markdown"]] {
        let output = hopscope(&[&["explain", path.to_str().unwrap()], extra].concat());
        let told = stdout(&output);
        for wanted in ["13 frames before these", "client text, ", r#""room":"lobby""#, "old 13"] {
            assert!(told.contains(wanted), "{extra:?}: no {wanted}: {told}");
        }
        for hidden in ["s3cr3t", "\u{1b}", "old 12", &"x".repeat(201)] {
            assert!(!told.contains(hidden), "{extra:?}: {hidden}: {told}");
        }
        if !extra.is_empty() {
            let (before, after) = told.split_once("13 frames").unwrap();
            assert!(before.trim_end().ends_with("````text\nhop 1"), "{told}");
            assert!(after.contains("xxx\u{2026}\n````\n"), "{told}");
        }
    }
}

#[test]
fn a_har_becomes_a_trace_that_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("x.hops");
    let trace = trace.to_str().unwrap();
    let [edge, origin] = pair("00-0");
    let output = hopscope(&["import", &edge, &origin, "-o", trace]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &Path::new(trace).metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let before = checked_json(&hopscope(&["explain", &edge, &origin, "--json"]));
    let after = checked_json(&hopscope(&["explain", trace, "--json"]));
    assert_eq!(before, after);
    let info = checked_json(&hopscope(&["info", trace, "--json"]));
    assert_eq!((&info["hops"], &info["chains"]), (&5.into(), &1.into()));
    assert_eq!(info["taps"][1]["name"], "origin");
}

#[test]
fn what_others_noted_is_imported_too() {
    let dir = tempfile::tempdir().unwrap();
    let (flows, trace) = (dir.path().join("x.mitm"), dir.path().join("x.hops"));
    let request = "6:method;3:GET;4:host;1:h;4:port;2:80#6:scheme;4:http;4:path;2:/a;7:headers;0:]";
    let flow = format!(
        "7:version;2:21#4:type;4:http;7:request;{}:{request}}}7:comment;5:look!;",
        request.len()
    );
    std::fs::write(&flows, format!("{}:{flow}}}", flow.len())).unwrap();
    let words = ["import", flows.to_str().unwrap(), "-o", trace.to_str().unwrap()];
    let output = hopscope(&words);
    assert!(output.status.success(), "{}", stderr(&output));
    let trace = Reader::open(&trace).unwrap();
    let hop = trace.hops(Load::Heads).next().unwrap().unwrap();
    let notes = trace.notes().unwrap();
    assert_eq!((notes[0].hop, notes[0].text.as_str()), (hop.id, "look!"));
    for extra in [&[][..], &["--markdown"]] {
        let told = stdout(&hopscope(&[&["explain", words[3]], extra].concat()));
        assert!(told.contains("hop 1     note: look!"), "{told}");
    }
    let json = checked_json(&hopscope(&["explain", words[3], "--json"]));
    let note = &json["chains"][0]["hops"][0]["notes"][0];
    assert_eq!((&note["text"], &note["author"]), (&"look!".into(), &serde_json::Value::Null));
}

/// An address at which nobody listens, and nobody else can as long as this is held.
fn nobody() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_does_as_a_browser_and_says_so_by_its_exit_code() {
    let lab = Lab::start(Knobs::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("try.hops").to_str().unwrap().to_owned();
    let origin = format!("http://{}", lab.addresses().page);
    let blocked = format!("http://{}/prod/items", lab.addresses().gateway);
    let allowed = format!("http://{}/items/", lab.addresses().app);
    let (_held, nobody) = nobody();
    let refused = format!("http://{nobody}/");
    let page = dir.path().join("page.json").to_str().unwrap().to_owned();
    let request = serde_json::json!({ "origin": origin, "request": { "url": allowed } });
    std::fs::write(&page, request.to_string()).unwrap();
    let from = ["--origin", &origin, "-H", "X-Token: a"];
    for (what, code, outcome, extra) in [
        (&[blocked.as_str()][..], 1, "blocked", &[&from[..], &["-o", &trace]].concat()[..]),
        (&[&allowed], 0, "allowed", &from),
        (&[&refused], 3, "failed", &from),
        (&["--page", &page], 0, "allowed", &[]),
    ] {
        let args = [&["fetch", "--json"], what, extra].concat();
        let args: Vec<String> = args.into_iter().map(ToOwned::to_owned).collect();
        let output = tokio::task::spawn_blocking(move || {
            hopscope(&args.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let output = output.await.unwrap();
        let json = checked_json(&output);
        assert_eq!(output.status.code(), Some(code), "{what:?}: {json:#}");
        assert_eq!(json["chains"][0]["verdict"]["outcome"], outcome, "{what:?}");
    }
    let again = checked_json(&hopscope(&["explain", &trace, "--json"]));
    let verdict = &again["chains"][0]["verdict"];
    assert_eq!(verdict["chromium"]["code"], "PreflightMissingAllowOriginHeader");
    lab.stop().await;
    // What found no connection is in the trace, with the reason.
    let trace = dir.path().join("refused.hops").to_str().unwrap().to_owned();
    let args = ["fetch", &refused, "--origin", &origin, "-o", &trace, "-H", "host: b.test"];
    let output = hopscope(&args);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("warning: -H host is not sent"), "{}", stderr(&output));
    let again = checked_json(&hopscope(&["explain", &trace, "--json"]));
    let chain = &again["chains"][0];
    assert_eq!(chain["hops"][0]["error"], "refused", "{chain:#}");
    assert_eq!(chain["verdict"]["outcome"], "failed", "{chain:#}");
}

#[test]
fn the_demo_tells_the_story() {
    let output = hopscope(&["demo", "--headless", "--json"]);
    let json = checked_json(&output);
    assert_eq!(output.status.code(), Some(1));
    let chains = json["chains"].as_array().unwrap();
    let told: Vec<String> = chains
        .iter()
        .map(|it| {
            let last = it["hops"].as_array().unwrap().last().unwrap();
            let finding = it["findings"][0]["code"].as_str().unwrap_or("-");
            format!("{} {} {finding}", it["verdict"]["outcome"].as_str().unwrap(), last["status"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "allowed 200 -",
            "allowed 201 -",
            "blocked 403 stage-prefix-lost",
            "blocked 403 trailing-slash-dropped",
            "blocked 403 stage-prefix-lost",
            "allowed 500 append-slash-refuses-write",
            "blocked 403 stage-prefix-lost",
            "allowed 200 redirect-drops-method",
            "blocked 504 app-unreachable",
            "blocked 403 stage-prefix-lost",
            "blocked 301 allow-origin-missing-on-redirect",
            "allowed 200 -",
            "allowed 201 -",
        ]
    );
    let sightings: usize = chains[2]["hops"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["sightings"].as_array().unwrap().len())
        .sum();
    assert_eq!(sightings, 2, "{:#}", chains[2]);
}

#[test]
fn a_users_own_fingerprints_are_used_and_their_mistakes_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("hopscope");
    std::fs::create_dir(&folder).unwrap();
    let run = |text: &str| {
        std::fs::write(folder.join("fingerprints.toml"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
        command.env("XDG_CONFIG_HOME", dir.path());
        command.args(["explain", "tests/seed/08-1-browser.har", "--json"]).output().unwrap()
    };
    let broken = run("[[fingerprint]]\nproduct = 7\n");
    assert_eq!(broken.status.code(), Some(0), "{}", stderr(&broken));
    assert!(stderr(&broken).contains("fingerprints.toml"), "{}", stderr(&broken));
    checked_json(&broken);
    assert!(stderr(&run("")).is_empty());
}
