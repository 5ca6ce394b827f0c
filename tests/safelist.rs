//! The table of safelisting: what a script may send across origins without a preflight, as
//! Chromium did it.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use hopscope::fetch::{Api, Ask, Browser, Fetch, Memory, Page, PageRequest};
use hopscope::trace::{Headers, Time};

#[test]
fn the_machine_asks_when_chromium_asked() {
    let mut n_rows = 0;
    for row in include_str!("safelist.tsv").lines().filter(|it| !it.starts_with('#')) {
        let mut columns = row.split('\t');
        let mut next = || columns.next().unwrap();
        let (api, method, headers, sent) = (next(), next(), next(), next());
        assert_eq!(asked(api, method, headers), sent, "{row}");
        n_rows += 1;
    }
    assert!(100 < n_rows, "{n_rows} rows: the table is cut off");
}

fn asked(api: &str, method: &str, headers: &str) -> String {
    let headers: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(headers).unwrap();
    let mut request = PageRequest::get("http://api.test/items");
    request.api = Api::parse(api).unwrap();
    method.clone_into(&mut request.method);
    // Scripts' strings are Latin-1 on the wire.
    request.headers = headers
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().unwrap();
            let bytes: Vec<u8> =
                value.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect();
            (name.clone(), bytes)
        })
        .collect::<Headers>();
    if !matches!(method, "GET" | "get" | "GeT" | "HEAD" | "Head") {
        request.body = Some("x".to_owned());
        if !request.headers.has("content-type") {
            request.body_kind = hopscope::fetch::BodyKind::ArrayBuffer;
        }
    }
    let page = Page {
        origin: "http://page.test".to_owned(),
        requests: vec![request.clone()],
        ..Page::default()
    };
    let mut memory = Memory::default();
    match Fetch::start(&page, &request, Browser::Chromium, &mut memory, Time(0)).1 {
        Ask::Preflight(out) => {
            out.headers.text("access-control-request-headers").unwrap_or_else(|| "*".to_owned())
        }
        Ask::Send(_) | Ask::Connect(_) => "simple".to_owned(),
        Ask::Done(_) => "-".to_owned(),
    }
}
