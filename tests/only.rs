//! `record --only` from end to end: the program, real traffic, and what its trace holds then.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/program.rs"]
mod program;
#[path = "support/wire.rs"]
mod wire;

use std::process::Command;

use hopscope::store::{Load, Reader};
use program::Program;
use wire::{Wire, server};

/// An API that refuses some of what it is asked.
async fn api() -> std::net::SocketAddr {
    server(|mut wire| async move {
        let head = wire.head().await;
        let answer = match head.lines().next().unwrap_or_default() {
            it if it.starts_with("OPTIONS ") => "204 No Content\r\nAccess-Control-Allow-Origin: *",
            it if it.contains(" /old ") => "302 Found\r\nLocation: /items",
            it if it.contains(" /items ") => "403 Forbidden\r\nContent-Length: 0",
            _ => "200 OK\r\nContent-Length: 0",
        };
        wire.send(format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n")).await;
    })
    .await
}

async fn ask(tap: &str, url: &str, method: &str, fields: &str) {
    let mut client = Wire::to(tap.parse().unwrap()).await;
    client
        .send(format!(
            "{method} {url} HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n{fields}\r\n"
        ))
        .await;
    client.rest().await;
}

fn said(program: &[&str], trace: &std::path::Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopscope"));
    let output = command.args(program).arg(trace).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn only_what_was_wanted_is_in_the_trace_with_what_led_to_it() {
    let api = api().await;
    let mut program = Program::start(&["--only", "Items 403"]);
    let tap = program.tap().to_owned();
    let origin = "Origin: http://page.test\r\nUser-Agent: Mozilla/5.0\r\n";
    let preflight = format!("{origin}Access-Control-Request-Method: GET\r\n");
    for (method, path, fields) in [
        ("GET", "health", ""),
        ("OPTIONS", "items", preflight.as_str()),
        ("GET", "users", origin),
        ("GET", "items", origin),
        ("GET", "old", origin),
        ("GET", "items", origin),
        ("POST", "users", origin),
    ] {
        ask(&tap, &format!("http://{api}/{path}"), method, fields).await;
    }
    program.signal("-TERM");
    assert_eq!(program.exit_code().await, 0, "{}", program.errors());
    let trace = program.trace.clone();
    let reader = Reader::open(&trace).unwrap();
    let kept: Vec<_> = reader
        .hops(Load::Heads)
        .map(|it| it.unwrap())
        .map(|it| {
            let path = it.request.url.rsplit('/').next().unwrap().to_owned();
            format!("{} {path} {}", it.request.method, it.status().unwrap())
        })
        .collect();
    assert_eq!(kept, ["OPTIONS items 204", "GET items 403", "GET old 302", "GET items 403"]);
    let info = said(&["info"], &trace);
    assert!(info.contains("4 hops in "), "{info}");
    assert!(info.contains("other  3 hops passed over: recorded with --only 'items 403'"), "{info}");
    let explained = said(&["explain"], &trace);
    assert!(explained.contains("/old") && !explained.contains("/users"), "{explained}");
}
