//! How a fetch ended, before anybody words it.
//!
//! **Invariant:** a transport failure is never a CORS refusal.

use super::FailedBy;
use super::refusal::{FirefoxCode, Refusal};

/// The end of one fetch, in one browser.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub ended: Ended,
    /// The URL first asked for.
    pub first_url: String,
    /// The URL at which it ended.
    pub last_url: String,
    /// Whether the answer that decided belongs to a preflight.
    pub in_preflight: bool,
    /// What Chromium's console says beside: of a header that was not set, of a policy that only
    /// reports.
    pub remarks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The script gets this.
    Allowed(Readable),
    Refused(Refusal),
    Failed(Failing),
    /// The recording stops where the browser went on.
    NotRecorded,
}

/// What the script gets ([filtered response](https://fetch.spec.whatwg.org/#concept-filtered-response)).
#[derive(Clone, Debug, PartialEq)]
pub struct Readable {
    pub tainting: Tainting,
    pub status: u16,
    /// Names of the headers that the script can see, lower case, sorted.
    pub exposed: Vec<String>,
    /// Chromium's `net::ERR_…` all the same: a body that broke after the head, an answer that the
    /// script gets no look into.
    pub net_error: Option<String>,
    /// What Chromium's console says all the same.
    pub console: Option<String>,
}

impl Readable {
    /// A response without a body or headers to see.
    pub fn bare(tainting: Tainting, status: u16) -> Readable {
        Readable { tainting, status, exposed: Vec::new(), net_error: None, console: None }
    }
}

/// [Response type](https://fetch.spec.whatwg.org/#concept-response-type)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tainting {
    Basic,
    Cors,
    Opaque,
    OpaqueRedirect,
    /// Nobody waits for it: a beacon.
    Queued,
}

/// A failure that is no CORS refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    pub by: FailedBy,
    /// Chromium's `net::ERR_…`.
    pub net_error: Option<String>,
    /// Chromium's console sentence, where it is not the usual one about the net error.
    pub console: Option<String>,
    pub firefox: Option<FirefoxCode>,
    /// What happened, for a person.
    pub what: String,
}

impl Failing {
    pub fn new(by: FailedBy, what: impl Into<String>) -> Failing {
        Failing { by, net_error: None, console: None, firefox: None, what: what.into() }
    }

    /// What Chromium's console says of it.
    pub fn sentence(&self) -> Option<String> {
        if self.console.is_some() {
            return self.console.clone();
        }
        let error = self.net_error.as_deref()?;
        // What the page itself gave up is not complained about.
        (error != "net::ERR_ABORTED" && error != "net::ERR_BLOCKED_BY_ORB")
            .then(|| format!("Failed to load resource: {error}"))
    }

    #[must_use]
    pub fn net(mut self, error: &str) -> Failing {
        self.net_error = Some(format!("net::ERR_{error}"));
        self
    }

    #[must_use]
    pub fn console(mut self, text: impl Into<String>) -> Failing {
        self.console = Some(text.into());
        self
    }

    #[must_use]
    pub fn firefox(mut self, code: FirefoxCode) -> Failing {
        self.firefox = Some(code);
        self
    }
}
