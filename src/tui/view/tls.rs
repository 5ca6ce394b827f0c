//! What TLS said on either side of a hop, and the trailers, as lines of facts.

use crate::trace::{Headers, HopTls, TlsSession, Trailers, visible};

/// Word and text of each line.
pub(super) fn facts(tls: &HopTls) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    for (word, session) in [("TLS client", &tls.client), ("TLS upstream", &tls.upstream)] {
        if let Some(session) = session {
            facts.push((word, agreed(session)));
            for certificate in &session.certificates {
                let until = chrono::DateTime::from_timestamp(certificate.not_after, 0);
                let until = until.map(|it| it.format("%Y-%m-%d").to_string()).unwrap_or_default();
                let text = format!(
                    "certificate of {}, signed by {}, until {until}, SHA-256 {}",
                    visible(&certificate.subject),
                    visible(&certificate.issuer),
                    certificate.fingerprint,
                );
                facts.push(("", text));
            }
        }
    }
    facts.extend(tls.passed.as_deref().map(|it| ("tunnel", visible(it).into_owned())));
    facts
}

/// Word and text of each line.
pub(super) fn trailers(trailers: &Trailers) -> Vec<(&'static str, String)> {
    let sides = [("sent after", &trailers.request), ("came after", &trailers.response)];
    let sides = sides.into_iter().filter(|(_, fields)| !fields.is_empty());
    sides.map(|(word, fields)| (word, listed(fields))).collect()
}

fn listed(fields: &Headers) -> String {
    let fields =
        fields.iter().map(|it| visible(&format!("{}: {}", it.name, it.text())).into_owned());
    fields.collect::<Vec<_>>().join(", ")
}

fn agreed(session: &TlsSession) -> String {
    let named = [("ALPN", &session.alpn), ("SNI", &session.sni)];
    let named = named.into_iter().filter_map(|(word, it)| Some((word, it.as_deref()?)));
    let named = named.map(|(word, it)| format!("{word} {}", visible(it)));
    let agreed = [visible(&session.version).into_owned(), visible(&session.cipher).into_owned()];
    agreed.into_iter().chain(named).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::trace::Certificate;

    #[test]
    fn tells_the_trailers_that_there_are() {
        let response = [("grpc-status", "0"), ("x", "\u{7}")].into_iter().collect();
        let told = trailers(&Trailers { response, ..Trailers::default() });
        assert_eq!(told.len(), 1);
        assert!(told[0].1.starts_with("grpc-status: 0, x: ") && !told[0].1.contains('\u{7}'));
    }

    #[test]
    fn tells_both_sides_and_no_byte_reaches_the_terminal_raw() {
        let certificate = Certificate {
            subject: "CN=a\u{1b}[31m".to_owned(),
            issuer: "CN=World".to_owned(),
            not_after: 1_800_000_000,
            fingerprint: "ab".to_owned(),
        };
        let session = TlsSession {
            version: "TLS 1.3".to_owned(),
            cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
            alpn: Some("h2".to_owned()),
            sni: None,
            certificates: vec![certificate],
        };
        let tls = HopTls { upstream: Some(Arc::new(session)), ..HopTls::default() };
        let facts = facts(&tls);
        assert_eq!(facts[0].1, "TLS 1.3, TLS_AES_128_GCM_SHA256, ALPN h2");
        assert!(facts[1].1.contains("signed by CN=World, until 2027-01-15"), "{facts:?}");
        assert!(!facts[1].1.contains('\u{1b}'), "{facts:?}");
    }
}
