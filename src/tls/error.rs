//! What can go wrong before any connection is made.

use std::io;
use std::path::PathBuf;

use tokio_rustls::rustls::{self, pki_types};

/// What can go wrong before any connection is made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the certificate authority {}", path.display())]
    ReadCa { path: PathBuf, source: pki_types::pem::Error },
    #[error("cannot use a certificate in {}", path.display())]
    UseCa { path: PathBuf, source: rustls::Error },
    #[error("cannot read the certificate and key in {}", path.display())]
    ReadIdentity { path: PathBuf, source: pki_types::pem::Error },
    #[error("cannot use the certificate and key in {}", path.display())]
    UseIdentity { path: PathBuf, source: rustls::Error },
    #[error("cannot tell where this user's files belong")]
    NoFolder,
    #[error("cannot read the local certificate authority {}", path.display())]
    ReadAuthority { path: PathBuf, source: io::Error },
    #[error("cannot use the local certificate authority {}", path.display())]
    UseAuthority { path: PathBuf, source: rcgen::Error },
    #[error("cannot use the local certificate authority {}: others may read its key", path.display())]
    OpenToOthers { path: PathBuf },
    #[error("cannot write the local certificate authority {}", path.display())]
    WriteAuthority { path: PathBuf, source: io::Error },
    #[error("cannot make a certificate authority")]
    MakeAuthority { source: rcgen::Error },
    #[error("cannot make a certificate for {host}")]
    MakeLeaf { host: String, source: rcgen::Error },
    #[error("cannot use the certificate made for {host}")]
    UseLeaf { host: String, source: rustls::Error },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::ReadCa { .. } | Error::UseCa { .. } => {
                "the file must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)"
                    .to_owned()
            }
            Error::ReadIdentity { .. } | Error::UseIdentity { .. } => {
                "it takes the certificate, those that signed it, and its private key, in PEM form"
                    .to_owned()
            }
            Error::NoFolder => "set HOME or XDG_DATA_HOME".to_owned(),
            Error::OpenToOthers { path } => {
                format!(
                    "close it (chmod 600 {}), or make a new one: hopscope ca rotate",
                    path.display()
                )
            }
            Error::ReadAuthority { .. } | Error::UseAuthority { .. } => {
                "make a new one with `hopscope ca rotate`, and install it again".to_owned()
            }
            Error::WriteAuthority { .. } => {
                "it belongs into $XDG_DATA_HOME/hopscope, else ~/.local/share/hopscope".to_owned()
            }
            Error::MakeAuthority { .. } | Error::MakeLeaf { .. } | Error::UseLeaf { .. } => {
                return None;
            }
        })
    }
}
