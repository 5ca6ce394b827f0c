//! `hopscope demo`

use std::path::PathBuf;

use clap::Args;

use super::Look;
use super::explain::Print;

/// Play the incident: gateway, app, page and browser in one process, both sides tapped.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope demo
  hopscope demo --headless
  hopscope demo --headless --json | jq '.chains[].verdict'")]
pub struct Demo {
    /// Print the explanation instead of opening the terminal interface
    #[arg(long)]
    pub headless: bool,

    /// Keep the recorded trace here
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub print: Print,

    #[command(flatten)]
    pub look: LookWithoutAscii,
}

/// The theme alone: `--ascii` comes with [`Print`].
#[derive(Args, Clone, Debug, Default)]
pub struct LookWithoutAscii {
    /// Colours of the terminal interface
    #[arg(long, value_enum, default_value_t)]
    pub theme: super::ThemeName,
}

impl Demo {
    /// How the screen is drawn.
    pub fn look(&self) -> Look {
        Look { ascii: self.print.ascii, theme: self.look.theme }
    }
}
