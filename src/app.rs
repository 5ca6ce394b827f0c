//! The composition root: starts the parts and owns the channels between them.
//!
//! One file a command. This is the only part that knows everybody; it decides nothing about
//! traffic, only who gets which value.

mod analyst;
mod browser;
mod ca;
mod census;
mod console;
mod demo;
mod desk;
mod driven;
mod error;
mod explain;
mod fetch;
mod import;
mod info;
mod lab;
mod open;
mod opened;
mod print;
mod progress;
mod record;
mod recording;
mod scratch;
mod study;

pub use console::Console;
pub use error::Error;

use crate::cli::{Cli, Command};
use crate::formats::Secrets;
use crate::redact::Redactor;

/// Do what the user typed; the exit code.
///
/// # Errors
///
/// When the command could not do its work.
pub fn run(cli: Cli, console: Console) -> Result<u8, Error> {
    match cli.command {
        None => record::run(&cli.live.into(), console),
        Some(Command::Demo(options)) => demo::run(&options, console),
        Some(Command::Record(options)) => record::run(&options, console),
        Some(Command::Open(options)) => open::run(&options, console),
        Some(Command::Info(options)) => info::run(&options, console),
        Some(Command::Explain(options)) => explain::run(&options, console),
        Some(Command::Fetch(options)) => fetch::run(&options, console),
        Some(Command::Import(options)) => import::run(&options, console),
        Some(Command::Browser(options)) => browser::run(&options, console),
        Some(Command::Ca(options)) => ca::run(&options, console),
        Some(Command::Lab(options)) => lab::run(&options, console),
    }
}

/// How secrets are printed. The key is drawn anew for every run, so that tokens compare within
/// one output and tell nothing beyond it.
fn secrets(reveal: bool) -> Secrets {
    if reveal {
        return Secrets::Revealed;
    }
    let mut key = [0; 32];
    // Without randomness the tokens can be guessed by whoever knows the secret already.
    let _ = getrandom::fill(&mut key);
    Secrets::Redacted(Redactor::new(key))
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().map_err(|source| Error::Runtime { source })
}

/// Wait for SIGINT or SIGTERM.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        // Without the handler a SIGTERM ends the process at once, which loses nothing either.
        Err(_) => drop(interrupted.await),
    }
}
