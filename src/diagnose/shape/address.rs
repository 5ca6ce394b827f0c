//! URLs in a shape: query and ids are tokens, the rest is as it was written.
//!
//! **Invariant:** a text that a URL parser would write in another way stays as it is.

use super::Misfit;
use super::tokens::Token;
use crate::lineage::path::head;

/// Append the shape of `url`, absolute or not, with tokens from `token`.
pub(super) fn shape<'u>(
    url: &'u str,
    paths: bool,
    mut token: impl FnMut(&'u str) -> Option<Token>,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let (head, rest) = url.split_at(head(url).len());
    out.extend_from_slice(head.as_bytes());
    let (rest, fragment) = rest.split_at(rest.find('#').unwrap_or(rest.len()));
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    if paths {
        if path.contains('%') {
            return Err(Misfit::Paths);
        }
        for (idx, segment) in path.split('/').enumerate() {
            if idx > 0 {
                out.push(b'/');
            }
            if is_id(segment) {
                out.extend_from_slice(&token(segment).ok_or(Misfit::Rare)?);
            } else {
                out.extend_from_slice(segment.as_bytes());
            }
        }
    } else {
        out.extend_from_slice(path.as_bytes());
    }
    match query.strip_prefix('?') {
        Some(query) if !query.is_empty() && query.bytes().all(is_plain) => {
            out.push(b'?');
            out.extend_from_slice(&token(query).ok_or(Misfit::Rare)?);
        }
        _ => out.extend_from_slice(query.as_bytes()),
    }
    out.extend_from_slice(fragment.as_bytes());
    Ok(())
}

/// Whether a prefix has segments that could be taken for ids.
pub(in crate::diagnose) fn has_ids(prefix: &str) -> bool {
    prefix.split('/').any(is_id)
}

/// A segment that names one of many things: a number, or a long hexadecimal one.
fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let all = |is: fn(&u8) -> bool| bytes.iter().all(is);
    let long = bytes.len() >= 16
        && all(|it| it.is_ascii_hexdigit() || *it == b'-')
        && bytes.iter().any(u8::is_ascii_digit);
    !bytes.is_empty() && (long || all(u8::is_ascii_digit))
}

/// What a URL parser leaves alone in a query. No colon: it could begin another URL.
fn is_plain(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'=' | b'&' | b'%' | b'_' | b'.' | b'+' | b'~' | b',' | b';' | b'@' | b'/' | b'-')
}

#[cfg(test)]
mod tests {
    use super::super::Tokens;
    use super::*;

    #[test]
    fn replaces_ids_and_queries_only() {
        for (url, wanted) in [
            ("http://a:80/items/12?x=1", "http://a:80/items/#?#"),
            ("http://10.0.0.1:8000/", "http://10.0.0.1:8000/"),
            ("http://a?next=http://b/", "http://a?next=http://b/"),
            ("/prod/7/x#12", "/prod/#/x#12"),
            ("//12/12", "//12/#"),
            ("12", "#"),
            ("http://a/?q='x'", "http://a/?q='x'"),
            ("http://a/v1/0f8fad5b-d9cb-469f-a165-70867728950e", "http://a/v1/#"),
            ("http://a/decade-facade-cafe", "http://a/decade-facade-cafe"),
        ] {
            let (mut tokens, mut out) = (Tokens::default(), Vec::new());
            shape(url, true, |it| tokens.text(it), &mut out).unwrap();
            let wanted: Vec<&str> = wanted.split('#').collect();
            let mut text = String::from_utf8(out).unwrap();
            assert_eq!(
                super::super::tokens::has_token(&text),
                wanted.len() > if url.contains('#') { 2 } else { 1 },
                "{url} {text}"
            );
            tokens.replace(&mut text);
            assert_eq!(text, url);
        }
        let kept = shape("/a%2f/12", true, |_| None, &mut Vec::new());
        assert_eq!(kept, Err(Misfit::Paths));
    }
}
