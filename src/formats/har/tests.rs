//! One table per dialect, and every way to cut a file.

use super::*;
use crate::trace::{ConnectionId, Exchange, FailureKind, Time, Version};

fn only(entry: &str) -> Hop {
    let mut file = read(format!(r#"{{"log":{{"entries":[{entry}]}}}}"#).as_bytes()).unwrap();
    assert_eq!(file.hops.len(), 1, "{entry}");
    file.hops.remove(0)
}

#[test]
fn reads_what_a_browser_writes() {
    let hop = only(
        r#"{"_initiator":{"type":"script","stack":{"callFrames":[{"url":"https://a.test/m.js","lineNumber":11}]}},
            "_priority":"High","_resourceType":"fetch","cache":{},"connection":"4711",
            "startedDateTime":"2026-11-22T16:29:38.430Z","time":12.5,
            "request":{"method":"POST","url":"https://gw.test/x?q=1","httpVersion":"h2","bodySize":2,
              "headers":[{"name":":authority","value":"gw.test"},{"name":"Origin","value":"https://a.test"}],
              "postData":{"mimeType":"text/plain","text":"hi"}},
            "response":{"status":201,"statusText":"","httpVersion":"h2","redirectURL":"",
              "headers":[{"name":"set-cookie","value":"a=1\nb=2"}],
              "content":{"size":3,"mimeType":"x/y","text":"/+8A","encoding":"base64"},"_transferSize":9,"_error":null},
            "timings":{"blocked":0.5,"dns":-1,"connect":-1,"ssl":-1,"send":1,"wait":10,"receive":1}}"#,
    );
    assert_eq!(hop.request.version, Version::Http2);
    assert_eq!(hop.request.headers.len(), 1);
    assert_eq!(hop.request.body.bytes, b"hi");
    assert_eq!(hop.status(), Some(201));
    let response = hop.response().unwrap();
    assert_eq!(response.headers.all("Set-Cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
    assert_eq!(response.body.bytes, b"\xff\xef\0");
    assert_eq!(hop.connection, Some(ConnectionId(4711)));
    assert_eq!(hop.ended.map(|it| it.since(hop.started)), Some(12_000));
    assert_eq!((hop.timing.wait, hop.timing.receive), (Some(11_000), Some(1000)));
    assert_eq!(hop.timing.connect, None);
    assert_eq!(hop.testimony.api.as_deref(), Some("fetch"));
    assert_eq!(hop.testimony.initiator.as_deref(), Some("script https://a.test/m.js:12"));
}

#[test]
fn reads_what_was_said_on_a_websocket() {
    let hop = only(
        r#"{"request":{"url":"wss://a/"},"response":{"status":101},"_webSocketMessages":[
            {"type":"send","time":1700000000.25,"opcode":1,"data":"hi"},
            {"type":"receive","time":"x","opcode":2,"data":"/+8A"}]}"#,
    );
    let said: Vec<_> = crate::content::messages(&hop).collect();
    assert_eq!((said[0].from.as_str(), said[0].at), ("client", Time(1_700_000_000_250_000)));
    assert_eq!((said[0].said.as_str(), said[0].bytes.as_slice()), ("text", b"hi".as_slice()));
    assert_eq!(
        (said[1].from.as_str(), said[1].bytes.as_slice()),
        ("server", b"\xff\xef\0".as_slice())
    );
}

#[test]
fn tells_failures_apart() {
    for (answer, kind) in [
        (r#""response":{"status":0,"_error":"net::ERR_CONNECTION_REFUSED"}"#, FailureKind::Refused),
        (r#""response":{"status":0,"_error":"net::ERR_NAME_NOT_RESOLVED"}"#, FailureKind::Dns),
        (r#""response":{"status":0,"_error":"net::ERR_CONNECTION_RESET"}"#, FailureKind::Reset),
        (r#""response":{"status":0,"_error":"net::ERR_CERT_DATE_INVALID"}"#, FailureKind::Tls),
        (r#""response":{"status":0,"_error":"net::ERR_EMPTY_RESPONSE"}"#, FailureKind::Closed),
        (r#""response":{"status":0,"_error":"net::ERR_ABORTED"}"#, FailureKind::Aborted),
        (r#""response":{"status":"0"},"_error":"NS_ERROR_NET_TIMEOUT""#, FailureKind::Timeout),
        (r#""response":{"status":0,"headers":[]}"#, FailureKind::Closed),
        (r#""response":{"status":99999999}"#, FailureKind::Closed),
    ] {
        let hop = only(&format!(r#"{{"request":{{"url":"http://a/"}},{answer}}}"#));
        assert_eq!(hop.failure().map(|it| it.kind), Some(kind), "{answer}");
        assert_eq!(hop.status(), None);
    }
}

#[test]
fn keeps_an_answer_that_the_page_was_refused() {
    for (error, broken) in [
        ("net::ERR_FAILED", None),
        ("net::ERR_BLOCKED_BY_RESPONSE", None),
        ("net::ERR_INCOMPLETE_CHUNKED_ENCODING", Some(FailureKind::Closed)),
        ("net::ERR_CONNECTION_RESET", Some(FailureKind::Reset)),
    ] {
        let hop = only(&format!(
            r#"{{"request":{{"url":"http://a/"}},"response":{{"status":200,"_error":"{error}"}}}}"#
        ));
        assert_eq!(hop.status(), Some(200), "{error}");
        assert_eq!(hop.failure().map(|it| it.kind), broken, "{error}");
        assert_eq!(hop.testimony.error.as_deref(), Some(error));
    }
}

#[test]
fn understands_other_dialects() {
    // No answer yet.
    assert_eq!(only(r#"{"request":{"url":"http://a/"}}"#).outcome, crate::trace::Outcome::Pending);
    // A tunnel, as two proxies write it.
    for url in ["https://a.test:443", "a.test:443", "http://a.test:443/"] {
        let hop = only(&format!(
            r#"{{"request":{{"method":"CONNECT","url":"{url}"}},"response":{{"status":200}}}}"#
        ));
        assert_eq!((hop.exchange, hop.request.url.as_str()), (Exchange::Tunnel, "a.test:443"));
    }
    let socket = only(
        r#"{"request":{"url":"wss://a/"},"response":{"status":"101"},"_webSocketMessages":[]}"#,
    );
    assert_eq!(socket.exchange, Exchange::WebSocket);
    // Headers as an object, a status as text, a form.
    let hop = only(
        r#"{"request":{"url":"http://a/","headers":{"X-A":"1","X-B":["2","3"]},"postData":{"params":[{"name":"a b","value":"&"}]}},
            "response":{"status":"302","redirectURL":"/x","cookies":[{"name":"c","value":"d"}]}}"#,
    );
    assert_eq!(hop.request.headers.len(), 3);
    assert_eq!(hop.request.body.bytes, b"a+b=%26");
    let headers = &hop.response().unwrap().headers;
    assert_eq!(headers.text("location").as_deref(), Some("/x"));
    assert_eq!(headers.text("set-cookie").as_deref(), Some("c=d"));
    // Firefox writes the server's port for the connection.
    let hop =
        only(r#"{"connection":"443","request":{"url":"https://a/","cookies":[{"name":"x"}]}}"#);
    assert_eq!(hop.connection, None);
    assert_eq!(hop.request.headers.text("cookie").as_deref(), Some("x="));
    // Hidden by the browser, but told by HTTP/2's own line.
    let hop = only(
        r#"{"request":{"url":"https://a/"},"response":{"status":0,"headers":[{"name":":status","value":"403"}]}}"#,
    );
    assert_eq!(hop.status(), Some(403));
}

#[test]
fn reads_any_time() {
    for (written, time) in [
        (r#""1970-01-01T00:00:01.5Z""#, 1_500_000),
        (r#""1970-01-01T01:00:01.0000010+01:00""#, 1_000_001),
        (r#""1970-01-01T01:00:01+0100""#, 1_000_000),
        (r#""1970-01-01T00:00:02.25""#, 2_250_000),
        (r#""1970-01-01 00:00:02""#, 2_000_000),
        ("1700000000000", 1_700_000_000_000_000),
        (r#""yesterday""#, 0),
        ("null", 0),
        ("-5", 0),
    ] {
        let hop = only(&format!(
            r#"{{"startedDateTime":{written},"time":-3,"request":{{"url":"http://a/"}},"response":{{"status":200}}}}"#
        ));
        assert_eq!((hop.started, hop.ended), (Time(time), None), "{written}");
    }
}

#[test]
fn a_file_cut_anywhere_gives_its_whole_entries_or_one_sentence() {
    let entry = r#"{"request":{"url":"http://a/é","method":"GET"},"response":{"status":200,"content":{"text":"\"}]"}}}"#;
    let text = format!(
        "\u{feff}{{\"log\":{{\"creator\":{{\"name\":\"T\",\"version\":\"1\"}},\"entries\":[{entry},{entry}]}}}}"
    );
    let bytes = text.as_bytes();
    let whole = read(bytes).unwrap();
    assert_eq!((whole.hops.len(), whole.creator.as_deref()), (2, Some("T 1")));
    assert!(whole.remarks.is_empty());
    for end in 0..bytes.len() {
        match read(&bytes[..end]) {
            Ok(file) if file.hops.len() < 2 => {
                assert!(file.remarks[0].contains("cut off"), "{end}: {:?}", file.remarks);
            }
            Ok(_) => {}
            Err(error) => assert!(!error.hint().is_empty()),
        }
    }
}

#[test]
fn says_what_is_wrong() {
    for (bytes, message) in [
        (&b""[..], "the file is empty"),
        (b"\xef\xbb\xbf \n", "the file is empty"),
        (b"GET / HTTP/1.1", "this is not JSON"),
        (b"{\"a\":1}", "there is no `log.entries` in this JSON"),
        (b"{\"log\":{\"entries\":[{}]}}", "none of its 1 entries could be understood"),
    ] {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.ends_with(message), "{error}");
    }
    assert!(read(b"{\"log\":{\"entries\":[]}}").unwrap().hops.is_empty());
}

#[test]
fn depth_and_size_do_no_harm() {
    let deep =
        format!(r#"{{"log":{{"entries":[{}{}]}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
    let long = "x".repeat(10_000_000);
    let hop = only(&format!(
        r#"{{"request":{{"url":"http://a/","headers":[{{"name":"a","value":"{long}"}}]}}}}"#
    ));
    assert_eq!(hop.request.headers.all("a").next().map(<[u8]>::len), Some(10_000_000));
}

#[test]
fn a_redirect_may_be_told_beside_the_headers() {
    let entry = |headers: &str| {
        format!(
            r#"{{"request":{{"method":"GET","url":"http://a.test/x"}},
                "response":{{"status":301,"redirectURL":"/x/","headers":[{headers}]}}}}"#
        )
    };
    for (headers, location) in
        [("", "/x/"), (r#"{"name":"Location","value":"http://a.test/x/"}"#, "http://a.test/x/")]
    {
        let hop = only(&entry(headers));
        let found: Vec<_> = hop.response().unwrap().headers.all("location").collect();
        assert_eq!(found, [location.as_bytes()]);
    }
}
