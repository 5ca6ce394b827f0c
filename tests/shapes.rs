//! What is concluded of a chain by its shape is what is concluded of the whole chain: for
//! traffic as it comes, and for chains that nobody would ever send.
#![expect(clippy::unwrap_used, reason = "a test that cannot make its chain has failed")]

#[path = "shapes/dice.rs"]
mod dice;
#[path = "bench/traffic.rs"]
mod traffic;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use dice::Dice;
use hopscope::diagnose::{Analysis, Fingerprints, Memo, Servers, analyse_with};
use hopscope::fetch::{Api, Credentials, Known, judge};
use hopscope::link;
use hopscope::trace::{Chain, Hop, Tap};
use proptest::prelude::*;
use traffic::Traffic;

/// Every chain anew, and by its shape.
fn compare(chains: &[Arc<Chain>], taps: &[Tap], known: &Known, prints: &'static Fingerprints) {
    let mut servers = Servers::default();
    let mut memo = Memo::new(known.clone(), Cow::Borrowed(prints));
    // Twice, so that each has been seen before.
    for chain in chains.iter().chain(chains) {
        let whole = analyse_with(prints, Arc::clone(chain), taps, judge(chain, known), &servers);
        let by_shape = memo.conclude(Arc::clone(chain), taps, &servers);
        assert!(by_shape == whole, "{}\n{chain:#?}", differences(&by_shape, &whole));
        servers.learn(chain);
    }
}

/// The lines in which two analyses differ.
fn differences(by_shape: &Analysis, whole: &Analysis) -> String {
    let text = |it: &Analysis| {
        let mut lines = vec![format!("{:?}", it.judgement)];
        lines.extend(it.answered.iter().map(|it| format!("{it:?}")));
        lines.push(format!("{:?} {:?}", it.actors, it.route));
        lines.extend(it.lineage.iter().map(|it| format!("{it:?}")));
        lines.extend(it.findings.iter().map(|it| format!("{it:?}")));
        lines
    };
    let (by_shape, whole) = (text(by_shape), text(whole));
    let lines = by_shape.iter().zip(&whole).filter(|(a, b)| a != b);
    let lines = lines.map(|(a, b)| format!("by its shape: {a}\nwhole:        {b}\n"));
    lines.collect::<Vec<_>>().concat()
}

#[test]
fn traffic_as_it_comes_ends_the_same() {
    for n_taps in [1, 2] {
        let (mut traffic, taps) = (Traffic::new(n_taps), traffic::taps(n_taps));
        let hops = std::iter::from_fn(|| Some(traffic.conversation())).flatten();
        let hops: Vec<Arc<Hop>> = hops.take(1000).map(Arc::new).collect();
        let chains: Vec<Arc<Chain>> =
            link::chains(&hops, &taps).into_iter().map(Arc::new).collect();
        assert!(chains.len() > 300);
        compare(&chains, &taps, &Known::default(), Fingerprints::builtin());
    }
}

/// What is assumed on the command line, and a user's own fingerprints.
fn known(dice: &mut Dice) -> Known {
    match dice.roll(4) {
        0 => Known { credentials: Some(Credentials::Include), ..Known::default() },
        1 => Known { api: Some(Api::Img), ..Known::default() },
        _ => Known::default(),
    }
}

/// The built-in fingerprints and one of the user's own.
static OWN: LazyLock<Fingerprints> =
    LazyLock::new(|| Fingerprints::with_user_file(PRINT, "own.toml").0);

const PRINT: &str = "[[fingerprint]]\nproduct = \"Mine\"\nactor = \"gateway\"\nheaders = { x-request-id = \"a*\" }\n";

fn ends_the_same(seed: u64, prints: &'static Fingerprints) {
    let mut dice = Dice::new(seed);
    let taps = traffic::taps(2);
    let chains: Vec<Arc<Chain>> = (0..3).map(|_| Arc::new(dice::chain(&mut dice))).collect();
    compare(&chains, &taps, &known(&mut dice), prints);
}

/// A case is several chains, each concluded four times: fewer are enough.
fn config() -> ProptestConfig {
    let all = ProptestConfig::default();
    ProptestConfig { cases: all.cases.div_ceil(16), failure_persistence: None, ..all }
}

// Two tests, which run at the same time.
proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_chain_ends_the_same(seed in any::<u64>()) {
        ends_the_same(seed, Fingerprints::builtin());
    }

    #[test]
    fn any_chain_ends_the_same_with_fingerprints_of_ones_own(seed in any::<u64>()) {
        ends_the_same(seed, &OWN);
    }
}

/// Were every chain one without a shape, the comparison would say nothing.
#[test]
fn most_chains_have_a_shape_that_came_before() {
    let (mut traffic, taps) = (Traffic::new(1), traffic::taps(1));
    let hops = std::iter::from_fn(|| Some(traffic.conversation())).flatten();
    let hops: Vec<Arc<Hop>> = hops.take(20_000).map(Arc::new).collect();
    let mut memo = Memo::new(Known::default(), Cow::Borrowed(Fingerprints::builtin()));
    let mut servers = Servers::default();
    let chains = link::chains(&hops, &taps);
    let n = chains.len();
    for chain in &chains {
        servers.learn(chain);
    }
    for chain in chains {
        memo.conclude(Arc::new(chain), &taps, &servers);
    }
    let worked = usize::try_from(memo.worked_out()).unwrap();
    assert!(worked < n / 20, "{worked} of {n} chains were worked out");
}
