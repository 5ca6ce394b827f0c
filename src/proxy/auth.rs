//! Who may use a forward tap: the proxy password
//! ([RFC 9110 §11.7](https://www.rfc-editor.org/rfc/rfc9110#section-11.7)).
//!
//! **Invariant:** credentials for a tap are neither recorded nor passed on.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::trace::{Header, Headers};

/// A user name and a password.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Credentials {
    pub(super) fn new(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), password: password.to_owned() }
    }

    /// As a `Proxy-Authorization` field has them.
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", self.token())
    }

    fn token(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password))
    }

    /// Whether these are they; how long that takes tells nothing of them.
    pub(super) fn are(&self, user: &[u8], password: &[u8]) -> bool {
        let user = same(user, self.user.as_bytes());
        bool::from(user & same(password, self.password.as_bytes()))
    }

    /// Whether a request brings them; how long that takes tells nothing of them.
    pub(super) fn fit(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(PROXY_AUTHORIZATION).and_then(|it| basic(it.as_bytes()));
        sent.is_some_and(|it| bool::from(same(it, self.token().as_bytes())))
    }
}

/// Compares digests, because comparing the bytes themselves would tell their number.
fn same(one: &[u8], other: &[u8]) -> Choice {
    Sha256::digest(one).as_slice().ct_eq(Sha256::digest(other).as_slice())
}

/// What stands behind the name of the scheme, which has no case
/// ([RFC 7617 §2](https://www.rfc-editor.org/rfc/rfc7617#section-2)).
fn basic(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then_some(token.trim_ascii())
}

/// Whether a request tries a password.
pub(super) fn is_tried(headers: &HeaderMap) -> bool {
    headers.contains_key(PROXY_AUTHORIZATION)
}

/// What a wrong password costs: whoever guesses has to wait for every answer.
pub(super) async fn slow_down() {
    tokio::time::sleep(GUESS).await;
}

const GUESS: std::time::Duration = std::time::Duration::from_millis(500);

/// Take the secret out of what will be recorded; that there was one stays.
pub(super) fn hide(headers: &mut HeaderMap) {
    if let Some(value) = headers.get(PROXY_AUTHORIZATION) {
        let hidden = HeaderValue::from_static(hidden(value.as_bytes()));
        headers.insert(PROXY_AUTHORIZATION, hidden);
    }
}

/// [`hide`] in a head that was refused, and is recorded as it was sent.
pub(super) fn hide_refused(headers: &mut Headers) {
    let is_secret = |it: &Header| it.name.trim().eq_ignore_ascii_case("proxy-authorization");
    if headers.iter().any(is_secret) {
        let shown = headers.iter().map(|it| {
            let value = if is_secret(it) { hidden(&it.value).into() } else { it.value.clone() };
            (it.name.clone(), value)
        });
        *headers = shown.collect();
    }
}

fn hidden(value: &[u8]) -> &'static str {
    if basic(value).is_some() { "Basic (not recorded)" } else { "(not recorded)" }
}

impl FromStr for Credentials {
    type Err = String;

    fn from_str(text: &str) -> Result<Credentials, String> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() && !password.is_empty() => {
                Ok(Credentials::new(user, password))
            }
            _ => Err("expected USER:PASSWORD".to_owned()),
        }
    }
}

/// Shows no password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_in_who_brings_the_password() {
        let wanted: Credentials = "ann:secret".parse().unwrap();
        for (sent, fits) in [
            ("Basic YW5uOnNlY3JldA==", true),
            ("basic  YW5uOnNlY3JldA==", true),
            ("Basic YW5uOnNlY3JldA", false),
            ("Bearer YW5uOnNlY3JldA==", false),
            ("Basic", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_static(sent));
            assert_eq!(wanted.fit(&headers), fits, "{sent}");
        }
        assert!(wanted.are(b"ann", b"secret") && !wanted.are(b"ann", b"secret2"));
    }
}
