//! What broke a handshake, for a person.

use std::io;

use tokio_rustls::rustls::{AlertDescription as Alert, CertificateError as Wrong, Error};

use crate::trace::Distrust;

/// What `error` says of the server, as one sentence without a full stop; the library's own
/// words where it has no better ones.
pub fn reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|it| it.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(wrong)) => {
            let Some(distrust) = distrust(wrong) else { return error.to_string() };
            let more = match wrong {
                Wrong::NotValidForNameContext { .. }
                | Wrong::ExpiredContext { .. }
                | Wrong::NotValidYetContext { .. } => format!(": {wrong}"),
                _ => String::new(),
            };
            format!("its certificate {}{more}", distrust.as_str())
        }
        Some(Error::AlertReceived(Alert::CertificateRequired)) => {
            "it wants a certificate of the client".to_owned()
        }
        Some(Error::AlertReceived(Alert::HandshakeFailure | Alert::ProtocolVersion)) => {
            "it agrees to no version or cipher of TLS that was offered".to_owned()
        }
        Some(Error::AlertReceived(Alert::UnrecognisedName)) => {
            "it does not know the name it was asked for".to_owned()
        }
        _ => error.to_string(),
    }
}

fn distrust(wrong: &Wrong) -> Option<Distrust> {
    Some(match wrong {
        Wrong::UnknownIssuer => Distrust::Authority,
        // Signed by itself: what is made for tests is often an authority and a server in one.
        Wrong::Other(it) if it.0.to_string() == "CaUsedAsEndEntity" => Distrust::Authority,
        Wrong::Expired
        | Wrong::ExpiredContext { .. }
        | Wrong::NotValidYet
        | Wrong::NotValidYetContext { .. } => Distrust::Date,
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => Distrust::Name,
        Wrong::Revoked => Distrust::Revoked,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_said_plainly() {
        let said = |it: Error| reason(&io::Error::new(io::ErrorKind::InvalidData, it));
        for (error, words) in [
            (Error::InvalidCertificate(Wrong::UnknownIssuer), "signed by nobody who is trusted"),
            (Error::InvalidCertificate(Wrong::Expired), "not valid now"),
            (Error::InvalidCertificate(Wrong::BadSignature), "BadSignature"),
            (Error::AlertReceived(Alert::CertificateRequired), "a certificate of the client"),
            (Error::AlertReceived(Alert::ProtocolVersion), "no version or cipher"),
        ] {
            let said = said(error);
            assert!(said.contains(words), "{said}");
        }
    }
}
