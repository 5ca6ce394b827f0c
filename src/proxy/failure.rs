//! What a failure is called, and what a client is told of it.
//!
//! **Invariant:** to a browser a failure stays a failure. An answer from us would carry no CORS
//! headers, and the browser would blame CORS for a dead server.

use std::error::Error as StdError;
use std::io;

use http::HeaderMap;
use http::header::{ORIGIN, USER_AGENT};

use super::OnFailure;
use crate::tls;
use crate::trace::{Failure, FailureKind};

/// A failure with a detail for a person.
pub(super) fn failure(kind: FailureKind, detail: &(impl ToString + ?Sized)) -> Failure {
    Failure { kind, detail: detail.to_string() }
}

/// What the operating system or TLS said.
pub(super) fn of_io(error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    if tls::is_tls_error(error) {
        return failure(FailureKind::Tls, &tls::reason(error));
    }
    if is_out_of_files(error) {
        return failure(FailureKind::RefusedByTap, OUT_OF_FILES);
    }
    let kind = match error.kind() {
        Kind::ConnectionRefused => FailureKind::Refused,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable => FailureKind::Unreachable,
        Kind::ConnectionReset => FailureKind::Reset,
        Kind::TimedOut => FailureKind::Timeout,
        _ => FailureKind::Closed,
    };
    failure(kind, error)
}

/// What hyper said about an upstream's answer.
pub(super) fn of_hyper(error: &hyper::Error) -> Failure {
    if error.is_user() {
        // What the upstream is sent comes from the client.
        return failure(FailureKind::Aborted, CLIENT_LEFT);
    }
    let mut source = error.source();
    while let Some(it) = source {
        if let Some(h2) = it.downcast_ref::<::h2::Error>() {
            return of_h2(h2);
        }
        if let Some(io) = it.downcast_ref::<io::Error>() {
            // No system said this: it is hyper's word for chunks and trailers that are none.
            let broken =
                matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
            let own = io.raw_os_error().is_none() && broken && !tls::is_tls_error(io);
            return if own { failure(FailureKind::Malformed, io) } else { of_io(io) };
        }
        source = it.source();
    }
    if error.is_parse_too_large() {
        let why = "the answer's head is larger, or has more fields, than --limit head=N and \
                   --limit fields=N allow";
        return failure(FailureKind::RefusedByTap, why);
    }
    let kind = match error {
        it if it.is_parse() => FailureKind::Malformed,
        it if it.is_timeout() => FailureKind::Timeout,
        it if it.is_body_write_aborted() => FailureKind::Aborted,
        _ => FailureKind::Closed,
    };
    failure(kind, error)
}

/// What HTTP/2 said about an upstream's stream or connection.
fn of_h2(error: &::h2::Error) -> Failure {
    if let Some(io) = error.get_io() {
        return of_io(io);
    }
    let kind = match error {
        // We found the server breaking the rules.
        it if it.is_library() => FailureKind::Malformed,
        it if it.is_go_away() => FailureKind::Closed,
        it if it.is_reset() && it.is_remote() => FailureKind::Reset,
        // We reset it ourselves, for want of the rest of what it should be sent.
        it if it.is_reset() => return failure(FailureKind::Aborted, CLIENT_LEFT),
        _ => FailureKind::Closed,
    };
    failure(kind, error)
}

/// With what a client's HTTP/2 stream is reset when its upstream's failed so. A stream that the
/// server has not looked at may be asked for again, as without the tap.
pub(super) fn reason(error: &hyper::Error) -> Option<::h2::Reason> {
    let h2 = find_h2(error)?;
    let refused = h2.is_go_away() && h2.is_remote();
    if refused { Some(::h2::Reason::REFUSED_STREAM) } else { h2.reason() }
}

/// Which rule of HTTP/2 a client broke, or which limit it went beyond, so that its connection
/// was ended.
pub(super) fn broken_rule(error: &hyper::Error) -> Option<String> {
    find_h2(error).filter(|it| it.is_library()).map(ToString::to_string)
}

fn find_h2(error: &hyper::Error) -> Option<&::h2::Error> {
    let mut source = error.source();
    while let Some(it) = source {
        if let Some(h2) = it.downcast_ref::<::h2::Error>() {
            return Some(h2);
        }
        source = it.source();
    }
    None
}

/// What a client gets instead of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reaction {
    /// The end of the connection, without a byte.
    Close,
    /// A reset of the connection.
    Reset,
    /// Nothing, until the client itself has enough.
    Silence,
    /// An answer that says so.
    Answer,
}

/// What the client of a failed exchange gets.
pub(super) fn reaction(on_failure: OnFailure, is_browser: bool, kind: FailureKind) -> Reaction {
    let mirrors = match on_failure {
        OnFailure::Mirror => true,
        OnFailure::Answer => false,
        OnFailure::ByClient => is_browser,
    };
    match kind {
        _ if !mirrors => Reaction::Answer,
        FailureKind::Reset => Reaction::Reset,
        FailureKind::Timeout => Reaction::Silence,
        _ => Reaction::Close,
    }
}

/// Whether a browser asks: nobody else sends `Origin` or `Sec-Fetch-*`, or calls itself Mozilla.
pub(super) fn is_browser(request: &HeaderMap) -> bool {
    request.iter().any(|(name, value)| {
        *name == ORIGIN
            || (*name == USER_AGENT && value.as_bytes().starts_with(b"Mozilla/"))
            || name.as_str().starts_with("sec-fetch-")
    })
}

/// Whether this process, or the whole system, has as many files open as it may.
pub(super) fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

/// What is the matter then.
pub(super) const OUT_OF_FILES: &str =
    "the tap has as many connections and files open as the system lets it (ulimit -Hn)";

/// The same numbers on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const CLIENT_LEFT: &str = "the client left in the middle of the request's body";

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_browser_gets_the_failure_itself() {
        use FailureKind::{Closed, Dns, Malformed, Refused, Reset, Timeout};
        for (on_failure, header, kind, expected) in [
            (OnFailure::ByClient, "origin: null", Refused, Reaction::Close),
            (OnFailure::ByClient, "sec-fetch-mode: cors", Malformed, Reaction::Close),
            (OnFailure::ByClient, "user-agent: Mozilla/5.0", Reset, Reaction::Reset),
            (OnFailure::ByClient, "origin: http://a", Timeout, Reaction::Silence),
            (OnFailure::ByClient, "user-agent: curl/8", Refused, Reaction::Answer),
            (OnFailure::ByClient, "accept: Mozilla/", Reset, Reaction::Answer),
            (OnFailure::Answer, "origin: null", Dns, Reaction::Answer),
            (OnFailure::Mirror, "user-agent: curl/8", Closed, Reaction::Close),
        ] {
            let (name, value) = header.split_once(": ").unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
            let reaction = reaction(on_failure, is_browser(&headers), kind);
            assert_eq!(reaction, expected, "{header} {kind:?}");
        }
    }

    #[test]
    fn names_what_the_system_said() {
        for (kind, expected) in [
            (io::ErrorKind::ConnectionRefused, FailureKind::Refused),
            (io::ErrorKind::HostUnreachable, FailureKind::Unreachable),
            (io::ErrorKind::NetworkUnreachable, FailureKind::Unreachable),
            (io::ErrorKind::ConnectionReset, FailureKind::Reset),
            (io::ErrorKind::TimedOut, FailureKind::Timeout),
            (io::ErrorKind::BrokenPipe, FailureKind::Closed),
            (io::ErrorKind::UnexpectedEof, FailureKind::Closed),
        ] {
            assert_eq!(of_io(&kind.into()).kind, expected, "{kind:?}");
        }
    }
}
