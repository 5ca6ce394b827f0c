//! The lab between two taps, and what is found when its knobs are turned: the rules that the
//! lab can show, each at its hop. It needs nothing but Rust.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "browser/recorder.rs"]
mod recorder;

use std::net::SocketAddr;
use std::sync::Arc;

use hopscope::diagnose::{Servers, analyse};
use hopscope::drive;
use hopscope::fetch::{AddressSpace, Credentials, Known, Page, PageRequest, judge};
use hopscope::lab::{Knobs, Lab};
use hopscope::link;
use hopscope::proxy::{Options, Proxy, TapSpec, Upstream};
use recorder::Memory;

/// A knob and its word.
type Turned = (&'static str, &'static str);

/// What the page asks for, through the gateway unless it says `direct`, and what is found:
/// `HOP code`, a symptom with `< its-cause`.
#[rustfmt::skip]
const SCENARIOS: &[(&[Turned], &str, &[&str])] = &[
    (&[], "GET /prod/items x-token=a", &["2 stage-prefix-lost", "3 gateway-error-without-cors < stage-prefix-lost"]),
    (&[], "GET /prod/items/ x-token=a", &["2 trailing-slash-dropped", "2 stage-prefix-lost < trailing-slash-dropped", "3 gateway-error-without-cors < stage-prefix-lost"]),
    (&[("endpoint", "{proxy}/")], "GET /prod/items x-token=a", &[]),
    (&[("endpoint", "{proxy}/")], "POST /prod/items body={}", &[]),
    (&[], "POST /prod/items body={}", &["2 append-slash-refuses-write"]),
    (&[("debug", "off")], "POST /prod/items body={}", &["2 stage-prefix-lost", "2 redirect-drops-method < stage-prefix-lost", "3 gateway-error-without-cors < stage-prefix-lost"]),
    (&[("options", "gateway")], "GET /prod/items x-token=a", &["2 stage-prefix-lost", "3 gateway-error-without-cors < stage-prefix-lost", "2 preflight-answered-by-gateway < stage-prefix-lost"]),
    (&[("app", "down")], "GET /prod/items", &["1 app-unreachable", "1 gateway-error-without-cors < app-unreachable"]),
    (&[("delay", "1m"), ("timeout", "50ms")], "GET /prod/items", &["1 gateway-timeout", "1 gateway-error-without-cors < gateway-timeout"]),
    (&[], "GET /items/", &["1 stage-unknown", "1 gateway-error-without-cors < stage-unknown"]),
    (&[], "GET /prod", &["1 route-unknown", "1 gateway-error-without-cors < route-unknown"]),
    (&[("methods", "GET")], "GET /prod/items x-token=a", &["1 preflight-not-routed", "1 gateway-error-without-cors < preflight-not-routed"]),
    (&[("endpoint", "{proxy}/"), ("cors", "off")], "GET /prod/items", &["1 allow-origin-missing"]),
    (&[("cors", "after")], "GET /prod/items", &["1 allow-origin-missing-on-redirect", "1 stage-prefix-lost"]),
    (&[("endpoint", "{proxy}/"), ("origins", "http://a.test")], "GET /prod/items", &["1 allow-origin-missing"]),
    (&[("endpoint", "{proxy}/"), ("origins", "star")], "GET /prod/items credentials=include", &["1 wildcard-with-credentials"]),
    (&[("endpoint", "{proxy}/")], "GET /prod/items credentials=include", &["1 credentials-not-allowed"]),
    (&[("endpoint", "{proxy}/")], "GET /prod/items traceparent=00-1", &["1 header-not-allowed"]),
    (&[("endpoint", "{proxy}/")], "PROPFIND /prod/items", &["1 method-not-allowed"]),
    (&[("slash", "keep"), ("cors", "off")], "POST /prod/items length=10485761", &["1 payload-too-large-masked", "1 gateway-error-without-cors < payload-too-large-masked"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_gives_its_findings() {
    let mut wrong = Vec::new();
    for (turned, request, expected) in SCENARIOS {
        let found = play(turned, request).await;
        if found != *expected {
            wrong.push(format!("{turned:?} {request}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Nobody listens where the client asks: seen at the edge alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there() {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let nobody = tokio::net::TcpListener::bind(free).await.unwrap().local_addr().unwrap();
    let upstream: Upstream = format!("http://{nobody}").parse().unwrap();
    let recorder = Memory::new();
    let taps = vec![TapSpec::reverse("edge", free, upstream)];
    let proxy = Proxy::start(taps, &recorder, Options::default()).await.unwrap();
    let url = format!("http://{}/items", proxy.addresses()[0]);
    let found = ask(&proxy, &recorder, PageRequest::get(url)).await;
    assert_eq!(found, ["1 server-unreachable"]);
}

async fn play(turned: &[Turned], request: &str) -> Vec<String> {
    let mut knobs = Knobs::default();
    for (knob, word) in turned {
        knobs.set(knob, word).unwrap();
    }
    let lab = Lab::start(knobs).await.unwrap();
    let (handle, recorder) = (lab.handle(), Memory::new());
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let upstream = |at: SocketAddr| format!("http://{at}").parse::<Upstream>().unwrap();
    let addresses = handle.addresses();
    let taps = vec![
        TapSpec::reverse("edge", free, upstream(addresses.gateway)),
        TapSpec::reverse("origin", free, upstream(addresses.app)),
    ];
    let proxy = Proxy::start(taps, &recorder, Options::default()).await.unwrap();
    handle.set("backend", &proxy.addresses()[1].to_string()).await.unwrap();
    let request = parse(request, &format!("http://{}", proxy.addresses()[0]));
    let found = ask(&proxy, &recorder, request).await;
    lab.stop().await;
    found
}

/// Let the page ask, and tell what is found.
async fn ask(proxy: &Proxy, recorder: &Memory, request: PageRequest) -> Vec<String> {
    let page = Page {
        origin: "http://page.test".to_owned(),
        requests: vec![request],
        address_space: Some(AddressSpace::Loopback),
        ..Page::default()
    };
    drive::run(&page, &drive::Options::default()).await;
    let hops = recorder.take().await;
    let known = Known { credentials: Some(page.requests[0].credentials), ..Known::default() };
    let mut found = Vec::new();
    for chain in link::chains(&hops, proxy.taps()) {
        let chain = Arc::new(chain);
        let judgement = judge(&chain, &known);
        let analysis = analyse(chain, proxy.taps(), judgement, &Servers::default());
        found.extend(analysis.findings.iter().map(|it| {
            let because = it.because.map(|it| format!(" < {it}")).unwrap_or_default();
            format!("{} {}{because}", it.hop + 1, it.code)
        }));
    }
    found
}

/// `GET /prod/items x-token=a`, with `body=…`, `length=…` (a body of so many bytes) and
/// `credentials=…`.
fn parse(text: &str, host: &str) -> PageRequest {
    let mut words = text.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let mut request = PageRequest::get(format!("{host}{target}"));
    method.clone_into(&mut request.method);
    for (name, value) in words.map(|it| it.split_once('=').unwrap()) {
        match name {
            "body" => {
                request.body = Some(value.to_owned());
                request.headers.push("content-type", "application/json");
            }
            "length" => request.body = Some("x".repeat(value.parse().unwrap())),
            "credentials" => request.credentials = Credentials::parse(value).unwrap(),
            _ => request.headers.push(name, value),
        }
    }
    request
}
