//! `hopscope open`: step through a recording on the screen.

use tokio::sync::mpsc;

use super::desk::{Desk, Source};
use super::recording::Recording;
use super::{Console, Error, study};
use crate::cli::{Look, Open, ThemeName};
use crate::fetch::Known;
use crate::store::{Reader, State};
use crate::tui::{self, Feed, Options, Status};

/// Show what was recorded; follow it when it is still being recorded.
pub(crate) fn run(options: &Open, mut console: Console) -> Result<u8, Error> {
    let known = study::known(&options.assume, options.browser);
    let (source, status) = source_of(options, &mut console)?;
    if !console.terminal {
        return Err(Error::NoTerminal);
    }
    let runtime = super::runtime()?;
    runtime.block_on(show(source, known, status, &options.look))?;
    Ok(0)
}

fn source_of(options: &Open, console: &mut Console) -> Result<(Source, Status), Error> {
    if let [input] = options.inputs.as_slice()
        && input.name.is_none()
        && super::recording::is_trace_file(&input.path)
    {
        let reader = Reader::open(&input.path)?;
        let info = reader.info()?;
        let feed = if info.state == State::Open { Feed::Following } else { Feed::Saved };
        let file = file_name(&input.path);
        let status = Status { feed, file, taps: info.taps, ..Status::default() };
        return Ok((Source::trace(reader), status));
    }
    let recording = Recording::read(&options.inputs)?;
    for warning in &recording.warnings {
        console.warn(warning);
    }
    let names: Vec<String> = options.inputs.iter().map(|it| file_name(&it.path)).collect();
    let status =
        Status { file: names.join(" + "), taps: recording.taps.clone(), ..Status::default() };
    Ok((Source::memory(recording), status))
}

/// Show a source until the user quits.
pub(crate) async fn show(
    source: Source,
    known: Known,
    status: Status,
    look: &Look,
) -> Result<(), Error> {
    let (to_screen, inbox) = mpsc::channel(64);
    let (outbox, from_screen) = mpsc::unbounded_channel();
    let desk = Desk::new(source, known, status.clone(), to_screen);
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

pub(crate) fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
