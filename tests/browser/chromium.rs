//! A real Chromium with the lab's page, by way of `press.mjs`.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Dropping it ends the browser: its standard input closes.
pub(crate) struct Chromium {
    process: Child,
    asked: Option<ChildStdin>,
    said: Lines<BufReader<ChildStdout>>,
}

impl Chromium {
    pub(crate) fn start(page: &str, proxy: &str) -> Chromium {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/press.mjs");
        let mut command = Command::new("node");
        command.args([script, page, "--proxy", proxy]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| {
            panic!("{command:?}: {error}; this test needs node (20 or newer) and chromium")
        });
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Chromium { asked: process.stdin.take(), said, process }
    }

    /// The names of the page's buttons.
    pub(crate) fn buttons(&mut self) -> Vec<String> {
        serde_json::from_value(self.ask("list")).unwrap()
    }

    /// Press a button: what the script saw and what the console said.
    pub(crate) fn press(&mut self, button: &str) -> Value {
        self.ask(button)
    }

    fn ask(&mut self, name: &str) -> Value {
        writeln!(self.asked.as_mut().unwrap(), "{name}").unwrap();
        let line = self.said.next().unwrap_or_else(|| panic!("{name}: the browser has ended"));
        serde_json::from_str(&line.unwrap()).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.asked = None;
        let _ended = self.process.wait();
    }
}
