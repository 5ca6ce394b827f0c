//! What was spoken on either side of a hop: added fields of schema 1.

use serde::Serialize;

use crate::trace::{self, HopTls, TlsSession};

/// The versions of HTTP, on either side of the tap.
#[derive(Serialize)]
pub(super) struct Protocol {
    client: &'static str,
    upstream: Option<&'static str>,
}

impl Protocol {
    pub(super) fn of(hop: &trace::Hop) -> Protocol {
        let upstream = hop.response().map(|it| it.version.as_str());
        Protocol { client: hop.request.version.as_str(), upstream }
    }
}

#[derive(Serialize)]
pub(super) struct Tls {
    client: Option<Session>,
    upstream: Option<Session>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed: Option<String>,
}

#[derive(Serialize)]
struct Session {
    version: String,
    cipher: String,
    alpn: Option<String>,
    sni: Option<String>,
    certificates: Vec<Certificate>,
}

#[derive(Serialize)]
struct Certificate {
    subject: String,
    issuer: String,
    /// RFC 3339.
    not_after: String,
    sha256: String,
}

impl Tls {
    pub(super) fn of(tls: &HopTls) -> Tls {
        let side = |it: &Option<std::sync::Arc<TlsSession>>| it.as_deref().map(Session::of);
        let (client, upstream) = (side(&tls.client), side(&tls.upstream));
        Tls { client, upstream, passed: tls.passed.clone() }
    }
}

impl Session {
    fn of(session: &TlsSession) -> Session {
        let certificates = session.certificates.iter().map(|it| Certificate {
            subject: it.subject.clone(),
            issuer: it.issuer.clone(),
            not_after: day(it.not_after),
            sha256: it.fingerprint.clone(),
        });
        Session {
            version: session.version.clone(),
            cipher: session.cipher.clone(),
            alpn: session.alpn.clone(),
            sni: session.sni.clone(),
            certificates: certificates.collect(),
        }
    }
}

fn day(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0);
    time.map(|it| it.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).unwrap_or_default()
}
