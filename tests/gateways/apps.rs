//! The frameworks, each variant of a real app started once and shared.
//!
//! **Invariant:** an app lives as long as its standard input is open, so none outlives the tests.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

/// Where the app `name` with these options (`debug=on cors=off`) and these lines of its own
/// language listens; started if need be.
pub(crate) fn app(name: &str, options: &str, code: &str) -> SocketAddr {
    type Started = HashMap<String, Arc<OnceLock<(SocketAddr, Child)>>>;
    static STARTED: LazyLock<Mutex<Started>> = LazyLock::new(Mutex::default);
    let place =
        Arc::clone(STARTED.lock().unwrap().entry(format!("{name} {options} {code}")).or_default());
    place.get_or_init(|| start(name, options, code)).0
}

fn start(name: &str, options: &str, code: &str) -> (SocketAddr, Child) {
    let mut command = interpreter(name);
    command.args(options.split_whitespace()).env("SETTING", code);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap_or_else(|it| panic!("{command:?}: {it}"));
    let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = said.next().unwrap_or_else(|| panic!("it ended at once: try {command:?}")).unwrap();
    let address = line.strip_prefix("listening ").unwrap().parse().unwrap();
    (address, process)
}

/// The command that runs the app `name`, by the language it is written in.
fn interpreter(name: &str) -> Command {
    let file = |ending: &str| folder().join(format!("apps/{name}_app.{ending}"));
    let ending = ["py", "mjs", "rb"].into_iter().find(|it| file(it).exists());
    let ending = ending.unwrap_or_else(|| panic!("{name} is no app"));
    let mut command = match ending {
        "py" => Command::new(&*PYTHON),
        "mjs" => Command::new("node"),
        _ => Command::new("ruby"),
    };
    if ending == "mjs" {
        command.env("MODULES", &*MODULES).env("SCRATCH", scratch().join("express-files"));
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("NODE_ENV", "production");
    command.arg(file(ending));
    command
}

/// Where this folder's files are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateways")
}

/// A gateway's program: on the path, or as pip installed it beside the interpreter.
pub(crate) fn program(name: &str) -> PathBuf {
    match name {
        "envoy" => PYTHON.with_file_name(name),
        _ => PathBuf::from(name),
    }
}

/// Where tests may write; kept between runs.
pub(crate) fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("gateways")
}

/// The environment's interpreter, with `requirements.txt` installed.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let requirements = folder().join("requirements.txt");
    let environment = scratch().join("python");
    installed(&environment, &requirements, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(environment.join("bin/python")).args(pip).arg(&requirements));
    });
    environment.join("bin/python")
});

/// The folder in which `package-lock.json` is installed.
pub(crate) static MODULES: LazyLock<PathBuf> = LazyLock::new(|| {
    let (lock, place) = (folder().join("package-lock.json"), scratch().join("node"));
    installed(&place, &lock, || {
        std::fs::create_dir_all(&place).unwrap();
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(folder().join(file), place.join(file)).unwrap();
        }
        let npm = ["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
        run(Command::new("npm").args(npm).current_dir(&place));
    });
    place
});

/// Install unless what is `wanted` is there already. The stamp is written last, so that an
/// installation that was interrupted is done again.
fn installed(place: &Path, wanted: &Path, install: impl FnOnce()) {
    let (stamp, wanted) = (place.join("installed"), std::fs::read_to_string(wanted).unwrap());
    if std::fs::read_to_string(&stamp).is_ok_and(|it| it == wanted) {
        return;
    }
    std::fs::create_dir_all(scratch()).unwrap();
    install();
    std::fs::write(stamp, wanted).unwrap();
}

fn run(command: &mut Command) {
    let hint = "this test needs python3 with venv, node with npm, PyPI and the npm registry";
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"));
    assert!(status.success(), "{command:?}: {status}; {hint}");
}
