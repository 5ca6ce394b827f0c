//! What can go wrong with a trace file, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::Unrecorded;

/// What can go wrong with a trace file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot find the trace {}", path.display())]
    Missing { path: PathBuf },
    #[error("cannot read the trace {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not a hopscope trace", path.display())]
    NotATrace { path: PathBuf },
    #[error("the trace {} is damaged or cut short", path.display())]
    Corrupt { path: PathBuf, source: Option<rusqlite::Error> },
    #[error("the trace {} was written by a newer hopscope (format {found}, this one knows {known})", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("the trace {} holds a {what}, which hopscope never writes", path.display())]
    Disguised { path: PathBuf, what: String },
    #[error("the trace {} has vanished while it was open", path.display())]
    Vanished { path: PathBuf },
    #[error("cannot create the trace {}: a file of that name exists", path.display())]
    Exists { path: PathBuf },
    #[error("cannot create the trace {}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot write the trace {}: the disk is full", path.display())]
    DiskFull { path: PathBuf },
    #[error("cannot write the trace {}: another process holds it", path.display())]
    Busy { path: PathBuf },
    #[error("cannot write the trace {}", path.display())]
    Write { path: PathBuf, source: rusqlite::Error },
    #[error("cannot query the trace {}", path.display())]
    Query { path: PathBuf, source: rusqlite::Error },
    #[error("cannot draw random numbers for the names of hops")]
    Random { source: getrandom::Error },
    #[error("cannot start the thread that writes the trace {}", path.display())]
    Thread { path: PathBuf, source: io::Error },
    #[error("{} hops could not be written to the trace {}: {}", unrecorded.count, path.display(), unrecorded.why)]
    Incomplete { path: PathBuf, unrecorded: Unrecorded },
}

impl Error {
    /// What the user can do about it; printed on its own line.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Error::Missing { .. } => "check the path; `hopscope record -o FILE` makes a trace",
            Error::Unreadable { source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "traces are readable by their owner only (mode 0600); ask for a copy"
            }
            Error::Unreadable { .. } | Error::Query { .. } | Error::Random { .. } => return None,
            Error::NotATrace { .. } => {
                "hopscope opens .hops traces, .har files and mitmproxy flow files"
            }
            Error::Corrupt { .. } => {
                "copy the file again from where it was recorded, with its -wal file if there is one"
            }
            Error::Newer { .. } => "open it with the hopscope that wrote it, or a newer one",
            Error::Disguised { .. } => {
                "somebody made or changed it to do more than be read; ask for the recording itself"
            }
            Error::Vanished { .. } => {
                "what is on the screen is all that is left; copy from it what you need"
            }
            Error::Exists { .. } => {
                "choose another name with -o; hopscope never overwrites a trace"
            }
            Error::Create { .. } => "choose a folder you can write to with -o",
            Error::DiskFull { .. } | Error::Incomplete { .. } => {
                "free some space, or record to another disk with -o"
            }
            Error::Busy { .. } => "try again in a moment",
            Error::Write { .. } | Error::Thread { .. } => "record to another place with -o",
        };
        Some(text.to_owned())
    }

    /// What reading said, sorted by what it means for the file at `path`.
    pub(super) fn reading(path: &Path, source: rusqlite::Error) -> Error {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure,
            ) => Error::Corrupt { path, source: Some(source) },
            _ => Error::Query { path, source },
        }
    }

    /// What writing said.
    pub(super) fn writing(path: &Path, source: rusqlite::Error) -> Error {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Error::DiskFull { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy { path },
            _ => Error::Write { path, source },
        }
    }
}

/// The reason that stands beside the count of unrecorded hops.
pub(super) fn why(source: &rusqlite::Error) -> String {
    if let rusqlite::Error::InvalidPath(path) = source {
        return format!("the trace {} was removed and could not be written again", path.display());
    }
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process held the trace file".to_owned()
        }
        _ => format!("the trace file could not be written: {source}"),
    }
}
