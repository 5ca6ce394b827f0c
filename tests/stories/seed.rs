//! The recordings of the story, both sides of the gateway, against what they show.

use std::fs;
use std::sync::Arc;

use hopscope::formats::har;
use hopscope::link;
use hopscope::trace::{Chain, Tap, TapId, TapKind};

/// One try, as `index.txt` tells it.
struct Try {
    name: String,
    /// `OPTIONS /items 200 | GET /items 301`.
    browser: String,
    backend: String,
    /// `PreflightMissingAllowOriginHeader`; `None` for no error.
    code: String,
}

fn tries() -> Vec<Try> {
    let index = fs::read_to_string("tests/seed/index.txt").unwrap();
    let rows: Vec<Vec<&str>> = index.lines().map(|it| it.split('\t').collect()).collect();
    let pairs = rows.chunks(2).map(|pair| Try {
        name: pair[0][0].trim_end_matches("-browser.har").to_owned(),
        browser: pair[0][3].to_owned(),
        backend: pair[1][3].to_owned(),
        code: pair[0][4].split([' ', '=']).nth(1).unwrap().to_owned(),
    });
    pairs.collect()
}

/// Both files of a try as two taps.
fn pair(name: &str) -> Vec<Chain> {
    shifted(name, 0)
}

/// [`pair`], with the backend's clock off by `micros`.
fn shifted(name: &str, micros: i64) -> Vec<Chain> {
    let mut hops = Vec::new();
    for (tap, side) in ["browser", "backend"].iter().enumerate() {
        let bytes = fs::read(format!("tests/seed/{name}-{side}.har")).unwrap();
        let mut file = har::read(&bytes).unwrap();
        assert!(file.remarks.is_empty());
        file.place_at(TapId(u16::try_from(tap).unwrap()));
        for mut hop in file.hops {
            if side == &"backend" {
                hop.started = hop.started.plus(micros);
                hop.ended = hop.ended.map(|it| it.plus(micros));
            }
            hops.push(Arc::new(hop));
        }
    }
    link::chains(&hops, &[tap("edge"), tap("origin")])
}

fn tap(name: &str) -> Tap {
    Tap { name: name.to_owned(), kind: TapKind::File, address: String::new(), upstream: None }
}

#[test]
fn each_try_is_one_chain_seen_from_both_sides() {
    let tries = tries();
    assert_eq!(tries.len(), 32);
    for it in tries {
        let chains = pair(&it.name);
        assert_eq!(chains.len(), 1, "{}", it.name);
        let chain = &chains[0];
        let line = |hop: &hopscope::trace::Hop| {
            let target = hopscope::trace::Target::parse(&hop.request.url);
            format!("{} {} {}", hop.request.method, target.path, hop.status().unwrap_or(0))
        };
        let browser: Vec<String> = chain.hops.iter().map(|it| line(&it.hop)).collect();
        assert_eq!(browser.join(" | "), it.browser, "{}", it.name);
        let backend: Vec<String> =
            chain.hops.iter().flat_map(|it| it.sightings.iter().map(|it| line(&it.hop))).collect();
        assert_eq!(backend.join(" | "), it.backend, "{}", it.name);
    }
}

#[test]
fn two_clocks_do_not_matter() {
    for micros in [700, -700_000, 90_000_000, -7_200_000_000, 63_072_000_000_000] {
        for it in tries() {
            assert_eq!(
                sides(&shifted(&it.name, micros)),
                sides(&pair(&it.name)),
                "{} {micros}",
                it.name
            );
        }
    }
}

/// Every hop, with what the other side saw of it.
fn sides(chains: &[Chain]) -> Vec<Vec<u64>> {
    let steps = chains.iter().flat_map(|it| &it.hops);
    steps.map(|it| it.seen().map(|it| it.id.sequence).collect()).collect()
}

#[test]
fn each_try_ends_as_in_chromium() {
    for it in tries() {
        let analysed = crate::analyse(&pair(&it.name), &[tap("edge"), tap("origin")]);
        let verdict = &analysed[0].judgement.verdict;
        assert_eq!(verdict.chromium.code.unwrap_or("None"), it.code, "{}", it.name);
    }
}

#[test]
fn each_try_has_the_storys_causes() {
    for it in tries() {
        let analysed = crate::analyse(&pair(&it.name), &[tap("edge"), tap("origin")]);
        let found = crate::findings(&analysed);
        let (_, wanted) =
            CAUSES.iter().find(|(names, _)| names.contains(&it.name.as_str())).unwrap();
        let mut rest = found.iter();
        let in_order = wanted.iter().all(|it| rest.any(|found| found == it));
        assert!(in_order, "{}: wanted {wanted:?}, found {found:?}", it.name);
        assert_eq!(wanted.is_empty(), found.is_empty(), "{}: found {found:?}", it.name);
    }
}

/// The causes of each try, in their order. Others may be named between them.
const CAUSES: &[(&[&str], &[&str])] = &[
    (
        &["00-0", "00-1", "01-0", "01-1"],
        &["stage-prefix-lost at 2", "gateway-error-without-cors at 3"],
    ),
    (
        &["00-2", "01-2"],
        &[
            "trailing-slash-dropped at 2",
            "stage-prefix-lost at 2",
            "gateway-error-without-cors at 3",
        ],
    ),
    (&["00-3", "01-3"], &["stage-prefix-lost at 1", "gateway-error-without-cors at 2"]),
    (
        &["00-4", "01-4"],
        &[
            "trailing-slash-dropped at 1",
            "stage-prefix-lost at 1",
            "gateway-error-without-cors at 2",
        ],
    ),
    (&["00-5"], &["append-slash-refuses-write at 2"]),
    (&["00-6"], &["trailing-slash-dropped at 2", "append-slash-refuses-write at 2"]),
    (&["00-7"], &["trailing-slash-dropped at 1", "append-slash-refuses-write at 1"]),
    (
        &["01-5"],
        &[
            "stage-prefix-lost at 2",
            "redirect-drops-method at 2",
            "gateway-error-without-cors at 3",
        ],
    ),
    (
        &["01-6"],
        &[
            "trailing-slash-dropped at 2",
            "stage-prefix-lost at 2",
            "redirect-drops-method at 2",
            "gateway-error-without-cors at 3",
        ],
    ),
    (
        &["01-7"],
        &[
            "trailing-slash-dropped at 1",
            "stage-prefix-lost at 1",
            "redirect-drops-method at 1",
            "gateway-error-without-cors at 2",
        ],
    ),
    (
        &["07-0", "07-1", "07-2", "07-3", "07-4", "07-5", "07-6", "07-7"],
        &["app-unreachable at 1", "gateway-error-without-cors at 1"],
    ),
    (&["08-0", "08-1", "08-2", "08-3", "08-4", "08-5", "08-6", "08-7"], &[]),
];
