//! Why a certificate was not accepted, read from what was said of it.

use super::{Failure, FailureKind};

/// Why a certificate was not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Distrust {
    /// Nobody who is trusted signed it.
    Authority,
    /// It is not valid yet, or no longer.
    Date,
    /// It was made out to another name.
    Name,
    /// Its authority took it back.
    Revoked,
}

impl Distrust {
    /// What it says of a certificate, to be read after "its certificate".
    pub fn as_str(self) -> &'static str {
        match self {
            Distrust::Authority => "is signed by nobody who is trusted here",
            Distrust::Date => "is not valid now",
            Distrust::Name => "is made out to another name",
            Distrust::Revoked => "was revoked",
        }
    }
}

impl Failure {
    /// Why the server's certificate was not accepted, if that is why the handshake failed.
    pub fn distrust(&self) -> Option<Distrust> {
        if self.kind != FailureKind::Tls {
            return None;
        }
        let said = |words: &&(&str, Distrust)| self.detail.contains(words.0);
        WORDS.iter().find(said).map(|it| it.1)
    }
}

/// Our own words, and those of Chromium (`net::ERR_…`), Firefox (`SEC_ERROR_…`,
/// `SSL_ERROR_…`) and OpenSSL, which Node, Python and curl repeat.
const WORDS: &[(&str, Distrust)] = &[
    ("is signed by nobody who is trusted here", Distrust::Authority),
    ("ERR_CERT_AUTHORITY_INVALID", Distrust::Authority),
    ("UNKNOWN_ISSUER", Distrust::Authority),
    ("UNTRUSTED_ISSUER", Distrust::Authority),
    ("SELF_SIGNED", Distrust::Authority),
    ("self-signed certificate", Distrust::Authority),
    ("self signed certificate", Distrust::Authority),
    ("unable to get local issuer certificate", Distrust::Authority),
    ("unable to verify the first certificate", Distrust::Authority),
    ("is not valid now", Distrust::Date),
    ("ERR_CERT_DATE_INVALID", Distrust::Date),
    ("EXPIRED_CERTIFICATE", Distrust::Date),
    ("NOT_YET_VALID_CERTIFICATE", Distrust::Date),
    ("certificate has expired", Distrust::Date),
    ("certificate is not yet valid", Distrust::Date),
    ("is made out to another name", Distrust::Name),
    ("ERR_CERT_COMMON_NAME_INVALID", Distrust::Name),
    ("SSL_ERROR_BAD_CERT_DOMAIN", Distrust::Name),
    ("Hostname mismatch", Distrust::Name),
    ("hostname mismatch", Distrust::Name),
    ("was revoked", Distrust::Revoked),
    ("ERR_CERT_REVOKED", Distrust::Revoked),
    ("REVOKED_CERTIFICATE", Distrust::Revoked),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_words_of_many() {
        for (kind, detail, known) in [
            (FailureKind::Tls, "net::ERR_CERT_AUTHORITY_INVALID", Some(Distrust::Authority)),
            (FailureKind::Tls, "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", Some(Distrust::Authority)),
            (FailureKind::Tls, "net::ERR_CERT_DATE_INVALID", Some(Distrust::Date)),
            (FailureKind::Tls, "net::ERR_SSL_PROTOCOL_ERROR", None),
            (FailureKind::Reset, "net::ERR_CERT_DATE_INVALID", None),
        ] {
            let failure = Failure { kind, detail: detail.to_owned() };
            assert_eq!(failure.distrust(), known, "{detail}");
        }
        for own in [Distrust::Authority, Distrust::Date, Distrust::Name, Distrust::Revoked] {
            let detail = format!("its certificate {}", own.as_str());
            assert_eq!(Failure { kind: FailureKind::Tls, detail }.distrust(), Some(own));
        }
    }
}
