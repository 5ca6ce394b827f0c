//! `hopscope browser`

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

/// `hopscope browser`
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope browser
  hopscope browser firefox http://127.0.0.1:5173/
  hopscope browser --tap 127.0.0.1:9000 https://my.front-end.com/
  hopscope browser chromium http://127.0.0.1:5173/ -- --headless --dump-dom")]
pub struct BrowserOptions {
    /// Which one [default: the first that is there]
    #[arg(value_enum, value_name = "BROWSER")]
    pub browser: Option<BrowserName>,

    /// The page to open
    #[arg(value_name = "URL")]
    pub url: Option<String>,

    /// The forward tap to use
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub tap: SocketAddr,

    /// Words for the browser itself
    #[arg(last = true, value_name = "WORD")]
    pub more: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum BrowserName {
    Chromium,
    Firefox,
}
