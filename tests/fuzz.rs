//! Every reader of foreign bytes meets bytes that nobody meant to write: a kept corpus, changed
//! at random, for a few seconds each (`FUZZ_SECONDS`, default 3); and 64 kilobytes (`FUZZ_LONGEST`)
//! of every word that ever made a parser slow.
//!
//! The random numbers begin where `FUZZ_SEED` says, so that what was found is found again. What
//! is found is left in `target/fuzz/`; it belongs into the corpus.
//!
//! This runs wherever the tests do. `tests/run fuzz` looks for longer, and with libFuzzer, which
//! is led by what code an input reaches: `tests/fuzz/Cargo.toml` makes a program of each target.

#![expect(clippy::missing_panics_doc, reason = "a panic is what is looked for")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::print_stdout, reason = "what was tried is shown")]

#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/targets.rs"]
pub mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::{FuzzTarget, TARGETS};

/// What the corpus has for a target; nobody else may be slow to begin with.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new("tests/fuzz/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|it| panic!("{}: {it}", folder.display()));
    let mut paths: Vec<_> = entries.map(|it| it.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|it| fs::read(it).unwrap()).collect()
}

/// Run it once; what panics is kept and said.
fn run(&(name, target): &FuzzTarget, input: &[u8]) -> Result<(), String> {
    let begun = busy();
    let outcome = catch_unwind(AssertUnwindSafe(|| target(input)));
    let slow = busy().saturating_sub(begun) > SLOW;
    let Err(panic) = outcome else {
        return if slow { Err(keep(name, input, "too slow")) } else { Ok(()) };
    };
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    Err(keep(name, input, said.unwrap_or("a panic")))
}

fn keep(name: &str, input: &[u8], said: &str) -> String {
    let folder = Path::new("target/fuzz").join(name);
    fs::create_dir_all(&folder).unwrap();
    let sum = input.iter().fold(0_u64, |sum, it| sum.wrapping_mul(31).wrapping_add((*it).into()));
    let path = folder.join(format!("{sum:016x}"));
    fs::write(&path, input).unwrap();
    let shown: String = String::from_utf8_lossy(input).chars().take(300).collect();
    format!("{name}: {said}\n  in {}: {shown:?}", path.display())
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

/// Run `act` for every target on a thread of its own, and fail with all that went wrong.
fn for_all(act: impl Fn(&'static FuzzTarget) -> Result<String, String> + Sync) {
    let (tell, told) = mpsc::channel();
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let only = std::env::var("FUZZ_TARGET").ok();
        for target in TARGETS.iter().filter(|it| only.as_deref().is_none_or(|only| only == it.0)) {
            let (tell, act) = (tell.clone(), &act);
            scope.spawn(move || tell.send(act(target)).unwrap());
        }
        drop(tell);
        for told in told {
            match told {
                Ok(well) => println!("{well}"),
                Err(it) => wrong.push(it),
            }
        }
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let (seconds, seed) = (number("FUZZ_SECONDS", 3), number("FUZZ_SEED", 1));
    for_all(|target| {
        let corpus = corpus(target.0);
        for input in &corpus {
            run(target, input)?;
        }
        let mut mutator = Mutator::new(corpus, seed);
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let mut tried = 0_u64;
        while Instant::now() < deadline {
            run(target, &mutator.next())?;
            tried += 1;
        }
        Ok(format!("{:<14}{tried:>9} inputs", target.0))
    });
}

/// Each target is a program for `cargo fuzz`, too.
#[test]
fn every_target_has_a_program() {
    let manifest = fs::read_to_string("tests/fuzz/Cargo.toml").unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let programs = manifest["bin"].as_array().unwrap().iter();
    let programs: Vec<_> = programs.map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(programs, TARGETS.iter().map(|it| it.0).collect::<Vec<_>>());
}

/// Four times the input may take eight times as long, and no more.
#[test]
fn long_inputs_are_read_in_linear_time() {
    let longest = usize::try_from(number("FUZZ_LONGEST", 1 << 16)).unwrap();
    for_all(|target| {
        let mut slowest = (Duration::ZERO, String::new());
        for (before, word) in mutate::WORDS {
            let mut shorter = Duration::MAX;
            for size in [longest >> 4, longest >> 2, longest] {
                let input = [before, word.repeat(size / word.len()).as_str()].concat();
                let begun = busy();
                run(target, input.as_bytes())?;
                let took = busy().saturating_sub(begun);
                if took > shorter.saturating_mul(8) && took > TELLING {
                    let said = format!("{took:?} after {shorter:?}");
                    return Err(keep(target.0, input.as_bytes(), &said));
                }
                shorter = took;
                slowest = slowest.max((took, format!("{size} bytes of {before:?} {word:?}")));
            }
        }
        Ok(format!("{:<14}{:>9.3} s for {}", target.0, slowest.0.as_secs_f64(), slowest.1))
    });
}

/// What this thread has worked so far; nobody else's work counts.
fn busy() -> Duration {
    let spent = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(spent.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0))
}

/// Less than this says nothing about how time grows.
const TELLING: Duration = Duration::from_millis(150);
/// An input that takes this long, without optimisation, takes too long.
const SLOW: Duration = Duration::from_secs(10);
