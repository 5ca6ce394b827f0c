//! `hopscope record`, and bare `hopscope`.

use std::path::PathBuf;

use clap::Args;

use super::Look;
use crate::proxy::{OnFailure, TapSpec};

/// Record through taps.
#[derive(Args, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = "\
Examples:
  hopscope record --tap edge=forward:127.0.0.1:8080
  hopscope record --tap edge=reverse:8080=https://ID.execute-api.eu-west-1.amazonaws.com \\
                  --tap origin=reverse:9001=http://127.0.0.1:8000 -o incident.hops --headless")]
pub struct Record {
    /// Where to stand: NAME=forward:ADDR, or NAME=reverse:ADDR=URL; outermost first
    /// [default: edge=forward:127.0.0.1:8080]
    #[arg(long = "tap", value_name = "TAP")]
    pub taps: Vec<TapSpec>,

    /// The trace to write [default: hopscope-YYYYmmdd-HHMMSS.hops]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Only record, without the terminal interface
    #[arg(long)]
    pub headless: bool,

    /// Let a forward tap listen on an address that others can reach
    #[arg(long)]
    pub open: bool,

    /// What a client gets when its upstream gives no answer: mirror (the same failure) or answer
    /// (a 502 or 504 that says so) [default: a browser the failure, any other an answer]
    #[arg(long, value_name = "HOW")]
    pub on_failure: Option<OnFailure>,

    /// Mark requests between the outermost and the innermost tap, so that their sightings are
    /// certain under any concurrency
    #[arg(long)]
    pub mark: bool,

    /// Rewrite a Location that names the upstream itself, so that it leads through the tap
    #[arg(long)]
    pub keep_redirects: bool,

    /// Trust the certificate authorities in this PEM file, beside the platform's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    #[command(flatten)]
    pub look: Look,
}

/// Bare `hopscope`: the few options of [`Record`] that make sense with a screen and one tap.
#[derive(Args, Debug)]
pub struct Live {
    /// Where to stand, instead of the forward tap on 127.0.0.1:8080; see `hopscope record --help`
    #[arg(long = "tap", value_name = "TAP")]
    taps: Vec<TapSpec>,

    /// The trace to write [default: hopscope-YYYYmmdd-HHMMSS.hops]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    look: Look,
}

impl From<Live> for Record {
    fn from(live: Live) -> Record {
        Record { taps: live.taps, output: live.output, look: live.look, ..Record::default() }
    }
}
