//! A file of our own for as long as it is needed.

use std::fs;
use std::path::{Path, PathBuf};

/// A path in a fresh folder that only its owner can enter; both go when this goes.
#[derive(Debug)]
pub(crate) struct File {
    folder: PathBuf,
    path: PathBuf,
}

impl File {
    /// A path for a file called `name`. Nothing is written yet.
    pub(crate) fn new(name: &str) -> File {
        let unique = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        let folder = std::env::temp_dir().join(format!("hopscope-{unique:016x}"));
        // Whoever writes the file says what is wrong with the folder.
        let _ = create_private(&folder);
        File { path: folder.join(name), folder }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(folder)
}
