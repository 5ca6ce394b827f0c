//! Whether one hop may follow another in a chain, and how well: a redirect and what it caused,
//! a preflight and its request, a broken request and its repetition.
//!
//! **Invariant:** a hop follows only what had been answered when it was sent, as far as the
//! recording tells.

use super::clue::Clues;
use super::facts::HopFacts;
use super::flags::Flags;
use super::names::Names;
use crate::trace::{LinkWhy, Time};

/// How well a hop follows another. The greater score is the better reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// `PreflightOf` stands for "that is my preflight".
    pub(crate) why: LinkWhy,
    pub(crate) score: i32,
    pub(crate) clues: Clues,
}

/// Does `child` follow `parent`, whatever the reason?
pub(crate) fn fit(parent: &HopFacts, child: &HopFacts) -> Option<Fit> {
    if !parent.is_http() || !child.is_http() || differ(parent.agent, child.agent) {
        return None;
    }
    // HAR files round times to milliseconds, and some to more.
    let gap = match parent.answered_at() {
        Some(at) => child.started.since(at),
        None => child.started.since(parent.started),
    };
    if child.started < parent.started || gap < -CLOCK_SLACK {
        return None;
    }
    let mut fit = preflight(parent, child, gap)
        .or_else(|| redirect(parent, child, gap))
        .or_else(|| retry(parent, child, gap))?;
    fit.note(Clues::SAME_PAGE, parent.page.is_some() && parent.page == child.page, 2);
    let known = parent.connection != 0 && child.connection != 0;
    fit.note(Clues::SAME_CONNECTION, known && parent.connection == child.connection, 4);
    fit.score -= lateness(gap);
    // A client that crosses taps (a redirect that leaves one) is rarer than one that stays.
    fit.score -= if parent.tap == child.tap { 0 } else { 10 };
    Some(fit)
}

/// The best score of a follower that is sent when another one, who follows already, has been
/// answered at `over`. A preflight has its one request by then.
pub(crate) fn best_late(parent: &HopFacts, over: Time) -> i32 {
    let redirect = parent.next.is_some() && !parent.is_preflight();
    let gap = over.since(parent.answered_at().unwrap_or(parent.started));
    (if redirect { BEST_REDIRECT } else { BEST_RETRY }) - lateness(gap)
}

/// Sooner is better: a step of the score for every step in magnitude.
fn lateness(gap: i64) -> i32 {
    const STEPS: [(i64, i32); 6] =
        [(10_000, 0), (50_000, 1), (200_000, 3), (500_000, 4), (1_000_000, 5), (5_000_000, 7)];
    STEPS.iter().find(|(limit, _)| gap < *limit).map_or(9, |(_, cost)| *cost)
}

/// `parent` is the preflight of `child`
/// ([CORS-preflight fetch](https://fetch.spec.whatwg.org/#cors-preflight-fetch)).
fn preflight(parent: &HopFacts, child: &HopFacts, gap: i64) -> Option<Fit> {
    let pair = parent.is_preflight() && !child.is_preflight() && parent.url == child.url;
    if !pair || parent.method != child.method || PREFLIGHT_WINDOW < gap {
        return None;
    }
    // A browser stops at a preflight that was refused or broke.
    if !parent.flags.has(Flags::PASSED) && !parent.flags.has(Flags::OPEN) {
        return None;
    }
    let mut fit = Fit::new(LinkWhy::PreflightOf, 40);
    if parent.origin == child.origin {
        fit.note(Clues::SAME_ORIGIN, true, 4);
    } else if child.flags.has(Flags::NULL_ORIGIN) && parent.flags.has(Flags::FIREFOX) {
        // Firefox names the page in the preflight of a redirected request, and sends `null`.
        fit.note(Clues::NULL_ORIGIN, true, 2);
    } else {
        return None;
    }
    let missing = parent.names & !child.names;
    // Browsers leave `Authorization` out of the HAR files that they write, unless told otherwise.
    let is_withheld = missing == Names::bit(b"authorization") && gap < AT_ONCE;
    // It asked for a header that the request does not carry.
    if missing != 0 && !is_withheld {
        return None;
    }
    if parent.asked == child.asked {
        fit.note(Clues::SAME_HEADERS, parent.asked != 0, 8);
    } else {
        fit.score -= 8;
    }
    fit.note(Clues::NO_PREFLIGHT_ANSWER, parent.flags.has(Flags::OPEN), -2);
    fit.note(Clues::LATE, USUAL < gap, -4);
    Some(fit)
}

/// `child` was asked because `parent` redirected
/// ([HTTP-redirect fetch](https://fetch.spec.whatwg.org/#concept-http-redirect-fetch)).
fn redirect(parent: &HopFacts, child: &HopFacts, gap: i64) -> Option<Fit> {
    if parent.next.is_none() || parent.next != child.url || parent.is_preflight() {
        return None;
    }
    // A browser follows at once; what comes to the redirecting URL again is a new try.
    let window = if parent.next == parent.url { USUAL } else { REDIRECT_WINDOW };
    if window < gap || !is_followed(parent) || parent.flags.words_differ(child.flags) {
        return None;
    }
    let mut fit = Fit::new(LinkWhy::RedirectOf, 30);
    fit.score += method_after(parent, child)?;
    fit.score += origin_after(parent, child, &mut fit.clues)?;
    if parent.asked == child.asked {
        fit.note(Clues::SAME_HEADERS, parent.asked != 0, 4);
    } else if asks_for_more(parent, child) {
        // A redirect adds no header of a script; it may only lose Authorization or a body's.
        fit.score -= 8;
    }
    fit.note(Clues::LATE, USUAL < gap, -4);
    Some(fit)
}

/// Whether `child` carries, or is the preflight for, a header of a script that `parent` lacks.
fn asks_for_more(parent: &HopFacts, child: &HopFacts) -> bool {
    let more = if child.is_preflight() {
        child.names & !parent.names != 0
    } else {
        child.needs() & !parent.needs() != 0
    };
    more && parent.flags.has(Flags::HEADERS)
}

/// Whether the client of `parent` would go on: a browser in cors mode stops at a redirect
/// whose answer fails the CORS check.
fn is_followed(parent: &HopFacts) -> bool {
    let flags = parent.flags;
    if flags.has(Flags::PASSED) || flags.has(Flags::SAME_ORIGIN) || !flags.has(Flags::BROWSER) {
        return true;
    }
    if parent.origin.is_none() {
        return true;
    }
    // A form's POST has an Origin, too, and is no cors request.
    let cors = if flags.has_words() { flags.is_cors() } else { flags.has(Flags::READ) };
    !cors
}

/// The method of `child`, given what a redirect does to methods (step 12 of HTTP-redirect
/// fetch, and clients that keep them).
fn method_after(parent: &HopFacts, child: &HopFacts) -> Option<i32> {
    let keeps = parent.method == child.method;
    let rewrites = match parent.status {
        303 => !parent.flags.has(Flags::READ),
        301 | 302 => parent.flags.has(Flags::POST),
        _ => false,
    };
    let becomes_get = child.flags.has(Flags::READ) || child.is_preflight();
    match (rewrites, keeps) {
        (false, true) => Some(4),
        (true, false) if becomes_get => Some(4),
        // `curl --post301`, and clients that take a 302 for a 303.
        (true, true) => Some(0),
        (false, false) if matches!(parent.status, 301 | 302) && child.flags.has(Flags::READ) => {
            Some(-2)
        }
        _ => None,
    }
}

/// The `Origin` of `child`: the same, or `null` once a redirect left a foreign origin
/// ([redirect-taint](https://fetch.spec.whatwg.org/#concept-request-tainted-origin)).
fn origin_after(parent: &HopFacts, child: &HopFacts, clues: &mut Clues) -> Option<i32> {
    if parent.origin == child.origin {
        clues.note(Clues::SAME_ORIGIN, parent.origin.is_some());
        return Some(4);
    }
    if child.flags.has(Flags::NULL_ORIGIN) {
        clues.add(Clues::NULL_ORIGIN);
        return Some(if parent.origin.is_some() { 4 } else { 0 });
    }
    if parent.origin.is_none() {
        // A request within the page's origin has no Origin yet; the next one names the page.
        return Some(0);
    }
    // Firefox's preflight after a taint names the page again.
    if parent.flags.has(Flags::NULL_ORIGIN)
        && child.is_preflight()
        && child.flags.has(Flags::FIREFOX)
    {
        return Some(0);
    }
    // Rewritten to GET within the origin, or a navigation: no Origin any more.
    let loses = child.origin.is_none() && child.flags.has(Flags::READ);
    (loses && (!parent.flags.has(Flags::READ) || parent.flags.has(Flags::SAME_ORIGIN))).then_some(0)
}

/// `child` is `parent` sent again: on another connection after the first one broke, or as a
/// 401, 407, 408, 421 or 425 asked for.
fn retry(parent: &HopFacts, child: &HopFacts, gap: i64) -> Option<Fit> {
    let same = parent.url == child.url
        && parent.same_wire_method(child)
        && parent.is_preflight() == child.is_preflight()
        && parent.origin == child.origin
        && parent.body == child.body;
    if !same {
        return None;
    }
    let mut fit = Fit::new(LinkWhy::RetryOf, 20);
    if parent.flags.has(Flags::CHALLENGED) {
        let answers_challenge = match parent.status {
            401 | 407 => {
                child.flags.has(Flags::AUTHORIZED)
                    && child.credential() != parent.credential()
                    && gap < USUAL
            }
            _ => gap < AT_ONCE && parent.asked == child.asked,
        };
        fit.note(Clues::CHALLENGE, answers_challenge, 0);
        return answers_challenge.then_some(fit);
    }
    let known = parent.connection != 0 && child.connection != 0;
    if !parent.flags.has(Flags::CLOSED)
        || AT_ONCE < gap
        || (known && parent.connection == child.connection)
        || parent.asked != child.asked
        || parent.credential() != child.credential()
    {
        return None;
    }
    fit.note(Clues::OTHER_CONNECTION, known, 2);
    fit.note(Clues::SAME_BODY, parent.body.is_some(), 2);
    fit.note(Clues::GUESS, !known, 0);
    Some(fit)
}

impl Fit {
    fn new(why: LinkWhy, score: i32) -> Fit {
        Fit { why, score, clues: Clues::default() }
    }

    fn note(&mut self, clue: u32, holds: bool, worth: i32) {
        if holds {
            self.clues.add(clue);
            self.score += worth;
        }
    }
}

/// Both say something, and not the same.
fn differ(a: super::interner::Symbol, b: super::interner::Symbol) -> bool {
    a.is_some() && b.is_some() && a != b
}

/// See [`redirect`] and [`fit`].
const BEST_REDIRECT: i32 = 48;
/// See [`retry`] and [`fit`].
const BEST_RETRY: i32 = 30;
/// What clocks and rounding may be wrong by, in microseconds.
const CLOCK_SLACK: i64 = 20_000;
/// What usually takes less, in microseconds.
const USUAL: i64 = 2_000_000;
/// After this long a request is no longer taken for the one that a preflight announced.
const PREFLIGHT_WINDOW: i64 = 10_000_000;
/// After this long a request is no longer taken for the one that a redirect asked for.
const REDIRECT_WINDOW: i64 = 15_000_000;
/// Nobody follows later than this, in microseconds.
pub(crate) const LONGEST: i64 = REDIRECT_WINDOW;
/// Browsers go on at once, and send again at once; later it is the page that tries again.
const AT_ONCE: i64 = 250_000;
