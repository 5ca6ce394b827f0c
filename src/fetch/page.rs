//! What a page asks for: the api it used and the request's modes.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word that the standard, the contract and the command line use.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value that `word` names, if any.
            pub fn parse(word: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }
    };
}

words! {
    /// Whose behaviour is meant, where browsers differ.
    Browser {
        Chromium = "chromium",
        Firefox = "firefox",
    }
}

words! {
    /// What made the request in the page.
    Api {
        Fetch = "fetch",
        Xhr = "xhr",
        Img = "img",
        Script = "script",
        Module = "module",
        Style = "style",
        Font = "font",
        Beacon = "beacon",
        EventSource = "eventsource",
    }
}

words! {
    /// The [request mode](https://fetch.spec.whatwg.org/#concept-request-mode).
    Mode {
        Cors = "cors",
        NoCors = "no-cors",
        SameOrigin = "same-origin",
        Navigate = "navigate",
    }
}

words! {
    /// The [credentials mode](https://fetch.spec.whatwg.org/#concept-request-credentials-mode).
    Credentials {
        SameOrigin = "same-origin",
        Include = "include",
        Omit = "omit",
    }
}

words! {
    /// The [redirect mode](https://fetch.spec.whatwg.org/#concept-request-redirect-mode).
    RedirectMode {
        Follow = "follow",
        Error = "error",
        Manual = "manual",
    }
}

words! {
    /// The address space a page or a server lives in
    /// ([Local Network Access](https://wicg.github.io/local-network-access/)).
    AddressSpace {
        Public = "public",
        Local = "local",
        Loopback = "loopback",
    }
}

words! {
    /// The [cache mode](https://fetch.spec.whatwg.org/#concept-request-cache-mode).
    CacheMode {
        Default = "default",
        NoStore = "no-store",
        Reload = "reload",
        NoCache = "no-cache",
        ForceCache = "force-cache",
        OnlyIfCached = "only-if-cached",
    }
}

words! {
    /// The [referrer policy](https://w3c.github.io/webappsec-referrer-policy/#referrer-policies).
    ReferrerPolicy {
        NoReferrer = "no-referrer",
        NoReferrerWhenDowngrade = "no-referrer-when-downgrade",
        Origin = "origin",
        OriginWhenCrossOrigin = "origin-when-cross-origin",
        SameOrigin = "same-origin",
        StrictOrigin = "strict-origin",
        StrictOriginWhenCrossOrigin = "strict-origin-when-cross-origin",
        UnsafeUrl = "unsafe-url",
    }
}
