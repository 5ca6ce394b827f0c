//! From what was driven to what is printed: the driver's own verdict with its chain.

use std::sync::Arc;

use super::analyst::Analyst;
use crate::diagnose::{Analysis, Servers};
use crate::drive::DrivenChain;
use crate::trace::Tap;

/// One analysis per request of the page, in page order, also for one that left no hop.
pub(crate) fn analyse(chains: Vec<DrivenChain>, taps: &[Tap], analyst: &Analyst) -> Vec<Analysis> {
    let mut servers = Servers::default();
    for it in &chains {
        servers.learn(&it.chain);
    }
    let analyses = chains
        .into_iter()
        .map(|it| analyst.diagnose(Arc::new(it.chain), taps, it.judgement, &servers));
    analyses.collect()
}
