//! Headers, bodies and versions of a HAR's requests and responses.

use serde_json::Value;

use super::base64;
use super::lenient::{count, list, some_text, text};
use crate::trace::{Body, Headers, Version};

/// The header fields of `message`. Pseudo-headers of HTTP/2 are none; what a tool joined with
/// line breaks is taken apart. Without any header, cookies become `cookie_name` fields.
pub(super) fn headers(message: &Value, cookie_name: &str) -> Headers {
    let mut headers = Headers::new();
    let mut add = |name: &str, value: &str| {
        let name = name.trim();
        if !name.is_empty() && !name.starts_with(':') {
            for line in value.split('\n') {
                headers.push(name, line.trim().as_bytes());
            }
        }
    };
    match message.get("headers") {
        Some(Value::Array(fields)) => {
            for field in fields {
                let value = text(field, "value").unwrap_or_default();
                add(&text(field, "name").unwrap_or_default(), &value);
            }
        }
        // Some clients write a plain object.
        Some(Value::Object(fields)) => {
            for (name, value) in fields {
                match value {
                    Value::String(value) => add(name, value),
                    Value::Array(values) => {
                        values.iter().filter_map(Value::as_str).for_each(|it| add(name, it));
                    }
                    other => add(name, &other.to_string()),
                }
            }
        }
        _ => {}
    }
    if headers.is_empty() {
        from_elsewhere(message, cookie_name, &mut headers);
    }
    headers
}

/// What a HAR without headers still says of them.
fn from_elsewhere(message: &Value, cookie_name: &str, headers: &mut Headers) {
    let cookies = list(message, "cookies").iter().filter_map(|it| {
        Some(format!("{}={}", some_text(it, "name")?, text(it, "value").unwrap_or_default()))
    });
    if cookie_name == "Cookie" {
        let cookies: Vec<String> = cookies.collect();
        if !cookies.is_empty() {
            headers.push(cookie_name, cookies.join("; "));
        }
    } else {
        cookies.for_each(|it| headers.push(cookie_name, it));
    }
    if let Some(location) = some_text(message, "redirectURL") {
        headers.push("Location", location.as_bytes());
    }
}

/// `postData`: its text, or its form fields.
pub(super) fn body_of_request(request: &Value) -> Body {
    let data = request.get("postData").unwrap_or(&Value::Null);
    let bytes = match some_text(data, "text") {
        Some(written) => decoded(data, &written),
        None => form(list(data, "params")).into_bytes(),
    };
    sized(bytes, count(request, "bodySize"))
}

/// `content`: its text, decoded if it says so.
pub(super) fn body_of_response(response: &Value) -> Body {
    let content = response.get("content").unwrap_or(&Value::Null);
    let bytes = some_text(content, "text").map(|it| decoded(content, &it)).unwrap_or_default();
    let size = count(content, "size").filter(|it| *it != 0);
    sized(bytes, size.or_else(|| count(response, "bodySize")))
}

fn decoded(data: &Value, written: &str) -> Vec<u8> {
    let encoding = some_text(data, "encoding").or_else(|| some_text(data, "_encoding"));
    let is_base64 = encoding.is_some_and(|it| it.eq_ignore_ascii_case("base64"));
    let bytes = if is_base64 { base64::decode(written) } else { None };
    bytes.unwrap_or_else(|| written.as_bytes().to_vec())
}

fn form(params: &[Value]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for param in params {
        let value = text(param, "value").unwrap_or_default();
        form.append_pair(&text(param, "name").unwrap_or_default(), &value);
    }
    form.finish()
}

/// Tools count sizes in different ways (before and after decoding, in characters), so what is
/// there counts as whole; only a missing text is a body that was not kept.
fn sized(bytes: Vec<u8>, size: Option<u64>) -> Body {
    if bytes.is_empty() {
        let length = size.unwrap_or(0);
        return Body { bytes, length, complete: true };
    }
    Body::full(bytes)
}

/// `HTTP/1.1`, `h2`, `http/2.0`, `h3-29`…
pub(super) fn version(message: &Value) -> Version {
    let text = some_text(message, "httpVersion").unwrap_or_default().to_ascii_lowercase();
    let number = text.trim_start_matches("http").trim_start_matches(['/', 'h']);
    match number.as_bytes() {
        [b'1', b'.', b'0', ..] => Version::Http10,
        [b'2', ..] => Version::Http2,
        [b'3', ..] => Version::Http3,
        _ => Version::Http11,
    }
}
