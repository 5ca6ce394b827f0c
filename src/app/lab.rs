//! `hopscope lab`: only the lab's servers, until the user stops them.

use super::{Console, Error};
use crate::cli::LabOptions;
use crate::lab::{Addresses, KNOBS, Knobs, Lab};

/// Start, say where, wait.
pub(crate) fn run(options: &LabOptions, mut console: Console) -> Result<u8, Error> {
    let mut knobs = Knobs::default();
    for (knob, value) in &options.knobs {
        knobs.set(knob, value)?;
    }
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let lab = Lab::start_at(knobs, options.addresses()).await?;
        let at = lab.addresses();
        announce(&mut console, &lab, at)?;
        super::told_to_stop().await;
        lab.stop().await;
        Ok(0)
    })
}

fn announce(console: &mut Console, lab: &Lab, at: Addresses) -> Result<(), Error> {
    let stage = lab.handle().knobs().stage;
    console.line(&format!("listening page http://{}/", at.page))?;
    console.line(&format!("listening gateway http://{}/{stage}", at.gateway))?;
    console.line(&format!("listening app http://{}/items/", at.app))?;
    if console.terminal {
        console.line(&format!(
            "\nOpen http://{}/ in a browser: every try is a button, every knob a switch.",
            at.page
        ))?;
        console.line("Knobs: ")?;
        for knob in KNOBS {
            let value = lab.handle().knobs().word(knob.name).unwrap_or_default();
            console.line(&format!("  --{} {value}    {}", knob.name, knob.help))?;
        }
        console.line("\nCtrl-C ends it.")?;
    }
    Ok(())
}
