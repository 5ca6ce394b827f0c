//! What can stop the taps from starting. Trouble with one exchange never does: it stands in its
//! hop.

use std::io;
use std::net::SocketAddr;

/// What can stop the taps from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen on {address} for the tap {name}")]
    Listen { name: String, address: SocketAddr, source: io::Error },
    #[error("cannot open the forward tap {name} on {address} to other machines")]
    NotLoopback { name: String, address: SocketAddr },
    #[error("cannot start two taps called {name}")]
    SameName { name: String },
    #[error("cannot start the tap {name}: its upstream {upstream} leads back to itself")]
    Loop { name: String, upstream: String },
    #[error("cannot start the tap {name} with TLS: it has no certificate")]
    NoCertificate { name: String },
    #[error("cannot start without a tap")]
    NoTap,
}

impl Error {
    /// What the user can do about it; printed on its own line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Listen { address, source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => Some(format!(
                    "port {} is taken; choose another, or 0 for any free one",
                    address.port()
                )),
                io::ErrorKind::PermissionDenied => {
                    Some("ports below 1024 need privileges; choose a higher one".to_owned())
                }
                io::ErrorKind::AddrNotAvailable => {
                    Some(format!("{} is not an address of this machine", address.ip()))
                }
                _ => None,
            },
            Error::NotLoopback { .. } => Some(
                "anybody who reaches it could use it as a proxy; listen on 127.0.0.1, ask \
                 for a password (--auth USER:PASSWORD), or allow it with `,open` behind the address"
                    .to_owned(),
            ),
            Error::SameName { .. } => Some("give every tap a name of its own".to_owned()),
            Error::Loop { .. } => {
                Some("an upstream is the gateway or the app, not a tap".to_owned())
            }
            Error::NoCertificate { .. } => {
                Some("give it one with --cert FILE and --key FILE".to_owned())
            }
            Error::NoTap => Some("add one with --tap NAME=forward:ADDR".to_owned()),
        }
    }
}
