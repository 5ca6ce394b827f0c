//! What the app answers, as tables: the same facts as `tests/django.rs` checks against the
//! real thing, but without it.

use super::*;

struct Asked<'a> {
    knobs: &'a [(&'a str, &'a str)],
    method: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

const GET: Asked<'_> =
    Asked { knobs: &[], method: "GET", path: "/items/", headers: &[ORIGIN], body: "" };
const ORIGIN: (&str, &str) = ("Origin", "http://page.test");
const PREFLIGHT: (&str, &str) = ("Access-Control-Request-Method", "POST");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const OFF: (&str, &str) = ("debug", "off");
const AFTER: (&str, &str) = ("cors", "after");
const NONE: (&str, &str) = ("cors", "off");

fn ask(asked: &Asked<'_>) -> Response {
    let mut knobs = Knobs::default();
    for (name, value) in asked.knobs {
        knobs.set(name, value).unwrap();
    }
    let (path, query) = match asked.path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (asked.path, None),
    };
    let request = Request {
        method: asked.method.to_owned(),
        path: path.to_owned(),
        query,
        headers: asked.headers.iter().copied().collect(),
        body: asked.body.to_owned().into(),
    };
    security(session(outer_cors(&knobs, &request, &mut Items::default())))
}

fn text(response: &Response, name: &str) -> String {
    response.headers.text(name).unwrap_or_else(|| "-".to_owned())
}

#[test]
fn status_location_allow_origin_and_vary() {
    #[rustfmt::skip]
    let table = [
        (Asked { ..GET }, 200, "-", "http://page.test", "Accept, origin, Cookie"),
        (Asked { headers: &[], ..GET }, 200, "-", "-", "Accept, origin, Cookie"),
        (Asked { path: "/items", ..GET }, 301, "/items/", "http://page.test", "origin"),
        (Asked { path: "//it%65ms?q=a%20b", ..GET }, 301, "/items/?q=a%20b", "http://page.test", "origin"),
        (Asked { path: "/items", knobs: &[AFTER], ..GET }, 301, "/items/", "-", "-"),
        (Asked { path: "/items", knobs: &[NONE], ..GET }, 301, "/items/", "-", "-"),
        (Asked { knobs: &[NONE], ..GET }, 200, "-", "-", "Accept, Cookie"),
        (Asked { path: "/items//", ..GET }, 404, "-", "http://page.test", "origin"),
        (Asked { method: "POST", path: "/items", ..GET }, 500, "-", "http://page.test", "origin, Cookie"),
        (Asked { method: "POST", path: "/items", knobs: &[AFTER], ..GET }, 500, "-", "-", "Cookie"),
        (Asked { method: "POST", path: "/items", knobs: &[OFF], ..GET }, 301, "/items/", "http://page.test", "origin"),
        (Asked { method: "FOO", path: "/items", ..GET }, 301, "/items/", "http://page.test", "origin"),
        (Asked { method: "PUT", ..GET }, 405, "-", "http://page.test", "Accept, origin, Cookie"),
        (Asked { method: "OPTIONS", path: "/items", ..GET }, 301, "/items/", "http://page.test", "origin"),
        (Asked { method: "OPTIONS", path: "/items", headers: &[ORIGIN, PREFLIGHT], ..GET }, 200, "-", "http://page.test", "origin"),
        (Asked { method: "OPTIONS", path: "/nope", headers: &[ORIGIN, PREFLIGHT], knobs: &[AFTER], ..GET }, 200, "-", "http://page.test", "origin"),
        (Asked { method: "OPTIONS", path: "/items", headers: &[ORIGIN, PREFLIGHT], knobs: &[NONE], ..GET }, 301, "/items/", "-", "-"),
        (Asked { knobs: &[("origins", "star")], ..GET }, 200, "-", "*", "Accept, origin, Cookie"),
        (Asked { knobs: &[("origins", "http://other.test")], ..GET }, 200, "-", "-", "Accept, origin, Cookie"),
        (Asked { headers: &[("Accept", "text/html")], ..GET }, 200, "-", "-", "Accept, Cookie, origin"),
        (Asked { headers: &[("Accept", "image/png")], ..GET }, 406, "-", "-", "Accept, origin"),
    ];
    for (asked, status, location, allow_origin, vary) in &table {
        let answer = ask(asked);
        let found = (
            answer.status,
            text(&answer, "location"),
            text(&answer, "access-control-allow-origin"),
            text(&answer, "vary"),
        );
        let expected =
            (*status, (*location).to_owned(), (*allow_origin).to_owned(), (*vary).to_owned());
        assert_eq!(found, expected, "{} {} {:?}", asked.method, asked.path, asked.knobs);
    }
}

#[test]
fn credentials_are_allowed_with_the_origin_echoed() {
    let knobs = [("credentials", "on"), ("origins", "star")];
    let answer = ask(&Asked { knobs: &knobs, ..GET });
    assert_eq!(text(&answer, "access-control-allow-origin"), "http://page.test");
    assert_eq!(text(&answer, "access-control-allow-credentials"), "true");
}

#[test]
fn what_a_post_answers() {
    let form = ("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8");
    let multipart = ("Content-Type", "multipart/form-data; boundary=b");
    let part = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n--b--\r\n";
    let table = [
        (JSON, r#"{"name":"x"}"#, 201, r#"{"id":2,"name":"x"}"#),
        (JSON, r#"{"name":5}"#, 201, r#"{"id":2,"name":"5"}"#),
        (JSON, r#"{"name":" "}"#, 400, r#"{"name":["This field may not be blank."]}"#),
        (JSON, r#"{"name":null}"#, 400, r#"{"name":["This field may not be null."]}"#),
        (JSON, r#"{"name":{}}"#, 400, r#"{"name":["Not a valid string."]}"#),
        (JSON, "", 400, r#"{"name":["This field is required."]}"#),
        (JSON, "null", 400, r#"{"non_field_errors":["No data provided"]}"#),
        (form, "a=x", 400, r#"{"name":["This field is required."]}"#),
        (form, "name=x+y", 201, r#"{"id":2,"name":"x y"}"#),
        (multipart, part, 201, r#"{"id":2,"name":"x"}"#),
        (multipart, "--b", 400, r#"{"name":["This field is required."]}"#),
    ];
    for (content_type, body, status, said) in table {
        let answer = ask(&Asked { method: "POST", headers: &[content_type], body, ..GET });
        let answered = String::from_utf8_lossy(&answer.body);
        assert_eq!((answer.status, answered.as_ref()), (status, said), "{body}");
    }
    let broken = ask(&Asked { method: "POST", headers: &[JSON], body: "{", ..GET });
    assert_eq!(broken.status, 400);
    let other = ask(&Asked {
        method: "POST",
        headers: &[("Content-Type", "text/plain")],
        body: "x",
        ..GET
    });
    assert_eq!(other.status, 415);
}

#[test]
fn the_debug_page_quotes_the_url_escaped() {
    let headers = [("Host", "a\"<b>.test")];
    let answer = ask(&Asked { method: "POST", path: "/items?q=<x>", headers: &headers, ..GET });
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(body.contains("You called this URL via POST, but the URL doesn&#x27;t end in a slash"));
    assert!(body.contains("a&quot;&lt;b&gt;.test/items/?q=&lt;x&gt; (note"), "{body}");
}

proptest::proptest! {
    #[test]
    fn any_path_body_and_header_gets_an_answer(
        path in "/?(items|[a-z%0-9]{0,4})(/|%2f|%|%4){0,3}",
        query in proptest::option::of("[ -~]{0,8}"),
        body in "[\"{}a-z:=&-]{0,12}",
        content_type in "(application/json|multipart/form-data; boundary=-?|a=\"?|x)",
        method in "(GET|POST|OPTIONS|X)",
    ) {
        let path = query.map_or(path.clone(), |it| format!("{path}?{it}"));
        let headers = [ORIGIN, ("Content-Type", content_type.as_str())];
        let answer = ask(&Asked { method: &method, path: &path, headers: &headers, body: &body, ..GET });
        proptest::prop_assert!((200..600).contains(&answer.status));
    }
}
