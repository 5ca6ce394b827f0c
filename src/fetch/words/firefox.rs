//! Firefox's words.
//!
//! **Invariant:** the reasons are those of `dom/locales/en-US/chrome/security/security.properties`.

use super::super::Firefox;
use super::super::end::{End, Ended};
use super::super::refusal::{FirefoxCode, Refusal};

/// What Firefox's console says.
pub(in super::super) fn firefox(end: &End) -> Firefox {
    let (code, parameter) = match &end.ended {
        Ended::Refused(Refusal::Firefox { code, parameter }) => (Some(*code), parameter.as_str()),
        Ended::Failed(failing) => (failing.firefox, ""),
        Ended::Refused(Refusal::Chromium { .. }) | Ended::Allowed(_) | Ended::NotRecorded => {
            (None, "")
        }
    };
    Firefox {
        outcome: None,
        code: code.map(FirefoxCode::as_str),
        reason: code.map(|it| reason(it, parameter)),
    }
}

fn reason(code: FirefoxCode, parameter: &str) -> String {
    use FirefoxCode as F;
    match code {
        F::CORSDidNotSucceed2 => "CORS request did not succeed".to_owned(),
        F::CORSExternalRedirectNotAllowed => {
            "CORS request external redirect not allowed".to_owned()
        }
        F::CORSRequestNotHttp => "CORS request not http".to_owned(),
        F::CORSMissingAllowOrigin2 => {
            "CORS header ‘Access-Control-Allow-Origin’ missing".to_owned()
        }
        F::CORSMultipleAllowOriginNotAllowed => {
            "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed".to_owned()
        }
        F::CORSAllowOriginNotMatchingOrigin => {
            format!("CORS header ‘Access-Control-Allow-Origin’ does not match ‘{parameter}’")
        }
        F::CORSNotSupportingCredentials => {
            "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’"
                .to_owned()
        }
        F::CORSMethodNotFound => {
            "Did not find method in CORS header ‘Access-Control-Allow-Methods’".to_owned()
        }
        F::CORSMissingAllowCredentials => {
            "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’".to_owned()
        }
        F::CORSPreflightDidNotSucceed3 => "CORS preflight response did not succeed".to_owned(),
        F::CORSInvalidAllowMethod => {
            format!("invalid token ‘{parameter}’ in CORS header ‘Access-Control-Allow-Methods’")
        }
        F::CORSInvalidAllowHeader => {
            format!("invalid token ‘{parameter}’ in CORS header ‘Access-Control-Allow-Headers’")
        }
        F::CORSMissingAllowHeaderFromPreflight2 => format!(
            "header ‘{parameter}’ is not allowed according to header \
             ‘Access-Control-Allow-Headers’ from CORS preflight response"
        ),
    }
}
