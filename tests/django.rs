//! The lab's app against the real Django, Django REST Framework and django-cors-headers: both
//! are asked the same questions in the same order and must agree.
//!
//! Needs Python 3.10 or newer with `venv` and, the first time, the network: the packages of
//! `tests/django/requirements.txt` are installed into an environment under `target/`. So it runs with
//! `cargo test --features real` only. Without Python it fails; it never passes unasked.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/http.rs"]
mod http;
#[path = "django/real.rs"]
mod real;

use hopscope::lab::{Knobs, Lab};
use http::{Answer, Ask, ask};
use real::Django;

/// What must agree, besides the status. JSON bodies must, too.
const HEADERS: [&str; 14] = [
    "location",
    "allow",
    "vary",
    "content-type",
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "access-control-expose-headers",
];

const ORIGIN: &str = "http://page.test";

#[tokio::test]
async fn debug_on_cors_before() {
    compare(&[("debug", "on"), ("cors", "before")]).await;
}

#[tokio::test]
async fn debug_on_cors_after() {
    compare(&[("debug", "on"), ("cors", "after")]).await;
}

#[tokio::test]
async fn debug_on_cors_off() {
    compare(&[("debug", "on"), ("cors", "off")]).await;
}

#[tokio::test]
async fn debug_off_cors_before() {
    compare(&[("debug", "off"), ("cors", "before")]).await;
}

#[tokio::test]
async fn debug_off_cors_after() {
    compare(&[("debug", "off"), ("cors", "after")]).await;
}

#[tokio::test]
async fn debug_off_cors_off() {
    compare(&[("debug", "off"), ("cors", "off")]).await;
}

#[tokio::test]
async fn star() {
    compare(&[("origins", "star")]).await;
}

#[tokio::test]
async fn star_with_credentials() {
    compare(&[("origins", "star"), ("credentials", "on")]).await;
}

#[tokio::test]
async fn a_list_with_this_origin() {
    compare(&[("origins", "http://other.test,http://page.test"), ("credentials", "on")]).await;
}

#[tokio::test]
async fn a_list_without_this_origin() {
    compare(&[("origins", "http://other.test,http://page.test:80")]).await;
}

/// What the gateway makes of either app is the same, too: the lab may stand in for the real one.
#[tokio::test]
async fn behind_the_gateway() {
    for debug in ["on", "off"] {
        let lab = lab(&[("debug", debug)]).await;
        let django = Django::start(&[("debug", debug)]).await;
        for mut question in questions() {
            question.target.insert_str(0, "/prod");
            let gateway = lab.addresses().gateway;
            lab.handle().set("backend", "app").await.unwrap();
            let ours = ask(gateway, &question).await.unwrap();
            lab.handle().set("backend", &django.address.to_string()).await.unwrap();
            let theirs = ask(gateway, &question).await.unwrap();
            assert_eq!(facts(&ours), facts(&theirs), "DEBUG {debug}: {question:?}");
        }
    }
}

async fn compare(knobs: &[(&str, &str)]) {
    let lab = lab(knobs).await;
    let django = Django::start(knobs).await;
    for question in questions() {
        let ours = ask(lab.addresses().app, &question).await.unwrap();
        let theirs = ask(django.address, &question).await.unwrap();
        assert_eq!(facts(&ours), facts(&theirs), "{knobs:?}: {question:?}");
    }
}

async fn lab(knobs: &[(&str, &str)]) -> Lab {
    let mut set = Knobs::default();
    for (knob, word) in knobs {
        set.set(knob, word).unwrap();
    }
    Lab::start(set).await.unwrap()
}

fn facts(answer: &Answer) -> (u16, Vec<(&str, String)>, Option<String>) {
    let header = |it| Some((it, answer.header(it)?));
    let json = answer.header("content-type").as_deref() == Some("application/json");
    // Two JSON parsers word their complaints differently.
    let steady = json && !answer.body.contains("JSON parse error");
    let headers = HEADERS.into_iter().filter_map(header).collect();
    (answer.status, headers, steady.then(|| answer.body.clone()))
}

/// Methods by slash by Origin by preflight, then bodies, paths and `Accept`.
fn questions() -> Vec<Ask> {
    let mut all = Vec::new();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        for path in ["/items", "/items/", "/items?q=a%20b&c", "/nope", "/nope/", "/"] {
            for origin in [Some(ORIGIN), Some("null"), Some(""), None] {
                for asks_leave in [Some("POST"), Some("DELETE"), None] {
                    let mut question = Ask::new(method, path);
                    if let Some(origin) = origin {
                        question = question.header("Origin", origin);
                    }
                    if let Some(method) = asks_leave {
                        question = question
                            .header("Access-Control-Request-Method", method)
                            .header("Access-Control-Request-Headers", "x-token, x-other");
                    }
                    all.push(question);
                }
            }
        }
    }
    all.extend(bodies());
    for path in ["//items", "/items//", "/it%65ms", "/items%2F", "/items/1", "/ITEMS/", "/%zz"] {
        all.push(Ask::new("GET", path).header("Origin", ORIGIN));
        all.push(Ask::new("POST", path).header("Origin", ORIGIN));
    }
    let accepts = ["*/*", "text/html", "text/html,*/*;q=0.8", "application/xml", "text/*", ""];
    all.extend(accepts.map(|it| Ask::new("GET", "/items/").header("Accept", it)));
    all
}

fn bodies() -> Vec<Ask> {
    let json = "application/json";
    let form = "application/x-www-form-urlencoded;charset=UTF-8";
    let long = format!("{{\"name\":\"{}\"}}", "a".repeat(101));
    let part = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n--b--\r\n";
    let table = [
        (json, "{\"name\":\"x\"}"),
        (json, "{"),
        (json, "[]"),
        (json, "null"),
        (json, "\"x\""),
        (json, "5"),
        (json, "true"),
        (json, "{\"name\":\"\"}"),
        (json, "{\"name\":\" y \"}"),
        (json, "{\"name\":null}"),
        (json, "{\"name\":5}"),
        (json, "{\"name\":1.5}"),
        (json, "{\"name\":true}"),
        (json, "{\"name\":[]}"),
        (json, "{\"other\":1}"),
        (json, "{\"name\":\"\u{e9}\u{1f600}\"}"),
        (json, &long),
        ("application/json; charset=utf-8", "{\"name\":\"x\"}"),
        (form, "name=x+y%21"),
        (form, "a=x"),
        (form, "name="),
        (form, "name=x&name=z"),
        ("multipart/form-data; boundary=b", part),
        ("multipart/form-data; boundary=b", "--b"),
        ("text/plain", "x"),
    ];
    let mut all = Vec::new();
    for (content_type, body) in table {
        for path in ["/items/", "/items"] {
            let question = Ask::new("POST", path).header("Origin", ORIGIN);
            all.push(question.header("Content-Type", content_type).body(body));
        }
    }
    all.push(Ask::new("POST", "/items/").body("name=x"));
    all.push(Ask::new("GET", "/items/"));
    all
}
