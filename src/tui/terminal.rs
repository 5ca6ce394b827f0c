//! The terminal itself: entered once, left on every way out.
//!
//! **Invariant:** however the screen ends (quit, error, signal, panic), the terminal gets its
//! own screen, its cursor and its modes back.

use std::io::{self, Stdout, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// The terminal in use. Dropping it gives the terminal back.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Session {
    pub(super) fn enter() -> io::Result<Session> {
        enable_raw_mode()?;
        // From here on a failure has something to undo.
        let entered =
            execute!(stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste);
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match terminal {
            Ok(terminal) => Ok(Session { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

/// Give the terminal back. There is nobody left to tell when that fails.
fn restore() {
    let _ =
        execute!(stdout(), DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

type Hook = dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync;

/// While it lives, a panic that ends the program gives the terminal back before it is
/// printed, and a panic of another thread is told to `elsewhere` instead of being printed over
/// the screen.
pub(super) struct PanicGuard {
    previous: Arc<Hook>,
    /// The terminal has been given back because of a panic: nothing more may be drawn.
    over: Arc<AtomicBool>,
}

impl PanicGuard {
    /// Must be made on the thread that draws.
    pub(super) fn install(elsewhere: impl Fn(String) + Send + Sync + 'static) -> PanicGuard {
        let previous: Arc<Hook> = Arc::from(std::panic::take_hook());
        let chained = Arc::clone(&previous);
        let screen = thread::current().id();
        let over = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&over);
        std::panic::set_hook(Box::new(move |info| {
            if !ends_the_screen(screen) {
                elsewhere(info.to_string());
            } else if !ending.swap(true, Ordering::SeqCst) {
                restore();
                chained(info);
            }
            // What breaks while the program is already ending is no news.
        }));
        PanicGuard { previous, over }
    }

    /// Whether a panic has ended the screen.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        // While a panic unwinds, the hook cannot be changed; the process is ending anyway.
        if !thread::panicking() {
            let previous = Arc::clone(&self.previous);
            std::panic::set_hook(Box::new(move |info| previous(info)));
        }
    }
}

/// The thread that draws, and the main thread, whose end is the program's.
fn ends_the_screen(screen: ThreadId) -> bool {
    let current = thread::current();
    current.id() == screen || current.name() == Some("main")
}
