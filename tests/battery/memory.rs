//! The machine with a case's servers in memory: no socket, no clock.

use hopscope::drive::{self, Sockets, wire};
use hopscope::fetch::judge::{Driven, conclude};
use hopscope::fetch::{Answer, Ask, Browser, Fetch, Judgement, Memory, Outgoing};
use hopscope::trace::{Chain, Failure, FailureKind, Response, Time};

use super::case::{self, Case, Shape};
use super::server::{Asked, Uses, bytes, route};

/// Everything that went over the wire, and the end of the last request.
pub(crate) struct Played {
    pub hops: Vec<Shape>,
    pub judgement: Judgement,
}

/// Play a case. Sockets that were used before are resent on once, as browsers do.
pub(crate) fn play(case: &Case, browser: Browser) -> Played {
    let page = case.page();
    let mut memory = Memory::default();
    let mut world = World {
        case,
        browser,
        uses: Uses::default(),
        hops: Vec::new(),
        sockets: Sockets::default(),
    };
    for origin in drive::documents(&page) {
        world.sockets.open_for_document(&origin, ());
    }
    let mut now = Time(1_790_000_000_000_000);
    let start = now;
    let mut judgement = None;
    for (n, request) in page.requests.iter().enumerate() {
        now = now.plus(300_000 + i64::try_from(request.wait_ms_before).unwrap() * 1_000);
        // The recorded pace, where it was slower.
        let recorded = case.chromium.hops.iter().find(|it| it.step == n + 1);
        now = now.max(recorded.map_or(now, |it| start.plus(it.t_ms * 1_000)));
        let (mut fetch, mut ask) = Fetch::start(&page, request, browser, &mut memory, now);
        let end = loop {
            now = now.plus(1_000);
            ask = match ask {
                Ask::Done(it) => break it,
                Ask::Connect(out) => match world.reaches(&out) {
                    Ok(()) => fetch.answer(Answer::Connected, &mut memory, now),
                    Err(it) => fetch.answer(Answer::Failed(&it), &mut memory, now),
                },
                Ask::Preflight(out) | Ask::Send(out) => match world.send(&out) {
                    Ok(response) => fetch.answer(
                        Answer::Response { response: &response, hop: None },
                        &mut memory,
                        now,
                    ),
                    Err(it) => fetch.answer(Answer::Failed(&it), &mut memory, now),
                },
            };
        };
        let chain = Chain::default();
        judgement = Some(conclude(&Driven {
            page: &page,
            request,
            browser,
            chain: &chain,
            fetch: &fetch,
            end: &end,
            hops_after: &[],
        }));
    }
    Played { hops: world.hops, judgement: judgement.unwrap() }
}

struct World<'a> {
    case: &'a Case,
    browser: Browser,
    uses: Uses,
    hops: Vec<Shape>,
    sockets: Sockets<()>,
}

impl World<'_> {
    fn server(&self, out: &Outgoing) -> Option<&case::Server> {
        let origin = out.url.origin().ascii_serialization();
        self.case.servers.iter().find(|it| it.origin == origin && !it.refuse)
    }

    fn reaches(&self, out: &Outgoing) -> Result<(), Failure> {
        let failure = |kind| Err(Failure { kind, detail: String::new() });
        if self.server(out).is_some() {
            return Ok(());
        }
        // The rig's servers speak no TLS; nobody listens elsewhere.
        failure(if out.url.scheme() == "https" { FailureKind::Tls } else { FailureKind::Refused })
    }

    fn send(&mut self, out: &Outgoing) -> Result<Response, Failure> {
        self.reaches(out)?;
        for sent_before in 0.. {
            let used_before = self.sockets.take(out).is_some();
            let (outcome, keep) = self.exchange(out);
            if drive::is_resent(&outcome, used_before, sent_before, self.browser) {
                continue;
            }
            if keep {
                self.sockets.put(out, ());
            }
            return outcome;
        }
        unreachable!("a request is sent again while there are used sockets, and once more");
    }

    fn exchange(&mut self, out: &Outgoing) -> (Result<Response, Failure>, bool) {
        let text = |name: &str| out.headers.text(name);
        self.hops.push((
            out.method.clone(),
            out.url.to_string(),
            text("origin"),
            text("access-control-request-method"),
            text("access-control-request-headers"),
        ));
        let target = match out.url.query() {
            Some(query) => format!("{}?{query}", out.url.path()),
            None => out.url.path().to_owned(),
        };
        let asked = Asked { method: &out.method, target: &target, headers: &out.headers };
        let server = self.server(out).unwrap();
        let respond = route(server, &asked, &self.uses);
        let failed = |kind| (Err(Failure { kind, detail: String::new() }), false);
        match respond.action.as_deref() {
            Some("close") => return failed(FailureKind::Closed),
            Some("reset") => return failed(FailureKind::Reset),
            Some("hang") => return failed(FailureKind::Timeout),
            _ => {}
        }
        let closes = respond.raw.is_some() || respond.close;
        let mut reader = wire::Reader::new(&out.method);
        reader.feed(&bytes(&respond, &out.method));
        if closes && !reader.is_done() {
            reader.close();
        } else if !reader.is_done() {
            reader.broken(Failure { kind: FailureKind::Timeout, detail: String::new() });
        }
        let (outcome, keep) = reader.finish();
        (outcome.map(drive::decoded), keep && !closes)
    }
}

#[test]
fn the_machine_does_what_chromium_did() {
    ring("chromium, in memory", &case::cases(18_001), 326);
}

#[test]
fn the_machine_does_what_chromium_did_in_between() {
    let cases: Vec<Case> = case::OWN
        .lines()
        .map(|it| case::concrete(it, 18_001))
        .filter(|it| !it.moves_servers())
        .collect();
    ring("our own recordings, in memory", &cases, 709);
}

fn ring(name: &str, cases: &[Case], least: usize) {
    let mut disagreeing = Vec::new();
    for case in cases {
        let played = play(case, Browser::Chromium);
        let mut found = Vec::new();
        let expected = case::shapes(&case.chromium);
        if played.hops != expected {
            found.push(format!("hops: {expected:?} != {:?}", played.hops));
        }
        found.extend(case::differences(&case.chromium, &played.judgement));
        if !found.is_empty() {
            disagreeing.push((case.id.clone(), found));
        }
    }
    case::ratchet(name, cases.len(), &disagreeing, least);
}

/// Firefox, as far as it is modelled. What it does otherwise is named in `FIREFOX_ITSELF`.
#[test]
fn the_machine_does_what_firefox_did() {
    let cases = case::cases(18_001);
    let (mut total, mut disagreeing) = (0, Vec::new());
    for case in &cases {
        let Some(truth) =
            case.firefox.as_ref().filter(|_| !FIREFOX_ITSELF.contains(&case.id.as_str()))
        else {
            continue;
        };
        total += 1;
        let played = play(case, Browser::Firefox);
        let verdict = &played.judgement.verdict;
        let mut found = Vec::new();
        let expected = case::shapes(truth);
        if played.hops != expected {
            found.push(format!("hops: {expected:?} != {:?}", played.hops));
        }
        if verdict.firefox.code != truth.cors_error.as_deref() {
            found.push(format!("code: {:?} != {:?}", truth.cors_error, verdict.firefox.code));
        }
        let allowed = verdict.outcome == hopscope::fetch::VerdictOutcome::Allowed;
        if allowed != truth.ok && !case.id.starts_with("other-beacon") {
            found.push(format!("outcome: {} != {:?}", truth.ok, verdict.outcome));
        }
        if !found.is_empty() {
            disagreeing.push((case.id.clone(), found));
        }
    }
    case::ratchet("firefox, in memory", total, &disagreeing, 319);
}

/// Where Firefox's network does what no step of the standard says: it asks up to ten times again
/// when a connection breaks, and reads a head more strictly (or garbage as HTTP/0.9). In one case
/// it forgot a preflight without `Access-Control-Max-Age` that it remembers in others.
const FIREFOX_ITSELF: &[&str] = &[
    "actual-name-space-before-colon",
    "httpcache-301-cached-token",
    "net-close-after-preflight",
    "net-reset",
    "preflight-malformed",
];
