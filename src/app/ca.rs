//! `hopscope ca`: the local authority, and who trusts it.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use super::{Console, Error};
use crate::cli::{Ca, CaAct, CaExport, CaPlace, CaWhere};
use crate::tls::{self, Authority};
use crate::trust::{self, Anchor, Place, Plan, Surroundings};

/// Show, install, remove, replace or export the authority.
pub(crate) fn run(options: &Ca, mut console: Console) -> Result<u8, Error> {
    let folder = Authority::folder()?;
    let is_new = !Authority::exists(&folder);
    match &options.act {
        Some(CaAct::Rotate(it)) => rotate(&folder, it, &mut console),
        None | Some(CaAct::Show) => show(&Authority::open(&folder)?, is_new, &mut console),
        Some(CaAct::Path) => {
            let file = Authority::open(&folder)?.file();
            console.line(&file.display().to_string())?;
            Ok(0)
        }
        Some(CaAct::Install(it)) => {
            let anchor = anchor(&Authority::open(&folder)?);
            let plans = trust::install(&anchor, &places(it), &Surroundings::look(&home()));
            Ok(carry_out("install", &plans, "install", it, &mut console)?.exit_code())
        }
        Some(CaAct::Remove(it)) => {
            let anchor = anchor(&Authority::open(&folder)?);
            let plans = trust::remove(&anchor, &places(it), &Surroundings::look(&home()));
            Ok(carry_out("remove", &plans, "remove", it, &mut console)?.exit_code())
        }
        Some(CaAct::Export(it)) => export(&Authority::open(&folder)?, it, &mut console),
    }
}

fn show(authority: &Authority, is_new: bool, console: &mut Console) -> Result<u8, Error> {
    let facts = tls::certificate(authority.certificate());
    if is_new {
        console.line("a certificate authority of your own was made just now")?;
    }
    let day = |seconds| {
        let time = chrono::DateTime::from_timestamp(seconds, 0);
        time.map(|it| it.format("%Y-%m-%d").to_string()).unwrap_or_default()
    };
    for (word, text) in [
        ("certificate", authority.file().display().to_string()),
        ("name", facts.shown.subject.clone()),
        ("SHA-256", colons(&facts.shown.fingerprint)),
        ("valid", format!("{} to {}", day(facts.not_before), day(facts.shown.not_after))),
    ] {
        console.line(&format!("{word:<12} {text}"))?;
    }
    console.line("\nLet programs trust it:  hopscope ca install")?;
    Ok(0)
}

/// A fingerprint as browsers show it.
fn colons(hex: &str) -> String {
    let pairs = hex.as_bytes().chunks(2).map(|it| String::from_utf8_lossy(it).to_uppercase());
    pairs.collect::<Vec<_>>().join(":")
}

fn export(authority: &Authority, it: &CaExport, console: &mut Console) -> Result<u8, Error> {
    let bytes =
        if it.der { authority.certificate().to_vec() } else { authority.pem().into_bytes() };
    match &it.output {
        Some(path) => fs::write(path, bytes)
            .map_err(|source| Error::WriteFile { path: path.clone(), source })?,
        None => console
            .out
            .write_all(&bytes)
            .and_then(|()| console.out.flush())
            .map_err(|source| Error::Write { source })?,
    }
    Ok(0)
}

fn rotate(folder: &std::path::Path, it: &CaWhere, console: &mut Console) -> Result<u8, Error> {
    if let Ok(old) = Authority::open(folder).map(|it| anchor(&it)) {
        let plans = trust::remove(&old, &places(it), &Surroundings::look(&home()));
        console.line("The old authority is removed first, where it was installed.\n")?;
        // Once it is replaced, nobody knows its name any more, and it could not be removed.
        if matches!(carry_out("remove", &plans, "rotate", it, console)?, Came::Nothing) {
            return Ok(0);
        }
    }
    if it.dry_run {
        return Ok(0);
    }
    show(&Authority::rotate(folder)?, true, console)
}

/// What came of plans.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Came {
    /// The user did not want them carried out.
    Nothing,
    Done,
    Failure,
}

impl Came {
    fn exit_code(self) -> u8 {
        u8::from(self == Came::Failure)
    }
}

/// Show what is to be done, ask, do it; as a part of the command `ca COMMAND`.
fn carry_out(
    act: &str,
    plans: &[Plan],
    command: &str,
    it: &CaWhere,
    console: &mut Console,
) -> Result<Came, Error> {
    for plan in plans {
        console.line(&format!("{}:", plan.what))?;
        for command in &plan.commands {
            console.line(&format!("  {}", trust::shown(command)))?;
        }
        if let Some(lacks) = &plan.lacks {
            console.line(&format!("  {lacks}"))?;
        }
    }
    if plans.iter().all(|it| it.commands.is_empty()) {
        console.line("nothing can be done here")?;
        return Ok(Came::Done);
    }
    if it.dry_run || !(it.yes || agreed(act, console)?) {
        console.line(&format!("nothing was done; do it with: hopscope ca {command} --yes"))?;
        return Ok(Came::Nothing);
    }
    let mut failed = 0;
    for plan in plans.iter().filter(|it| !it.commands.is_empty()) {
        match trust::carry_out(plan) {
            Ok(()) => console.line(&format!("done: {}", plan.what))?,
            // The other places do not suffer from it.
            Err(error) if act == "remove" => {
                console.line(&format!("it was not in: {} ({error})", plan.what))?;
            }
            Err(error) => {
                console.warn(&format!("{}: {error}", plan.what));
                failed += 1;
            }
        }
    }
    Ok(if failed > 0 { Came::Failure } else { Came::Done })
}

/// Whether the user says yes; nobody to ask means no.
fn agreed(act: &str, console: &mut Console) -> Result<bool, Error> {
    if !console.terminal || !io::stdin().is_terminal() {
        return Ok(false);
    }
    console.line(&format!("\n{act} with these commands? [y/N]"))?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(super) fn anchor(authority: &Authority) -> Anchor {
    let subject = tls::certificate(authority.certificate()).shown.subject;
    let name = subject.split("CN=").nth(1).unwrap_or("hopscope local CA");
    Anchor { file: authority.file(), name: name.to_owned() }
}

fn places(it: &CaWhere) -> Vec<Place> {
    let all = it.only.iter().map(|it| match it {
        CaPlace::System => Place::System,
        CaPlace::Chromium => Place::Chromium,
        CaPlace::Firefox => Place::Firefox,
    });
    if it.only.is_empty() { Place::ALL.to_vec() } else { all.collect() }
}

pub(super) fn home() -> PathBuf {
    std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default()
}
