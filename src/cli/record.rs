//! `hopscope record`, and bare `hopscope`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::{Certificates, Keep, Look};
use crate::proxy::{Credentials, Limit, NoProxy, OnFailure, TapSpec, UpstreamProxy};
use crate::tls::{ClientCertificate, HostGlob};
use crate::trace::Filter;

/// Record through taps.
#[derive(Args, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_long_help = "\
Examples:
  hopscope record --tap edge=forward:127.0.0.1:8080
  hopscope record --tap edge=reverse:8080=https://ID.execute-api.eu-west-1.amazonaws.com \\
                  --tap origin=reverse:9001=http://127.0.0.1:8000 -o incident.hops --headless
  hopscope record --tap edge=reverse:8443=http://127.0.0.1:8000,tls
  hopscope record --pass '*.bank.example' --insecure staging.test
  hopscope record --keep 1GiB --keep 7d --only '/prod/items 403' -o flight.hops --headless")]
pub struct Record {
    /// Where to stand: NAME=forward:ADDR, or NAME=reverse:ADDR=URL[,tls][,http=1.1|2] (`,http3` in
    /// builds with that feature); outermost first
    /// [default: edge=forward:127.0.0.1:8080]
    #[arg(long = "tap", value_name = "TAP")]
    pub taps: Vec<TapSpec>,

    /// The trace to write [default: hopscope-YYYYmmdd-HHMMSS.hops]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Only record, without the terminal interface
    #[arg(long)]
    pub headless: bool,

    /// Keep only the latest hops: so much on disk (1GiB), or so long (2h); may be given twice
    #[arg(long, value_name = "SIZE|TIME")]
    pub keep: Vec<Keep>,

    /// Keep only hops with all these words in method, URL, status or failure (no verdicts: they
    /// are not known yet), with their preflights, redirects and sightings at other taps
    #[arg(long, value_name = "WORDS")]
    pub only: Option<Filter>,

    /// Let a forward tap listen on an address that others can reach
    #[arg(long)]
    pub open: bool,

    /// Let only clients with this proxy password use forward taps; in the environment it is not
    /// shown to other users of this machine
    #[arg(long, value_name = "USER:PASSWORD", env = "HOPSCOPE_AUTH", hide_env_values = true)]
    pub auth: Option<Credentials>,

    /// Reach upstreams through this proxy: http://, https:// (TLS to the proxy itself), socks5://
    /// or socks5h://, USER:PASSWORD@ in front; none: straight [default: the proxies of the
    /// environment, this machine straight]
    #[arg(long, value_name = "URL|none")]
    pub upstream_proxy: Option<WayOut>,

    /// Reach these hosts without it, for example localhost,.corp.example,10.0.0.0/8
    #[arg(long, value_name = "LIST", env = "NO_PROXY", hide_env_values = true)]
    pub no_proxy: Option<NoProxy>,

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

    #[command(flatten)]
    pub certificates: Certificates,

    /// Show a certificate of your own to an upstream: certificate and private key, PEM
    #[arg(long, value_name = "HOST=FILE")]
    pub client_cert: Vec<ClientCertificate>,

    /// Leave what goes to this host through a forward tap untouched: its TLS is not read
    #[arg(long, value_name = "HOST")]
    pub pass: Vec<HostGlob>,

    /// What taps with `,tls` show, instead of a certificate of the local authority (PEM)
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The private key of --cert, where it is in a file of its own
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// What a tap takes at most: head=384K (bytes of a head), fields=500 (of a head),
    /// target=65534 (bytes), head-time=30s (for a request's head, a TLS
    /// handshake, a SOCKS greeting, once begun), connections=20000
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub limits: Vec<Limit>,

    #[command(flatten)]
    pub look: Look,
}

/// `--upstream-proxy`: how upstreams are reached.
#[derive(Clone, Debug)]
pub enum WayOut {
    Straight,
    Through(UpstreamProxy),
}

impl FromStr for WayOut {
    type Err = String;

    fn from_str(text: &str) -> Result<WayOut, String> {
        match text {
            "none" => Ok(WayOut::Straight),
            url => url.parse().map(WayOut::Through),
        }
    }
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
