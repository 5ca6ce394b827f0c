//! What mitmdump itself wrote, and every way to cut and damage it.

use super::*;
use crate::content;
use crate::trace::{Exchange, FailureKind, Outcome};

/// mitmdump 11.0.2, before three servers of Python.
const RECORDED: &[u8] = include_bytes!("../../../tests/mitmproxy/version-21.mitm");

#[test]
fn reads_what_mitmdump_writes() {
    let file = read(RECORDED).unwrap();
    assert!(is_flow_file(RECORDED) && file.remarks.is_empty(), "{:?}", file.remarks);
    let told: Vec<_> = file
        .hops
        .iter()
        .map(|it| {
            let path = it.request.url.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
            (it.request.method.clone(), path, it.status())
        })
        .collect();
    let wanted = [
        ("GET", "plain", Some(200)),
        ("GET", "gzip", Some(404)),
        ("GET", "old", Some(301)),
        ("GET", "gzip", Some(404)),
        ("POST", "items", Some(201)),
        ("GET", "refused", None),
        ("GET", "secure", Some(200)),
        ("GET", "ws", Some(101)),
    ];
    assert!(told.iter().map(|it| (it.0.as_str(), it.1.as_str(), it.2)).eq(wanted), "{told:?}");
    let [plain, gzip, old, again, post, refused, secure, socket] = file.hops.as_slice() else {
        panic!("{}", file.hops.len())
    };
    let cookies = &plain.response().unwrap().headers;
    assert_eq!(cookies.all("set-cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
    assert_eq!(plain.request.headers.text("origin").as_deref(), Some("http://page.test"));
    let response = gzip.response().unwrap();
    assert!(response.body.bytes.starts_with(b"\x1f\x8b"), "as it was sent");
    assert_eq!(content::of_response(response), "{\"detail\": \"Not found.\"}");
    assert!(gzip.timing.connect.is_some() && gzip.timing.wait.is_some());
    assert_eq!(old.connection, again.connection, "one connection of curl");
    assert_ne!(plain.connection, gzip.connection);
    assert_eq!(post.request.body.bytes, b"{\"a\":1}");
    assert_eq!(refused.failure().map(|it| it.kind), Some(FailureKind::Refused));
    assert!(secure.request.url.starts_with("https://localhost:") && secure.timing.tls.is_some());
    let tls = secure.tls.as_ref().and_then(|it| it.upstream.clone()).unwrap();
    assert_eq!((tls.version.as_str(), tls.sni.as_deref()), ("TLS 1.3", Some("localhost")));
    assert_eq!(socket.exchange, Exchange::WebSocket);
    let said: Vec<_> = content::messages(socket)
        .map(|it| (it.from.as_str(), it.said.as_str(), it.bytes))
        .collect();
    let wanted: [(&str, &str, &[u8]); 5] = [
        ("client", "text", b"hello"),
        ("server", "text", b"hello"),
        ("client", "binary", b"\0\xff"),
        ("server", "binary", b"\0\xff"),
        ("client", "close", b""),
    ];
    assert!(said.iter().map(|it| (it.0, it.1, it.2.as_slice())).eq(wanted), "{said:?}");
    assert!(file.hops.iter().all(|it| it.ended >= Some(it.started)));
}

#[test]
fn reads_a_cut_file_as_far_as_it_goes() {
    assert!(matches!(read(&RECORDED[..100]), Err(Error::Unreadable)));
    let mut most = 0;
    for end in (0..RECORDED.len()).step_by(97) {
        let Ok(file) = read(&RECORDED[..end]) else { continue };
        assert!(file.hops.len() >= most);
        most = file.hops.len();
        assert!(file.remarks.iter().any(|it| it.contains("cut off")), "{end}: {:?}", file.remarks);
    }
    assert_eq!(most, 7);
    for at in (0..RECORDED.len()).step_by(31) {
        let mut damaged = RECORDED.to_vec();
        damaged[at] ^= 0x15;
        let _ = read(&damaged);
    }
}

fn one(pairs: &str) -> Result<FlowFile, Error> {
    read(format!("{}:{pairs}}}", pairs.len()).as_bytes())
}

#[test]
fn takes_older_and_newer_versions_and_other_flows() {
    let request =
        "6:method;3:GET;4:host;1:h;4:port;4:8080#6:scheme;4:http;4:path;2:/a;7:headers;0:]";
    let request = format!("7:request;{}:{request}}}", request.len());
    let flow = |version: &str, kind: &str, rest: &str| {
        one(&format!(
            "7:version;{}:{version}#4:type;{}:{kind};{request}{rest}",
            version.len(),
            kind.len()
        ))
    };
    for version in ["4", "18", "21"] {
        let file = flow(version, "http", "").unwrap();
        assert_eq!(file.hops[0].request.url, "http://h:8080/a", "{version}");
        assert_eq!((&file.hops[0].outcome, file.remarks.len()), (&Outcome::Pending, 0));
    }
    let newer = flow("99", "http", "7:comment;5:look!;").unwrap();
    assert!(newer.remarks[0].contains("format 99"), "{:?}", newer.remarks);
    assert_eq!(newer.notes[0].text, "look!");
    assert!(matches!(flow("21", "tcp", ""), Err(Error::NothingReadable { count: 1 })));
}
