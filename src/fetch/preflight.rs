//! The preflight: when one is needed, what it asks, and what its answer grants.
//!
//! **Invariant:** the order of the checks is Chromium's: redirect, allow-origin,
//! allow-credentials, status, malformed methods, malformed headers, method, headers.

use crate::trace::{Headers, Response, Time};

use super::cors_check::{Asked, cors_check, latin1};
use super::method::{is_safelisted, is_token};
use super::redirect::is_redirect;
use super::refusal::{CorsError, FirefoxCode, Refusal};
use super::{Browser, Credentials};

/// What a request needs a preflight's leave for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub method: String,
    /// [CORS-unsafe request-header names](https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names).
    pub headers: Vec<String>,
    pub credentials: Credentials,
}

/// What a preflight's answer allows, for as long as it is remembered.
#[derive(Clone, Debug)]
pub struct Grant {
    pub methods: Vec<String>,
    /// Lower case.
    pub headers: Vec<String>,
    /// The answer was checked with credentials, so `*` is a literal in it.
    pub with_credentials: bool,
    /// When it ends.
    pub until: Time,
}

impl Grant {
    /// The CORS-preflight fetch's last steps: is the method, is every header granted?
    ///
    /// The standard keeps `Authorization` outside the `*`; Chromium and Firefox do not (they
    /// only warn).
    ///
    /// # Errors
    /// What refused.
    pub fn check(&self, wanted: &Wanted, browser: Browser) -> Result<(), Refusal> {
        self.check_with(wanted, browser, !self.with_credentials)
    }

    /// The same, with `*` standing for any name, or for itself.
    fn check_with(&self, wanted: &Wanted, browser: Browser, wild: bool) -> Result<(), Refusal> {
        let star = |list: &[String]| wild && list.iter().any(|it| it == "*");
        // The method, compared with its case. Safelisted ones need no grant.
        if !self.methods.contains(&wanted.method)
            && !is_safelisted(&wanted.method)
            && !star(&self.methods)
        {
            return Err(match browser {
                Browser::Chromium => Refusal::chromium(
                    CorsError::MethodDisallowedByPreflightResponse,
                    &wanted.method,
                ),
                Browser::Firefox => {
                    Refusal::firefox(FirefoxCode::CORSMethodNotFound, &wanted.method)
                }
            });
        }
        // The headers, compared without case.
        if star(&self.headers) {
            return Ok(());
        }
        match wanted.headers.iter().find(|it| !self.headers.contains(it)) {
            None => Ok(()),
            Some(name) => Err(match browser {
                Browser::Chromium => {
                    Refusal::chromium(CorsError::HeaderDisallowedByPreflightResponse, name)
                }
                Browser::Firefox => {
                    Refusal::firefox(FirefoxCode::CORSMissingAllowHeaderFromPreflight2, name)
                }
            }),
        }
    }

    /// Whether this grant, remembered, spares a request its preflight. One given without
    /// credentials is no use to a request with them; the other way round Chromium accepts it
    /// and Firefox, like the standard, does not.
    pub fn covers(&self, wanted: &Wanted, browser: Browser, now: Time) -> bool {
        let include = wanted.credentials == Credentials::Include;
        let credentials = match browser {
            Browser::Chromium => self.with_credentials || !include,
            Browser::Firefox => self.with_credentials == include,
        };
        // Chromium lets a remembered `*` not stand for `Authorization`, though a new one does.
        let authorization = "authorization".to_owned();
        let named = browser == Browser::Firefox
            || !wanted.headers.contains(&authorization)
            || self.headers.contains(&authorization);
        // Firefox lets it stand for nothing but itself.
        let wild = browser == Browser::Chromium && !self.with_credentials;
        let granted = self.check_with(wanted, browser, wild).is_ok();
        now < self.until && credentials && named && granted
    }
}

/// [CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch): judge the answer.
///
/// `origin` is what the answer must name; `None` when the browser holds the URL for one of the
/// page's own origin and skips the check (Firefox, back home after a redirect).
///
/// # Errors
/// What refused.
pub fn check_answer(
    wanted: &Wanted,
    origin: Option<&str>,
    answer: &Response,
    browser: Browser,
    now: Time,
) -> Result<Grant, Refusal> {
    let access = origin.map_or(Ok(()), |origin| {
        cors_check(&Asked { origin, credentials: wanted.credentials, browser }, &answer.headers)
    });
    // A preflight is never redirected. Firefox looks at allow-origin first.
    if is_redirect(answer) {
        return Err(match browser {
            Browser::Chromium => Refusal::chromium(CorsError::PreflightDisallowedRedirect, ""),
            Browser::Firefox => access
                .err()
                .unwrap_or(Refusal::firefox(FirefoxCode::CORSExternalRedirectNotAllowed, "")),
        });
    }
    // The CORS check.
    access.map_err(in_preflight)?;
    // An ok status: 200 to 299.
    if !(200..300).contains(&answer.status) {
        return Err(match browser {
            Browser::Chromium => Refusal::chromium(CorsError::PreflightInvalidStatus, ""),
            Browser::Firefox => Refusal::firefox(FirefoxCode::CORSPreflightDidNotSucceed3, ""),
        });
    }
    // What it grants.
    let grant = parse_grant(wanted, &answer.headers, browser, now)?;
    grant.check(wanted, browser)?;
    Ok(grant)
}

fn in_preflight(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Chromium { code, parameter } => {
            Refusal::Chromium { code: code.in_preflight(), parameter }
        }
        it @ Refusal::Firefox { .. } => it,
    }
}

/// Read a grant from an answer's headers.
///
/// # Errors
/// Which of the two lists could not be parsed.
pub fn parse_grant(
    wanted: &Wanted,
    answer: &Headers,
    browser: Browser,
    now: Time,
) -> Result<Grant, Refusal> {
    let methods =
        parse_tokens(answer.get("access-control-allow-methods")).map_err(|bad| match browser {
            Browser::Chromium => {
                Refusal::chromium(CorsError::InvalidAllowMethodsPreflightResponse, "")
            }
            Browser::Firefox => Refusal::firefox(FirefoxCode::CORSInvalidAllowMethod, bad),
        })?;
    let headers =
        parse_tokens(answer.get("access-control-allow-headers")).map_err(|bad| match browser {
            Browser::Chromium => {
                Refusal::chromium(CorsError::InvalidAllowHeadersPreflightResponse, "")
            }
            Browser::Firefox => Refusal::firefox(FirefoxCode::CORSInvalidAllowHeader, bad),
        })?;
    Ok(Grant {
        methods,
        headers: headers.iter().map(|it| it.to_ascii_lowercase()).collect(),
        with_credentials: wanted.credentials == Credentials::Include,
        until: now.plus(max_age(answer.get("access-control-max-age"), browser) * 1_000_000),
    })
}

/// A comma-separated list of tokens; empty items are fine, anything that is no token fails the
/// whole list.
fn parse_tokens(value: Option<Vec<u8>>) -> Result<Vec<String>, String> {
    let Some(value) = value else { return Ok(Vec::new()) };
    value
        .split(|it| *it == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|it| !it.is_empty())
        .map(|it| if is_token(it) { Ok(latin1(it)) } else { Err(latin1(it)) })
        .collect()
}

/// Seconds that a preflight's answer may be remembered: 5 without the header, at most two hours
/// in Chromium and a day in Firefox. A value that is no number is the default in Chromium and
/// zero in Firefox.
fn max_age(value: Option<Vec<u8>>, browser: Browser) -> i64 {
    const DEFAULT: i64 = 5;
    let Some(value) = value else { return DEFAULT };
    let number = std::str::from_utf8(&value).ok().and_then(|it| it.parse::<i64>().ok());
    match (number, browser) {
        (Some(it), Browser::Chromium) => it.clamp(0, 7_200),
        (None, Browser::Chromium) => DEFAULT,
        (Some(it), Browser::Firefox) => it.clamp(0, 86_400),
        (None, Browser::Firefox) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, headers: &[(&str, &str)], wanted: &Wanted) -> Option<&'static str> {
        let answer = Response {
            status,
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect(),
            ..Response::default()
        };
        check_answer(wanted, Some("http://a.test"), &answer, Browser::Chromium, Time(0))
            .err()
            .map(|it| it.code())
    }

    #[test]
    fn refuses_in_chromiums_order() {
        let wanted = Wanted {
            method: "PUT".to_owned(),
            headers: vec!["x-token".to_owned()],
            credentials: Credentials::SameOrigin,
        };
        let origin = ("Access-Control-Allow-Origin", "*");
        let methods = |it| ("Access-Control-Allow-Methods", it);
        let names = |it| ("Access-Control-Allow-Headers", it);
        for (status, headers, code) in [
            (301, vec![("Location", "/x")], Some("PreflightDisallowedRedirect")),
            (301, vec![origin], Some("PreflightInvalidStatus")),
            (404, vec![], Some("PreflightMissingAllowOriginHeader")),
            (404, vec![origin], Some("PreflightInvalidStatus")),
            (299, vec![origin, methods("GET PUT")], Some("InvalidAllowMethodsPreflightResponse")),
            (200, vec![origin, names("a; b")], Some("InvalidAllowHeadersPreflightResponse")),
            (200, vec![origin, methods("put")], Some("MethodDisallowedByPreflightResponse")),
            (200, vec![origin, methods("PUT")], Some("HeaderDisallowedByPreflightResponse")),
            (204, vec![origin, methods(",PUT,,"), names("X-TOKEN")], None),
            (200, vec![origin, methods("*"), names("*")], None),
        ] {
            assert_eq!(refused(status, &headers, &wanted), code, "{status} {headers:?}");
        }
    }

    #[test]
    fn what_firefox_remembers_of_a_star_is_a_star() {
        let wanted = |method: &str, headers: &[&str]| Wanted {
            method: method.to_owned(),
            headers: headers.iter().map(|it| (*it).to_owned()).collect(),
            credentials: Credentials::SameOrigin,
        };
        let grant = |methods: &[&str], headers: &[&str]| Grant {
            methods: methods.iter().map(|it| (*it).to_owned()).collect(),
            headers: headers.iter().map(|it| (*it).to_owned()).collect(),
            with_credentials: false,
            until: Time(1),
        };
        for (grant, wanted, firefox) in [
            (grant(&["*"], &[]), wanted("PUT", &[]), false),
            (grant(&["*"], &[]), wanted("POST", &[]), true),
            (grant(&["PUT"], &["*"]), wanted("PUT", &["x-a"]), false),
            (grant(&["PUT"], &["*"]), wanted("PUT", &[]), true),
            (grant(&["PUT"], &["*", "x-a"]), wanted("PUT", &["x-a"]), true),
        ] {
            assert!(grant.covers(&wanted, Browser::Chromium, Time(0)), "{wanted:?}");
            assert_eq!(grant.covers(&wanted, Browser::Firefox, Time(0)), firefox, "{wanted:?}");
        }
    }

    #[test]
    fn max_age_has_a_default_and_a_cap() {
        for (value, chromium, firefox) in [
            (None, 5, 5),
            (Some("600"), 600, 600),
            (Some("99999"), 7_200, 86_400),
            (Some("-1"), 0, 0),
            (Some("1h"), 5, 0),
        ] {
            let value = value.map(|it: &str| it.as_bytes().to_vec());
            assert_eq!(max_age(value.clone(), Browser::Chromium), chromium);
            assert_eq!(max_age(value, Browser::Firefox), firefox);
        }
    }
}
