//! Requests that hyper did not take: recorded as far as they can be read.
//!
//! **Invariant:** a refusal is visible. Who looks at a trace must see that something was asked,
//! even if it was no HTTP.

use super::spec::Scheme;
use crate::trace::{Body, Headers, Request};

/// What can be read of a request that was refused; `None` when there is nothing. A target that is
/// a path alone is one of this scheme.
pub(super) fn request(head: &[u8], scheme: Scheme, tap_address: &str) -> Option<Request> {
    let line = head.split(|it| *it == b'\n').next().filter(|it| !it.is_empty())?;
    let mut lines = head.split(|it| *it == b'\n').skip(1).map(<[u8]>::trim_ascii);
    let headers: Headers = lines
        .by_ref()
        .take_while(|it| !it.is_empty())
        .filter_map(|it| {
            let colon = it.iter().position(|it| *it == b':')?;
            let (name, value) = it.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            Some((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
        })
        .collect();
    let line = String::from_utf8_lossy(line.trim_ascii());
    let (method, rest) = line.split_once(' ').unwrap_or((&line, ""));
    let is_method = method.chars().all(|it| it.is_ascii_alphabetic() || "-_".contains(it));
    let method = if is_method { method.to_owned() } else { String::new() };
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    let host = headers.text("host").unwrap_or_else(|| tap_address.to_owned());
    let url = if target.contains("://") || method.is_empty() {
        target.to_owned()
    } else {
        format!("{}://{host}{target}", scheme.as_str())
    };
    Some(Request { method, url, headers, body: Body::default(), ..Request::default() })
}

/// Why, in words that help.
pub(super) fn why(head: &[u8], said: &str) -> String {
    match head {
        [0x16, 0x03, ..] => "TLS was spoken to a tap that expects plain HTTP".to_owned(),
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_can_be_read() {
        for (head, method, url, headers) in [
            ("GET /a HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\nbody: x", "GET", "http://h/a", 2),
            ("GET /a b HTTP/1.1\r\n", "GET", "http://tap/a b", 0),
            ("GET http://x/ HTTP/9\r\n", "GET", "http://x/", 0),
            ("\u{16}\u{3}\u{1} x", "", "x", 0),
            ("garbage", "garbage", "http://tap", 0),
        ] {
            let request = request(head.as_bytes(), Scheme::Http, "tap").unwrap();
            let read = (request.method.as_str(), request.url.as_str(), request.headers.len());
            assert_eq!(read, (method, url, headers), "{head:?}");
        }
        assert_eq!(request(b"", Scheme::Http, "tap"), None);
        assert_eq!(request(b"GET / HTTP/1", Scheme::Https, "h").unwrap().url, "https://h/");
        assert!(why(&[0x16, 3, 1], "").starts_with("TLS"));
    }
}
