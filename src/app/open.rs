//! `hopscope open`: step through a recording on the screen.

use tokio::sync::mpsc;

use super::analyst::Analyst;
use super::desk::{Desk, Source};
use super::opened::Opened;
use super::progress::Progress;
use super::{Console, Error, study};
use crate::cli::{Look, Open, ThemeName};
use crate::store::State;
use crate::tui::{self, Feed, Message, Options, Status};

/// Show what was recorded; follow it when it is still being recorded.
pub(crate) fn run(options: &Open, mut console: Console) -> Result<u8, Error> {
    let known = study::known(&options.assume, options.browser);
    let analyst = Analyst::new(known, &mut console);
    let mut progress = Progress::on(&mut console);
    let opened = Opened::open(&options.inputs, &mut progress)?;
    drop(progress);
    let Opened { source, facts, name, warnings } = opened;
    for warning in &warnings {
        console.warn(warning);
    }
    console.can_draw()?;
    let feed = if facts.state == State::Open { Feed::Following } else { Feed::Saved };
    let only = facts.skipped.only;
    let notes = source.notes()?;
    let status = Status { feed, file: name, taps: facts.taps, only, notes, ..Status::default() };
    let runtime = super::runtime()?;
    runtime.block_on(show(source, analyst, status, &options.look, line()))?;
    Ok(0)
}

/// What is told to a screen: both ends.
pub(crate) type Line = (mpsc::Sender<Message>, mpsc::Receiver<Message>);

/// A line to a screen that is yet to be shown.
pub(crate) fn line() -> Line {
    mpsc::channel(64)
}

/// Show a source until the user quits.
pub(crate) async fn show(
    source: Source,
    analyst: Analyst,
    status: Status,
    look: &Look,
    (to_screen, inbox): Line,
) -> Result<(), Error> {
    let (outbox, from_screen) = mpsc::unbounded_channel();
    let desk = Desk::new(source, analyst, status.clone(), to_screen);
    let runtime = tokio::runtime::Handle::current();
    let desk = std::thread::Builder::new()
        .name("desk".to_owned())
        .spawn(move || desk.run(from_screen, &runtime))
        .map_err(|source| Error::Runtime { source })?;
    let options =
        Options { status, theme: theme(look.theme), ascii: look.ascii, ..Options::default() }
            .with_environment(|it| std::env::var(it).ok());
    let shown = tui::run(inbox, outbox, options).await;
    // The screen's end of both channels is gone, so the desk ends by itself.
    let _ = tokio::task::spawn_blocking(move || desk.join()).await;
    Ok(shown?)
}

fn theme(name: ThemeName) -> tui::ThemeName {
    match name {
        ThemeName::Dark => tui::ThemeName::Dark,
        ThemeName::Light => tui::ThemeName::Light,
        ThemeName::Contrast => tui::ThemeName::HighContrast,
        ThemeName::None => tui::ThemeName::Plain,
    }
}
