//! A line on the terminal's stderr while a long command works: what it does, and how far it is.
//!
//! **Invariant:** nothing is written to what is no terminal, and nothing in the first second. The
//! line is gone before anything else is written, and at the end.

use std::io::Write;
use std::time::{Duration, Instant};

use super::Console;

/// How far a command is.
pub(crate) struct Progress {
    to: Option<Box<dyn Write + Send>>,
    began: Instant,
    drawn: Option<Instant>,
    what: &'static str,
    count: u64,
    of: u64,
}

impl Progress {
    /// On the terminal of `console`, if its stderr is one. One command has one.
    pub(crate) fn on(console: &mut Console) -> Progress {
        Progress {
            to: console.progress.take(),
            began: Instant::now(),
            drawn: None,
            what: "",
            count: 0,
            of: 0,
        }
    }

    /// One that has waited long enough.
    #[cfg(test)]
    pub(crate) fn impatient(console: &mut Console) -> Progress {
        let mut progress = Progress::on(console);
        progress.began -= PATIENCE;
        progress
    }

    /// The next part of the work: what is done to so many.
    pub(crate) fn part(&mut self, what: &'static str, of: u64) {
        (self.what, self.count, self.of) = (what, 0, of);
    }

    /// So many more are done.
    pub(crate) fn add(&mut self, done: u64) {
        self.at(self.count + done, self.of);
    }

    /// So many of so many are done.
    pub(crate) fn at(&mut self, count: u64, of: u64) {
        let before = self.count;
        (self.count, self.of) = (count, of);
        // Most commands are over before the clock is looked at.
        if self.to.is_some() && before / OFTEN != self.count / OFTEN {
            self.draw(Instant::now());
        }
    }

    /// Take the line away, because something else is written.
    pub(crate) fn clear(&mut self) {
        if let (Some(to), Some(_)) = (&mut self.to, self.drawn.take()) {
            // A terminal that is gone needs no line.
            let _ = to.write_all(CLEAR.as_bytes()).and_then(|()| to.flush());
        }
    }

    fn draw(&mut self, now: Instant) {
        let is_soon = now.duration_since(self.began) < PATIENCE;
        if is_soon || self.drawn.is_some_and(|it| now.duration_since(it) < EVERY) {
            return;
        }
        self.drawn = Some(now);
        let Progress { to, what, count, of, .. } = self;
        let Some(to) = to else { return };
        // The recording may have grown since it was counted.
        let of = (*of).max(*count);
        let _ = write!(to, "{CLEAR}{what}: {count} of {of}").and_then(|()| to.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A command that takes less says nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(100);
/// How many are done between two looks at the clock.
const OFTEN: u64 = 64;
/// To the line's beginning, and erase it.
const CLEAR: &str = "\r\x1b[2K";

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn progress(screen: Option<&Screen>) -> Progress {
        let mut console = Console {
            out: Box::new(std::io::sink()),
            err: Box::new(std::io::sink()),
            terminal: false,
            progress: screen.map(|it| Box::new(it.clone()) as Box<dyn Write + Send>),
        };
        Progress::on(&mut console)
    }

    #[test]
    fn says_how_far_it_is_after_a_second_and_leaves_nothing_behind() {
        let screen = Screen::default();
        let written = || String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
        let mut progress = progress(Some(&screen));
        let began = progress.began;
        progress.part("reading hops", 200);
        progress.add(100);
        progress.draw(began + PATIENCE / 2);
        assert_eq!(written(), "");
        progress.draw(began + PATIENCE);
        progress.draw(began + PATIENCE + EVERY / 2);
        assert_eq!(written(), "\r\x1b[2Kreading hops: 100 of 200");
        drop(progress);
        assert_eq!(written(), "\r\x1b[2Kreading hops: 100 of 200\r\x1b[2K");
    }

    #[test]
    fn a_short_command_writes_nothing_and_neither_does_one_without_a_terminal() {
        let screen = Screen::default();
        let mut short = progress(Some(&screen));
        short.part("reading hops", 1000);
        short.add(1000);
        drop(short);
        assert!(screen.0.lock().unwrap().is_empty());
        let mut piped = progress(None);
        piped.draw(piped.began + PATIENCE);
        piped.clear();
    }
}
