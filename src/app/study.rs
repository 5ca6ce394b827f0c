//! From a recording to what is concluded of it: chains, and one analysis for each.

use std::collections::HashMap;
use std::sync::Arc;

use super::analyst::Analyst;
use super::recording::Recording;
use crate::cli::{Assume, AssumeKey};
use crate::diagnose::{Analysis, Servers};
use crate::fetch::{Browser, Known};
use crate::formats::json::{self, Place};
use crate::link;
use crate::trace::{Chain, HopId, Tap};

/// A recording, linked. Chains are analysed one at a time, when they are asked for.
pub(crate) struct Study {
    pub(crate) taps: Vec<Tap>,
    pub(crate) chains: Vec<Arc<Chain>>,
    /// Where every hop stands, for links that leave a chain.
    pub(crate) places: HashMap<HopId, Place>,
    servers: Servers,
    analyst: Analyst,
}

impl Study {
    /// Link the hops of `recording`.
    pub(crate) fn of(recording: &Recording, analyst: Analyst) -> Study {
        let chains: Vec<Arc<Chain>> =
            link::chains(&recording.hops, &recording.taps).into_iter().map(Arc::new).collect();
        let places = json::places(chains.iter().map(Arc::as_ref));
        let mut servers = Servers::default();
        for chain in &chains {
            servers.learn(chain);
        }
        Study { taps: recording.taps.clone(), chains, places, servers, analyst }
    }

    /// The chain at `idx` (from 0), judged and diagnosed.
    pub(crate) fn analyse(&self, idx: usize) -> Option<Analysis> {
        let chain = self.chains.get(idx)?;
        Some(self.analyst.analyse(chain.clone(), &self.taps, &self.servers))
    }
}

/// What `--assume` and `--as` say.
pub(crate) fn known(assume: &[Assume], browser: Option<Browser>) -> Known {
    let mut known = Known { browser, ..Known::default() };
    for it in assume {
        match &it.key {
            AssumeKey::Api(api) => known.api = Some(*api),
            AssumeKey::Mode(mode) => known.mode = Some(*mode),
            AssumeKey::Credentials(credentials) => known.credentials = Some(*credentials),
            AssumeKey::Redirect(redirect) => known.redirect = Some(*redirect),
            AssumeKey::Crossorigin(value) => known.crossorigin = Some(value.clone()),
        }
    }
    known
}
