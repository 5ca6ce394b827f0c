//! Parse, run, print what went wrong, exit.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use hopscope::app::{self, Console};
use hopscope::cli::Cli;

/// What one thread reads from the wire another one writes down and gives back; the system's
/// allocator makes them wait for one another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::read().unwrap_or_else(|it| it.exit());
    let console = Console {
        out: Box::new(io::BufWriter::new(io::stdout())),
        err: Box::new(io::stderr()),
        terminal: io::stdout().is_terminal(),
        progress: io::stderr().is_terminal().then(|| Box::new(io::stderr()) as _),
    };
    match app::run(cli, console) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to say when stderr is gone, too.
            let _ = report(&error, &mut io::stderr().lock());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Message, causes, hint: the only place that prints an error.
fn report(error: &app::Error, to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "error: {error}")?;
    for cause in error.causes() {
        writeln!(to, "cause: {cause}")?;
    }
    match error.hint() {
        Some(hint) => writeln!(to, "hint:  {hint}"),
        None => Ok(()),
    }
}
