//! `hopscope ca` as a user runs it, with a home of its own and browsers' databases in it; and
//! the tap's page that hands the certificate out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/wire.rs"]
mod wire;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use hopscope::proxy::{Options, Proxy, TapSpec};
use hopscope::tls::Authority;
use hopscope::trace::FailureKind;
use wire::{Notebook, Wire, server};

fn ca(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    command.env_clear().env("HOME", home).env("PATH", home.join("bin"));
    command.arg("ca").args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Programs that only write down how they were called.
fn witness(home: &Path, names: &[&str]) {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    for name in names {
        let script = "#!/bin/sh\necho \"$(basename \"$0\") $*\" >> \"$HOME/called\"\n";
        let script = script.replace("$(basename \"$0\")", name);
        fs::write(bin.join(name), script).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn shows_and_exports_without_the_key() {
    let home = tempfile::tempdir().unwrap();
    let shown = said(&ca(home.path(), &[]));
    assert!(shown.contains("was made just now") && shown.contains("SHA-256"), "{shown}");
    assert!(shown.contains(".local/share/hopscope/ca.pem"), "{shown}");
    let again = said(&ca(home.path(), &["show"]));
    assert!(!again.contains("made just now"), "{again}");
    let pem = said(&ca(home.path(), &["export"]));
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"), "{pem}");
    let file = home.path().join("x.crt");
    said(&ca(home.path(), &["export", "--der", "-o", file.to_str().unwrap()]));
    assert_eq!(fs::read(file).unwrap()[0], 0x30, "DER begins with a sequence");
    let path = said(&ca(home.path(), &["path"]));
    assert_eq!(fs::read_to_string(path.trim()).unwrap(), pem);
}

#[test]
fn does_nothing_unasked_and_then_what_it_showed() {
    let home = tempfile::tempdir().unwrap();
    let profile = home.path().join(".mozilla/firefox/a.default");
    fs::create_dir_all(&profile).unwrap();
    fs::write(profile.join("cert9.db"), "").unwrap();
    // The system's own tools, if there are any, are none of this test's business.
    let only = ["--only", "firefox"];
    let shown = said(&ca(home.path(), &[["install"].as_slice(), &only].concat()));
    assert!(shown.contains("libnss3-tools") || Path::new("/usr/sbin/certutil").exists(), "{shown}");
    witness(home.path(), &["certutil"]);
    let shown = said(&ca(home.path(), &[["install"].as_slice(), &only].concat()));
    assert!(
        shown.contains("Firefox, profile a.default") && shown.contains("certutil -d"),
        "{shown}"
    );
    assert!(shown.contains("nothing was done"), "{shown}");
    let called = home.path().join("called");
    assert!(!called.exists());
    let shown = said(&ca(home.path(), &[["install", "--yes"].as_slice(), &only].concat()));
    assert!(shown.contains("done: Firefox, profile a.default"), "{shown}");
    // Who does not want the old one removed keeps it: nothing else knows what it is called.
    let before = said(&ca(home.path(), &["show"]));
    let kept = said(&ca(home.path(), &[["rotate"].as_slice(), &only].concat()));
    assert!(kept.contains("do it with: hopscope ca rotate --yes"), "{kept}");
    assert_eq!(said(&ca(home.path(), &["show"])), before);
    said(&ca(home.path(), &[["rotate", "--yes"].as_slice(), &only].concat()));
    let called = fs::read_to_string(called).unwrap();
    let lines: Vec<_> = called.lines().collect();
    assert_eq!(lines.len(), 2, "{called}");
    assert!(lines[0].contains("-A -t C,, -n hopscope local CA"), "{called}");
    assert!(lines[1].contains("-D -n hopscope local CA"), "{called}");
}

#[test]
fn a_new_authority_takes_the_place_of_the_old() {
    let home = tempfile::tempdir().unwrap();
    let name = |text: &str| text.lines().find(|it| it.starts_with("SHA-256")).unwrap().to_owned();
    let old = name(&said(&ca(home.path(), &[])));
    assert_eq!(name(&said(&ca(home.path(), &["show"]))), old);
    let new = said(&ca(home.path(), &["rotate", "--yes", "--only", "firefox"]));
    assert_ne!(name(&new), old);
    assert_eq!(name(&said(&ca(home.path(), &["show"]))), name(&new));
}

#[tokio::test]
async fn the_tap_hands_its_certificate_out() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::open(folder.path()).unwrap();
    let options = Options { authority: Some(authority.clone()), ..Options::default() };
    let notebook = Notebook::new();
    let spec: TapSpec = "edge=forward:127.0.0.1:0".parse().unwrap();
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let tap = proxy.addresses()[0];
    let ask = async |target: &str, host: &str, fields: &str| {
        let mut wire = Wire::to(tap).await;
        let head =
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
        wire.send(head).await;
        wire.rest().await.0
    };
    let own = tap.to_string();
    let local = format!("localhost:{}", tap.port());
    for (target, host) in [
        ("http://hopscope.local/ca.pem", "hopscope.local"),
        ("/ca.pem", own.as_str()),
        ("/ca.pem", &local),
    ] {
        let answer = ask(target, host, "").await;
        assert!(answer.ends_with(&authority.pem()), "{target} {host}: {answer}");
        assert!(answer.contains("nosniff") && !answer.contains("access-control"), "{answer}");
    }
    let page = ask("/", &own, "Accept: text/html,*/*\r\n").await;
    assert!(page.contains("text/html") && page.contains("hopscope-ca.crt"), "{page}");
    let page = ask("http://hopscope.local/", "hopscope.local", "").await;
    assert!(page.contains("hopscope ca install") && page.contains("text/plain"), "{page}");
    assert!(notebook.hops().is_empty(), "its own pages are no traffic");
    // Another name that leads here is refused, and seen.
    let rebound = ask("/ca.pem", &format!("evil.test:{}", tap.port()), "").await;
    assert!(rebound.starts_with("HTTP/1.1 400") && !rebound.contains("BEGIN"), "{rebound}");
    let hop = &notebook.ended(1).await[0];
    assert_eq!(hop.failure().unwrap().kind, FailureKind::RefusedByTap);
}

/// What a tap with TLS shows is no obstacle to `fetch`, as it is none to `hopscope browser`.
#[tokio::test(flavor = "multi_thread")]
async fn fetch_trusts_the_taps_of_its_user() {
    let home = tempfile::tempdir().unwrap();
    let authority = Authority::open(&home.path().join(".local/share/hopscope")).unwrap();
    let upstream = server(|mut wire| async move {
        wire.head().await;
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let options = Options { authority: Some(authority), ..Options::default() };
    let notebook = Notebook::new();
    let spec: TapSpec = format!("edge=reverse:127.0.0.1:0=http://{upstream},tls").parse().unwrap();
    let proxy = Proxy::start(vec![spec], &notebook, options).await.unwrap();
    let url = format!("https://{}/", proxy.addresses()[0]);
    let fetch = |home: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
        command.env_clear().env("HOME", home).args(["fetch", &url, "--origin", &url]);
        async move { tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap() }
    };
    let told = said(&fetch(home.path()).await);
    assert!(told.contains("allowed at hop 1"), "{told}");
    assert_eq!(notebook.ended(1).await[0].status(), Some(200));
    // Somebody else's fetch does not.
    let other = tempfile::tempdir().unwrap();
    let output = fetch(other.path()).await;
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
}
