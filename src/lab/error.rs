//! What can go wrong when the lab is started or changed.

use std::net::SocketAddr;

/// Why the lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("cannot listen on {address} for the lab's {server}")]
    Listen { server: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("the lab has no knob called {0:?}")]
    UnknownKnob(String),
    #[error("the lab's knob {knob} cannot be {value:?}")]
    BadValue { knob: &'static str, value: String, expects: &'static str },
}

impl LabError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            LabError::Listen { address, .. } => {
                format!("choose another port than {}, or 0 for any free one", address.port())
            }
            LabError::UnknownKnob(_) => {
                let names: Vec<_> = super::KNOBS.iter().map(|it| it.name).collect();
                format!("the knobs are {}", names.join(", "))
            }
            LabError::BadValue { expects, .. } => format!("it takes {expects}"),
        }
    }
}
