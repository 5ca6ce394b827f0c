//! When a request was sent, in HARs of browsers' developer tools.
//!
//! Firefox dates a request when the page makes it, before the preflight that it waits for, and
//! counts that waiting nowhere. Chromium counts it, but of an answer that it refused all time is
//! waiting. On the wire the preflight came first.
//!
//! **Invariant:** only the times of a request that its own preflight overtook change.

use std::collections::HashMap;

use crate::trace::{Hop, Time};

/// Put requests after the preflights that they waited for: those whose time is `vague`.
pub(super) fn after_their_preflights(hops: &mut [Hop], vague: impl Fn(&Hop) -> bool) {
    let mut made: HashMap<(String, String), Vec<usize>> = HashMap::new();
    let mut in_time: Vec<usize> = (0..hops.len()).collect();
    in_time.sort_by_key(|it| hops.get(*it).map(|it| it.started));
    for at in in_time {
        let Some(hop) = hops.get(at) else { continue };
        let url = hop.request.url.clone();
        if !hop.is_preflight() {
            if !vague(hop) {
                continue;
            }
            made.entry((url, hop.request.method.clone())).or_default().push(at);
            continue;
        }
        let (asked, answered) = (hop.started, hop.ended.unwrap_or(hop.started));
        let origin = hop.request.headers.get("origin");
        let method = hop.request.headers.text("access-control-request-method").unwrap_or_default();
        let Some(waiting) = made.get_mut(&(url, method)) else { continue };
        let Some(request) = waiting.pop().and_then(|it| hops.get_mut(it)) else { continue };
        let since = asked.since(request.started);
        if (0..=AT_ONCE).contains(&since) && request.request.headers.get("origin") == origin {
            send_at(request, answered);
        }
    }
}

/// Whether of the whole time none is told to be the request's own.
pub(super) fn is_all_waiting(hop: &Hop) -> bool {
    hop.timing.wait == Some(0) && hop.timing.receive == Some(0)
}

fn send_at(request: &mut Hop, time: Time) {
    let late = time.since(request.started).max(0);
    request.started = request.started.plus(late);
    request.ended = request.ended.map(|it| it.max(request.started));
}

/// A preflight is made in the same breath as its request, in microseconds.
const AT_ONCE: i64 = 250_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Exchange, HopId, Outcome, Request, TapId, Testimony, Timing};

    fn hop(method: &str, started: i64, ended: i64) -> Hop {
        let origin = ("Origin".to_owned(), "http://page.test".to_owned());
        let asked = ("Access-Control-Request-Method".to_owned(), "GET".to_owned());
        let headers = if method == "OPTIONS" { vec![origin, asked] } else { vec![origin] };
        Hop {
            id: HopId { recorder: 1, sequence: 1 },
            tap: TapId(0),
            exchange: Exchange::Http,
            connection: None,
            started: Time(started),
            ended: Some(Time(ended)),
            request: Request {
                method: method.to_owned(),
                url: "http://a.test/".to_owned(),
                headers: headers.into_iter().collect(),
                ..Request::default()
            },
            outcome: Outcome::Pending,
            timing: Timing::default(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: None,
            own_changes: Vec::new(),
            testimony: Testimony::default(),
        }
    }

    #[test]
    fn a_request_waits_for_its_preflight() {
        // A method, when it began and ended, and when it is found to have been on the wire.
        type Row = (&'static str, (i64, i64), (i64, i64));
        let preflight: Row = ("OPTIONS", (7_000, 9_000), (7_000, 9_000));
        let cases: [(&str, [Row; 2]); 4] = [
            ("overtaken", [("GET", (0, 5_000), (9_000, 9_000)), preflight]),
            ("long before", [("GET", (-400_000, 0), (-400_000, 0)), preflight]),
            ("after it", [preflight, ("GET", (9_000, 12_000), (9_000, 12_000))]),
            ("another method", [("POST", (0, 5_000), (0, 5_000)), preflight]),
        ];
        for (name, rows) in cases {
            let mut hops = rows.map(|(method, (begun, ended), _)| hop(method, begun, ended));
            after_their_preflights(&mut hops, |_| true);
            let found = hops.map(|it| (it.started.0, it.ended.unwrap_or_default().0));
            assert_eq!(found, rows.map(|(_, _, times)| times), "{name}");
        }
        // Its time is told.
        let mut hops = [hop("GET", 0, 5_000), hop("OPTIONS", 7_000, 9_000)];
        after_their_preflights(&mut hops, is_all_waiting);
        assert_eq!(hops[0].started.0, 0);
    }
}
