//! What a tap changes on the wire: heads in and heads out, compared byte for byte on both sides,
//! on every way through a tap. Prints the table of all that differs, with the reason; a
//! difference that `conformance/cases.toml` does not name fails, and so does a name for none.
//!
//! `cargo test --test conformance -- --nocapture`

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::print_stdout, reason = "the table is what this test is for")]

#[path = "conformance/lanes.rs"]
mod lanes;
#[path = "conformance/message.rs"]
mod message;
#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use lanes::{Ground, LANES, Lane, Passed};
use message::differences;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
    change: Vec<Change>,
}

/// One exchange. `\n` stands for CR LF, `␊` for LF alone, a character for its Latin-1 byte,
/// `{host}` for the upstream.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "plain_request")]
    request: String,
    #[serde(default = "plain_response")]
    response: String,
    /// Where it can be said: everywhere, or only in HTTP/1.
    #[serde(default)]
    http1_only: bool,
    /// Where else it cannot be said.
    lanes: Option<Vec<String>>,
    /// With what the tap refuses it.
    refused: Option<u16>,
}

/// A difference that has a reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// `- LINE` went, `+ LINE` came, `order`; `*` stands for anything, `?` for one character.
    is: Vec<String>,
    #[serde(default = "both")]
    side: Vec<Side>,
    /// Where one of the sides speaks HTTP/2, and where none does; both by default.
    http2: Option<bool>,
    why: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
enum Side {
    Request,
    Response,
}

fn both() -> Vec<Side> {
    vec![Side::Request, Side::Response]
}

fn plain_request() -> String {
    "GET /a HTTP/1.1\nHost: {host}\n\n".to_owned()
}

fn plain_response() -> String {
    "HTTP/1.1 200 OK\nContent-Length: 2\n\nok".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_what_is_listed_and_nothing_else() {
    let table: Table = toml::from_str(include_str!("conformance/cases.toml")).unwrap();
    let ground = Ground::new();
    let (mut found, mut unlisted) = (BTreeMap::<_, BTreeSet<Lane>>::new(), Vec::new());
    let (mut exchanges, mut unchanged) = (0, 0);
    for case in &table.case {
        let written = |it: &str| {
            let it = it.replace('\n', "\r\n").replace('␊', "\n");
            it.replace("{long}", &"x".repeat(16_000))
        };
        let (request, response) = (written(&case.request), written(&case.response));
        let lanes = LANES.into_iter().filter(|it| case.runs_on(*it));
        let passing = lanes.map(async |it| (it, it.pass(&ground, &request, &response).await));
        for (lane, passed) in join_all(passing).await {
            exchanges += 1;
            let refused = passed.heard.is_none().then(|| passed.got.status());
            if refused != case.refused {
                unlisted.push(format!("{lane:?} {}: refused {refused:?}", case.name));
            }
            let Some(heard) = &passed.heard else { continue };
            let all = compare(lane, &passed, heard);
            unchanged += usize::from(all.is_empty());
            for (side, difference) in all {
                match table.change.iter().position(|it| it.names(lane, side, &difference)) {
                    Some(at) => drop(found.entry((at, side)).or_default().insert(lane)),
                    None => unlisted.push(format!("{side:?} {lane:?} {}: {difference}", case.name)),
                }
            }
        }
    }
    print(&table, &found);
    println!("{exchanges} exchanges, {unchanged} of them without any difference");
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    for (at, change) in table.change.iter().enumerate() {
        for side in &change.side {
            assert!(found.contains_key(&(at, *side)), "{side:?} {:?} is never seen", change.is);
        }
    }
}

fn compare(lane: Lane, passed: &Passed, heard: &message::Message) -> Vec<(Side, String)> {
    let Passed { asked, said, got, .. } = passed;
    let sides = [(Side::Request, asked, heard), (Side::Response, said, got)];
    let all = sides.into_iter().flat_map(|(side, came, out)| {
        let differences = if lane.is_http1() {
            differences(&came.lines(), &out.lines())
        } else {
            differences(&came.common(), &out.common())
        };
        differences.into_iter().map(move |it| (side, it))
    });
    all.collect()
}

impl Case {
    fn runs_on(&self, lane: Lane) -> bool {
        match &self.lanes {
            Some(lanes) => lanes.iter().any(|it| it == lane.name()),
            None => lane.is_http1() || !self.http1_only,
        }
    }
}

impl Change {
    fn names(&self, lane: Lane, side: Side, difference: &str) -> bool {
        self.side.contains(&side)
            && self.http2.is_none_or(|it| it != lane.is_http1())
            && self.is.iter().any(|it| fits(it, difference))
    }
}

/// Whether a text is what a pattern says.
fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern_rest, mut text_rest) = (pattern.chars(), text.chars());
    match (pattern_rest.next(), text_rest.next()) {
        (None, first) => first.is_none(),
        (Some('*'), first) => {
            fits(pattern_rest.as_str(), text)
                || first.is_some_and(|_| fits(pattern, text_rest.as_str()))
        }
        (Some(wanted), Some(first)) if wanted == '?' || wanted == first => {
            fits(pattern_rest.as_str(), text_rest.as_str())
        }
        _ => false,
    }
}

fn print(table: &Table, found: &BTreeMap<(usize, Side), BTreeSet<Lane>>) {
    println!("what a tap changes on the wire:");
    for ((at, side), lanes) in found {
        let change = &table.change[*at];
        let lanes: Vec<_> = lanes.iter().map(|it| it.name()).collect();
        let side = format!("{side:?}").to_lowercase();
        println!("{side:<9} {:<56} {}", change.is.join(" "), lanes.join(", "));
        println!("{:<9} {}", "", change.why);
    }
}
