//! TLS on both sides: who is trusted upstream, and who we are to clients.
//!
//! Shared by the parts that open and take connections (`proxy`, `drive`).
//!
//! **Invariant:** a certificate is always verified unless the user named the host it may be
//! wrong for.

mod authority;
mod error;
mod facts;
mod hello;
mod host;
mod lazy;
mod reason;
mod upstream;
mod verifier;

use std::io;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::{self, KeyLog, KeyLogFile};

pub use authority::{Authority, Identity};
pub use error::Error;
pub use facts::{Facts, certificate, of_client, of_upstream};
pub use hello::{Hello, HelloReader};
pub use host::HostGlob;
pub use lazy::LazyTls;
pub use reason::reason;
pub use upstream::{ClientCertificate, Tls, Trust};

/// Whether `error` came from TLS (a certificate, a protocol) rather than from the socket.
pub fn is_tls_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

/// Whether the other side says that it does not accept the certificate it was shown.
pub fn refuses_certificate(error: &io::Error) -> bool {
    use rustls::AlertDescription as Alert;
    let said = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    matches!(
        said,
        Some(rustls::Error::AlertReceived(
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
        ))
    )
}

/// Writes the secrets of every connection to the file that `SSLKEYLOGFILE` names, if it does.
fn key_log() -> Arc<dyn KeyLog> {
    static FILE: OnceLock<Arc<KeyLogFile>> = OnceLock::new();
    let file = FILE.get_or_init(|| Arc::new(KeyLogFile::new()));
    Arc::clone(file) as Arc<dyn KeyLog>
}
