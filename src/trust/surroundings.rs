//! What is found on this machine, looked at once.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What deciding depends on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Surroundings {
    pub home: PathBuf,
    /// May change the system's own files.
    pub is_root: bool,
    /// Which of the programs that matter are there.
    pub programs: Vec<String>,
    /// The NSS database that Chromium reads; it may have to be made.
    pub chromium: Option<Nss>,
    /// One for each profile of Firefox.
    pub firefox: Vec<Nss>,
}

/// A database of NSS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Nss {
    pub folder: PathBuf,
    pub exists: bool,
}

impl Surroundings {
    /// Look around, for the user whose home is `home`.
    pub fn look(home: &Path) -> Surroundings {
        let programs = PROGRAMS.iter().filter(|it| is_there(it)).map(|it| (*it).to_owned());
        let programs: Vec<String> = programs.collect();
        let nssdb = home.join(".pki/nssdb");
        let exists = nssdb.join("cert9.db").exists();
        let has_chromium = programs.iter().any(|it| CHROMIUMS.contains(&it.as_str()));
        let chromium = (exists || has_chromium).then_some(Nss { folder: nssdb, exists });
        let firefox = FIREFOXES.iter().flat_map(|it| profiles(&home.join(it))).collect();
        // A process belongs to the user it runs as. Where there is no such file, no root is needed.
        let is_root = fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
        Surroundings { home: home.to_owned(), is_root, programs, chromium, firefox }
    }

    pub(super) fn has(&self, program: &str) -> bool {
        self.programs.iter().any(|it| it == program)
    }
}

fn is_there(program: &str) -> bool {
    find(program).is_some()
}

/// Where a program is.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    // The system's tools are not on every user's path.
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&paths).chain(more).map(|it| it.join(program)).find(|it| it.is_file())
}

fn profiles(folder: &Path) -> Vec<Nss> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let folders = entries.flatten().map(|it| it.path());
    let mut found: Vec<_> = folders.filter(|it| it.join("cert9.db").exists()).collect();
    found.sort();
    found.into_iter().map(|folder| Nss { folder, exists: true }).collect()
}

const PROGRAMS: &[&str] = &[
    "certutil",
    "update-ca-certificates",
    "trust",
    "security",
    "sudo",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "microsoft-edge",
    "brave-browser",
];

pub(super) const CHROMIUMS: &[&str] =
    &["chromium", "chromium-browser", "google-chrome", "microsoft-edge", "brave-browser"];

/// Where Firefox keeps its profiles: as a package, a snap, a flatpak, and on macOS.
const FIREFOXES: &[&str] = &[
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
];
