//! Every file in `tests/chains/` is a story: hops in, chains out, and what is concluded of
//! them. The recordings in `tests/seed/` are stories, too.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its story has failed")]

#[path = "stories/devtools.rs"]
mod devtools;
#[path = "stories/script.rs"]
mod script;
#[path = "stories/seed.rs"]
mod seed;
#[path = "stories/shuffle.rs"]
mod shuffle;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use hopscope::diagnose::{self, Analysis, Fingerprints, Memo, Servers};
use hopscope::fetch::{Known, judge};
use hopscope::lineage::Actor;
use hopscope::link::{self, HopFacts, Interner, Linker, Places};
use hopscope::trace::{Chain, Hop, HopId, Link, Outcome, Tap};
use script::Story;

#[test]
fn every_story_ends_as_written() {
    let mut paths: Vec<_> =
        fs::read_dir("tests/chains").unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no stories found: wrong working directory?");
    let failed: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let stories =
                script::read(&text).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
            let wrong: Vec<String> = stories.iter().filter_map(|it| check(it).err()).collect();
            (!wrong.is_empty()).then(|| format!("{}\n{}", path.display(), wrong.join("\n")))
        })
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n\n"));
}

/// Compare what is linked with what the story says.
fn check(story: &Story) -> Result<(), String> {
    let (hops, taps) = story.hops();
    let chains = link::chains(&hops, &taps);
    let analysed = analyse(&chains, &taps);
    let numbers: BTreeMap<HopId, usize> =
        hops.iter().enumerate().map(|(at, it)| (it.id, at + 1)).collect();
    let found = [
        ("chains", Some(&story.chains), rows(&chains, &numbers)),
        ("links", story.links.as_ref(), links(&chains, &numbers)),
        ("outside", story.outside.as_ref(), outside(&chains, &numbers)),
        ("verdicts", story.verdicts.as_ref(), verdicts(&analysed)),
        ("answered", story.answered.as_ref(), answered(&analysed)),
        ("findings", story.findings.as_ref(), findings(&analysed)),
        ("sightings", story.sightings.as_ref(), sightings(&chains, &numbers)),
    ];
    // The order of the recording must not matter.
    let reversed: Vec<_> = hops.iter().rev().map(Arc::clone).collect();
    assert_eq!(rows(&link::chains(&reversed, &taps), &numbers), found[0].2, "{}", story.title);
    if story.happens_in_order() {
        assert_eq!(rows(&recorded(&hops), &numbers), found[0].2, "{}, live", story.title);
    }
    let wrong: Vec<String> = found
        .into_iter()
        .filter_map(|(what, wanted, found)| {
            let wanted = wanted?;
            (*wanted != found)
                .then(|| format!("  {what}: wanted {wanted:?}\n  {what}: found  {found:?}"))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!(" {}\n{}", story.title, wrong.join("\n"))) }
}

/// Link hops as a recorder would tell of them: each when it begins, and again when it ends.
fn recorded(hops: &[Arc<Hop>]) -> Vec<Chain> {
    let mut interner = Interner::default();
    let mut events: Vec<_> = hops.iter().map(|it| (it.started, it, false)).collect();
    events.extend(hops.iter().filter_map(|it| Some((it.ended?, it, true))));
    events.sort_by_key(|(at, hop, ends)| (*at, hop.id, *ends));
    let innermost = hops.iter().map(|it| it.tap).max().unwrap_or_default();
    let mut linker = Linker::new(innermost);
    let mut places = Places::default();
    for (_, hop, ends) in events {
        let open = Hop { outcome: Outcome::Pending, ended: None, ..Hop::clone(hop) };
        let facts = HopFacts::of(if ends { hop } else { &open }, &mut interner);
        places.apply(linker.push(&facts).iter().copied());
    }
    places.chains(hops)
}

/// Everything that is concluded of chains.
fn analyse(chains: &[Chain], taps: &[Tap]) -> Vec<Analysis> {
    let mut servers = Servers::default();
    for chain in chains {
        servers.learn(chain);
    }
    let mut memo = Memo::new(Known::default(), Cow::Borrowed(Fingerprints::builtin()));
    let analyse = |chain: &Chain| {
        let judgement = judge(chain, &Known::default());
        let chain = Arc::new(chain.clone());
        let whole = diagnose::analyse(Arc::clone(&chain), taps, judgement, &servers);
        assert_eq!(memo.conclude(chain, taps, &servers), whole, "by its shape");
        whole
    };
    chains.iter().map(analyse).collect()
}

/// `blocked MissingAllowOriginHeader at 3`: the outcome, Chromium's code, and the step.
fn verdicts(analysed: &[Analysis]) -> Vec<String> {
    let verdicts = analysed.iter().map(|it| {
        let verdict = &it.judgement.verdict;
        let code = verdict.chromium.code.map(|it| format!(" {it}")).unwrap_or_default();
        let step = verdict.hop.map(|it| format!(" at {}", it + 1)).unwrap_or_default();
        format!("{}{code}{step}", verdict.outcome.as_str())
    });
    verdicts.collect()
}

/// `gateway Kong`: who answered each hop of all chains, and with what, as far as it is told.
fn answered(analysed: &[Analysis]) -> Vec<String> {
    let hops = analysed.iter().flat_map(|it| &it.answered);
    let words = hops.map(|it| {
        let by = it.by.and_then(Actor::as_str).unwrap_or("?");
        format!("{by} {}", it.product.as_deref().unwrap_or_default()).trim_end().to_owned()
    });
    words.collect()
}

/// `stage-prefix-lost at 2`: the codes of all chains, and the step of the guilty hop.
fn findings(analysed: &[Analysis]) -> Vec<String> {
    let findings = analysed.iter().flat_map(|it| &it.findings);
    findings.map(|it| format!("{} at {}", it.code, it.hop + 1)).collect()
}

/// `1 2 3`: the hops of each chain.
fn rows(chains: &[Chain], numbers: &BTreeMap<HopId, usize>) -> Vec<String> {
    let row = |chain: &Chain| {
        let hops = chain.hops.iter().map(|it| numbers[&it.hop.id].to_string());
        hops.collect::<Vec<_>>().join(" ")
    };
    chains.iter().map(row).collect()
}

/// `1 preflight-of 2`, with a `?` when another reading is possible.
fn links(chains: &[Chain], numbers: &BTreeMap<HopId, usize>) -> Vec<String> {
    let steps = chains.iter().flat_map(|it| &it.hops);
    steps.filter_map(|it| Some(word(numbers[&it.hop.id], it.link.as_ref()?, numbers))).collect()
}

fn outside(chains: &[Chain], numbers: &BTreeMap<HopId, usize>) -> Vec<String> {
    let all = chains.iter().flat_map(|chain| {
        chain.outside.iter().map(|it| word(numbers[&chain.hops[it.at].hop.id], &it.link, numbers))
    });
    all.collect()
}

/// `1 = 4`: hop 4 is hop 1, seen further in.
fn sightings(chains: &[Chain], numbers: &BTreeMap<HopId, usize>) -> Vec<String> {
    let steps = chains.iter().flat_map(|it| &it.hops);
    let all = steps.flat_map(|step| {
        step.sightings
            .iter()
            .map(|it| format!("{} = {}", numbers[&step.hop.id], numbers[&it.hop.id]))
    });
    all.collect()
}

fn word(from: usize, link: &Link, numbers: &BTreeMap<HopId, usize>) -> String {
    assert!(!link.clue.text.is_empty());
    let doubt = if link.clue.certain { "" } else { " ?" };
    format!("{from} {} {}{doubt}", link.why.as_str(), numbers[&link.to])
}
