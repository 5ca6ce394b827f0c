//! Judging: recorded hops replayed into the machine.

use crate::trace::Chain;

use super::{Api, Browser, Credentials, Judgement, Mode, RedirectMode};

/// What is known of a chain beside its hops: `--assume`, `--as`, the options of
/// `hopscope fetch`. `None`: find out from the hops, or assume.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// The browser to judge as.
    pub browser: Option<Browser>,
    pub api: Option<Api>,
    pub mode: Option<Mode>,
    pub credentials: Option<Credentials>,
    pub redirect: Option<RedirectMode>,
    /// The `crossorigin` attribute, as written.
    pub crossorigin: Option<String>,
}

/// What a browser concludes from `chain`.
pub fn judge(chain: &Chain, known: &Known) -> Judgement {
    let _ = (chain, known);
    super::verdict::unknown()
}
