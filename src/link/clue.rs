//! Clues: what told us that two hops belong together, as bits while linking and as words for a
//! person when a chain is put together.
//!
//! **Invariant:** a link is certain only when no other hop on record fits as well.

use crate::trace::{Clue, Hop, HopId, Link, LinkWhy};

/// A set of clues.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Clues(u32);

impl Clues {
    pub(crate) const SAME_ORIGIN: u32 = 1;
    pub(crate) const NULL_ORIGIN: u32 = 1 << 1;
    pub(crate) const SAME_PAGE: u32 = 1 << 2;
    pub(crate) const SAME_CONNECTION: u32 = 1 << 3;
    pub(crate) const OTHER_CONNECTION: u32 = 1 << 4;
    pub(crate) const SAME_HEADERS: u32 = 1 << 5;
    pub(crate) const SAME_PATH: u32 = 1 << 6;
    pub(crate) const SAME_END: u32 = 1 << 7;
    pub(crate) const SAME_QUERY: u32 = 1 << 8;
    pub(crate) const SAME_BODY: u32 = 1 << 9;
    pub(crate) const SAME_TRACE: u32 = 1 << 10;
    pub(crate) const MARK: u32 = 1 << 11;
    pub(crate) const SAME_ANSWER: u32 = 1 << 12;
    pub(crate) const WITHIN: u32 = 1 << 13;
    pub(crate) const SAME_CREDENTIAL: u32 = 1 << 14;
    pub(crate) const SAME_AGENT: u32 = 1 << 15;
    pub(crate) const NO_PREFLIGHT_ANSWER: u32 = 1 << 16;
    /// Much later than usual.
    pub(crate) const LATE: u32 = 1 << 17;
    /// Another hop fits as well.
    pub(crate) const RIVAL: u32 = 1 << 18;
    /// Nothing but the guess that a cache was used.
    pub(crate) const GUESS: u32 = 1 << 19;
    pub(crate) const BY_REFERER: u32 = 1 << 20;
    pub(crate) const CHALLENGE: u32 = 1 << 21;
    pub(crate) const AGAIN: u32 = 1 << 22;

    pub(crate) fn has(self, clue: u32) -> bool {
        self.0 & clue != 0
    }

    pub(crate) fn add(&mut self, clue: u32) {
        self.0 |= clue;
    }

    pub(crate) fn note(&mut self, clue: u32, holds: bool) {
        if holds {
            self.add(clue);
        }
    }
}

/// A link as the fold hands it out: small, not yet in words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Edge {
    pub why: LinkWhy,
    pub to: HopId,
    pub clues: Clues,
}

impl Edge {
    /// Whether nothing else on record could be meant.
    pub fn is_certain(&self) -> bool {
        match self.why {
            LinkWhy::SameRequestAt => self.clues.has(Clues::MARK),
            LinkWhy::CachedFrom => {
                self.clues.has(Clues::NULL_ORIGIN) && !self.clues.has(Clues::RIVAL)
            }
            _ => {
                !self.clues.has(Clues::RIVAL)
                    && !self.clues.has(Clues::LATE)
                    && !self.clues.has(Clues::GUESS)
            }
        }
    }

    /// The link with its clue in words. `from` has the link, `to` is where it leads.
    pub fn worded(&self, from: &Hop, to: &Hop) -> Link {
        Link {
            why: self.why,
            to: self.to,
            clue: Clue { text: self.text(from, to), certain: self.is_certain() },
        }
    }

    fn text(&self, from: &Hop, to: &Hop) -> String {
        let mut parts = vec![self.lead(from, to)];
        let said = WORDS.iter().filter(|(clue, _)| self.clues.has(*clue)).map(|(_, it)| *it);
        parts.extend(said.map(str::to_owned));
        let mut text = parts.join(", ");
        if self.clues.has(Clues::GUESS) {
            text.push_str(match self.why {
                LinkWhy::RetryOf => "; the page itself may have asked again",
                _ => "; a direct request would look the same",
            });
        }
        for (clue, words) in DOUBTS {
            if self.clues.has(*clue) {
                text.push_str("; ");
                text.push_str(words);
            }
        }
        text
    }

    /// The clue without which there would be no link.
    fn lead(&self, from: &Hop, to: &Hop) -> String {
        let gap = |earlier: &Hop, later: &Hop| {
            let micros = later.started.since(earlier.ended.unwrap_or(earlier.started)).max(0);
            if micros < 10_000_000 {
                format!("{} ms", micros / 1000)
            } else {
                format!("{} s", micros / 1_000_000)
            }
        };
        match self.why {
            LinkWhy::PreflightOf => {
                let asked = from.request.headers.text("access-control-request-method");
                format!("Access-Control-Request-Method {}, same URL", asked.unwrap_or_default())
            }
            LinkWhy::RedirectOf => {
                let location = to.response().and_then(|it| it.headers.text("location"));
                format!(
                    "Location {} of that {} leads here",
                    location.unwrap_or_default(),
                    to.status().unwrap_or_default()
                )
            }
            LinkWhy::RetryOf if self.clues.has(Clues::CHALLENGE) => {
                format!("same request again after that {}", to.status().unwrap_or_default())
            }
            LinkWhy::RetryOf => {
                format!("same request again {} after the connection broke", gap(to, from))
            }
            LinkWhy::CoveredBy => {
                format!("same URL and Origin, {} after a preflight that grants it", gap(to, from))
            }
            LinkWhy::CachedFrom if from.status() == Some(304) => {
                format!("a 304, {} after the same URL gave an answer to keep", gap(to, from))
            }
            LinkWhy::CachedFrom => format!(
                "that {} leads here and a browser may keep it",
                to.status().unwrap_or_default()
            ),
            LinkWhy::PageOf if self.clues.has(Clues::BY_REFERER) => "Referer names it".to_owned(),
            LinkWhy::PageOf => "Origin is its own, and no later document has it".to_owned(),
            LinkWhy::SameRequestAt => format!("same method {}", from.request.method),
        }
    }
}

const WORDS: &[(u32, &str)] = &[
    (Clues::MARK, "same mark"),
    (Clues::SAME_TRACE, "same trace identifier"),
    (Clues::SAME_PATH, "same path"),
    (Clues::SAME_END, "same end of the path"),
    (Clues::SAME_QUERY, "same query"),
    (Clues::SAME_BODY, "same body"),
    (Clues::SAME_CREDENTIAL, "same Authorization"),
    (Clues::SAME_ORIGIN, "same Origin"),
    (Clues::NULL_ORIGIN, "Origin became null"),
    (Clues::SAME_HEADERS, "same headers"),
    (Clues::SAME_PAGE, "same Referer"),
    (Clues::SAME_AGENT, "same User-Agent"),
    (Clues::SAME_ANSWER, "same answer"),
    (Clues::WITHIN, "within its time"),
    (Clues::SAME_CONNECTION, "same connection"),
    (Clues::OTHER_CONNECTION, "another connection"),
    (Clues::AGAIN, "asked again by the gateway"),
];

const DOUBTS: &[(u32, &str)] = &[
    (Clues::NO_PREFLIGHT_ANSWER, "its answer was not seen"),
    (Clues::LATE, "later than usual, so it may be another request"),
    (Clues::RIVAL, "another hop fits as well"),
];
