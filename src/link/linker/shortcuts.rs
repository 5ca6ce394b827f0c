//! The shortcuts of the fold against the long way round: random hops, linked by a linker as it
//! is, and by one that looks at every candidate.

use proptest::prelude::*;
use proptest::sample::select;

use super::{Ageing, Candidate, KEYS, Linker};
use crate::link::facts::HopFacts;
use crate::link::interner::Interner;
use crate::link::testing::blank;
use crate::trace::{
    Body, ConnectionId, Failure, FailureKind, Headers, Hop, HopId, Outcome, Response, TapId, Time,
};

impl Linker {
    fn forget_shortcuts(&mut self) {
        self.alike = Ageing::new(KEYS);
        self.waiting.values_mut().flatten().for_each(Candidate::wait_forever);
    }
}

/// A hop after so many microseconds.
type Step = (i64, Hop);

fn step() -> impl Strategy<Value = Step> {
    let url = (
        select(vec!["http://gw.test/prod", "http://gw.test", "http://app.test"]),
        select(vec!["/items", "/items/", "/", "/a/items", "/b"]),
        select(vec!["", "?q=1", "?q=2"]),
    );
    let request = (
        select(vec!["GET", "OPTIONS", "POST"]),
        select(vec!["http://page.test", "null", ""]),
        select(vec!["x-a", "x-b", ""]),
        select(vec!["", "", "a", "b"]),
        0..4_u64,
    );
    let answer = (
        select(vec![0, 200, 200, 204, 301, 307, 401, 421, 504]),
        select(vec!["/items", "http://gw.test/items?q=1", "http://app.test/items/"]),
        0..12_000_i64,
        select(vec!["x", "y"]),
    );
    let gap = prop_oneof![4 => 0..3_000_i64, 1 => Just(0), 1 => Just(4_000_000)];
    (gap, 0..3_u16, url, request, answer).prop_map(|(gap, tap, url, request, answer)| {
        let (method, origin, asked, body, connection) = request;
        let mut hop = Hop { tap: TapId(tap), ..blank() };
        hop.request.method = method.to_owned();
        hop.request.url = [url.0, url.1, url.2].concat();
        hop.request.body = if body.is_empty() { Body::default() } else { Body::full(body) };
        hop.connection = (connection != 0).then_some(ConnectionId(connection));
        let headers = &mut hop.request.headers;
        headers.push("Origin", origin);
        if method == "OPTIONS" {
            headers.push("Access-Control-Request-Method", "GET");
            headers.push("Access-Control-Request-Headers", asked);
        } else if !asked.is_empty() {
            headers.push(asked, "1");
        }
        let (status, location, took, body) = answer;
        hop.ended = Some(Time(took));
        hop.outcome = if status == 0 {
            Outcome::Failed(Failure { kind: FailureKind::Closed, detail: String::new() })
        } else {
            let mut headers: Headers = [("Access-Control-Allow-Origin", "*")].into_iter().collect();
            if (300..400).contains(&status) {
                headers.push("Location", location);
            }
            let body = Body::full(body);
            Outcome::Answered(Response { status, headers, body, ..Response::default() })
        };
        (gap, hop)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn find_what_the_long_way_finds(
        steps in prop::collection::vec((step(), any::<bool>()), 1..60),
    ) {
        let mut interner = Interner::default();
        let mut short = Linker::new(TapId(2));
        let mut long = Linker::new(TapId(2));
        let mut now = 0;
        for (number, ((gap, mut hop), opened)) in (1..).zip(steps) {
            now += gap;
            hop.id = HopId { recorder: 1, sequence: number };
            hop.started = Time(now);
            hop.ended = hop.ended.map(|it| it.plus(now));
            let open = Hop { outcome: Outcome::Pending, ended: None, ..hop.clone() };
            for hop in [opened.then_some(&open), Some(&hop)].into_iter().flatten() {
                let facts = HopFacts::of(hop, &mut interner);
                long.forget_shortcuts();
                prop_assert_eq!(short.push(&facts), long.push(&facts));
            }
        }
    }
}
