//! Letting other programs trust the local authority: which commands put it into the places where
//! they look, and take it out again.
//!
//! Deciding is apart from doing: [`install`] and [`remove`] give commands that a user can read
//! before anything happens, and [`carry_out`] runs them.
//!
//! **Invariant:** nothing is done that was not shown, and nothing but the certificate leaves
//! hopscope's folder.

pub mod browser;
mod nss;
mod surroundings;
mod system;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub use surroundings::Surroundings;

/// The authority to be trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anchor {
    /// Its certificate in PEM form.
    pub file: PathBuf,
    /// What it is called where it stands among others.
    pub name: String,
}

/// Kinds of places that trust authorities.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The system's own store: curl, Python, most programs.
    System,
    /// Chromium and its kin, through NSS.
    Chromium,
    /// Every profile of Firefox, through NSS.
    Firefox,
}

impl Place {
    pub const ALL: [Place; 3] = [Place::System, Place::Chromium, Place::Firefox];
}

/// What is to be done for one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    pub place: Place,
    /// The place for a person, as `Firefox, profile x.default`.
    pub what: String,
    /// Commands, to be run in this order.
    pub commands: Vec<Vec<String>>,
    /// Why it cannot be done yet, and what to install.
    pub lacks: Option<String>,
}

impl Plan {
    fn new(place: Place, what: impl Into<String>) -> Plan {
        Plan { place, what: what.into(), commands: Vec::new(), lacks: None }
    }

    fn run(mut self, words: &[&str]) -> Plan {
        self.commands.push(words.iter().map(|it| (*it).to_owned()).collect());
        self
    }

    fn lacking(mut self, what: impl Into<String>) -> Plan {
        self.lacks = Some(what.into());
        self
    }
}

/// What lets these places trust the authority.
pub fn install(anchor: &Anchor, places: &[Place], around: &Surroundings) -> Vec<Plan> {
    plans(anchor, places, around, Turn::Install)
}

/// What makes these places forget it.
pub fn remove(anchor: &Anchor, places: &[Place], around: &Surroundings) -> Vec<Plan> {
    plans(anchor, places, around, Turn::Remove)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Install,
    Remove,
}

fn plans(anchor: &Anchor, places: &[Place], around: &Surroundings, turn: Turn) -> Vec<Plan> {
    let of = |place: &Place| match place {
        Place::System => vec![system::plan(anchor, around, turn)],
        Place::Chromium => nss::chromium(anchor, around, turn),
        Place::Firefox => nss::firefox(anchor, around, turn),
    };
    places.iter().flat_map(of).collect()
}

/// A command that did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot run `{command}`")]
    Run { command: String, source: io::Error },
    #[error("`{command}` ended with {status}")]
    Status { command: String, status: std::process::ExitStatus },
    #[error("cannot make a profile in {}", path.display())]
    Profile { path: PathBuf, source: io::Error },
    #[error("cannot let the browser trust the tap: {lacks}")]
    Lacks { lacks: String },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Run { command, source } if source.kind() == io::ErrorKind::NotFound => {
                Some(format!("install {command}, or name another"))
            }
            Error::Run { .. } | Error::Status { .. } | Error::Lacks { .. } => None,
            Error::Profile { .. } => Some("TMPDIR names another place for it".to_owned()),
        }
    }
}

/// Run the commands of a plan. What they say goes where hopscope's own words go.
///
/// # Errors
///
/// At the first command that fails.
pub fn carry_out(plan: &Plan) -> Result<(), Error> {
    for words in &plan.commands {
        let Some((program, arguments)) = words.split_first() else { continue };
        let command = shown(words);
        let mut running = Command::new(program);
        running.args(arguments).stdout(Stdio::null());
        match running.status() {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(Error::Status { command, status }),
            Err(source) => return Err(Error::Run { command, source }),
        }
    }
    Ok(())
}

/// A command as a user would type it.
pub fn shown(words: &[String]) -> String {
    let plain = |it: char| it.is_alphanumeric() || "-_./:=,+@".contains(it);
    let quoted = words.iter().map(|it| {
        if !it.is_empty() && it.chars().all(plain) {
            it.clone()
        } else {
            format!("'{}'", it.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::System => "system",
            Place::Chromium => "chromium",
            Place::Firefox => "firefox",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_commands_as_they_can_be_typed() {
        let words = ["certutil", "-n", "hopscope local CA", "-t", "C,,", "it's", ""];
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        assert_eq!(shown(&words), r"certutil -n 'hopscope local CA' -t C,, 'it'\''s' ''");
    }

    #[test]
    fn stops_at_the_first_command_that_fails() {
        let plan = Plan::new(Place::System, "x").run(&["true"]).run(&["false"]).run(&["true"]);
        let error = carry_out(&plan).unwrap_err();
        assert!(error.to_string().starts_with("`false` ended with"), "{error}");
        let error = carry_out(&Plan::new(Place::System, "x").run(&["/no/such"])).unwrap_err();
        assert!(error.to_string().contains("/no/such"), "{error}");
    }
}
