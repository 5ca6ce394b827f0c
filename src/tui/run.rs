//! The one event loop.
//!
//! **Invariant:** a frame never waits for data. Whatever has arrived is taken in, then one
//! frame is drawn, at most one every 16 ms; what is not there yet is drawn as not there.

use std::io;
use std::time::{Duration, Instant};

use chrono::{FixedOffset, Offset, Utc};
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event, poll, read};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::message::{Effect, Message, Notice, Status, Totals};
use super::model::Model;
use super::terminal::{PanicGuard, Session};
use super::theme::{Look, ThemeName};
use super::update::update;
use super::view;
use crate::trace::Time;

/// How the screen starts.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub status: Status,
    pub totals: Totals,
    pub theme: ThemeName,
    /// Draw with ASCII signs only.
    pub ascii: bool,
    /// The trace's key for redacting what is copied; a random one without it.
    pub key: Option<[u8; 32]>,
}

impl Options {
    /// What the environment says: `NO_COLOR` takes the colours, a locale without UTF-8 the
    /// signs beyond ASCII.
    #[must_use]
    pub fn with_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Options {
        let set = |name: &str| variable(name).filter(|it| !it.is_empty());
        if set("NO_COLOR").is_some() || set("TERM").as_deref() == Some("dumb") {
            self.theme = ThemeName::Plain;
        }
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
        let utf8 = |it: &str| {
            let it = it.to_lowercase();
            it.contains("utf-8") || it.contains("utf8")
        };
        // No locale at all is a container's habit, not a statement; "C" and "POSIX" are one.
        self.ascii |= locale.is_some_and(|it| !utf8(&it));
        self
    }
}

/// What can end the screen before its time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot use this terminal for the screen")]
    Enter(#[source] io::Error),
    #[error("cannot draw on the terminal")]
    Draw(#[source] io::Error),
    #[error("cannot start the thread that draws the screen")]
    Thread(#[source] io::Error),
    #[error("cannot get random bytes from the operating system")]
    Random(#[source] getrandom::Error),
    #[error("the screen stopped because of an error in hopscope itself")]
    Panicked,
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Enter(_) => Some(
                "run it in an interactive terminal, or use `--headless` or `explain`".to_owned(),
            ),
            Error::Draw(_) | Error::Thread(_) | Error::Random(_) => None,
            Error::Panicked => Some("please report it with the message above".to_owned()),
        }
    }
}

/// Show the screen until the user quits, the process is told to end, or the app drops its end
/// of `inbox` and the user quits. The app sends what happened into `inbox` and does what comes
/// out of `outbox`; [`Effect::Copy`] and [`Effect::Quit`] are done here.
///
/// The screen has a thread of its own, so that drawing never delays traffic.
pub async fn run(
    inbox: mpsc::Receiver<Message>,
    outbox: UnboundedSender<Effect>,
    options: Options,
) -> Result<(), Error> {
    let runtime = tokio::runtime::Handle::current();
    let (done, ended) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("screen".to_owned())
        .spawn(move || {
            let result = runtime.block_on(screen(inbox, outbox, options));
            // Nobody listens any more when `run` was dropped.
            let _ = done.send(result);
        })
        .map_err(Error::Thread)?;
    ended.await.unwrap_or(Err(Error::Panicked))
}

async fn screen(
    mut inbox: mpsc::Receiver<Message>,
    outbox: UnboundedSender<Effect>,
    options: Options,
) -> Result<(), Error> {
    let (own, mut own_inbox) = mpsc::unbounded_channel();
    let mut session = Session::enter().map_err(Error::Enter)?;
    let troubles = own.clone();
    let guard = PanicGuard::install(move |text| {
        // A closed channel means that the screen is gone already.
        let _ = troubles.send(Message::Notice(Notice::Trouble(format!("a part failed: {text}"))));
    });
    read_keys(own).map_err(Error::Thread)?;
    let mut stop = std::pin::pin!(told_to_stop());

    let look = Look::new(options.theme, options.ascii);
    let mut model = Model::new(options.status, local_offset());
    model.totals = options.totals;
    match options.key {
        Some(key) => model.key = key,
        None => getrandom::fill(&mut model.key).map_err(Error::Random)?,
    }
    let size = session.terminal.size().map_err(Error::Draw)?;
    let mut waiting = vec![Message::Resized { width: size.width, height: size.height }, clock()];
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut inbox_open = true;
    let mut drawn_at: Option<Instant> = None;
    loop {
        for message in waiting.drain(..) {
            for effect in update(&mut model, message) {
                match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Copy(text) => copy(&text).map_err(Error::Draw)?,
                    // An app that is gone loads nothing more; what is here can still be read.
                    other => drop(outbox.send(other)),
                }
            }
        }
        if guard.is_over() {
            return Err(Error::Panicked);
        }
        if drawn_at.is_none_or(|it| it.elapsed() >= FRAME) {
            drawn_at = Some(Instant::now());
            for effect in draw(&mut session, &mut model, &look)? {
                drop(outbox.send(effect));
            }
        } else if let Some(at) = drawn_at {
            // A frame is owed: gather what comes until it is due.
            let due = tokio::time::Instant::from_std(at + FRAME);
            tokio::select! {
                () = tokio::time::sleep_until(due) => continue,
                Some(message) = own_inbox.recv() => { waiting.push(message); continue }
                () = &mut stop => return Ok(()),
            }
        }
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            Some(message) = own_inbox.recv() => waiting.push(message),
            message = inbox.recv(), if inbox_open => match message {
                Some(message) => waiting.push(message),
                None => inbox_open = false,
            },
            _ = ticks.tick() => waiting.push(clock()),
        }
        drain(&mut own_inbox, &mut inbox, &mut waiting);
    }
}

/// Draw one frame and let the model know where everything stood.
fn draw(session: &mut Session, model: &mut Model, look: &Look) -> Result<Vec<Effect>, Error> {
    let mut seen = None;
    session
        .terminal
        .draw(|frame| seen = Some(view::draw(model, look, frame.area(), frame.buffer_mut())))
        .map_err(Error::Draw)?;
    Ok(seen.map_or_else(Vec::new, |it| update(model, Message::Drawn(it))))
}

/// Take what has already arrived, so that a burst costs one frame.
fn drain(
    own: &mut UnboundedReceiver<Message>,
    inbox: &mut mpsc::Receiver<Message>,
    waiting: &mut Vec<Message>,
) {
    while waiting.len() < BURST {
        match own.try_recv().or_else(|_| inbox.try_recv()) {
            Ok(message) => waiting.push(message),
            Err(_) => return,
        }
    }
}

/// Read the terminal's events on a thread of their own; it ends with the screen.
fn read_keys(own: UnboundedSender<Message>) -> io::Result<()> {
    let reader = move || {
        while !own.is_closed() {
            let event = match poll(Duration::from_millis(100)) {
                Ok(true) => read(),
                Ok(false) => continue,
                Err(error) => Err(error),
            };
            let message = match event {
                Ok(Event::Key(key)) => Message::Key(key),
                Ok(Event::Mouse(mouse)) => Message::Mouse(mouse),
                Ok(Event::Paste(text)) => Message::Paste(text),
                Ok(Event::Resize(width, height)) => Message::Resized { width, height },
                Ok(Event::FocusGained | Event::FocusLost) => continue,
                // The terminal is gone: nobody can press a key any more.
                Err(_) => Message::Do(super::keymap::Action::Quit),
            };
            if own.send(message).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("keys".to_owned()).spawn(reader).map(drop)
}

/// Wait until the process is asked to end.
#[cfg(unix)]
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
    let mut signals: Vec<_> = kinds.into_iter().filter_map(|it| signal(it).ok()).collect();
    if signals.is_empty() {
        return std::future::pending().await;
    }
    let waits = signals.iter_mut().map(|it| Box::pin(it.recv()));
    futures_util::future::select_all(waits).await;
}

/// Wait until the process is asked to end.
#[cfg(not(unix))]
async fn told_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Ask the terminal to put text on the clipboard (OSC 52): works over ssh, too.
fn copy(text: &str) -> io::Result<()> {
    crossterm::execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))
}

fn clock() -> Message {
    Message::Clock(Time(Utc::now().timestamp_micros()))
}

fn local_offset() -> FixedOffset {
    chrono::Local::now().offset().fix()
}

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(16);

/// Messages taken in before a frame at most.
const BURST: usize = 256;
