//! Who may use a forward tap: the proxy password
//! ([RFC 9110 §11.7](https://www.rfc-editor.org/rfc/rfc9110#section-11.7)).
//!
//! **Invariant:** credentials for a tap are neither recorded nor passed on.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use subtle::ConstantTimeEq as _;

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
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }

    /// Whether these are they; how long that takes tells nothing of them.
    pub(super) fn are(&self, user: &[u8], password: &[u8]) -> bool {
        let user = user.ct_eq(self.user.as_bytes());
        bool::from(user & password.ct_eq(self.password.as_bytes()))
    }

    /// Whether a request brings them; how long that takes tells nothing of them.
    pub(super) fn fit(&self, headers: &HeaderMap) -> bool {
        let wanted = self.basic();
        headers
            .get(PROXY_AUTHORIZATION)
            .is_some_and(|it| bool::from(it.as_bytes().ct_eq(wanted.as_bytes())))
    }
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
        let is_basic =
            value.as_bytes().get(..6).is_some_and(|it| it.eq_ignore_ascii_case(b"basic "));
        let hidden = if is_basic { "Basic (not recorded)" } else { "(not recorded)" };
        headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_static(hidden));
    }
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
