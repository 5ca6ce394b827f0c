//! `hopscope ca`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `hopscope ca`
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope ca
  hopscope ca install
  hopscope ca install --only firefox --yes
  hopscope ca export --der -o hopscope.crt
  curl --cacert \"$(hopscope ca path)\" --proxy http://127.0.0.1:8080 https://api.test/")]
pub struct Ca {
    #[command(subcommand)]
    pub act: Option<CaAct>,
}

/// What to do with the local authority.
#[derive(Debug, Subcommand)]
pub enum CaAct {
    /// Say where it is, what it is called and how long it is valid (the default)
    Show,
    /// Print only the path of its certificate
    Path,
    /// Let the system and the browsers of this machine trust it
    Install(Where),
    /// Make them forget it
    Remove(Where),
    /// Make a new one in its place, after removing the old one
    Rotate(Where),
    /// Write its certificate, without the private key
    Export(Export),
}

/// Which places, and whether to ask.
#[derive(Args, Debug)]
pub struct Where {
    /// Only there; may be given several times
    #[arg(long, value_enum, value_name = "PLACE")]
    pub only: Vec<CaPlace>,

    /// Do not ask
    #[arg(long)]
    pub yes: bool,

    /// Only print what would be done
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

/// A place that trusts authorities.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum CaPlace {
    System,
    Chromium,
    Firefox,
}

/// `hopscope ca export`
#[derive(Args, Debug)]
pub struct Export {
    /// DER instead of PEM
    #[arg(long)]
    pub der: bool,

    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
