//! What holds for all taps of one process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Credentials, Limits, Via};
use crate::tls::{Authority, HostGlob, Identity, Tls};

/// What holds for all taps of one process.
#[derive(Clone)]
pub struct Options {
    /// Bytes kept of one body; the rest is only counted. Default 1 MiB.
    pub capture: usize,
    /// What a client gets when its upstream fails.
    pub on_failure: OnFailure,
    /// Let forward taps listen on addresses that other machines reach.
    pub open: bool,
    /// What clients of forward taps must bring.
    pub auth: Option<Credentials>,
    /// How upstreams are reached.
    pub via: Via,
    /// Mark requests between the outermost and the innermost tap, so that their sightings are
    /// told apart with certainty.
    pub mark: bool,
    /// Rewrite a `Location` that names the upstream itself, so that it leads through the tap.
    pub keep_redirects: bool,
    /// How long an upstream may be silent before its head; no limit by default, because a
    /// browser has one of its own.
    pub upstream_timeout: Option<Duration>,
    /// What a tap takes at most.
    pub limits: Limits,
    /// For `https` upstreams. Without it the platform's roots are trusted.
    pub tls: Option<Tls>,
    /// Signs for the hosts whose TLS is read. Without it tunnels are passed on unread.
    pub authority: Option<Authority>,
    /// Hosts whose tunnels are passed on unread.
    pub pass: Vec<HostGlob>,
    /// What taps that listen with TLS show, instead of what the authority makes.
    pub identity: Option<Arc<Identity>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            capture: 1 << 20,
            on_failure: OnFailure::default(),
            open: false,
            auth: None,
            via: Via::default(),
            mark: false,
            keep_redirects: false,
            upstream_timeout: None,
            limits: Limits::default(),
            tls: None,
            authority: None,
            pass: Vec::new(),
            identity: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("capture", &self.capture)
            .field("on_failure", &self.on_failure)
            .field("open", &self.open)
            .field("mark", &self.mark)
            .field("keep_redirects", &self.keep_redirects)
            .field("upstream_timeout", &self.upstream_timeout)
            .field("limits", &self.limits)
            .field("pass", &self.pass)
            .finish_non_exhaustive()
    }
}

/// What a client gets when its upstream gives no answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnFailure {
    /// A browser's request gets the failure itself, any other an answer that says so.
    #[default]
    ByClient,
    /// Everybody gets the failure itself.
    Mirror,
    /// Everybody gets an answer.
    Answer,
}

impl std::str::FromStr for OnFailure {
    type Err = String;

    fn from_str(text: &str) -> Result<OnFailure, String> {
        match text {
            "mirror" => Ok(OnFailure::Mirror),
            "answer" => Ok(OnFailure::Answer),
            _ => Err(format!("`{text}` is neither `mirror` nor `answer`")),
        }
    }
}
