//! What the user typed. Parsing only; touches nothing.
//!
//! **Invariant:** a value that comes out of here is well formed; whether a file exists or a
//! port is free is found out later.

mod assume;
mod browser;
mod ca;
mod certificates;
mod demo;
mod explain;
mod fetch;
mod inputs;
mod keep;
mod lab;
mod record;

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use assume::{Assume, AssumeKey};
pub use browser::{BrowserName, BrowserOptions};
pub use ca::{Ca, CaAct, CaPlace, Export as CaExport, Where as CaWhere};
pub use certificates::Certificates;
pub use demo::Demo;
pub use explain::{Explain, FailOn, Print};
pub use fetch::Fetch;
pub use inputs::Input;
pub use keep::Keep;
pub use lab::LabOptions;
pub use record::{Live, Record, WayOut};

use crate::fetch::Browser;

/// Trace HTTP requests hop by hop and see where they broke
///
/// Without a command: record with a forward tap on 127.0.0.1:8080 and open the terminal
/// interface.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub live: Live,
}

impl Cli {
    /// What stands on this process's command line.
    ///
    /// # Errors
    ///
    /// When it is wrong, or wants help; the error knows what to print and how to exit. It quotes
    /// no password.
    pub fn read() -> Result<Cli, clap::Error> {
        Cli::try_parse().map_err(without_secrets)
    }
}

fn without_secrets(mut error: clap::Error) -> clap::Error {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    if SECRET.iter().any(|it| argument.starts_with(it)) {
        let hidden = ContextValue::String("(not shown)".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    error
}

/// Options whose values hold passwords.
const SECRET: &[&str] = &["--auth", "--upstream-proxy", "--via"];

const AFTER_HELP: &str = "\
Exit codes of explain, fetch and demo: 0 all allowed, 1 some blocked, 2 usage or unreadable
input, 3 a network failure decided.  `hopscope COMMAND --help` has examples.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play the incident: gateway, app, page and browser in one process, both sides tapped
    Demo(Demo),
    /// Record through taps, with the terminal interface or --headless
    Record(Box<Record>),
    /// Step through a trace or a HAR, also one that is being recorded
    Open(Open),
    /// Say what is in a trace
    Info(Info),
    /// Say what a browser concludes from recorded hops, who caused it, what to change
    Explain(Explain),
    /// Do what a browser would do for a page at ORIGIN, for real, and explain it
    Fetch(Box<Fetch>),
    /// Write hops of other tools into a trace
    Import(Import),
    /// Start a browser with a throw-away profile that uses and trusts the tap
    Browser(BrowserOptions),
    /// Show, install, remove, replace or export the local certificate authority
    Ca(Ca),
    /// Start only the lab's gateway, app and page, with knobs
    Lab(LabOptions),
}

/// How the screen is drawn.
#[derive(Args, Clone, Debug, Default)]
pub struct Look {
    /// Draw with ASCII characters only (automatic without a UTF-8 locale)
    #[arg(long)]
    pub ascii: bool,

    /// Colours of the terminal interface
    #[arg(long, value_enum, default_value_t)]
    pub theme: ThemeName,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum ThemeName {
    #[default]
    Dark,
    Light,
    Contrast,
    None,
}

/// `hopscope open`
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope open incident.hops
  hopscope open edge=browser.har origin=backend.har")]
pub struct Open {
    /// A trace, a HAR, mitmproxy flows, or - for stdin; several as NAME=FILE are taps of one story, outermost first
    #[arg(required = true, value_name = "FILE | NAME=FILE")]
    pub inputs: Vec<Input>,

    /// What the recording does not show, for example credentials=include
    #[arg(long, value_name = "KEY=VALUE")]
    pub assume: Vec<Assume>,

    /// Whose behaviour to judge by [default: by User-Agent, else chromium]
    #[arg(long = "as", value_name = "BROWSER", value_parser = browser)]
    pub browser: Option<Browser>,

    #[command(flatten)]
    pub look: Look,
}

/// `hopscope info`
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope info incident.hops
  hopscope info incident.hops --json | jq .hops")]
pub struct Info {
    /// A trace or a HAR; several as NAME=FILE
    #[arg(required = true, value_name = "FILE | NAME=FILE")]
    pub inputs: Vec<Input>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `hopscope import`
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope import browser.har -o incident.hops
  hopscope import edge=browser.har origin=backend.har -o incident.hops")]
pub struct Import {
    /// HARs, mitmproxy flows or traces; several as NAME=FILE are taps of one story, outermost first
    #[arg(required = true, value_name = "FILE | NAME=FILE")]
    pub inputs: Vec<Input>,

    /// The trace to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Parse a browser's name.
fn browser(word: &str) -> Result<Browser, String> {
    Browser::parse(word).ok_or_else(|| format!("`{word}` is neither chromium nor firefox"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn no_password_stands_in_an_error() {
        for (command, words) in [
            ("record", ["--auth", ":hunter2"]),
            ("record", ["--upstream-proxy", "ftp://ann:hunter2@proxy:1"]),
            ("fetch", ["--auth", ":hunter2"]),
            ("fetch", ["--via", "socks5://ann:hunter2@proxy:1"]),
        ] {
            let wrong = Cli::try_parse_from([["hopscope", command], words].concat());
            let error = without_secrets(wrong.unwrap_err()).to_string();
            assert!(error.contains(words[0]) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_command_line_is_sound_and_its_help_fits_one_screen() {
        Cli::command().debug_assert();
        let help = Cli::command().term_width(100).render_help().to_string();
        assert!(help.lines().count() <= 45, "{help}");
    }
}
