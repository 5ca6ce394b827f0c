//! Whose certificates are accepted: the same words wherever TLS is spoken to servers.

use std::path::PathBuf;

use clap::Args;

use crate::tls::HostGlob;

/// Exceptions from what the platform trusts.
#[derive(Args, Debug, Default)]
pub struct Certificates {
    /// Trust the certificate authorities in this PEM file, beside the platform's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Do not verify the certificate of this host; `*` stands for any characters
    #[arg(long, value_name = "HOST")]
    pub insecure: Vec<HostGlob>,
}

impl Certificates {
    /// Whether the user makes no exception.
    pub fn is_usual(&self) -> bool {
        self.ca.is_none() && self.insecure.is_empty()
    }
}
