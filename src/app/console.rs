//! Where a command writes.

use std::io::{self, Write};

/// The command's output and its surroundings, given by `main` or by a test.
pub struct Console {
    pub out: Box<dyn Write + Send>,
    pub err: Box<dyn Write + Send>,
    /// Whether `out` is a terminal.
    pub terminal: bool,
    /// Where a long command says how far it is: stderr where that is a terminal.
    pub progress: Option<Box<dyn Write + Send>>,
}

impl Console {
    /// Cells in a line of the output: the terminal's width, 100 where there is none, never so
    /// narrow or wide that text is hard to read.
    pub fn width(&self) -> usize {
        let columns = if self.terminal { crossterm::terminal::size().ok() } else { None };
        columns.map_or(100, |(columns, _)| usize::from(columns)).clamp(60, 140)
    }

    /// Whether the locale can show more than ASCII. Files and pipes get UTF-8.
    pub fn utf8(&self) -> bool {
        !self.terminal || locale_is_utf8()
    }

    /// Whether the output is a terminal that can show a screen.
    ///
    /// # Errors
    ///
    /// When it is none, or one that only prints.
    pub fn can_draw(&self) -> Result<(), super::Error> {
        if !self.terminal {
            return Err(super::Error::NoTerminal);
        }
        match std::env::var("TERM") {
            Ok(kind) if kind == "dumb" => Err(super::Error::DumbTerminal),
            _ => Ok(()),
        }
    }

    /// One line for the user on the side, `warning: …`. A lost stderr is no reason to stop.
    pub fn warn(&mut self, text: &str) {
        let _ = writeln!(self.err, "warning: {}", crate::trace::visible(text));
    }

    /// One line of output.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub fn line(&mut self, text: &str) -> Result<(), super::Error> {
        let written = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        written.map_err(|source: io::Error| super::Error::Write { source })
    }
}

/// By the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set, as POSIX says.
fn locale_is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|it| std::env::var(it).ok())
        .find(|it| !it.is_empty());
    set.is_none_or(|it| it.to_ascii_lowercase().replace('-', "").contains("utf8"))
}
