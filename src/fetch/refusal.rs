//! Refusals: the names that browsers give to a CORS error.
//!
//! **Invariant:** a refusal quotes what was refused; nothing is worded here.

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[expect(missing_docs, reason = "the names are the browser's own")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The browser's own name.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => stringify!($variant)),+ }
            }
        }
    };
}

codes! {
    /// Chromium: [`Network.CorsError`](https://chromedevtools.github.io/devtools-protocol/tot/Network/#type-CorsError).
    CorsError {
        DisallowedByMode,
        InvalidResponse,
        WildcardOriginNotAllowed,
        MissingAllowOriginHeader,
        MultipleAllowOriginValues,
        InvalidAllowOriginValue,
        AllowOriginMismatch,
        InvalidAllowCredentials,
        CorsDisabledScheme,
        PreflightInvalidStatus,
        PreflightDisallowedRedirect,
        PreflightWildcardOriginNotAllowed,
        PreflightMissingAllowOriginHeader,
        PreflightMultipleAllowOriginValues,
        PreflightInvalidAllowOriginValue,
        PreflightAllowOriginMismatch,
        PreflightInvalidAllowCredentials,
        InvalidAllowMethodsPreflightResponse,
        InvalidAllowHeadersPreflightResponse,
        MethodDisallowedByPreflightResponse,
        HeaderDisallowedByPreflightResponse,
        RedirectContainsCredentials,
        LocalNetworkAccessPermissionDenied,
        NoCorsRedirectModeNotFollow,
    }
}

impl CorsError {
    /// The same error, found in a preflight's answer.
    #[must_use]
    pub fn in_preflight(self) -> CorsError {
        match self {
            CorsError::WildcardOriginNotAllowed => CorsError::PreflightWildcardOriginNotAllowed,
            CorsError::MissingAllowOriginHeader => CorsError::PreflightMissingAllowOriginHeader,
            CorsError::MultipleAllowOriginValues => CorsError::PreflightMultipleAllowOriginValues,
            CorsError::InvalidAllowOriginValue => CorsError::PreflightInvalidAllowOriginValue,
            CorsError::AllowOriginMismatch => CorsError::PreflightAllowOriginMismatch,
            CorsError::InvalidAllowCredentials => CorsError::PreflightInvalidAllowCredentials,
            it => it,
        }
    }

    /// Whether the console sentence begins with "Response to preflight request doesn't pass
    /// access control check". The four codes about grants do not, though they are about the
    /// preflight, too.
    pub fn names_the_preflight(self) -> bool {
        self.as_str().starts_with("Preflight")
    }
}

codes! {
    /// Firefox: the keys of its console messages
    /// ([MDN](https://developer.mozilla.org/docs/Web/HTTP/Guides/CORS/Errors)).
    FirefoxCode {
        CORSDidNotSucceed2,
        CORSExternalRedirectNotAllowed,
        CORSRequestNotHttp,
        CORSMissingAllowOrigin2,
        CORSMultipleAllowOriginNotAllowed,
        CORSAllowOriginNotMatchingOrigin,
        CORSNotSupportingCredentials,
        CORSMethodNotFound,
        CORSMissingAllowCredentials,
        CORSPreflightDidNotSucceed3,
        CORSInvalidAllowMethod,
        CORSInvalidAllowHeader,
        CORSMissingAllowHeaderFromPreflight2,
    }
}

/// What refused, in the words of one browser.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    Chromium { code: CorsError, parameter: String },
    Firefox { code: FirefoxCode, parameter: String },
}

impl Refusal {
    pub fn chromium(code: CorsError, parameter: impl Into<String>) -> Refusal {
        Refusal::Chromium { code, parameter: parameter.into() }
    }

    pub fn firefox(code: FirefoxCode, parameter: impl Into<String>) -> Refusal {
        Refusal::Firefox { code, parameter: parameter.into() }
    }

    /// The browser's name of it.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Chromium { code, .. } => code.as_str(),
            Refusal::Firefox { code, .. } => code.as_str(),
        }
    }
}
