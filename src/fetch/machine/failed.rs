//! How a fetch fails or is refused, in the words of the browser that is played.
//!
//! **Invariant:** a transport failure is never a CORS refusal.

use crate::trace::{Distrust, Failure, FailureKind};

use super::super::end::{Ended, Failing};
use super::super::refusal::{CorsError, FirefoxCode, Refusal};
use super::super::{AddressSpace, Api, Browser, FailedBy, Mode};
use super::{Ask, Fetch};

impl Fetch {
    pub(super) fn denied_locally(&mut self, space: AddressSpace) -> Ask {
        let refusal =
            Refusal::chromium(CorsError::LocalNetworkAccessPermissionDenied, space.as_str());
        self.done(Ended::Refused(refusal))
    }

    pub(super) fn transport_failed(&self, failure: &Failure) -> Failing {
        let waiting =
            matches!(self.request.api, Api::Fetch | Api::Xhr | Api::EventSource | Api::Beacon);
        let (by, net, what) = match failure.kind {
            // An element waits on.
            FailureKind::Timeout if !waiting => {
                return Failing::new(FailedBy::Timeout, "No answer came.");
            }
            FailureKind::Malformed if failure.detail == Failure::HEAD_TOO_LARGE => {
                (FailedBy::Network, "RESPONSE_HEADERS_TOO_BIG", "The answer's head is too large.")
            }
            FailureKind::Refused => {
                (FailedBy::Network, "CONNECTION_REFUSED", "The connection was refused.")
            }
            FailureKind::Unreachable => {
                (FailedBy::Network, "ADDRESS_UNREACHABLE", "The address cannot be reached.")
            }
            FailureKind::Dns => {
                (FailedBy::Network, "NAME_NOT_RESOLVED", "The name does not resolve.")
            }
            FailureKind::Reset => {
                (FailedBy::Network, "CONNECTION_RESET", "The connection was reset.")
            }
            FailureKind::Closed => {
                (FailedBy::Network, "EMPTY_RESPONSE", "The server closed without an answer.")
            }
            FailureKind::Timeout => {
                (FailedBy::Timeout, "ABORTED", "No answer came before the script gave up.")
            }
            FailureKind::Tls => {
                let (net, what) = handshake_failed(failure.distrust());
                (FailedBy::Network, net, what)
            }
            FailureKind::Malformed => {
                (FailedBy::Network, "INVALID_HTTP_RESPONSE", "The answer is not HTTP.")
            }
            FailureKind::Aborted => (FailedBy::Network, "ABORTED", "The request was given up."),
            FailureKind::RefusedByTap => {
                (FailedBy::Network, "EMPTY_RESPONSE", "The tap refused the request.")
            }
        };
        let failing = Failing::new(by, what).net(net);
        // Who gives up itself is told nothing.
        let by_script = matches!(failure.kind, FailureKind::Timeout | FailureKind::Aborted);
        self.in_firefox(failing, !by_script)
    }

    /// Firefox words every failure of a CORS request the same way.
    pub(super) fn in_firefox(&self, failing: Failing, worded: bool) -> Failing {
        if worded && self.request.mode == Mode::Cors {
            failing.firefox(FirefoxCode::CORSDidNotSucceed2)
        } else {
            failing
        }
    }

    pub(super) fn refusal(
        &self,
        code: CorsError,
        parameter: &str,
        firefox: Option<FirefoxCode>,
    ) -> Refusal {
        match self.browser {
            Browser::Chromium => Refusal::chromium(code, parameter),
            Browser::Firefox => {
                Refusal::firefox(firefox.unwrap_or(FirefoxCode::CORSDidNotSucceed2), parameter)
            }
        }
    }
}

fn handshake_failed(distrust: Option<Distrust>) -> (&'static str, &'static str) {
    match distrust {
        Some(Distrust::Authority) => {
            ("CERT_AUTHORITY_INVALID", "The server's certificate is not trusted.")
        }
        Some(Distrust::Date) => {
            ("CERT_DATE_INVALID", "The server's certificate is not valid at this time.")
        }
        Some(Distrust::Name) => {
            ("CERT_COMMON_NAME_INVALID", "The server's certificate is for another name.")
        }
        Some(Distrust::Revoked) => ("CERT_REVOKED", "The server's certificate was revoked."),
        None => ("SSL_PROTOCOL_ERROR", "The TLS handshake failed."),
    }
}
