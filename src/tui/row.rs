//! One row of the list of chains: what a person needs to pick the right one.

use crate::diagnose::Analysis;
use crate::fetch::VerdictOutcome;
use crate::trace::{Filter, HopId, Outcome, TapId, Target, Time};

/// A chain in one line. Built once per chain ([`ChainRow::of`]); cheap to keep by the million.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChainRow {
    /// A hop of the chain, by which it is selected and opened.
    pub id: HopId,
    /// The chain's number, from 1, as every other output of the trace counts it.
    pub number: u64,
    /// When its first hop started.
    pub at: Time,
    /// Of the request that the chain is about.
    pub method: String,
    /// Host and port, raw; shown where the list has several.
    pub host: String,
    /// Path and query, raw; empty for a tunnel.
    pub path: String,
    pub badge: Badge,
    /// The outermost tap that saw it.
    pub tap: TapId,
    /// Hops, sightings not counted.
    pub hops: usize,
}

impl ChainRow {
    /// The row of an analysed chain. `None` for a chain without hops.
    pub fn of(number: u64, analysis: &Analysis) -> Option<ChainRow> {
        let chain = &analysis.chain;
        let first = chain.hops.first()?;
        // The judgement knows what the page asked for, also when only its preflight was sent.
        let judged = &analysis.judgement.request;
        let (method, url) = match judged.url.as_str() {
            "" => (&first.hop.request.method, first.hop.request.url.as_str()),
            url => (&judged.method, url),
        };
        let target = Target::parse(url);
        Some(ChainRow {
            id: first.hop.id,
            number,
            at: first.hop.started,
            method: method.clone(),
            host: target.authority.to_owned(),
            path: if target.scheme.is_empty() { String::new() } else { target.path_and_query() },
            badge: Badge::of(analysis),
            tap: first.hop.tap,
            hops: chain.hops.len(),
        })
    }

    /// Whether the filter's words all stand in this row: in number, method, host, path or badge,
    /// without regard to case. An empty filter lets everything through.
    pub fn matches(&self, filter: &str) -> bool {
        self.passes(&Filter::new(filter))
    }

    /// [`ChainRow::matches`] for whoever asks many rows.
    pub fn passes(&self, filter: &Filter) -> bool {
        let (method, badge) = (&self.method, self.badge.words());
        let text = format!("{} {method} {}{} {badge}", self.number, self.host, self.path);
        filter.lets_through(&text)
    }
}

/// A chain's verdict in a few cells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Badge {
    /// A readable answer; with its status when that is an error.
    Allowed { error: Option<u16> },
    /// A CORS error; with the status that the browser hides, when that is an error.
    Blocked { masked: Option<u16> },
    /// The script gets nothing, for another reason: `net`, `redirect`, `csp`…
    Failed(&'static str),
    /// The outcome turns on something that is not on the wire.
    Depends,
    /// Still open.
    Open,
}

impl Badge {
    pub fn of(analysis: &Analysis) -> Badge {
        let verdict = &analysis.judgement.verdict;
        let hops = &analysis.chain.hops;
        if hops.last().is_some_and(|it| it.hop.outcome == Outcome::Pending) {
            return Badge::Open;
        }
        let status = verdict.hop.and_then(|it| hops.get(it)).and_then(|it| it.hop.status());
        let error = status.filter(|it| *it >= 400);
        match verdict.outcome {
            VerdictOutcome::Allowed => Badge::Allowed { error },
            VerdictOutcome::Blocked => Badge::Blocked { masked: error },
            VerdictOutcome::Failed => Badge::Failed(match verdict.failed {
                None | Some(crate::fetch::FailedBy::Network) => "net",
                Some(by) => by.as_str(),
            }),
            VerdictOutcome::Depends => Badge::Depends,
        }
    }

    /// The badge in words that a filter can ask for.
    fn words(self) -> String {
        match self {
            Badge::Allowed { error: None } => "allowed".to_owned(),
            Badge::Allowed { error: Some(status) } => format!("allowed {status}"),
            Badge::Blocked { masked: None } => "blocked cors".to_owned(),
            Badge::Blocked { masked: Some(status) } => format!("blocked cors {status}"),
            Badge::Failed(by) => format!("failed {by}"),
            Badge::Depends => "depends".to_owned(),
            Badge::Open => "open".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_all_of_its_words_anywhere_in_the_row() {
        let row = ChainRow {
            id: HopId::default(),
            number: 42,
            at: Time(0),
            method: "POST".to_owned(),
            host: "api.test".to_owned(),
            path: "/prod/items?q=Ä".to_owned(),
            badge: Badge::Blocked { masked: Some(504) },
            tap: TapId(0),
            hops: 2,
        };
        for (filter, through) in [
            ("", true),
            ("  ", true),
            ("post items", true),
            ("ITEMS 504", true),
            ("api.test/prod", true),
            ("q=ä", true),
            ("blocked 42", true),
            ("get", false),
            ("items allowed", false),
        ] {
            assert_eq!(row.matches(filter), through, "{filter:?}");
        }
    }
}
