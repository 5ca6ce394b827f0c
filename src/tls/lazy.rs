//! TLS towards upstreams, made when the first one wants it: reading the platform's roots takes
//! time.

use std::sync::OnceLock;

use super::Tls;

/// TLS towards upstreams, made when the first one wants it.
#[derive(Default)]
pub struct LazyTls(OnceLock<Option<Tls>>);

impl LazyTls {
    /// What the user gave; without it the platform's roots are trusted.
    pub fn new(given: Option<Tls>) -> LazyTls {
        LazyTls(given.map_or_else(OnceLock::new, |it| OnceLock::from(Some(it))))
    }

    /// `None` when it cannot be made.
    pub fn get(&self) -> Option<&Tls> {
        self.0.get_or_init(|| Tls::new(None).ok()).as_ref()
    }
}
