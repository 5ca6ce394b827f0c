//! What browsers and proxies call a failed exchange, in the contract's kinds.
//!
//! **Invariant:** a word that only says that the page was refused (`net::ERR_FAILED`,
//! `ERR_BLOCKED_BY_…`) does not break an answer that is there.

use serde_json::Value;

use super::lenient::some_text;
use crate::trace::{Failure, FailureKind};

/// The error that the tool reported, wherever it wrote it.
pub(super) fn reported(entry: &Value) -> Option<String> {
    let places = [entry.get("response"), Some(entry), entry.get("request")];
    let names = ["_error", "_errorText", "error"];
    let mut found = places
        .iter()
        .flatten()
        .flat_map(|place| names.iter().filter_map(move |name| some_text(place, name)));
    found.next().map(std::borrow::Cow::into_owned)
}

/// Why no answer came.
pub(super) fn of_exchange(error: Option<&str>) -> Failure {
    match error {
        Some(error) => Failure { kind: kind(error), detail: error.to_owned() },
        None => Failure {
            kind: FailureKind::Closed,
            detail: "the HAR has no answer and does not say why".to_owned(),
        },
    }
}

/// Nothing was sent.
pub(super) fn mixed_content() -> Failure {
    let detail = "mixed content, which the browser does not send".to_owned();
    Failure { kind: FailureKind::Aborted, detail }
}

/// Why a body stopped, if the error says that one did.
pub(super) fn of_body(error: &str) -> Option<Failure> {
    let upper = error.to_ascii_uppercase();
    let about_page = ["ERR_FAILED", "ERR_BLOCKED", "ERR_ABORTED", "CORS", "NS_BINDING_ABORTED"];
    if about_page.iter().any(|it| upper.contains(it)) {
        return None;
    }
    WORDS.iter().any(|(word, _)| upper.contains(word)).then(|| of_exchange(Some(error)))
}

fn kind(error: &str) -> FailureKind {
    let upper = error.to_ascii_uppercase();
    let known = WORDS.iter().find(|(word, _)| upper.contains(word));
    known.map_or(FailureKind::Closed, |(_, kind)| *kind)
}

/// Words of Chromium (`net::ERR_…`), Firefox (`NS_ERROR_…`) and proxies; the first that occurs
/// decides.
const WORDS: &[(&str, FailureKind)] = &[
    ("REFUSED", FailureKind::Refused),
    ("NAME_NOT_RESOLVED", FailureKind::Dns),
    ("NAME_RESOLUTION", FailureKind::Dns),
    ("UNKNOWN_HOST", FailureKind::Dns),
    ("UNKNOWNHOST", FailureKind::Dns),
    ("ENOTFOUND", FailureKind::Dns),
    ("GETADDRINFO", FailureKind::Dns),
    ("TIMED_OUT", FailureKind::Timeout),
    ("TIMED OUT", FailureKind::Timeout),
    ("TIMEOUT", FailureKind::Timeout),
    ("CERT", FailureKind::Tls),
    ("SSL", FailureKind::Tls),
    ("TLS", FailureKind::Tls),
    ("RESET", FailureKind::Reset),
    ("ABORTED", FailureKind::Aborted),
    ("BLOCKED", FailureKind::Aborted),
    ("UNREACHABLE", FailureKind::Unreachable),
    ("INTERNET_DISCONNECTED", FailureKind::Unreachable),
    ("NETWORK_CHANGED", FailureKind::Unreachable),
    ("INVALID_HTTP", FailureKind::Malformed),
    ("INVALID_RESPONSE", FailureKind::Malformed),
    ("INVALID_CHUNKED", FailureKind::Malformed),
    ("HTTP2_PROTOCOL", FailureKind::Malformed),
    ("QUIC_PROTOCOL", FailureKind::Malformed),
    ("EMPTY_RESPONSE", FailureKind::Closed),
    ("CLOSED", FailureKind::Closed),
    ("INCOMPLETE", FailureKind::Closed),
    ("CONTENT_LENGTH_MISMATCH", FailureKind::Closed),
    ("PARTIAL_TRANSFER", FailureKind::Closed),
    ("NET_INTERRUPT", FailureKind::Closed),
];
