//! Which cases run.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::case;

/// How many of each browser a normal run takes.
const SAMPLE: usize = 25;

/// The lines of the cases to run, in the battery's order.
pub(crate) fn lines() -> Vec<&'static str> {
    let all: Vec<&str> = case::RECORDED.lines().collect();
    match std::env::var("LIVE").as_deref() {
        Ok("all") => all,
        Ok(prefixes) => {
            let wanted = |line: &&str| {
                let id = line.strip_prefix("{\"id\":\"").unwrap_or_default();
                prefixes.split(',').any(|it| id.starts_with(it))
            };
            all.into_iter().filter(wanted).collect()
        }
        Err(_) => sample(&all, seed()),
    }
}

/// Each day another sample, the same one for both browsers.
#[expect(clippy::disallowed_methods, reason = "the day is the seed")]
fn seed() -> u64 {
    let given = std::env::var("LIVE_SEED").ok().map(|it| it.parse().expect("LIVE_SEED: a number"));
    let today = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let seed = given.unwrap_or_else(today);
    println!("LIVE_SEED={seed} repeats this sample");
    seed
}

fn sample<'a>(all: &[&'a str], seed: u64) -> Vec<&'a str> {
    let mixed = |at: usize| {
        // SplitMix64: neighbouring seeds give unrelated samples.
        let mut it = (seed ^ (at as u64) << 32).wrapping_add(0x9e37_79b9_7f4a_7c15);
        it = (it ^ it >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ it >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ it >> 31
    };
    let drawn: BTreeMap<u64, usize> = (0..all.len()).map(|it| (mixed(it), it)).collect();
    let mut chosen: Vec<usize> = drawn.into_values().take(SAMPLE).collect();
    chosen.sort_unstable();
    chosen.into_iter().map(|it| all[it]).collect()
}
