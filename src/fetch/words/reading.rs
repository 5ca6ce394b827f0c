//! Our own sentence: what happened, plainly.
//!
//! **Invariant:** one sentence, two at most; no code names in it.

use super::super::end::{End, Ended, Tainting};
use super::super::redirect::is_redirect_status;
use super::super::refusal::{CorsError as E, Refusal};

/// What a reading is made from, besides the end itself.
pub(in super::super) struct Told<'a> {
    /// The page's origin.
    pub origin: &'a str,
    /// `null` where a redirect tainted the origin.
    pub sent_origin: &'a str,
    /// How many preflights were answered before.
    pub preflights: usize,
    pub redirects: usize,
    /// The answer that decided came from a cache.
    pub from_cache: bool,
    pub status: Option<u16>,
}

/// One sentence for a person.
pub(in super::super) fn reading(end: &End, told: &Told<'_>) -> String {
    match &end.ended {
        Ended::Allowed(readable) => allowed(readable.tainting, told),
        Ended::Refused(refusal) => {
            capital(&format!("{}{}", so_far(end, told), refused(refusal, told)))
        }
        Ended::Failed(failing) if 0 < told.redirects => {
            format!("After a redirect to {}: {}", end.last_url, failing.what)
        }
        Ended::Failed(failing) => failing.what.clone(),
        Ended::NotRecorded => {
            format!(
                "The browser would have gone on to {}, but the recording ends here.",
                end.last_url
            )
        }
    }
}

fn allowed(tainting: Tainting, told: &Told<'_>) -> String {
    let after = match told.redirects {
        0 => String::new(),
        1 => ", after one redirect".to_owned(),
        n => format!(", after {n} redirects"),
    };
    match (tainting, told.status) {
        (Tainting::Opaque, _) => {
            format!("The answer was let through unread{after}: a no-cors request needs no leave.")
        }
        (Tainting::Queued, _) => {
            "The script only learns that the beacon was queued; it came to no answer.".to_owned()
        }
        (Tainting::OpaqueRedirect, _) => "The script asked to see redirects itself.".to_owned(),
        (Tainting::Basic, Some(status)) if status < 400 => {
            format!("The page asked its own origin and may read the {status} answer{after}.")
        }
        (_, Some(status)) if 400 <= status => {
            format!("The page may read the answer{after}; the server itself says {status}.")
        }
        (_, Some(status)) => format!("The page may read the {status} answer{after}."),
        (_, None) => format!("The page may read the answer{after}."),
    }
}

/// What went well before, as far as it helps to find the place.
fn so_far(end: &End, told: &Told<'_>) -> String {
    let cached = if told.from_cache { "From the browser's cache: " } else { "" };
    let preflight = match (end.in_preflight, told.preflights) {
        (true, 2..) | (false, 1..) => "the preflight passed; ",
        _ => "",
    };
    let redirect = match (told.redirects, end.in_preflight) {
        (0, _) => String::new(),
        (_, true) => {
            format!("the request was redirected and preflighted again at {}; ", end.last_url)
        }
        (_, false) => format!("the request was redirected to {}; ", end.last_url),
    };
    format!("{cached}{preflight}{redirect}")
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|it| it.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn refused(refusal: &Refusal, told: &Told<'_>) -> String {
    let Refusal::Chromium { code, parameter } = refusal else {
        let Refusal::Firefox { code, .. } = refusal else { return String::new() };
        return format!("Firefox refuses it ({}).", code.as_str());
    };
    let sent = told.sent_origin;
    let tainted = sent == "null" && told.origin != "null";
    match code {
        E::MissingAllowOriginHeader => format!(
            "{} carries no Access-Control-Allow-Origin.",
            match told.status {
                Some(status) if is_redirect_status(status) =>
                    "the redirecting answer itself".to_owned(),
                Some(status) => format!("its {status} answer"),
                None => "the answer".to_owned(),
            }
        ),
        E::PreflightMissingAllowOriginHeader => format!(
            "the {}answer to the preflight carries no Access-Control-Allow-Origin.",
            told.status.map_or_else(String::new, |it| format!("{it} "))
        ),
        E::AllowOriginMismatch | E::PreflightAllowOriginMismatch if tainted => format!(
            "after redirects across origins the browser sends Origin: null, so an \
             Access-Control-Allow-Origin of {parameter} does not match."
        ),
        E::AllowOriginMismatch | E::PreflightAllowOriginMismatch => {
            format!("the answer's Access-Control-Allow-Origin is {parameter}, the page is {sent}.")
        }
        E::MultipleAllowOriginValues | E::PreflightMultipleAllowOriginValues => {
            "the answer's Access-Control-Allow-Origin has more than one value.".to_owned()
        }
        E::InvalidAllowOriginValue | E::PreflightInvalidAllowOriginValue => {
            format!("the answer's Access-Control-Allow-Origin ({parameter:?}) is no origin.")
        }
        E::WildcardOriginNotAllowed | E::PreflightWildcardOriginNotAllowed => {
            "the request carries credentials, and then * is no leave.".to_owned()
        }
        E::InvalidAllowCredentials | E::PreflightInvalidAllowCredentials => format!(
            "the request carries credentials, and the answer's Access-Control-Allow-Credentials is \
             {}, not true.",
            if parameter.is_empty() { "absent" } else { parameter }
        ),
        E::PreflightInvalidStatus => format!(
            "the preflight was answered with {}; only 200 to 299 will do.",
            told.status.map_or_else(|| "another status".to_owned(), |it| it.to_string())
        ),
        E::PreflightDisallowedRedirect => {
            "the preflight was answered with a redirect, which browsers do not follow.".to_owned()
        }
        E::InvalidAllowMethodsPreflightResponse => {
            "the preflight's Access-Control-Allow-Methods is no comma-separated list.".to_owned()
        }
        E::InvalidAllowHeadersPreflightResponse => {
            "the preflight's Access-Control-Allow-Headers is no comma-separated list.".to_owned()
        }
        E::MethodDisallowedByPreflightResponse => {
            format!("the preflight does not allow the method {parameter}.")
        }
        E::HeaderDisallowedByPreflightResponse => {
            format!("the preflight does not allow the request header {parameter}.")
        }
        E::RedirectContainsCredentials => {
            "the Location carries a user name and password, which CORS does not follow.".to_owned()
        }
        E::CorsDisabledScheme => "across origins only http and https are fetched.".to_owned(),
        E::DisallowedByMode => "the mode same-origin does not leave the page's origin.".to_owned(),
        E::NoCorsRedirectModeNotFollow => "no-cors must follow redirects.".to_owned(),
        E::LocalNetworkAccessPermissionDenied => format!(
            "the page is public, the server is in the {parameter} address space, and nobody gave leave."
        ),
        E::InvalidResponse => "the answer is invalid.".to_owned(),
    }
}
