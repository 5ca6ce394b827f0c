//! Types of content, as Chromium reads them from a head.
//!
//! **Invariant:** only the head is read here; what the body looks like is
//! [`orb`](super::orb)'s business.

use crate::trace::Headers;

/// The [essence](https://mimesniff.spec.whatwg.org/#mime-type-essence) of the last
/// `Content-Type` that is one, lower case; empty without any
/// (`net/http/http_util.cc`, `ParseContentType`).
pub fn essence(headers: &Headers) -> String {
    let mut last = String::new();
    for value in headers.all("content-type").flat_map(|it| it.split(|it| *it == b',')) {
        let text = String::from_utf8_lossy(value);
        let text = text.trim();
        if text.contains('/') && text != "*/*" {
            let end = text.find([' ', '\t', ';', '(']).unwrap_or(text.len());
            last = text.get(..end).unwrap_or_default().to_ascii_lowercase();
        }
    }
    last
}

/// The `charset` of the last `Content-Type` that has one.
pub fn charset(headers: &Headers) -> Option<String> {
    let values = headers.all("content-type").map(|it| String::from_utf8_lossy(it).into_owned());
    let of = |value: String| {
        value.split(';').skip(1).find_map(|it| {
            let (name, value) = it.split_once('=')?;
            let named = name.trim().eq_ignore_ascii_case("charset");
            named.then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    values.filter_map(of).last()
}

/// [Determine nosniff](https://fetch.spec.whatwg.org/#determine-nosniff)
pub fn is_nosniff(headers: &Headers) -> bool {
    headers.text("x-content-type-options").is_some_and(|it| {
        it.split(',').next().is_some_and(|it| it.trim().eq_ignore_ascii_case("nosniff"))
    })
}

/// [JavaScript MIME type](https://mimesniff.spec.whatwg.org/#javascript-mime-type)
pub fn is_javascript(essence: &str) -> bool {
    let Some((kind, subtype)) = essence.split_once('/') else { return false };
    match subtype {
        "javascript" | "ecmascript" | "x-javascript" | "x-ecmascript" => {
            matches!(kind, "text" | "application")
        }
        "jscript" | "livescript" => kind == "text",
        it => {
            let version = it.strip_prefix("javascript1.");
            kind == "text" && matches!(version, Some("0" | "1" | "2" | "3" | "4" | "5"))
        }
    }
}

/// [JSON MIME type](https://mimesniff.spec.whatwg.org/#json-mime-type)
pub fn is_json(essence: &str) -> bool {
    matches!(essence, "application/json" | "text/json" | "application/json+protobuf")
        || essence.ends_with("+json")
}

/// [XML MIME type](https://mimesniff.spec.whatwg.org/#xml-mime-type)
pub fn is_xml(essence: &str) -> bool {
    matches!(essence, "application/xml" | "text/xml") || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_type_that_is_one_counts() {
        for (values, expected) in [
            (vec![], ""),
            (vec!["Text/HTML; charset=utf-8"], "text/html"),
            (vec!["text/html, text/css"], "text/css"),
            (vec!["text/html", "nonsense"], "text/html"),
            (vec!["text/html (really)"], "text/html"),
            (vec!["*/*"], ""),
        ] {
            let headers: Headers = values.iter().map(|it| ("Content-Type", *it)).collect();
            assert_eq!(essence(&headers), expected, "{values:?}");
        }
        assert!(is_javascript("text/javascript1.5") && !is_javascript("application/jscript"));
    }
}
