//! What can stop a command, with a hint and an exit code.

use std::io;
use std::path::PathBuf;

use crate::drive::page_file;
use crate::{formats, lab, proxy, store, tls, trust, tui};

/// What can stop a command. Broken traffic never does.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The words of the command line contradict one another.
    #[error("{message}")]
    Usage { message: String, hint: String },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read {}", path.display())]
    Har { path: PathBuf, source: formats::har::Error },
    #[error("cannot read {}", path.display())]
    Flows { path: PathBuf, source: formats::mitm::Error },
    #[error("cannot read the page {}", path.display())]
    Page { path: PathBuf, source: page_file::Error },
    #[error("cannot write the output")]
    Write { source: io::Error },
    #[error("cannot write {}", path.display())]
    WriteFile { path: PathBuf, source: io::Error },
    #[error("there is no chain {wanted}: the recording has {chains}")]
    NoSuchChain { wanted: usize, chains: usize },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Proxy(#[from] proxy::Error),
    #[error(transparent)]
    Tls(#[from] tls::Error),
    #[error(transparent)]
    Trust(#[from] trust::Error),
    #[error(transparent)]
    Lab(#[from] lab::LabError),
    #[error(transparent)]
    Tui(#[from] tui::Error),
    #[error("cannot start the asynchronous runtime")]
    Runtime { source: io::Error },
    #[error("the screen needs a terminal, and standard output is none")]
    NoTerminal,
    #[error("the screen needs a terminal that can move its cursor, and TERM is dumb")]
    DumbTerminal,
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Usage { hint, .. } => Some(hint.clone()),
            Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("check the name; a relative one begins at the current folder".to_owned())
            }
            Error::Read { source, .. } if source.kind() == io::ErrorKind::IsADirectory => {
                Some("this is a folder: name a file in it".to_owned())
            }
            Error::Read { .. }
            | Error::Runtime { .. }
            | Error::Write { .. }
            | Error::WriteFile { .. } => None,
            Error::Har { source, .. } => Some(source.hint().to_owned()),
            Error::Flows { source, .. } => Some(source.hint().to_owned()),
            Error::Page { source, .. } => source.hint(),
            Error::NoSuchChain { .. } => {
                Some("without --chain every chain is printed with its number".to_owned())
            }
            Error::Store(source) => source.hint(),
            Error::Proxy(source) => source.hint(),
            Error::Tls(source) => source.hint(),
            Error::Trust(source) => source.hint(),
            Error::Lab(source) => Some(source.hint()),
            Error::Tui(source) => source.hint(),
            Error::NoTerminal | Error::DumbTerminal => Some(
                "`record` and `demo` do without it (--headless); `explain` prints a trace as text"
                    .to_owned(),
            ),
        }
    }

    /// The exit code of the contract: 2 for usage and unreadable input, as for all else that
    /// keeps a command from doing its work.
    pub fn exit_code(&self) -> u8 {
        2
    }

    /// What lies below, outermost first.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            causes.push(error.to_string());
            source = error.source();
        }
        causes
    }

    /// Whether the reader of our output went away, which is no failure (`hopscope … | head`).
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Write { source } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
