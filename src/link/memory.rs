//! What a browser may remember from earlier chains: preflights that still cover, redirects in
//! its cache, and the page's own document.
//!
//! **Invariant:** a memory names the hop it came from; whether a browser used it is inferred,
//! and the clue says when a direct request would look the same.

use super::clue::{Clues, Edge};
use super::facts::HopFacts;
use super::flags::Flags;
use super::interner::{Ageing, Symbol};
use crate::trace::LinkWhy;

/// See the module.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Passed preflights, by URL and Origin.
    grants: Ageing<(Symbol, Symbol), Vec<HopFacts>>,
    /// Redirects that a cache may keep, by where they lead.
    redirects: Ageing<Symbol, Vec<HopFacts>>,
    /// Answers with a validator, by their URL.
    answers: Ageing<Symbol, Vec<HopFacts>>,
    /// HTML documents, by their URL and by their origin.
    documents: Ageing<Symbol, Vec<HopFacts>>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            grants: Ageing::new(KEYS),
            redirects: Ageing::new(KEYS),
            answers: Ageing::new(KEYS),
            documents: Ageing::new(KEYS),
        }
    }
}

impl Memory {
    /// Remember what later chains can lean on. Called once the answer is known.
    pub(crate) fn keep(&mut self, hop: &HopFacts) {
        if hop.is_preflight() {
            if hop.flags.has(Flags::PASSED) && 0 < hop.max_age() {
                push(self.grants.entry((hop.url, hop.origin)), *hop);
            }
            return;
        }
        if hop.flags.has(Flags::PERMANENT) && hop.flags.has(Flags::READ) {
            let kept = if hop.next.is_some() {
                self.redirects.entry(hop.next)
            } else {
                self.answers.entry(hop.url)
            };
            push(kept, *hop);
        }
        if hop.flags.has(Flags::DOCUMENT) {
            push(self.documents.entry(hop.url), *hop);
            if hop.page != hop.url {
                push(self.documents.entry(hop.page), *hop);
            }
        }
    }

    /// The preflight whose grant was still good when `hop` was sent without one
    /// ([CORS-preflight cache](https://fetch.spec.whatwg.org/#concept-cache)).
    pub(crate) fn covered_by(&mut self, hop: &HopFacts) -> Option<Edge> {
        let wanted = hop.flags.has(Flags::NEEDS_PREFLIGHT)
            && !hop.is_preflight()
            && hop.origin.is_some()
            && !hop.flags.has(Flags::SAME_ORIGIN);
        if !wanted {
            return None;
        }
        let grants = self.grants.get(&(hop.url, hop.origin))?;
        let grant = grants.iter().rev().find(|it| covers(it, hop))?;
        Some(Edge { why: LinkWhy::CoveredBy, to: grant.id, clues: Clues::default() })
    }

    /// The cached redirect that may have led to `first`, a chain's first hop.
    pub(crate) fn cached_from(&mut self, first: &HopFacts) -> Option<Edge> {
        if first.flags.is_navigation() {
            return None;
        }
        let redirects = self.redirects.get(&first.url)?;
        let fits = |it: &&HopFacts| {
            it.method == first.method
                && it.agent == first.agent
                && it.asked == first.asked
                && !it.flags.words_differ(first.flags)
                && before(it, first)
                && (it.origin == first.origin || first.flags.has(Flags::NULL_ORIGIN))
        };
        let redirect = redirects.iter().rev().find(fits)?;
        let mut clues = Clues::default();
        let tainted = first.flags.has(Flags::NULL_ORIGIN) && redirect.origin != first.origin;
        clues.add(if tainted { Clues::NULL_ORIGIN } else { Clues::GUESS });
        Some(Edge { why: LinkWhy::CachedFrom, to: redirect.id, clues })
    }

    /// The stored answer that a 304 to `hop` means
    /// ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111#section-4.3)).
    pub(crate) fn validated(&mut self, hop: &HopFacts) -> Option<Edge> {
        if hop.status != 304 || !hop.flags.has(Flags::READ) {
            return None;
        }
        let answers = self.answers.get(&hop.url)?;
        let stored = answers.iter().rev().find(|it| it.agent == hop.agent && before(it, hop))?;
        Some(Edge { why: LinkWhy::CachedFrom, to: stored.id, clues: Clues::default() })
    }

    /// The document of the page that sent `first`, a chain's first hop.
    pub(crate) fn page_of(&mut self, first: &HopFacts) -> Option<Edge> {
        if first.page.is_none() || first.flags.is_navigation() || first.flags.has(Flags::DOCUMENT) {
            return None;
        }
        let documents = self.documents.get(&first.page)?;
        let mut fits = documents
            .iter()
            .rev()
            .filter(|it| it.agent == first.agent && before(it, first) && it.id != first.id);
        let document = fits.next()?;
        let mut clues = Clues::default();
        clues.note(Clues::BY_REFERER, document.url == first.page);
        clues.note(Clues::RIVAL, fits.any(|it| it.url != document.url));
        Some(Edge { why: LinkWhy::PageOf, to: document.id, clues })
    }
}

/// Whether the grant of `preflight` is still good for `hop`.
fn covers(preflight: &HopFacts, hop: &HopFacts) -> bool {
    let Some(granted_at) = preflight.answered_at() else { return false };
    let age = hop.started.since(granted_at);
    let lasts = i64::from(preflight.max_age()) * 1_000_000 + SLACK;
    let method = preflight.method == hop.method
        || hop.flags.has(Flags::READ)
        || hop.flags.has(Flags::POST)
        || preflight.flags.grants_method_of(hop.flags);
    let headers = preflight.asked == hop.asked || hop.needs() & !preflight.grants() == 0;
    preflight.agent == hop.agent && (-SLACK..=lasts).contains(&age) && method && headers
}

fn before(earlier: &HopFacts, later: &HopFacts) -> bool {
    earlier.answered_at().is_some_and(|it| -SLACK <= later.started.since(it))
}

/// Keep the newest few.
fn push(list: &mut Vec<HopFacts>, hop: HopFacts) {
    list.retain(|it| it.id != hop.id);
    if KEPT <= list.len() {
        list.remove(0);
    }
    list.push(hop);
}

/// How many hops are kept under one key.
const KEPT: usize = 4;
/// How many keys a generation has.
const KEYS: usize = 1 << 14;
/// Between a browser's clock and ours, in microseconds.
const SLACK: i64 = 1_000_000;
