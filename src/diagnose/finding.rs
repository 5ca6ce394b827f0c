//! What diagnosis gives: findings with their evidence, and all that is concluded of a chain.

use std::sync::Arc;

use crate::fetch::Judgement;
use crate::lineage::{Actor, Actors, Lineage, Route};
use crate::trace::{Chain, TapId};

/// A named cause or symptom.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Kebab-case and stable: `stage-prefix-lost`.
    pub code: &'static str,
    /// Index of the guilty hop.
    pub hop: usize,
    pub by: Actor,
    /// The code of the finding that caused this one.
    pub because: Option<&'static str>,
    /// One sentence: what happened.
    pub title: String,
    pub evidence: Vec<Evidence>,
    /// What to change, in words that can be applied.
    pub fix: String,
    /// Where the fix is documented, for who wants to read on.
    pub sources: Vec<&'static str>,
}

/// A quotation from the recording.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// Index of the hop it is quoted from.
    pub hop: usize,
    /// The tap that saw it.
    pub tap: TapId,
    /// `response location`, `request line`, `response body`…
    pub place: String,
    /// The recorded text itself.
    pub text: String,
}

/// Who answered a hop.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answered {
    /// `None` when nobody did, or nothing tells.
    pub by: Option<Actor>,
    /// `django-cors-headers`, `AWS API Gateway (REST)`, where a fingerprint tells.
    pub product: Option<String>,
    /// The clue that decided, for a person.
    pub why: String,
    /// Seen at an origin tap, rather than recognised.
    pub sure: bool,
}

/// Everything concluded of one chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    pub chain: Arc<Chain>,
    pub judgement: Judgement,
    /// Who answered, one entry a hop.
    pub answered: Vec<Answered>,
    /// The same as the lineage names them, and who stands between the taps.
    pub actors: Actors,
    /// How public paths and the app's paths belong together, where it was learned.
    pub route: Option<Route>,
    /// Each by itself, so that what chains have in common is not copied.
    pub lineage: Vec<Arc<Lineage>>,
    /// Causes before symptoms; the first is the headline.
    pub findings: Vec<Finding>,
}

impl Analysis {
    /// Follow any header through the chain, by its name.
    pub fn follow_header(&self, name: &str) -> Lineage {
        crate::lineage::follow_header(&self.chain, name, &self.actors)
    }
}
