//! What somebody who means harm would try with the program: to read what is not theirs, to have a
//! file written that is not ours, to get in without a password, to make it run in circles, to
//! reach the user's terminal.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/program.rs"]
mod program;
#[path = "support/wire.rs"]
mod wire;

use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use hopscope::trace::FailureKind;
use program::Program;
use wire::{Wire, server};

fn hopscope(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hopscope")).args(words).output().unwrap()
}

/// What comes back for these bytes, until the connection ends.
async fn told(tap: &str, bytes: &str) -> String {
    let mut client = Wire::to(tap.parse().unwrap()).await;
    client.send(bytes).await;
    client.rest().await.0
}

/// A server that answers everything with these bytes.
async fn says(bytes: &'static [u8]) -> SocketAddr {
    server(move |mut wire| async move {
        wire.head().await;
        wire.send(bytes).await;
    })
    .await
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// Every file below `folder`, with its mode.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        all.push((entry.file_name().into_string().unwrap(), mode));
        if path.is_dir() {
            all.extend(modes(&path));
        }
    }
    all
}

#[tokio::test]
async fn no_other_user_reads_what_is_written_whatever_the_umask_is() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.log");
    let setup = format!("umask 000; export SSLKEYLOGFILE='{}';", keys.display());
    let upstream = server(|mut wire| async move { wire.send("220 no TLS here\r\n").await }).await;
    let tap = format!("edge=reverse:127.0.0.1:0=https://{upstream}");
    let options = ["--tap", &tap, "--tap", "origin=forward:127.0.0.1:0"];
    let program = Program::with(folder, &setup, &options);
    told(program.tap(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    program.recorded(1).await;
    let found = modes(program.folder());
    for wanted in ["x.hops-wal", "keys.log"] {
        assert!(found.iter().any(|it| it.0 == wanted), "no {wanted}: {found:?}");
    }
    for (name, mode) in &found {
        // The authority's certificate is for everybody; stderr is this test's.
        let is_public = matches!(name.as_str(), "ca.pem" | "stderr");
        assert!(is_public || mode.trailing_zeros() >= 6, "{name} has mode {mode:o}: {found:?}");
    }
    program.end("-INT").await;
}

#[test]
fn no_link_leads_a_recording_to_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let victim = at("victim");
    std::fs::write(&victim, "precious").unwrap();
    symlink(&victim, at("a.hops")).unwrap();
    symlink(at("nothing"), at("b.hops")).unwrap();
    symlink(&victim, at("c.hops-wal")).unwrap();
    symlink(&victim, at("d.hops-journal")).unwrap();
    for name in ["a.hops", "b.hops", "c.hops", "d.hops"] {
        let trace = at(name);
        let tap = "edge=forward:127.0.0.1:0";
        let output =
            hopscope(&["record", "--headless", "--tap", tap, "-o", trace.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious", "{name}");
        assert!(!at("nothing").exists(), "{name}");
    }
}

#[tokio::test]
async fn own_pages_are_for_who_names_them() {
    let program = Program::start(&[]);
    let tap = program.tap().to_owned();
    let port = tap.rsplit_once(':').unwrap().1;
    for (host, is_served) in [
        ("hopscope.local".to_owned(), true),
        (tap.clone(), true),
        (format!("localhost:{port}"), true),
        // Names that somebody has lead here.
        (format!("rebound.evil.test:{port}"), false),
        (format!("hopscope.local.evil.test:{port}"), false),
        (format!("evil.test.:{port}"), false),
        (format!("127.0.0.1.evil.test:{port}"), false),
        (format!("evil.test@{tap}"), false),
    ] {
        let ask = format!("GET /ca.pem HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let got = told(&tap, &ask).await;
        assert_eq!(got.contains("BEGIN CERTIFICATE"), is_served, "{host}: {got}");
        assert!(!got.to_ascii_lowercase().contains("access-control"), "{host}: {got}");
    }
}

#[tokio::test]
async fn no_request_runs_in_circles() {
    // A tap asked for itself, by all its names.
    let program = Program::start(&[]);
    let port = program.tap().rsplit_once(':').unwrap().1;
    for name in ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1"] {
        let ask =
            format!("GET http://{name}:{port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let got = told(program.tap(), &ask).await;
        let (kind, detail) = program.recorded(1).await.remove(0);
        assert!(!got.starts_with("HTTP/1.1 200"), "{name}: {got}");
        assert!(kind == "refused-by-tap" || kind == "dns", "{name}: {kind} {detail}");
    }
    program.end("-INT").await;
}

/// Two taps of two processes, each before the other: neither can know.
#[tokio::test]
async fn a_circle_of_two_programs_comes_to_an_end() {
    // The first is before a bridge to the second, which has no address yet.
    let bridge = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let before = |upstream: String| {
        let tap = format!("edge=reverse:127.0.0.1:0=http://{upstream}");
        let options = ["--tap", &tap, "--limit", "connections=50"];
        Program::with(tempfile::tempdir().unwrap(), "", &options)
    };
    let first = before(bridge.local_addr().unwrap().to_string());
    let second = before(first.tap().to_owned());
    let end = second.tap().to_owned();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = bridge.accept().await {
            let end = end.clone();
            tokio::spawn(async move {
                let Ok(mut to) = tokio::net::TcpStream::connect(end).await else { return };
                let _ended = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    let got = told(first.tap(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 502"), "{got}");
    for program in [&first, &second] {
        program.recorded(50).await;
        assert!(program.hops().len() < 60, "{}", program.hops().len());
    }
    let refused = |it: &Program| {
        it.hops()
            .iter()
            .any(|it| it.failure().is_some_and(|it| it.kind == FailureKind::RefusedByTap))
    };
    assert!(refused(&first) || refused(&second));
    first.end("-INT").await;
    second.end("-INT").await;
}

#[tokio::test]
async fn only_the_password_opens_a_tap() {
    let program = Program::start(&["--auth", "ann:s3cret-w0rd"]);
    let upstream = says(OK).await;
    for (field, status) in [
        ("", "407"),
        ("Proxy-Authorization: Basic YW5uOnMzY3JldC13MHJk", "200"),
        ("Proxy-Authorization: Basic YW5uOnMzY3JldC13MHJ", "407"),
        ("Proxy-Authorization: Basic YW5uOg==", "407"),
        ("Proxy-Authorization: Basic ", "407"),
        ("Proxy-Authorization: ann:s3cret-w0rd", "407"),
        ("Authorization: Basic YW5uOnMzY3JldC13MHJk", "407"),
    ] {
        let ask = format!(
            "GET http://{upstream}/ HTTP/1.1\r\nHost: {upstream}\r\nConnection: close\r\n{field}\r\n\r\n"
        );
        let ask = ask.replace("\r\n\r\n\r\n", "\r\n\r\n");
        let begun = Instant::now();
        let got = told(program.tap(), &ask).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{field}: {got}");
        let is_guess = field.starts_with("Proxy") && status == "407";
        assert!(!is_guess || begun.elapsed() > Duration::from_millis(400), "guessing is cheap");
    }
    // Nor is it recorded where the head is refused, and recorded as it was sent.
    for broken in ["Bad Name: x", "Transfer-Encoding: chunked\r\nContent-Length: 1"] {
        let ask = format!(
            "POST http://{upstream}/ HTTP/1.1\r\nHost: {upstream}\r\n\
             Proxy-authorization: Basic YW5uOnMzY3JldC13MHJk\r\n{broken}\r\n\r\n"
        );
        let got = told(program.tap(), &ask).await;
        assert!(got.starts_with("HTTP/1.1 400"), "{broken}: {got}");
    }
    program.recorded(9).await;
    let trace = program.trace.clone();
    let folder = program.folder().to_owned();
    program.signal("-INT");
    let mut program = program;
    assert_eq!(program.exit_code().await, 0);
    let bytes = std::fs::read(trace).unwrap();
    for secret in ["s3cret-w0rd", "OnMzY3JldC13MHJk"] {
        // What was sent as `Authorization` belongs to the upstream, and is evidence.
        let found = bytes.windows(secret.len()).filter(|it| *it == secret.as_bytes()).count();
        let wanted = usize::from(secret.starts_with("On"));
        assert!(found <= wanted, "{secret} stands {found} times in {}", folder.display());
    }
}

#[tokio::test]
async fn no_byte_from_the_wire_moves_the_cursor() {
    const AGREED: &[u8] =
        b"HTTP/1.1 101 \x1b[31mSwitching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        X: \x1b]0;owned\x07\r\n\r\n\x81\x08\x1b[2Jtext\x88\x07\x03\xe8\x1b[31m";
    let program = Program::start(&[]);
    let upstream = says(AGREED).await;
    let ask = format!(
        "GET http://{upstream}/%1b\u{9b}31m HTTP/1.1\r\nHost: {upstream}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nOrigin: http://\u{1b}[5m\r\n\r\n"
    );
    told(program.tap(), &ask).await;
    program.recorded(1).await;
    for words in [vec!["explain"], vec!["explain", "--json"], vec!["info"], vec!["info", "--json"]]
    {
        let trace = program.trace.to_str().unwrap();
        let output = hopscope(&[&words[..1], &[trace], &words[1..]].concat());
        for out in [&output.stdout, &output.stderr] {
            let wild = out.iter().any(|it| *it == 0x1b || *it == 0x07);
            let c1 = String::from_utf8_lossy(out).contains('\u{9b}');
            assert!(!wild && !c1, "{words:?}: {}", String::from_utf8_lossy(out));
        }
    }
    program.end("-INT").await;
}

/// A trace from a stranger is tables and nothing else: what would run when it is read, or when a
/// note is added to it, is refused by name.
#[test]
fn a_trace_that_does_more_than_hold_rows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let har = "tests/seed/00-1-browser.har";
    for (name, sql, named) in [
        (
            "view",
            "ALTER TABLE hop RENAME TO held; CREATE VIEW hop AS SELECT * FROM held",
            "view `hop`",
        ),
        (
            "trigger",
            "CREATE TRIGGER \"x\u{1b}[2J\" AFTER INSERT ON note BEGIN DELETE FROM hop; END",
            "trigger `x",
        ),
        ("module", "CREATE VIRTUAL TABLE more USING fts5(text)", "table `more`"),
    ] {
        let trace = folder.path().join(format!("{name}.hops"));
        let trace = trace.to_str().unwrap();
        assert!(hopscope(&["import", har, "-o", trace]).status.success());
        rusqlite::Connection::open(trace).unwrap().execute_batch(sql).unwrap();
        for command in ["explain", "info"] {
            let output = hopscope(&[command, trace]);
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name}: {errors}");
            assert!(errors.contains(named) && !errors.contains('\u{1b}'), "{name}: {errors}");
            assert!(errors.contains("hint:  "), "{name}: {errors}");
        }
    }
}
