//! From a knob's word to its value. Each function gives `None` for what it does not take.

use std::time::Duration;

use super::{Backend, Methods, Origins};

/// One segment of a path.
pub(super) fn segment(value: &str) -> Option<String> {
    let value = value.trim_matches('/');
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_.$~".contains(it);
    (!value.is_empty() && value.chars().all(plain)).then(|| value.to_owned())
}

/// A URL template with one `{proxy}` in its path.
pub(super) fn endpoint(value: &str) -> Option<String> {
    let mut around = value.split("{proxy}");
    let (before, after) = (around.next()?, around.next()?);
    let tried = match before.strip_prefix("http://") {
        // The host is not to be templated.
        Some(rest) if rest.contains('/') => format!("{before}x{after}"),
        Some(_) => return None,
        None => format!("http://host/{}x{after}", before.trim_start_matches('/')),
    };
    (around.next().is_none() && tried.parse::<http::Uri>().is_ok()).then(|| value.to_owned())
}

pub(super) fn backend(value: &str) -> Option<Backend> {
    if value == "app" {
        return Some(Backend::App);
    }
    let authority: http::uri::Authority = value.parse().ok()?;
    let plain = authority.port_u16().is_some() && !value.contains('@');
    plain.then(|| Backend::At(value.to_owned()))
}

pub(super) fn methods(value: &str) -> Option<Methods> {
    if value.eq_ignore_ascii_case("any") {
        return Some(Methods::Any);
    }
    let list = value.split(',').map(str::trim);
    let token = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphabetic());
    list.map(|it| token(it).then(|| it.to_owned())).collect::<Option<_>>().map(Methods::These)
}

pub(super) fn origins(value: &str) -> Option<Origins> {
    match value {
        "any" => Some(Origins::Any),
        "star" => Some(Origins::Star),
        list => {
            let known = |it: &str| it == "null" || it.contains("://");
            let list = list.split(',').map(str::trim);
            list.map(|it| known(it).then(|| it.to_owned()))
                .collect::<Option<_>>()
                .map(Origins::List)
        }
    }
}

/// `own`, or a URL without a path.
#[expect(clippy::option_option, reason = "refused, own, or a URL")]
pub(super) fn base_url(value: &str) -> Option<Option<String>> {
    if value == "own" {
        return Some(None);
    }
    let value = value.trim_end_matches('/');
    let url: http::Uri = value.parse().ok()?;
    let plain = url.scheme().is_some() && url.authority().is_some() && url.path() == "/";
    plain.then(|| Some(value.to_owned()))
}

/// `500ms`, `29s`, `2m`; a bare number counts seconds.
pub(super) fn duration(value: &str) -> Option<Duration> {
    let digits = value.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let count: u64 = digits.parse().ok()?;
    let scale = match value.get(digits.len()..)? {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    // A day is long enough for every timer underneath.
    let ms = count.checked_mul(scale).filter(|it| *it <= 86_400_000)?;
    Some(Duration::from_millis(ms))
}

pub(super) fn duration_word(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}
