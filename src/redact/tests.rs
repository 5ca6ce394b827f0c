//! Tables: what must go, what must stay.

use super::Redactor;
use crate::trace::{
    Body, Frame, Headers, Hop, HopId, Interim, Outcome, Request, Response, TapId, Time,
};

/// A JWT whose signature is `s1gnature`.
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s1gnature";

fn redactor() -> Redactor {
    Redactor::new([7; 32])
}

/// Replace every token by `#`, so that a table can be read.
fn short(text: &str) -> String {
    let mut parts = text.split("redacted-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, it| format!("{out}#{}", it.get(8..).unwrap_or_default()))
}

#[test]
fn the_same_secret_gives_the_same_token_in_one_trace() {
    let (a, b) = (redactor().token(b"s3cret"), redactor().token(b"other"));
    assert_eq!(a, redactor().token(b"s3cret"));
    assert_ne!(a, b);
    assert_ne!(a, Redactor::new([8; 32]).token(b"s3cret"));
    assert_eq!(redactor().token(a.as_bytes()), a, "a token stays itself");
    assert_eq!(redactor().token(b""), "");
    assert_eq!(format!("{:?}", redactor()), "Redactor");
}

#[test]
fn headers_keep_names_schemes_and_attributes() {
    for (name, value, expected) in [
        ("Cookie", "sid=s3cret; theme=dark", "sid=#; theme=#"),
        ("cookie", "s3cret", "#"),
        (
            "Set-Cookie",
            "sid=s3cret; Path=/; HttpOnly; SameSite=Lax",
            "sid=#; Path=/; HttpOnly; SameSite=Lax",
        ),
        ("Authorization", "Bearer s3cret", "Bearer #"),
        ("authorization", "s3cret", "#"),
        ("Proxy-Authorization", "Basic czNjcmV0", "Basic #"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=s3cret, Signature=s3cret",
            "AWS4-HMAC-SHA256 #",
        ),
        ("X-API-KEY", "s3cret", "#"),
        ("x-amz-security-token", "s3cret", "#"),
        ("X-CSRFToken", "s3cret", "#"),
        ("X-Auth-User", "s3cret", "#"),
        ("X-Token", "s3cret", "#"),
        ("Location", "/cb?code=s3cret&x=1#access_token=s3cret", "/cb?code=#&x=1#access_token=#"),
        (
            "Location",
            "http://u:s3cret@h.test:8080/prod/items/",
            "http://#:#@h.test:8080/prod/items/",
        ),
        ("Referer", "http://h.test/a?token=s3cret", "http://h.test/a?token=#"),
        ("Link", "<http://h.test/a?token=s3cret>; rel=next", "<http://h.test/a?token=#>; rel=next"),
        ("X-Whatever", "Bearer s3cretTok3n", "Bearer #"),
        (
            "Sec-WebSocket-Protocol",
            "chat, bearer.k8s.io.s3cretTok3ns3cretTok3n",
            "chat, bearer.k8s.io.#",
        ),
        ("Access-Control-Allow-Headers", "x-token, authorization", "x-token, authorization"),
        ("Access-Control-Request-Headers", "x-api-key", "x-api-key"),
        ("Access-Control-Allow-Origin", "http://page.test", "http://page.test"),
        ("Origin", "http://page.test", "http://page.test"),
        ("Location", "/items/", "/items/"),
        ("Vary", "origin, Cookie", "origin, Cookie"),
        ("Date", "Sun, 22 Nov 2026 16:29:38 GMT", "Sun, 22 Nov 2026 16:29:38 GMT"),
        ("x-amzn-ErrorType", "ForbiddenException", "ForbiddenException"),
    ] {
        let out = redactor().header(name, value.as_bytes());
        assert_eq!(short(&String::from_utf8(out).unwrap()), expected, "{name}: {value}");
    }
    assert_eq!(redactor().header("x-raw", b"\xff\xfe a=b"), b"\xff\xfe a=b");
}

#[test]
fn urls_keep_their_structure() {
    for (url, expected) in [
        ("http://gw.test/prod/items/?page=2", "http://gw.test/prod/items/?page=2"),
        ("http://gw.test/a?API_KEY=s3cret&b=c", "http://gw.test/a?API_KEY=#&b=c"),
        ("http://gw.test/a?user%5Bpassword%5D=s3cret", "http://gw.test/a?user%5Bpassword%5D=#"),
        (
            "https://b.test/o?X-Amz-Credential=s3cret&X-Amz-Signature=s3cret&X-Amz-Expires=60",
            "https://b.test/o?X-Amz-Credential=#&X-Amz-Signature=#&X-Amz-Expires=60",
        ),
        (
            "https://b.test/o?AWSAccessKeyId=s3cret&Signature=s3cret&sig=s3cret",
            "https://b.test/o?AWSAccessKeyId=#&Signature=#&sig=#",
        ),
        ("//u@h.test/x", "//#@h.test/x"),
        ("/login?next=%2Fcb%3Fcode%3Ds3cret", "/login?next=%2Fcb%3Fcode%3D#"),
        ("/reset/MQ/bq2x1-5d41402abc4b2a76b9719d911017c592/", "/reset/MQ/#/"),
        ("/u/123e4567-e89b-12d3-a456-426614174000/x", "/u/123e4567-e89b-12d3-a456-426614174000/x"),
        (
            "/blog/a-very-long-title-of-2026-about-nothing",
            "/blog/a-very-long-title-of-2026-about-nothing",
        ),
        ("/static/main.8f3c2d1a9b8f3c2d1a9b.js", "/static/main.8f3c2d1a9b8f3c2d1a9b.js"),
        ("/a//b?", "/a//b?"),
        ("", ""),
    ] {
        assert_eq!(short(&redactor().url(url)), expected, "{url}");
    }
    let url = format!("/t/{JWT}?x={JWT}");
    assert!(!redactor().url(&url).contains("s1gnature"));
}

#[test]
fn text_loses_secrets_and_keeps_its_words() {
    for (text, expected) in [
        (
            "Access to fetch at 'http://a.test/x?token=s3cret' from origin 'http://p.test' has been blocked",
            "Access to fetch at 'http://a.test/x?token=#' from origin 'http://p.test' has been blocked",
        ),
        (
            "curl -H 'Cookie: a=s3cret; b=s3cret' -H 'Authorization: Bearer s3cret' /x",
            "curl -H 'Cookie: a=#; b=#' -H 'Authorization: Bearer #' /x",
        ),
        ("password: s3cret", "password: #"),
        ("{\"password\": \"s3cret\"", "{\"password\": \"#\""),
        ("status code: 403, see http://a.test/.", "status code: 403, see http://a.test/."),
        (
            "{\"message\":\"Missing Authentication Token\"}",
            "{\"message\":\"Missing Authentication Token\"}",
        ),
        ("Basic auth is needed", "Basic auth is needed"),
        ("connection refused (os error 111)", "connection refused (os error 111)"),
        ("grüße: ünïcode = ok", "grüße: ünïcode = ok"),
    ] {
        assert_eq!(short(&redactor().text(text)), expected);
    }
    let text = redactor().text(&format!("token {JWT}, again {JWT}."));
    assert_eq!(
        short(&text),
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.#, again eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.#."
    );
}

#[test]
fn bodies_lose_the_values_of_secret_names() {
    for (kind, body, expected) in [
        (
            "application/json",
            r#"{"user":"a","password":"s3cret","n":1}"#,
            r##"{"user":"a","password":"#","n":1}"##,
        ),
        (
            "application/json; charset=utf-8",
            r#"{"a":{"api_key" : "s3cret"},"token":{"v":["s3cret"]},"x":2}"#,
            r##"{"a":{"api_key" : "#"},"token":"#","x":2}"##,
        ),
        ("text/plain", r#"[{"pin": 1234}]"#, r##"[{"pin": "#"}]"##),
        ("application/json", r#"{"pass\u0077ord":"s3cret"}"#, r##"{"pass\u0077ord":"#"}"##),
        ("application/json", r#"{"password":"s3cret"#, r##"{"password":"#""##),
        (
            "application/json",
            r#"{"next":"http://a.test/?code=s3cret","q":"a \"b\""}"#,
            r#"{"next":"http://a.test/?code=#","q":"a \"b\""}"#,
        ),
        (
            "application/json",
            r#"{"inner":"{\"password\":\"s3cret\"}"}"#,
            r##"{"inner":"{\"password\":\"#\"}"}"##,
        ),
        (
            "application/json",
            r#"{"token":null,"has_password":true}"#,
            r#"{"token":null,"has_password":true}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            "a=1&password=s3cret&csrfmiddlewaretoken=s3cret",
            "a=1&password=#&csrfmiddlewaretoken=#",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\ns3cret\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--",
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n#\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--",
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; filename=\"a\"; name=\"token\"\r\n\r\ns3cret\r\n--b--",
            "--b\r\nContent-Disposition: form-data; filename=\"a\"; name=\"token\"\r\n\r\n#\r\n--b--",
        ),
        (
            "text/xml",
            "<s:a><wsse:Password Type=\"x\"><![CDATA[s3cret]]></wsse:Password><b>1</b></s:a>",
            "<s:a><wsse:Password Type=\"x\">#</wsse:Password><b>1</b></s:a>",
        ),
        ("application/soap+xml", "<a><pin/>1<token>s3cret", "<a><pin/>1<token>#"),
        ("text/plain", "password=s3cret", "password=#"),
    ] {
        let headers: Headers = [("content-type", kind)].into_iter().collect();
        let out = redactor().request_body(&headers, &Body::full(body));
        assert_eq!(short(&out.text()), expected, "{kind}");
        assert!(!out.is_cut());
    }
}

#[test]
fn what_cannot_be_read_is_left_out() {
    for (fields, status, body) in [
        (&[("content-type", "application/json"), ("content-encoding", "dcb")][..], 200, "\0s3cret"),
        (&[("content-type", "text/javascript; charset=utf-8")], 200, "let key = 's3cret'"),
        (&[("content-type", "text/html")], 200, "<html>s3cret"),
        (&[], 200, "<?xml version='1.0'?><a>s3cret</a>"),
    ] {
        let headers: Headers = fields.iter().copied().collect();
        let out = redactor().response_body(status, &headers, &Body::full(body));
        assert_eq!((out.bytes.len(), out.length), (0, body.len() as u64), "{body}");
    }
    let out =
        redactor().response_body(200, &Headers::new(), &Body::full(b"\xff\x00s3cret".as_slice()));
    assert!(out.bytes.is_empty() && out.is_cut());
    let headers: Headers =
        [("content-type", "application/json"), ("content-encoding", "gzip")].into_iter().collect();
    let out = redactor().response_body(200, &headers, &Body::full(GZIP));
    assert!(out.text().starts_with("{\"password\": \"redacted-"), "{}", out.text());
    let out = redactor().response_body(200, &headers, &Body::full(&GZIP[..GZIP.len() - 12]));
    assert!(out.is_cut() && !out.text().contains("s3cret"), "{}", out.text());
    // An error page keeps what it says of itself, and nothing else.
    let page = "<html><head><title>RuntimeError at /items</title></head><body><h1>RuntimeError</h1><pre class=\"exception_value\">you have APPEND_SLASH set</pre><td>s3cret</td>";
    let headers: Headers = [("content-type", "text/html")].into_iter().collect();
    let out = redactor().response_body(500, &headers, &Body::full(page));
    assert!(
        out.text().contains("RuntimeError at /items") && out.text().contains("APPEND_SLASH set")
    );
    assert!(!out.text().contains("s3cret"));
}

/// A well-known sanitizer applies its list only when it is given one. Ours has nothing to give.
#[test]
fn without_any_option_everything_is_redacted() {
    let headers: Headers =
        [("cookie", "sid=s3cret"), ("authorization", "Bearer s3cret")].into_iter().collect();
    let said = b"{\"password\": \"s3cret\"}".to_vec();
    let frame = |opcode, payload: Vec<u8>| {
        let length = payload.len() as u64;
        Frame { opcode, is_last: true, length, payload, ..Frame::default() }
    };
    let hop = Hop {
        interim: vec![Interim {
            headers: [("Set-Cookie", "id=s3cret")].into_iter().collect(),
            ..Interim::default()
        }],
        frames: [frame(1, said.clone()), frame(2, said), frame(8, b"\x03\xe8bye".to_vec())]
            .into_iter()
            .collect(),
        id: HopId::default(),
        tap: TapId(0),
        exchange: crate::trace::Exchange::Http,
        connection: None,
        started: Time(0),
        ended: None,
        request: Request {
            method: "POST".to_owned(),
            url: "http://u:s3cret@a.test/?token=s3cret".to_owned(),
            headers,
            body: Body::full(r#"{"password":"s3cret"}"#),
            ..Request::default()
        },
        outcome: Outcome::Answered(Response {
            status: 302,
            reason: b"Found".to_vec(),
            headers: [("set-cookie", "sid=s3cret"), ("location", "/?code=s3cret")]
                .into_iter()
                .collect(),
            body: Body::full(format!("see {JWT} password=s3cret")),
            ..Response::default()
        }),
        timing: crate::trace::Timing::default(),
        tls: None,
        trailers: None,
        own_changes: vec![crate::trace::OwnChange {
            place: "response location".to_owned(),
            from: Some("http://b.test/?code=s3cret".to_owned()),
            to: None,
        }],
        testimony: crate::trace::Testimony {
            initiator: Some("http://a.test/?key=s3cret".to_owned()),
            ..Default::default()
        },
    };
    let redacted = redactor().hop(&hop);
    let shown = format!("{redacted:?}");
    let bytes = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
    for secret in ["s3cret", "s1gnature"] {
        assert!(!shown.contains(secret) && !shown.contains(&bytes(secret)), "{secret}: {shown}");
    }
    assert_eq!(redactor().hop(&redacted), redacted, "redacting twice changes no more");
    assert_eq!(redacted.response().unwrap().reason, b"Found");
}

#[test]
fn quotations_are_redacted_by_their_place() {
    for (place, text, expected) in [
        ("response location", "/cb?code=s3cret", "/cb?code=#"),
        (
            "request line",
            "GET /reset/5d41402abc4b2a76b9719d911017c592?key=s3cret",
            "GET /reset/#?key=#",
        ),
        ("response body", "{\"token\":\"s3cret\"}", "{\"token\":\"#\"}"),
        ("request cookie", "a=s3cret", "a=#"),
        ("response status", "403 Forbidden", "403 Forbidden"),
        ("no response", "refused: nobody listens", "refused: nobody listens"),
        ("somewhere", "password=s3cret", "password=#"),
    ] {
        assert_eq!(short(&redactor().quoted(place, text)), expected, "{place}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        failure_persistence: None,
        ..Default::default()
    })]

    /// Nothing panics, and no secret beside its name survives, whatever stands around it.
    #[test]
    fn no_text_breaks_it(before in ".*", after in ".*") {
        let text = format!("{before}\u{0} password=s3cretvalue {after}");
        let r = redactor();
        proptest::prop_assert!(!r.text(&text).contains("s3cretvalue"));
        r.url(&before);
        r.header("location", before.as_bytes());
        r.header("cookie", after.as_bytes());
        for kind in ["application/json", "multipart/form-data", "text/html", "application/x-www-form-urlencoded"] {
            let headers: Headers = [("content-type", kind)].into_iter().collect();
            r.response_body(500, &headers, &Body::full(text.clone()));
        }
    }
}

#[test]
fn advice_keeps_its_own_words_and_hides_recorded_secrets() {
    let redactor = Redactor::new([7; 32]);
    let setting = "CORS_ALLOW_CREDENTIALS = True (django-cors-headers)";
    assert_eq!(redactor.advice(setting), setting);
    let address = redactor.advice("ask for http://u:p@gw.test/items/?token=abc itself");
    assert!(!address.contains("u:p@") && !address.contains("abc"), "{address}");
    assert!(address.starts_with("ask for http://") && address.ends_with(" itself"), "{address}");
}

/// `{"password": "s3cret-s3cret-s3cret", "a": "0123456789abcdef"}`, as gzip writes it.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x48\x2c\x2e\x2e\xcf\x2f\x4a\x51\xb2\x52\x50\x2a\x36\x4e\x2e\x4a\x2d\xd1\x45\xa1\x94\x74\x14\x94\x12\x41\x92\x06\x86\x46\xc6\x26\xa6\x66\xe6\x16\x96\x89\x49\xc9\x29\xa9\x69\x4a\xb5\x00\x76\xdb\x6d\x0d\x3d\x00\x00\x00";
