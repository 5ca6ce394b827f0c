//! What every chain is analysed with: what the user knows, and the fingerprints.
//!
//! A user's own fingerprints stand in `fingerprints.toml` in hopscope's folder of the user's
//! settings (`$XDG_CONFIG_HOME/hopscope`, else `~/.config/hopscope`), in the format of
//! `assets/fingerprints.toml`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use super::Console;
use crate::diagnose::{Analysis, Fingerprints, Memo, Servers};
use crate::fetch::{Judgement, Known};
use crate::trace::{Chain, Tap};

/// Judges and diagnoses chains.
pub(crate) struct Analyst(RefCell<Memo>);

impl Analyst {
    /// With the user's own fingerprints, where there are any. What is wrong with their file is
    /// said on the side; the built-in set works all the same.
    pub(crate) fn new(known: Known, console: &mut Console) -> Analyst {
        let prints = own_prints(console);
        let prints = prints.map_or(Cow::Borrowed(Fingerprints::builtin()), Cow::Owned);
        Analyst(RefCell::new(Memo::new(known, prints)))
    }

    /// What is concluded of `chain`.
    pub(crate) fn analyse(&self, chain: Arc<Chain>, taps: &[Tap], servers: &Servers) -> Analysis {
        self.0.borrow_mut().conclude(chain, taps, servers)
    }

    /// The same, with a verdict that is there already.
    pub(crate) fn diagnose(
        &self,
        chain: Arc<Chain>,
        taps: &[Tap],
        judgement: Judgement,
        servers: &Servers,
    ) -> Analysis {
        self.0.borrow().diagnose(chain, taps, judgement, servers)
    }
}

/// The built-in set with the user's own in front, where there are any.
fn own_prints(console: &mut Console) -> Option<Fingerprints> {
    let path = own_file()?;
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            console.warn(&format!("cannot read {}: {error}", path.display()));
            return None;
        }
    };
    let (prints, errors) = Fingerprints::with_user_file(&text, &path.display().to_string());
    for error in &errors {
        console.warn(&error.to_string());
    }
    Some(prints)
}

fn own_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let settings = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(settings.join("hopscope").join("fingerprints.toml"))
}
