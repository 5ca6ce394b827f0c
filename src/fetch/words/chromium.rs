//! Chromium's words.
//!
//! **Invariant:** the sentences are those of
//! `third_party/blink/renderer/platform/loader/cors/cors_error_string.cc`.

use std::fmt::Write as _;

use super::super::cors_check::as_utf8;
use super::super::end::{End, Ended};
use super::super::refusal::{CorsError, Refusal};
use super::super::{Api, Chromium};

/// What `DevTools` reports and the console says. `origin` is the page's.
pub(in super::super) fn chromium(end: &End, api: Api, origin: &str) -> Chromium {
    let remark = || end.remarks.first().cloned();
    match &end.ended {
        Ended::Refused(Refusal::Chromium { code, parameter }) => Chromium {
            outcome: None,
            code: Some(code.as_str()),
            // The address space stands in the sentence only.
            parameter: match code {
                CorsError::LocalNetworkAccessPermissionDenied => String::new(),
                _ => as_utf8(parameter).unwrap_or_default(),
            },
            net_error: None,
            console: Some(sentence(*code, &printable(parameter), end, api, origin)),
        },
        Ended::Failed(failing) => Chromium {
            net_error: failing.net_error.clone(),
            console: failing.sentence().or_else(remark),
            ..Chromium::default()
        },
        Ended::Allowed(readable) => Chromium {
            net_error: readable.net_error.clone(),
            console: readable.console.clone().or_else(remark),
            ..Chromium::default()
        },
        Ended::Refused(Refusal::Firefox { .. }) | Ended::NotRecorded => Chromium::default(),
    }
}

/// The console shows what is not printable ASCII escaped.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(it @ b' '..=b'~') => shown.push(char::from(it)),
            // Writing to a String cannot fail.
            _ => drop(write!(shown, "\\u{unit:04X}")),
        }
    }
    shown
}

fn sentence(code: CorsError, parameter: &str, end: &End, api: Api, origin: &str) -> String {
    let first = &end.first_url;
    match code {
        CorsError::DisallowedByMode => {
            return format!(
                "Fetch API cannot load {first}. Request mode is \"same-origin\" but the URL's \
                 origin is not same as the request origin {origin}."
            );
        }
        CorsError::NoCorsRedirectModeNotFollow => {
            return format!(
                "Fetch API cannot load {first}. Request mode is \"no-cors\" but the redirect mode \
                 is not \"follow\"."
            );
        }
        CorsError::CorsDisabledScheme if !parameter.is_empty() => {
            return format!(
                "Fetch API cannot load {first}. URL scheme \"{parameter}\" is not supported."
            );
        }
        _ => {}
    }
    let redirected = if *first == end.last_url {
        String::new()
    } else {
        format!("(redirected from '{first}') ")
    };
    let prefix = if code.names_the_preflight() {
        "Response to preflight request doesn't pass access control check: "
    } else {
        ""
    };
    format!(
        "Access to {} at '{}' {redirected}from origin '{origin}' has been blocked by CORS policy: \
         {prefix}{}",
        subject(api),
        end.last_url,
        because(code, parameter, api),
    )
}

/// `Resource::ResourceTypeToString`, in the middle of a sentence.
fn subject(api: Api) -> &'static str {
    match api {
        Api::Fetch => "fetch",
        Api::Xhr => "XMLHttpRequest",
        Api::Img => "image",
        Api::Script | Api::Module => "script",
        Api::Style => "CSS stylesheet",
        Api::Font => "font",
        Api::Beacon | Api::EventSource => "resource",
    }
}

fn because(code: CorsError, parameter: &str, api: Api) -> String {
    use CorsError as E;
    let advice =
        if api == Api::Fetch { " Have the server send the header with a valid value." } else { "" };
    let with_credentials = if api == Api::Xhr {
        " The credentials mode of requests initiated by the XMLHttpRequest is controlled by the \
         withCredentials attribute."
    } else {
        ""
    };
    match code {
        E::DisallowedByMode => "Cross origin requests are not allowed by request mode.".to_owned(),
        E::InvalidResponse => "The response is invalid.".to_owned(),
        E::WildcardOriginNotAllowed | E::PreflightWildcardOriginNotAllowed => format!(
            "The value of the 'Access-Control-Allow-Origin' header in the response must not be the \
             wildcard '*' when the request's credentials mode is 'include'.{with_credentials}"
        ),
        E::MissingAllowOriginHeader | E::PreflightMissingAllowOriginHeader => {
            "No 'Access-Control-Allow-Origin' header is present on the requested resource."
                .to_owned()
        }
        E::MultipleAllowOriginValues | E::PreflightMultipleAllowOriginValues => format!(
            "The 'Access-Control-Allow-Origin' header contains multiple values '{parameter}', but \
             only one is allowed.{advice}"
        ),
        E::InvalidAllowOriginValue | E::PreflightInvalidAllowOriginValue => format!(
            "The 'Access-Control-Allow-Origin' header contains the invalid value \
             '{parameter}'.{advice}"
        ),
        E::AllowOriginMismatch | E::PreflightAllowOriginMismatch => format!(
            "The 'Access-Control-Allow-Origin' header has a value '{parameter}' that is not equal \
             to the supplied origin.{advice}"
        ),
        E::InvalidAllowCredentials | E::PreflightInvalidAllowCredentials => format!(
            "The value of the 'Access-Control-Allow-Credentials' header in the response is \
             '{parameter}' which must be 'true' when the request's credentials mode is \
             'include'.{with_credentials}"
        ),
        E::CorsDisabledScheme => {
            format!("Cross origin requests are only supported for protocol schemes: {SCHEMES}.")
        }
        E::PreflightInvalidStatus => "It does not have HTTP ok status.".to_owned(),
        E::PreflightDisallowedRedirect => {
            "Redirect is not allowed for a preflight request.".to_owned()
        }
        E::InvalidAllowMethodsPreflightResponse => {
            "Cannot parse Access-Control-Allow-Methods response header field in preflight response."
                .to_owned()
        }
        E::InvalidAllowHeadersPreflightResponse => {
            "Cannot parse Access-Control-Allow-Headers response header field in preflight response."
                .to_owned()
        }
        E::MethodDisallowedByPreflightResponse => format!(
            "Method {parameter} is not allowed by Access-Control-Allow-Methods in preflight \
             response."
        ),
        E::HeaderDisallowedByPreflightResponse => format!(
            "Request header field {parameter} is not allowed by Access-Control-Allow-Headers in \
             preflight response."
        ),
        // Chromium hands over no location here.
        E::RedirectContainsCredentials => format!(
            "Redirect location '{parameter}' contains a username and password, which is disallowed \
             for cross-origin requests."
        ),
        E::LocalNetworkAccessPermissionDenied => format!(
            "Permission was denied for this request to access the `{parameter}` address space."
        ),
        E::NoCorsRedirectModeNotFollow => "Redirect mode is not follow.".to_owned(),
    }
}

/// The schemes that a Chromium built for Linux registers for CORS.
const SCHEMES: &str = "chrome, chrome-experimental-site-token-provider, chrome-extension, \
                       chrome-untrusted, data, http, https, isolated-app";
