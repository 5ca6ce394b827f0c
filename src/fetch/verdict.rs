//! A verdict: what a browser concludes from a chain.
//!
//! Hops are named by their index in the chain (0-based); the way out to people and JSON adds
//! one.

use super::{Api, Browser, Credentials, Mode, RedirectMode};

/// Everything that judging a chain gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub request: Judged,
    /// Steps that the browser took without a wire, in the order of the chain.
    pub unseen: Vec<Unseen>,
    pub verdict: Verdict,
}

/// The request as it was understood, for judging.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub api: Api,
    pub method: String,
    pub url: String,
    /// The page's origin, serialised; `None` when nothing on record tells.
    pub origin: Option<String>,
    pub mode: Mode,
    pub credentials: Credentials,
    pub redirect: RedirectMode,
    /// Which of these the recording did not show, so that a default was taken
    /// (`api`, `mode`, `credentials`, `redirect`).
    pub assumed: Vec<&'static str>,
}

/// A step that left no hop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unseen {
    pub kind: UnseenKind,
    /// It happened before the hop at this index; the chain's length when after all of them.
    pub before: usize,
    /// The hop it came from, when it is on record: in this chain or in another.
    pub from: Option<crate::trace::HopId>,
}

/// Why there was no hop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnseenKind {
    /// The preflight's result was still in the preflight cache.
    PreflightCached,
    /// The answer (a redirect, too) was in the HTTP cache.
    AnswerCached,
    /// It must have happened, but nobody recorded it.
    NotRecorded,
}

/// What a browser concludes from a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The browser that `outcome` speaks for.
    pub browser: Browser,
    pub outcome: VerdictOutcome,
    /// The hop whose answer decided: the refused one, or the last one when allowed. `None`
    /// when none on the wire did.
    pub hop: Option<usize>,
    /// Who failed the request, when the outcome is `failed`.
    pub failed: Option<FailedBy>,
    /// One sentence for a person.
    pub reading: String,
    pub chromium: Chromium,
    pub firefox: Firefox,
    /// What else could be true, where the outcome or the code turns on something that is not
    /// on the wire.
    pub depends: Vec<Branch>,
}

/// How a fetch ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VerdictOutcome {
    /// The page's script gets a response; also a readable 4xx or 5xx, also an opaque one.
    Allowed,
    /// The browser reports a CORS error.
    Blocked,
    /// The script gets nothing, for another reason.
    Failed,
    /// The outcome turns on something that is not on the wire.
    Depends,
}

impl VerdictOutcome {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            VerdictOutcome::Allowed => "allowed",
            VerdictOutcome::Blocked => "blocked",
            VerdictOutcome::Failed => "failed",
            VerdictOutcome::Depends => "depends",
        }
    }
}

/// Who failed a request, when it was not CORS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FailedBy {
    Network,
    Redirect,
    Csp,
    Corp,
    Coep,
    Url,
    Api,
    Timeout,
}

impl FailedBy {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            FailedBy::Network => "network",
            FailedBy::Redirect => "redirect",
            FailedBy::Csp => "csp",
            FailedBy::Corp => "corp",
            FailedBy::Coep => "coep",
            FailedBy::Url => "url",
            FailedBy::Api => "api",
            FailedBy::Timeout => "timeout",
        }
    }
}

/// Chromium's own words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chromium {
    /// Its outcome, where it differs from the judged browser's.
    pub outcome: Option<VerdictOutcome>,
    /// [`Network.CorsError`](https://chromedevtools.github.io/devtools-protocol/tot/Network/#type-CorsError).
    pub code: Option<&'static str>,
    /// The failed parameter; empty when there is none.
    pub parameter: String,
    /// `net::ERR_…`, where there is one.
    pub net_error: Option<String>,
    /// The sentence in the console.
    pub console: Option<String>,
}

/// Firefox's own words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Firefox {
    /// Its outcome, where it differs from the judged browser's.
    pub outcome: Option<VerdictOutcome>,
    /// The console category, `CORSMissingAllowOrigin2`.
    pub code: Option<&'static str>,
    /// The text after `Reason:`.
    pub reason: Option<String>,
}

/// What would be true instead, if the unseen thing were otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    pub on: On,
    /// The other value: `include`, `manual`, `recorded`…
    pub value: String,
    pub outcome: VerdictOutcome,
    pub code: Option<&'static str>,
}

/// What a verdict can depend on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum On {
    Credentials,
    Mode,
    Redirect,
    Api,
    /// The recording ends where the browser went on.
    Recording,
}

impl On {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            On::Credentials => "credentials",
            On::Mode => "mode",
            On::Redirect => "redirect",
            On::Api => "api",
            On::Recording => "recording",
        }
    }
}
