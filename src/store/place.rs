//! Where a trace lies, and what to do when somebody removes it while it is recorded.
//!
//! The writer's connection still holds the removed file, so nothing is lost yet: it is written
//! out again under the old name.
//!
//! **Invariant:** a file that somebody else put in the trace's place is never touched.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::schema;

/// A trace's place on disk.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    identity: Option<Identity>,
    checked: Instant,
}

/// Device and inode.
type Identity = (u64, u64);

impl File {
    pub(super) fn at(path: &Path) -> File {
        // A relative path would change its meaning with the working directory.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let identity = identity(&path).ok().flatten();
        File { path, identity, checked: Instant::now() }
    }

    /// Whether the file still lies there.
    pub(super) fn is_there(&self) -> bool {
        // What cannot be asked is no proof of absence.
        identity(&self.path).map_or(true, |it| it == self.identity)
    }

    /// Bytes of the write-ahead log beside it.
    pub(super) fn log_bytes(&self) -> u64 {
        fs::metadata(beside(&self.path, "-wal")).map_or(0, |it| it.len())
    }

    /// Look now and then; if the file has gone, write it anew and go on there.
    pub(super) fn restore_if_gone(&mut self, db: &mut Connection) -> rusqlite::Result<()> {
        if self.checked.elapsed() < EVERY {
            return Ok(());
        }
        if !self.is_there() {
            self.restore(db)?;
        }
        self.checked = Instant::now();
        Ok(())
    }

    fn restore(&mut self, db: &mut Connection) -> rusqlite::Result<()> {
        let lost = || rusqlite::Error::InvalidPath(self.path.clone());
        if self.path.exists() {
            return Err(lost());
        }
        let copy = beside(&self.path, "-restored");
        let _ = fs::remove_file(&copy);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy);
        made.map_err(|_| lost())?;
        db.execute("VACUUM INTO ?", [copy.to_str()])?;
        // The old log would be taken for the new file's; closing the old connection removes it.
        drop(std::mem::replace(db, Connection::open_in_memory()?));
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
        // What cannot be put in its place is all there is: it goes on being written where it is.
        let placed = fs::rename(&copy, &self.path);
        *db = Connection::open(if placed.is_ok() { &self.path } else { &copy })?;
        schema::for_writing(db)?;
        placed.map_err(|_| lost())?;
        self.identity = identity(&self.path).ok().flatten();
        Ok(())
    }
}

/// `x.hops` and `-wal` make `x.hops-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn identity(path: &Path) -> io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Ok(it) => Ok(Some((it.dev(), it.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

const EVERY: Duration = Duration::from_millis(500);
