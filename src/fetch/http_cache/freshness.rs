//! Whether a stored answer may be used without asking
//! (`net/http/http_response_headers.cc`, `http_vary_data.cc`).
//!
//! **Invariant:** times are microseconds; a value that is no number or date is not there.

use chrono::{DateTime, NaiveDateTime};

use crate::trace::{Headers, Response, Time};

use super::super::redirect;
use super::Stored;

const SECOND: i64 = 1_000_000;

/// [Freshness](https://www.rfc-editor.org/rfc/rfc9111#section-4.2).
pub(super) fn is_fresh(stored: &Stored, now: Time) -> bool {
    age(stored, now) < lifetime(stored)
}

/// Whether an answer that is no longer fresh may be used once more, while it is asked for anew
/// ([RFC 5861](https://www.rfc-editor.org/rfc/rfc5861#section-3)).
pub(super) fn is_good_enough(stored: &Stored, now: Time) -> bool {
    let headers = &stored.response.headers;
    let said = |token| has_token(headers, "cache-control", token);
    if said("must-revalidate") || said("no-cache") || said("no-store") {
        return false;
    }
    let longer = seconds(headers, "stale-while-revalidate").unwrap_or(0).saturating_mul(SECOND);
    age(stored, now) < lifetime(stored).saturating_add(longer)
        && !has_token(headers, "pragma", "no-cache")
}

fn age(stored: &Stored, now: Time) -> i64 {
    let headers = &stored.response.headers;
    let age = headers.all("age").next().and_then(whole_seconds).unwrap_or(0);
    let date = date(headers, "date").unwrap_or(stored.at.0);
    let at_first = stored.at.0.saturating_sub(date).max(age.saturating_mul(SECOND));
    at_first.saturating_add(now.since(stored.at))
}

/// How long an answer stays fresh; 0: it must be validated (`GetFreshnessLifetimes`).
fn lifetime(stored: &Stored) -> i64 {
    let headers = &stored.response.headers;
    if has_token(headers, "cache-control", "no-cache")
        || has_token(headers, "cache-control", "no-store")
        || has_token(headers, "pragma", "no-cache")
    {
        return 0;
    }
    if let Some(seconds) = seconds(headers, "max-age") {
        return seconds.saturating_mul(SECOND);
    }
    let written = date(headers, "date").unwrap_or(stored.at.0);
    if headers.all("expires").next().is_some_and(|it| it == b"0") {
        return 0;
    }
    if let Some(expires) = date(headers, "expires") {
        return expires.saturating_sub(written).max(0);
    }
    let status = stored.response.status;
    if matches!(status, 200 | 203 | 206)
        && !has_token(headers, "cache-control", "must-revalidate")
        && let Some(modified) = date(headers, "last-modified").filter(|it| *it <= written)
    {
        return written.saturating_sub(modified) / 10;
    }
    // These last for ever unless they say otherwise; a 302, 303 or 307 does not last at all.
    if matches!(status, 300 | 301 | 308 | 410) { i64::MAX } else { 0 }
}

/// Whether one of the items of a header is this very one.
pub(super) fn has_token(headers: &Headers, name: &str, token: &str) -> bool {
    items(headers, name).any(|it| it.eq_ignore_ascii_case(token.as_bytes()))
}

fn items<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.all(name).flat_map(|it| it.split(|it| *it == b',')).map(<[u8]>::trim_ascii)
}

/// The first of these directives whose value is a bare number.
fn seconds(headers: &Headers, directive: &str) -> Option<i64> {
    items(headers, "cache-control").find_map(|it| {
        let (name, value) = it.split_at_checked(directive.len())?;
        let value = value.strip_prefix(b"=")?;
        name.eq_ignore_ascii_case(directive.as_bytes()).then(|| whole_seconds(value))?
    })
}

/// Digits and nothing else; too many are a very long time.
fn whole_seconds(value: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(value).ok()?.trim_matches(' ');
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(i64::MAX))
}

/// An [HTTP date](https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats), in any of the
/// three forms. The day of the week is often wrong, and nobody minds.
fn date(headers: &Headers, name: &str) -> Option<i64> {
    let text = String::from_utf8_lossy(headers.all(name).next()?).trim().to_owned();
    let rest = text.split_once([',', ' ']).map_or("", |(_, rest)| rest).trim();
    let naive = |format| NaiveDateTime::parse_from_str(rest, format).ok().map(|it| it.and_utc());
    let date = DateTime::parse_from_rfc2822(rest).ok().map(|it| it.to_utc());
    date.or_else(|| naive("%d-%b-%y %H:%M:%S GMT"))
        .or_else(|| naive("%b %e %H:%M:%S %Y"))
        .map(|it| it.timestamp_micros())
}

/// [`Vary`](https://www.rfc-editor.org/rfc/rfc9111#section-4.1): do the named request headers
/// agree? A redirect also varies by cookie, lest it go round in circles.
pub(super) fn is_same_variant(answer: &Response, stored: &Headers, now: &Headers) -> bool {
    let same = |name: &str| stored.get(name) == now.get(name);
    let varies = items(&answer.headers, "vary").filter(|it| !it.is_empty());
    let mut names = varies.map(|it| String::from_utf8_lossy(it).into_owned());
    names.all(|it| it != "*" && same(&it)) && (!redirect::is_redirect(answer) || same("cookie"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(status: u16, headers: &[(&str, &str)], after: i64) -> bool {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
        let response = Response { status, headers, ..Response::default() };
        let at = Time(1_800_000_000 * SECOND);
        is_fresh(&Stored { response, at, hop: None }, at.plus(after * SECOND))
    }

    #[test]
    fn freshness_is_chromiums() {
        for (status, headers, after, expected) in [
            (200, vec![("Cache-Control", "max-age=600")], 599, true),
            (200, vec![("Cache-Control", "public, max-age=600")], 601, false),
            (200, vec![("Cache-Control", "max-age=600"), ("Age", "700")], 0, false),
            (200, vec![("Cache-Control", "max-age=600"), ("Pragma", "no-cache")], 0, false),
            (200, vec![("Cache-Control", "no-cache=\"x-a\", max-age=600")], 0, true),
            (200, vec![("Cache-Control", "max-age = 600")], 0, false),
            (200, vec![("Cache-Control", "max-age=\"600\"")], 0, false),
            (200, vec![("Cache-Control", "max-age=99999999999999999999")], 9_999, true),
            (404, vec![("Cache-Control", "max-age=600")], 0, true),
            (200, vec![], 0, false),
            (200, vec![("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")], 0, true),
            (200, vec![("Expires", "Mon, 01 Jan 2035 00:00:00 GMT")], 0, true),
            (200, vec![("Expires", "Mon Jan  1 00:00:00 2035")], 0, true),
            (200, vec![("Expires", "Monday, 01-Jan-35 00:00:00 GMT")], 0, true),
            (200, vec![("Expires", "0")], 0, false),
            (301, vec![("Expires", "0")], 0, false),
            (301, vec![("Expires", "soon")], 0, true),
            (301, vec![], 9_999, true),
            (302, vec![], 0, false),
            (302, vec![("Cache-Control", "max-age=60")], 0, true),
            (301, vec![("Cache-Control", "no-cache")], 0, false),
            (200, vec![("Cache-Control", "s-maxage=600")], 0, false),
        ] {
            assert_eq!(fresh(status, &headers, after), expected, "{status} {headers:?}");
        }
    }

    #[test]
    fn a_stale_answer_may_be_good_enough() {
        for (directives, expected) in [
            ("max-age=0, stale-while-revalidate=60", true),
            ("max-age=0, stale-while-revalidate=5", false),
            ("max-age=0, stale-while-revalidate=60, must-revalidate", false),
            ("max-age=0", false),
        ] {
            let mut response = Response { status: 200, ..Response::default() };
            response.headers.push("Cache-Control", directives);
            let stored = Stored { response, at: Time(0), hop: None };
            assert_eq!(is_good_enough(&stored, Time(9 * SECOND)), expected, "{directives}");
        }
    }

    #[test]
    fn a_redirect_varies_by_cookie() {
        let headers = |name: &str, value: &str| -> Headers {
            [(name.to_owned(), value.to_owned())].into_iter().collect()
        };
        let redirect =
            Response { status: 301, headers: headers("Location", "/x"), ..Response::default() };
        assert!(!is_same_variant(&redirect, &Headers::new(), &headers("Cookie", "a=1")));
        assert!(is_same_variant(&redirect, &headers("Cookie", "a=1"), &headers("cookie", "a=1")));
    }
}
