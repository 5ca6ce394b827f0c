//! The ladder: a chain as rungs between actors, ready to be drawn.
//!
//! One lane an actor (learned from the taps that exist), one rung a step, the guilty rung and
//! the place where something vanished marked. Every view of a chain, on the screen and in
//! text, draws this value, so that they cannot disagree.
//!
//! **Invariant:** a mark stands at the hop that lost the thing, as
//! [`lineage`](crate::lineage) says, never at the hop where it was missed.

use crate::diagnose::Analysis;
use crate::fetch::{Unseen, UnseenKind, VerdictOutcome};
use crate::lineage::{Actor, Lineage, State, What};
use crate::trace::{ChainHop, Hop, Outcome, Tap, TapId, Target};

/// A chain, ready to be drawn.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ladder {
    /// The actors, from the browser inwards: `browser`, `gateway`, `app`.
    pub lanes: Vec<String>,
    pub rungs: Vec<Rung>,
}

/// One step of the chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rung {
    Hop(HopRung),
    /// A step that left no hop; drawn dotted.
    Unseen(UnseenRung),
}

/// A hop, with every sighting of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HopRung {
    /// Index of the hop in the chain.
    pub hop: usize,
    /// The request as each tap saw it, outermost first. A leg crosses from lane `from` to
    /// lane `from + 1`.
    pub legs: Vec<Leg>,
    /// `200`, `301`, `refused`, `…` while open.
    pub status: String,
    /// What the answer carries that matters: `→ /items/`, `allow-origin ✓`.
    pub notes: Vec<Note>,
    /// The lane that answered: a number in `0..lanes.len()`.
    pub answered_at: usize,
    /// Whether it is known that the lanes behind `answered_at` never saw the request.
    pub never_reached: bool,
    /// How the request failed further in, when a lane before that answered for it: `refused`,
    /// at lane `answered_at + 1`.
    pub failed_behind: Option<&'static str>,
    /// What was lost, changed or doubled here.
    pub marks: Vec<Mark>,
    /// The headline finding stands here.
    pub guilty: bool,
    /// The verdict was decided here.
    pub decides: Option<VerdictOutcome>,
}

/// One crossing between two lanes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leg {
    /// The lane that sent it.
    pub from: usize,
    pub tap: TapId,
    pub method: String,
    /// Path and query as seen at this tap; the whole URL where the host differs from the first
    /// hop's.
    pub path: String,
}

/// Something about an answer that a reader of a ladder wants to see.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Note {
    /// Where a redirect leads, as written.
    Location(String),
    /// An `Access-Control-Allow-Origin` is there.
    AllowOrigin,
    /// The body stopped short.
    Truncated(&'static str),
}

/// Something that vanished or changed, at the hop that did it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// `/prod lost here`, `allow-origin never added`.
    pub text: String,
    pub what: What,
    pub state: State,
    pub by: Actor,
}

/// A step without a wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnseenRung {
    pub kind: UnseenKind,
    /// `preflight answered from the browser's cache`.
    pub text: String,
}

impl Ladder {
    /// The ladder of an analysed chain.
    pub fn of(analysis: &Analysis, taps: &[Tap]) -> Ladder {
        let chain = &analysis.chain;
        let seen = seen_taps(analysis, taps);
        let lanes = lanes(analysis, taps, &seen);
        let host = chain.hops.first().map(|it| authority(&it.hop)).unwrap_or_default();
        let mut rungs = Vec::with_capacity(chain.hops.len());
        for (idx, it) in chain.hops.iter().enumerate() {
            rungs.extend(unseen_before(analysis, idx));
            rungs.push(Rung::Hop(hop_rung(analysis, idx, it, &seen, &lanes, &host)));
        }
        rungs.extend(unseen_before(analysis, chain.hops.len()));
        Ladder { lanes, rungs }
    }

    /// The rung of the hop at `index`.
    pub fn hop(&self, index: usize) -> Option<&HopRung> {
        self.rungs.iter().find_map(|it| match it {
            Rung::Hop(rung) if rung.hop == index => Some(rung),
            _ => None,
        })
    }
}

/// The taps that saw anything of this chain, outermost first; and those further in that are
/// known to have been passed over, because somebody before them answered for sure.
fn seen_taps(analysis: &Analysis, taps: &[Tap]) -> Vec<TapId> {
    let hops = analysis.chain.hops.iter().flat_map(ChainHop::seen);
    let mut seen: Vec<TapId> = hops.map(|it| it.tap).collect();
    let before_the_app = |it: &crate::diagnose::Answered| {
        it.sure && it.by.is_some_and(|by| !matches!(by, Actor::App | Actor::Hopscope))
    };
    if analysis.answered.iter().any(before_the_app) {
        let outermost = seen.iter().min().map_or(0, |it| it.0);
        let all = u16::try_from(taps.len()).unwrap_or(u16::MAX);
        seen.extend((outermost..all).map(TapId));
    }
    seen.sort_unstable();
    seen.dedup();
    seen
}

/// One lane more than there are taps: who sends to the first, who stands between two, who
/// answers behind the last.
fn lanes(analysis: &Analysis, taps: &[Tap], seen: &[TapId]) -> Vec<String> {
    let first = analysis.chain.hops.first();
    let agent = first.and_then(|it| it.hop.request.headers.text("user-agent")).unwrap_or_default();
    let name = |id: &TapId| taps.get(usize::from(id.0)).map(|it| it.name.as_str());
    let outer = seen.first().and_then(name);
    let is_browser = agent.starts_with("Mozilla/") || analysis.judgement.request.origin.is_some();
    // Who passes a request on usually says so; a browser that came here directly does not.
    let passed_on = ["x-forwarded-for", "forwarded", "via", "x-amzn-trace-id"];
    let passed_on = first.is_some_and(|it| passed_on.iter().any(|h| it.hop.request.headers.has(h)));
    let mut lanes = vec![match outer {
        Some("origin") if seen.len() == 1 && passed_on => "gateway".to_owned(),
        _ if is_browser => "browser".to_owned(),
        _ => "client".to_owned(),
    }];
    for between in 1..seen.len() {
        lanes.push(if between == 1 { "gateway".to_owned() } else { format!("proxy {between}") });
    }
    lanes.push(match seen.len() {
        0 | 1 if outer != Some("origin") => "server".to_owned(),
        _ => "app".to_owned(),
    });
    lanes
}

fn hop_rung(
    analysis: &Analysis,
    idx: usize,
    it: &ChainHop,
    seen: &[TapId],
    lanes: &[String],
    host: &str,
) -> HopRung {
    let lane_of = |tap: TapId| seen.iter().position(|it| *it == tap).unwrap_or_default();
    let legs: Vec<Leg> = it.seen().map(|hop| leg(hop, lane_of(hop.tap), host, it)).collect();
    // A request that failed further in was answered by the last lane before that.
    let failed = it.sightings.last().filter(|_| it.hop.response().is_some());
    let failed = failed.and_then(|it| it.hop.failure().filter(|_| it.hop.response().is_none()));
    let answering = legs.len().saturating_sub(usize::from(failed.is_some()));
    let reached = legs.get(answering.saturating_sub(1)).map_or(1, |it| it.from + 1);
    let reached = reached.min(lanes.len().saturating_sub(1));
    let verdict = &analysis.judgement.verdict;
    let answered = analysis.answered.get(idx);
    HopRung {
        hop: idx,
        legs,
        status: status(&it.hop),
        notes: notes(&it.hop),
        answered_at: reached,
        failed_behind: failed.map(|it| it.kind.as_str()),
        never_reached: failed.is_none()
            && reached + 1 < lanes.len()
            && answered.is_some_and(|it| it.sure && it.by != Some(Actor::App)),
        marks: marks(analysis, idx),
        guilty: analysis.findings.first().is_some_and(|it| it.hop == idx),
        decides: (verdict.hop == Some(idx)).then_some(verdict.outcome),
    }
}

fn leg(hop: &Hop, from: usize, host: &str, it: &ChainHop) -> Leg {
    let target = Target::parse(&hop.request.url);
    let outermost = hop.id == it.hop.id;
    let path = if hop.exchange == crate::trace::Exchange::Tunnel || target.scheme.is_empty() {
        hop.request.url.clone()
    } else if outermost && target.authority != host {
        format!("{}{}", target.origin(), target.path_and_query())
    } else {
        target.path_and_query()
    };
    Leg { from, tap: hop.tap, method: hop.request.method.clone(), path }
}

fn authority(hop: &Hop) -> String {
    Target::parse(&hop.request.url).authority.to_owned()
}

fn status(hop: &Hop) -> String {
    match &hop.outcome {
        Outcome::Pending => "…".to_owned(),
        Outcome::Answered(response) => response.status.to_string(),
        Outcome::Failed(failure) => failure.kind.as_str().to_owned(),
    }
}

fn notes(hop: &Hop) -> Vec<Note> {
    let Some(response) = hop.response() else { return Vec::new() };
    let mut notes = Vec::new();
    if let Some(location) = response.headers.text("location") {
        notes.push(Note::Location(location));
    }
    if response.headers.has("access-control-allow-origin") {
        notes.push(Note::AllowOrigin);
    }
    if let Some(failure) = &response.truncated {
        notes.push(Note::Truncated(failure.kind.as_str()));
    }
    notes
}

/// What the lineages say happened at this hop, and the header that the deciding hop lacks.
fn marks(analysis: &Analysis, idx: usize) -> Vec<Mark> {
    let mut marks = Vec::new();
    for lineage in &analysis.lineage {
        for change in lineage.changes.iter().filter(|it| it.hop == idx) {
            if let Some(text) = mark_text(lineage, change.state) {
                let (what, state, by) = (lineage.what.clone(), change.state, change.by);
                marks.push(Mark { text, what, state, by });
            }
        }
        marks.extend(never_added(analysis, lineage, idx));
    }
    marks
}

/// The words of a mark; `None` for a change that a ladder need not show.
fn mark_text(lineage: &Lineage, state: State) -> Option<String> {
    let thing = match &lineage.what {
        What::Prefix => lineage.value.clone().unwrap_or_else(|| "prefix".to_owned()),
        What::Slash => "trailing slash".to_owned(),
        What::Query => "query".to_owned(),
        What::Method => "method".to_owned(),
        What::Scheme => "scheme".to_owned(),
        What::Host => "host".to_owned(),
        What::Origin => "origin".to_owned(),
        What::Cookie => "cookie".to_owned(),
        What::Body => "body".to_owned(),
        What::Header(name) => short_header(name)?.to_owned(),
    };
    match (state, &lineage.what) {
        (State::Dropped, _) => Some(format!("{thing} lost here")),
        (State::Doubled, _) => Some(format!("{thing} doubled here")),
        // Gateways change hosts and add slashes all day long: only what confuses is marked.
        (State::Changed, What::Method | What::Origin | What::Scheme | What::Header(_)) => {
            Some(format!("{thing} changed here"))
        }
        _ => None,
    }
}

/// The CORS headers that a ladder speaks of, in short.
fn short_header(name: &str) -> Option<&str> {
    let cors = name.strip_prefix("access-control-")?;
    ["allow-origin", "allow-credentials"].contains(&cors).then_some(cors)
}

/// The verdict was decided at a hop that an allow-origin would have saved, and nobody dropped
/// one: it was never there.
fn never_added(analysis: &Analysis, lineage: &Lineage, idx: usize) -> Option<Mark> {
    let verdict = &analysis.judgement.verdict;
    let missing = verdict.chromium.code.is_some_and(|it| it.ends_with("MissingAllowOriginHeader"));
    let is_it = lineage.what == What::Header("access-control-allow-origin".to_owned());
    let absent = lineage.hops.get(idx) == Some(&State::Absent);
    let already = lineage.changes.iter().any(|it| it.hop == idx);
    (is_it && missing && verdict.hop == Some(idx) && absent && !already).then(|| Mark {
        text: "allow-origin never added".to_owned(),
        what: lineage.what.clone(),
        state: State::Absent,
        by: analysis.answered.get(idx).and_then(|it| it.by).unwrap_or(Actor::Unknown),
    })
}

fn unseen_before(analysis: &Analysis, idx: usize) -> impl Iterator<Item = Rung> {
    let unseen = analysis.judgement.unseen.iter();
    unseen.filter(move |it| it.before == idx).map(|it| Rung::Unseen(unseen_rung(it)))
}

fn unseen_rung(unseen: &Unseen) -> UnseenRung {
    let text = match unseen.kind {
        UnseenKind::PreflightCached => "preflight answered from the browser's cache",
        UnseenKind::AnswerCached => "answered from the browser's cache",
        UnseenKind::NotRecorded => "must have happened, but was not recorded",
    };
    UnseenRung { kind: unseen.kind, text: text.to_owned() }
}
