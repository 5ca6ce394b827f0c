//! The lab over real sockets: its gateway and app answer as those that were recorded in
//! `tests/seed`, and every knob does what it says, while the lab runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "support/http.rs"]
mod http;
#[path = "lab/recorded.rs"]
mod recorded;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hopscope::lab::{Addresses, Knobs, Lab, LabError, tries};
use http::{Answer, Ask, ask};

/// Knobs and the words they are set to.
type Words<'a> = &'a [(&'a str, &'a str)];

async fn lab(knobs: Words<'_>) -> Lab {
    let mut set = Knobs::default();
    for (knob, word) in knobs {
        set.set(knob, word).unwrap();
    }
    Lab::start(set).await.unwrap()
}

fn get(path: &str) -> Ask {
    Ask::new("GET", path).header("Origin", "http://page.test")
}

fn preflight(path: &str) -> Ask {
    Ask::new("OPTIONS", path)
        .header("Origin", "http://page.test")
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "x-token")
}

fn brief(answer: &Answer) -> (u16, Option<String>, Option<String>, Option<String>) {
    let header = |name| answer.header(name);
    let origin = header("access-control-allow-origin");
    (answer.status, header("location"), origin, header("x-amzn-errortype"))
}

#[tokio::test]
async fn the_storys_hops_one_by_one() {
    let lab = lab(&[]).await;
    let gateway = lab.addresses().gateway;
    let page = Some("http://page.test".to_owned());
    let table = [
        (preflight("/prod/items"), (200, None, page.clone(), None)),
        (get("/prod/items"), (301, Some("/items/".to_owned()), page, None)),
        (preflight("/items/"), (403, None, None, Some("ForbiddenException".to_owned()))),
        (get("/prod"), (403, None, None, Some("MissingAuthenticationTokenException".to_owned()))),
    ];
    for (request, expected) in &table {
        let answer = ask(gateway, request).await.unwrap();
        assert_eq!(&brief(&answer), expected, "{request:?}");
        assert!(answer.header("x-amzn-requestid").is_some() && answer.header("date").is_some());
    }
    lab.stop().await;
}

#[tokio::test]
async fn knobs_turn_while_the_lab_runs() {
    let lab = lab(&[]).await;
    let (handle, gateway) = (lab.handle(), lab.addresses().gateway);
    let table: [(Words<'_>, Ask, u16, Option<&str>); 9] = [
        (&[("endpoint", "{proxy}/")], get("/prod/items"), 200, Some("http://page.test")),
        (&[("origins", "star")], get("/prod/items"), 200, Some("*")),
        (&[("cors", "off")], get("/prod/items"), 200, None),
        (&[("endpoint", "{proxy}"), ("slash", "keep")], get("/prod/items/"), 200, None),
        (&[("options", "gateway")], preflight("/prod/nonsense"), 200, Some("*")),
        (&[("methods", "GET")], get("/prod/items"), 301, None),
        (&[("options", "app")], preflight("/prod/items"), 403, None),
        (&[("gateway-responses", "cors")], preflight("/items/"), 403, Some("*")),
        (&[("stage", "dev")], get("/prod/items"), 403, Some("*")),
    ];
    for (knobs, request, status, origin) in table {
        handle.set_all(knobs.iter().copied()).await.unwrap();
        let answer = ask(gateway, &request).await.unwrap();
        let found = (answer.status, answer.header("access-control-allow-origin"));
        assert_eq!(found, (status, origin.map(str::to_owned)), "{knobs:?}");
    }
}

#[tokio::test]
async fn an_app_that_is_down_refuses_and_comes_back_on_its_port() {
    let lab = lab(&[("app", "down")]).await;
    let (handle, addresses) = (lab.handle(), lab.addresses());
    let refused = ask(addresses.app, &get("/items/")).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let answer = ask(addresses.gateway, &get("/prod/items")).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (504, 56), "{}", answer.body);
    assert_eq!(answer.header("access-control-allow-origin"), None);

    handle.set("app", "up").await.unwrap();
    assert_eq!(ask(addresses.app, &get("/items/")).await.unwrap().status, 200);
    handle.set("app", "down").await.unwrap();
    assert!(ask(addresses.app, &get("/items/")).await.is_err());
}

#[tokio::test]
async fn a_slow_app_is_given_up_after_the_limit() {
    let lab = lab(&[("delay", "1m"), ("timeout", "50ms")]).await;
    let started = Instant::now();
    let answer = ask(lab.addresses().gateway, &get("/prod/items")).await.unwrap();
    assert_eq!(answer.body, "{\"message\": \"Endpoint request timed out\"}");
    assert_eq!(answer.status, 504);
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_backend_that_closes_or_talks_nonsense_is_a_network_error() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let cut_short = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx";
    let upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    for said in [&b""[..], b"nonsense\r\n\r\n", cut_short, upgrade] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = listener.local_addr().unwrap().to_string();
        let lab = lab(&[("backend", &backend)]).await;
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let _read = stream.read(&mut head).await.unwrap();
            stream.write_all(said).await.unwrap();
        };
        let request = get("/prod/items");
        let (answer, ()) = tokio::join!(ask(lab.addresses().gateway, &request), server);
        let answer = answer.unwrap();
        assert_eq!(answer.status, 504, "{said:?}");
        assert_eq!(
            answer.header("x-amzn-errortype").as_deref(),
            Some("InternalServerErrorException")
        );
    }
}

#[tokio::test]
async fn a_body_beyond_ten_megabytes_is_refused() {
    let lab = lab(&[]).await;
    let request = Ask::new("POST", "/prod/items").body(&"x".repeat(10 * 1024 * 1024 + 1));
    let answer = ask(lab.addresses().gateway, &request).await.unwrap();
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body, "HTTP content length exceeded 10485760 bytes.");
}

#[tokio::test]
async fn the_page_shows_and_sets_the_knobs() {
    let lab = lab(&[]).await;
    let page = lab.addresses().page;
    let html = ask(page, &Ask::new("GET", "/")).await.unwrap();
    assert_eq!(html.status, 200);
    assert!(html.body.contains("__lab/knobs"));

    let json = |path: &str, body: &str| {
        Ask::new("POST", path).header("Content-Type", "application/json").body(body)
    };
    let set = ask(page, &json("/__lab/knobs", r#"{"slash":"keep","debug":"off"}"#)).await.unwrap();
    assert_eq!(set.status, 200, "{}", set.body);
    assert_eq!(lab.handle().knobs().word("slash").as_deref(), Some("keep"));
    let form = Ask::new("POST", "/__lab/knobs").body("gateway-url=http%3A%2F%2F127.0.0.1%3A1");
    let state = ask(page, &form).await.unwrap().body;
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["gateway_url"], "http://127.0.0.1:1");
    assert_eq!(state["app_url"], format!("http://{}", lab.addresses().app));

    let refusals = [
        (json("/__lab/knobs", r#"{"slash":"no"}"#), 400, "strip or keep"),
        (json("/__lab/knobs", r#"{"slash":"strip","x":"no"}"#), 400, "the knobs are stage"),
        (json("/__lab/knobs", "["), 400, "a JSON object"),
        (json("/__lab/tries", r#"{"name":"x"}"#), 400, "direct-get"),
        (json("/__lab/knobs", "{}").header("Origin", "http://evil.test"), 403, "own page"),
    ];
    for (request, status, hint) in &refusals {
        let answer = ask(page, request).await.unwrap();
        assert_eq!(answer.status, *status, "{request:?}");
        assert!(answer.body.contains(hint), "{}", answer.body);
    }
    assert_eq!(lab.handle().knobs().word("slash").as_deref(), Some("keep"), "all or nothing");

    ask(page, &json("/__lab/tries", r#"{"name":"app-down"}"#)).await.unwrap();
    assert!(ask(lab.addresses().app, &get("/items/")).await.is_err());
}

/// The first request of each try and what the gateway or the app says to it.
#[tokio::test]
async fn every_try_begins_as_the_story_tells() {
    let lab = lab(&[]).await;
    let handle = lab.handle();
    let statuses = [
        ("direct-get", 200),
        ("direct-post", 201),
        ("get", 301),
        ("get-slash", 301),
        ("get-simple", 301),
        ("post", 500),
        ("post-debug-off", 301),
        ("direct-post-debug-off", 301),
        ("app-down", 504),
        ("options-by-gateway", 301),
        ("cors-after-slash", 301),
        ("fixed-get", 200),
        ("fixed-post", 201),
    ];
    assert_eq!(tries().iter().map(|it| it.name).collect::<Vec<_>>(), statuses.map(|it| it.0));
    for (it, (_, status)) in tries().iter().zip(statuses) {
        handle.change(it.knobs(&handle.knobs())).await.unwrap();
        let url = handle.url(&it.request);
        let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut request = Ask::new(it.request.method, &format!("/{path}"));
        for (name, value) in it.request.headers {
            request = request.header(name, value);
        }
        let request = request.body(it.request.body.unwrap_or_default());
        let answer = ask(authority.parse::<SocketAddr>().unwrap(), &request).await.unwrap();
        assert_eq!(answer.status, status, "{}", it.name);
    }
}

/// The story's riddle: a page that made three requests, and a log with one line.
#[tokio::test]
async fn with_options_answered_by_the_gateway_the_app_logs_one_line() {
    let lab = lab(&[("options", "gateway")]).await;
    for request in [preflight("/prod/items"), get("/prod/items"), preflight("/items/")] {
        ask(lab.addresses().gateway, &request).await.unwrap();
    }
    let log = lab.handle().app_log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].ends_with("\"GET /items HTTP/1.1\" 301 0"), "{log:?}");
}

#[tokio::test]
async fn a_port_in_use_is_said_with_a_hint() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = Addresses { app: taken.local_addr().unwrap(), ..Addresses::default() };
    let Err(error) = Lab::start_at(Knobs::default(), addresses).await else { panic!("started") };
    assert!(matches!(error, LabError::Listen { server: "app", .. }));
    assert!(error.to_string().contains(&addresses.app.to_string()), "{error}");
    assert!(error.hint().contains("another port"), "{}", error.hint());
}
