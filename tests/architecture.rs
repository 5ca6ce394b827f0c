//! The architecture, kept by a test: which part may use which, what the core must not know,
//! how long a file may get, that every rule has a test.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each part may use beside itself, from the bottom up. Anything not listed is a mistake.
const LAYERS: &[(&str, &[&str])] = &[
    ("trace", &[]),
    ("content", &["trace"]),
    ("tls", &["trace"]),
    ("fetch", &["trace", "content"]),
    ("link", &["trace", "fetch"]),
    ("lineage", &["trace", "fetch", "link"]),
    ("redact", &["trace", "content"]),
    ("diagnose", &["trace", "content", "fetch", "link", "lineage"]),
    ("ladder", &["trace", "fetch", "lineage", "diagnose"]),
    ("drive", &["trace", "fetch", "tls"]),
    ("proxy", &["trace", "tls"]),
    ("trust", &[]),
    ("store", &["trace"]),
    ("lab", &["trace"]),
    ("formats", &["trace", "content", "fetch", "link", "lineage", "redact", "diagnose", "ladder"]),
    ("tui", &["trace", "content", "fetch", "link", "lineage", "redact", "diagnose", "ladder"]),
    ("cli", &["trace", "fetch", "diagnose", "proxy", "lab", "tls"]),
];

/// The parts that take values and return values.
const CORE: &[&str] =
    &["trace", "content", "fetch", "link", "lineage", "redact", "diagnose", "ladder"];

/// What the core must not know.
const SHELL_ONLY: &[&str] = &[
    "tokio",
    "hyper",
    "hyper_util",
    "ratatui",
    "crossterm",
    "rusqlite",
    "clap",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::io",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "derive(Serialize",
    "derive(Deserialize",
];

/// Lines a source file may have; a longer one has a seam in it.
const LONGEST: usize = 450;

#[test]
fn parts_only_use_the_parts_below_them() {
    for (part, may_use) in LAYERS {
        let files = files_of(part);
        assert!(!files.is_empty(), "`{part}` has moved: update this test");
        for file in files {
            for used in crates_used(&source(&file)) {
                let known = LAYERS.iter().any(|(it, _)| *it == used) || used == "app";
                let fine = !known || used == *part || may_use.contains(&used.as_str());
                assert!(fine, "{}: `{part}` must not use `{used}`", file.display());
            }
        }
    }
}

#[test]
fn the_core_does_no_io_and_tells_no_time() {
    for part in CORE {
        for file in files_of(part) {
            let source = source(&file);
            let code = source.lines().filter(|it| !it.trim_start().starts_with("//"));
            for line in code {
                for word in SHELL_ONLY {
                    let allowed = *word == "derive(Deserialize" && line.contains("edge-owned");
                    assert!(!line.contains(word) || allowed, "{}: `{word}`", file.display());
                }
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    for file in rust_files(Path::new("src")) {
        let source = fs::read_to_string(&file).unwrap();
        assert!(source.starts_with("//!"), "{}: begin with a `//!` doc", file.display());
        let lines = source.lines().count();
        assert!(lines <= LONGEST, "{}: {lines} lines; is there a seam in it?", file.display());
        assert!(!file.ends_with("mod.rs"), "{}: foo.rs beside foo/", file.display());
    }
}

#[test]
fn every_rule_has_tests_and_is_registered() {
    let rules = Path::new("src/diagnose/rules");
    let registry = source(Path::new("src/diagnose.rs"))
        + &fs::read_to_string("src/diagnose/rules.rs").unwrap_or_default();
    let mut n_rules = 0;
    for file in rust_files(rules) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        if !text.contains("-> Vec<Finding>") {
            continue;
        }
        n_rules += 1;
        assert!(text.contains("#[test]"), "{}: no test", file.display());
        assert!(registry.contains(&name), "{name}: not registered");
    }
    assert!(n_rules >= 7, "{n_rules} rules found: wrong working directory?");
}

/// `src/part.rs` and everything in `src/part/`.
/// A rule that nobody saw fire on real traffic is a guess: each has its row in the tables of the
/// real gateways, or among what the lab or a browser's export shows.
#[test]
fn every_rule_fires_on_real_traffic() {
    let tables = [
        "gateways/mistakes.toml",
        "gateways/further.toml",
        "lab_findings.rs",
        // Exports of real browsers.
        "stories/devtools.rs",
    ];
    let text: String =
        tables.iter().map(|it| fs::read_to_string(Path::new("tests").join(it)).unwrap()).collect();
    let mut unseen = Vec::new();
    for file in rust_files(Path::new("src/diagnose/rules")) {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.split("code: \"").nth(1).and_then(|it| it.split('"').next());
        let code = code.unwrap_or_else(|| panic!("{}: no code", file.display()));
        // `"2 stage-prefix-lost app"`, or without who did it.
        let is_seen = |it: &str| {
            let (hop, rest) = it.split_once(' ').unwrap_or_default();
            let hop = hop.rsplit('/').next().unwrap_or_default();
            hop.parse::<u8>().is_ok() && rest.split(' ').next() == Some(code)
        };
        if !text.split('"').any(is_seen) {
            unseen.push(code.to_owned());
        }
    }
    assert_eq!(unseen, [""; 0]);
}

fn files_of(part: &str) -> Vec<PathBuf> {
    let mut files = rust_files(&Path::new("src").join(part));
    files.extend([PathBuf::from(format!("src/{part}.rs"))].into_iter().filter(|it| it.exists()));
    files
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

/// The source without its tests, which may use what they like.
fn source(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
    if text.contains("#![cfg(test)]")
        || file.file_stem().is_some_and(|it| it == "testing" || it == "tests")
    {
        return String::new();
    }
    text
}

/// The parts named in `crate::part` paths of the code.
fn crates_used(source: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for line in source.lines().filter(|it| !it.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let braced = rest.strip_prefix('{').and_then(|it| it.split('}').next());
            let names = braced.map_or_else(|| vec![rest], |it| it.split(',').collect());
            for name in names {
                let end = name.trim().find(|c: char| !c.is_alphanumeric() && c != '_');
                let name = name.trim();
                used.insert(name[..end.unwrap_or(name.len())].to_owned());
            }
        }
    }
    used
}
