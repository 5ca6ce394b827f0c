//! Starts the real Django project of `tests/django/story.py` in an environment of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use crate::http::DEADLINE;

/// A running project. Dropping it ends its process.
pub(crate) struct Django {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Django {
    /// Start with the lab's knobs, as far as the project knows them.
    pub(crate) async fn start(knobs: &[(&str, &str)]) -> Django {
        let mut command = Command::new(&*PYTHON);
        command.arg(folder().join("story.py")).env("PYTHONDONTWRITEBYTECODE", "1");
        for (knob, word) in knobs {
            command.env(format!("STORY_{}", knob.to_uppercase()), word);
        }
        // It logs every request, which helps nobody here.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = tokio::task::spawn_blocking(move || said.next());
        let line = tokio::time::timeout(DEADLINE, first).await.unwrap().unwrap();
        let line = line.unwrap_or_else(|| panic!("Django ended at once; try {command:?}")).unwrap();
        Django { address: line.strip_prefix("listening ").unwrap().parse().unwrap(), process }
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/django")
}

/// The environment's interpreter, with the packages installed: made once, and anew when
/// `requirements.txt` has changed.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let requirements = folder().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("django");
    let python = environment.join("bin/python");
    // Written last: an installation that was interrupted is done again.
    let stamp = environment.join("installed");
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|it| it == wanted) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&python).args(pip).arg(&requirements));
    std::fs::write(stamp, wanted).unwrap();
    python
});

fn run(command: &mut Command) {
    let hint = "this test needs python3 (3.10 or newer) with venv, and PyPI";
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"));
    assert!(status.success(), "{command:?}: {status}; {hint}");
}
