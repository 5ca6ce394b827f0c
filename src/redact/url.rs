//! URLs: structure survives, secrets do not.
//!
//! **Invariant:** scheme, host, port, path and the names of parameters stay, so that a
//! `Location` can still be compared with the request before it.

use super::names::{parameter, percent_decoded};
use super::{Redactor, text};

/// How deep URLs are read that stand in one another; those further in are replaced whole.
pub(super) const DEPTH: usize = 8;

pub(super) fn redact(redactor: &Redactor, url: &str) -> String {
    within(redactor, url, DEPTH)
}

/// [`redact`], at most so deep.
pub(super) fn within(redactor: &Redactor, url: &str, depth: usize) -> String {
    let (rest, fragment) = split(url, '#');
    let (rest, query) = split(rest, '?');
    let (authority, path) = match rest.find("//") {
        // Only where an authority can stand: at the start or after a scheme.
        Some(at) if at == 0 || rest.get(..at).is_some_and(|it| it.ends_with(':')) => {
            let after = at + 2;
            let end =
                rest.get(after..).and_then(|it| it.find('/')).map_or(rest.len(), |it| after + it);
            rest.split_at(end)
        }
        _ => ("", rest),
    };
    let mut out = userinfo(redactor, authority);
    out.push_str(&segments(redactor, path));
    if let Some(query) = query {
        out.push('?');
        out.push_str(&pairs_within(redactor, query, depth));
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(&pairs_within(redactor, fragment, depth));
    }
    out
}

/// The pairs of a query, a form body, or a fragment that carries parameters.
pub(super) fn pairs(redactor: &Redactor, text: &str) -> String {
    pairs_within(redactor, text, DEPTH)
}

fn pairs_within(redactor: &Redactor, text: &str, depth: usize) -> String {
    let redacted = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if parameter(name).is_some() => {
            format!("{name}={}", redactor.token(value.as_bytes()))
        }
        Some((name, value)) => format!("{name}={}", self::value(redactor, value, depth)),
        None => text::signatures(redactor, pair),
    });
    redacted.collect::<Vec<_>>().join("&")
}

/// A harmless parameter can carry a URL that is not: `next=/callback?code=…`.
fn value(redactor: &Redactor, value: &str, depth: usize) -> String {
    if value.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return value.to_owned();
    }
    let decoded = percent_decoded(value);
    let is_url = decoded.contains("://") || decoded.starts_with('/');
    let inner = match decoded.as_ref() {
        it if (is_url || it != value) && depth == 0 => redactor.token(it.as_bytes()),
        it if is_url => within(redactor, it, depth - 1),
        it if it != value => text::within(redactor, it, depth - 1),
        it => text::signatures(redactor, it),
    };
    if inner == decoded {
        return value.to_owned();
    }
    ::url::form_urlencoded::byte_serialize(inner.as_bytes()).collect()
}

fn userinfo(redactor: &Redactor, authority: &str) -> String {
    let Some((before, host)) = authority.rsplit_once('@') else { return authority.to_owned() };
    let start = before.find("//").map_or(0, |it| it + 2);
    let (scheme, user) = before.split_at(start);
    let user: Vec<String> = user.split(':').map(|it| redactor.token(it.as_bytes())).collect();
    format!("{scheme}{}@{host}", user.join(":"))
}

fn segments(redactor: &Redactor, path: &str) -> String {
    if !path.contains("ey") && !path.split('/').any(is_opaque) {
        return path.to_owned();
    }
    let redacted = path.split('/').map(|it| {
        if is_opaque(it) { redactor.token(it.as_bytes()) } else { text::signatures(redactor, it) }
    });
    redacted.collect::<Vec<_>>().join("/")
}

/// A path segment that looks like a key, such as that of a link in a mail: a long run of
/// letters and digits. UUIDs, slugs and file names are no secrets.
pub(super) fn is_opaque(segment: &str) -> bool {
    let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
    segment.len() >= 20
        && !segment.contains('.')
        && segment.split(|it| !is_word(it)).any(|it| {
            it.len() >= 20
                && it.bytes().any(|it| it.is_ascii_digit())
                && it.bytes().any(|it| it.is_ascii_alphabetic())
        })
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}
