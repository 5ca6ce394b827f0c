//! Chains that have nothing to do with each other, interleaved at random.

use std::collections::BTreeSet;
use std::sync::Arc;

use hopscope::link::{self, HopFacts, Interner, Linker, Places};
use hopscope::trace::{Chain, Hop, HopId, Outcome, TapId, Time};
use proptest::prelude::*;

use crate::script::{self, Story};

/// One client's story, told in its own words: pages, paths and headers differ, so that every
/// clue is unambiguous.
fn story(kind: usize, who: usize) -> Story {
    let page = format!("http://page{who}.test");
    let hops: &[&str] = match kind % 7 {
        0 => &["GET /a@W -> 200 allow=*"],
        1 => &[
            "OPTIONS /a@W acrm=PUT acrh=x-a -> 200 allow=* methods=PUT headers=x-a max-age=0",
            "PUT /a@W x-a=1 -> 200 allow=*",
        ],
        2 => &[
            "OPTIONS /a@W acrm=GET acrh=x-a -> 200 allow=* headers=x-a",
            "GET /a@W x-a=1 -> 301 location=/b@W allow=*",
            "OPTIONS /b@W acrm=GET acrh=x-a -> 403",
        ],
        3 => &[
            "GET /a@W -> 302 location=http://other.test/b@W allow=*",
            "GET http://other.test/b@W origin=null -> 302 location=/c@W allow=*",
            "GET http://other.test/c@W origin=null -> 200 allow=*",
        ],
        4 => &["OPTIONS /a@W acrm=DELETE -> 403"],
        5 => &["POST /a@W body=x -> 303 location=/b@W allow=*", "GET /b@W -> 200 allow=*"],
        _ => &["GET /a@W -> refused"],
    };
    let hops = hops.iter().map(|it| it.replace("@W", &format!("/{who}"))).collect();
    Story::of(page, hops)
}

/// The same URLs for everybody; only the page tells them apart.
fn same_urls(kind: usize, who: usize) -> Story {
    let mut story = story(kind, who);
    story.rename(&format!("/{who}"), "");
    story
}

/// Put the stories together, the hops of each in order, at the given turns.
fn interleave(stories: &[Story], turns: &[usize]) -> (Vec<Arc<Hop>>, BTreeSet<Vec<HopId>>) {
    let mut rows: Vec<Vec<Arc<Hop>>> = stories.iter().map(|it| it.hops().0).collect();
    for row in &mut rows {
        row.reverse();
    }
    let mut hops: Vec<Arc<Hop>> = Vec::new();
    let mut expected: Vec<Vec<HopId>> = vec![Vec::new(); rows.len()];
    let mut turns = turns.iter().copied().cycle();
    let mut now = 0;
    while rows.iter().any(|it| !it.is_empty()) {
        let from = turns.next().unwrap_or_default() % rows.len();
        let open = (0..rows.len()).map(|it| (from + it) % rows.len());
        let Some(from) = open.into_iter().find(|it| !rows[*it].is_empty()) else { break };
        let Some(hop) = rows[from].pop() else { break };
        let mut hop = Hop::clone(&hop);
        now += 1500;
        hop.id = HopId { recorder: 9, sequence: hops.len() as u64 + 1 };
        hop.ended = hop.ended.map(|it| Time(now + it.since(hop.started).min(1000)));
        hop.started = Time(now);
        expected[from].push(hop.id);
        hops.push(Arc::new(hop));
    }
    (hops, expected.into_iter().collect())
}

fn rows(chains: &[Chain]) -> BTreeSet<Vec<HopId>> {
    chains.iter().map(|it| it.hops.iter().map(|it| it.hop.id).collect()).collect()
}

/// How many cases, `PROPTEST_CASES` says; what failed is in the message and kept nowhere.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn interleaved_chains_come_apart_again(
        kinds in prop::collection::vec(0..7_usize, 1..12),
        turns in prop::collection::vec(0..12_usize, 1..40),
        shared in any::<bool>(),
    ) {
        let tell = if shared { same_urls } else { story };
        let stories: Vec<Story> = kinds.iter().enumerate().map(|(who, it)| tell(*it, who)).collect();
        let (hops, expected) = interleave(&stories, &turns);
        prop_assert_eq!(rows(&link::chains(&hops, &[])), expected);
    }

    #[test]
    fn unrelated_traffic_changes_no_chain(
        kind in 0..7_usize,
        others in prop::collection::vec(0..7_usize, 0..10),
        turns in prop::collection::vec(0..12_usize, 1..40),
    ) {
        let mut stories = vec![story(kind, 0)];
        stories.extend(others.iter().enumerate().map(|(who, it)| story(*it, who + 1)));
        let (hops, _) = interleave(&stories, &turns);
        let own: Vec<Arc<Hop>> =
            hops.iter().filter(|it| it.request.headers.text("referer").as_deref() == Some("http://page0.test/")).cloned().collect();
        let alone = link::chains(&own, &[]);
        let all = link::chains(&hops, &[]);
        for chain in &alone {
            prop_assert!(all.contains(chain), "{:?}", chain);
        }
    }

    /// While it is recorded, a hop is open first and its answer comes later.
    #[test]
    fn linking_while_recording_ends_the_same(
        kinds in prop::collection::vec(0..7_usize, 1..12),
        turns in prop::collection::vec(0..12_usize, 1..40),
    ) {
        let stories: Vec<Story> =
            kinds.iter().enumerate().map(|(who, it)| same_urls(*it, who)).collect();
        let (hops, _) = interleave(&stories, &turns);
        let mut interner = Interner::default();
        let mut linker = Linker::new(TapId(0));
        let mut places = Places::default();
        for hop in &hops {
            let open = Hop { outcome: Outcome::Pending, ended: None, ..Hop::clone(hop) };
            places.apply(linker.push(&HopFacts::of(&open, &mut interner)).iter().copied());
            places.apply(linker.push(&HopFacts::of(hop, &mut interner)).iter().copied());
        }
        prop_assert_eq!(places.chains(&hops), link::chains(&hops, &[]));
    }

    /// Nothing that a file can hold makes linking fail, and no hop is lost or doubled.
    #[test]
    fn every_hop_is_in_exactly_one_place(
        lines in prop::collection::vec((0..6_usize, 0..4_usize, 0..7_usize, 0..3_i64, 0..3_u16), 0..40),
    ) {
        let hops = script::noise(&lines);
        let chains = link::chains(&hops, &[]);
        let mut seen: Vec<HopId> = chains
            .iter()
            .flat_map(|it| &it.hops)
            .flat_map(|it| it.seen().map(|it| it.id).collect::<Vec<_>>())
            .collect();
        seen.sort_unstable();
        let mut ids: Vec<HopId> = hops.iter().map(|it| it.id).collect();
        ids.sort_unstable();
        prop_assert_eq!(seen, ids);
    }
}

#[test]
fn ten_thousand_redirects_are_one_chain() {
    let hops: Vec<String> =
        (0..10_000).map(|it| format!("GET /{it} -> 302 location=/{} allow=*", it + 1)).collect();
    let (hops, taps) = Story::of("http://page.test".to_owned(), hops).hops();
    let chains = link::chains(&hops, &taps);
    assert_eq!(chains.len(), 1);
    assert_eq!(chains[0].hops.len(), 10_000);
}

#[test]
fn ten_thousand_of_one_url_at_one_time_are_still_told_apart() {
    let hops = (0..10_000).map(|it| match it % 3 {
        0 => "OPTIONS /a @0 acrm=GET acrh=x-a -> 200 allow=* headers=x-a".to_owned(),
        1 => "GET /a @0 x-a=1 -> 302 location=/a allow=*".to_owned(),
        _ => format!("GET /a @0 x-{it}=1 -> closed"),
    });
    let (hops, taps) = Story::of("http://page.test".to_owned(), hops.collect()).hops();
    let chains = link::chains(&hops, &taps);
    assert_eq!(chains.iter().map(|it| it.hops.len()).sum::<usize>(), 10_000);
}
