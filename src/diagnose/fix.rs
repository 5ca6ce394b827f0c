//! Fixes: what to change, for the products that are known in the chain.
//!
//! **Invariant:** a fix is data beside its rule, and names where it is documented.

pub(super) mod allow_origin;

use super::{Case, Evidence, Finding};
use crate::lineage::Actor;

/// What to change in one product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fix {
    /// The beginning of a product's name as the fingerprints have it; empty for a fix that
    /// needs no product.
    pub(super) product: &'static str,
    /// May have `{words}` that the rule fills in.
    pub(super) text: &'static str,
    pub(super) source: &'static str,
}

/// The words and sources of the fixes that apply.
pub(super) struct Advice {
    pub(super) text: String,
    pub(super) sources: Vec<&'static str>,
}

/// The fixes for the products known in this chain; those for any product when there are none.
/// At most two, so that a reader knows where to begin.
pub(super) fn advise(case: &Case<'_>, fixes: &[Fix], words: &[(&str, &str)]) -> Advice {
    let known = |it: &&Fix| !it.product.is_empty() && case.knows(it.product);
    let mut chosen: Vec<&Fix> = fixes.iter().filter(known).take(2).collect();
    if chosen.is_empty() {
        chosen = fixes.iter().filter(|it| it.product.is_empty()).take(1).collect();
    }
    let mut text = chosen.iter().map(|it| it.text).collect::<Vec<_>>().join("; or ");
    for (word, value) in words {
        text = text.replace(&format!("{{{word}}}"), value);
    }
    Advice { text, sources: chosen.iter().map(|it| it.source).collect() }
}

/// A finding in the making: the rule's words, and the fixes to choose from.
pub(super) struct Draft<'f> {
    pub(super) code: &'static str,
    pub(super) hop: usize,
    pub(super) by: Actor,
    pub(super) title: String,
    pub(super) evidence: Vec<Evidence>,
    pub(super) fixes: &'f [Fix],
    pub(super) words: &'f [(&'f str, &'f str)],
}

impl Draft<'_> {
    pub(super) fn finding(self, case: &Case<'_>) -> Finding {
        let advice = advise(case, self.fixes, self.words);
        Finding {
            code: self.code,
            hop: self.hop,
            by: self.by,
            because: None,
            title: self.title,
            evidence: self.evidence,
            fix: advice.text,
            sources: advice.sources,
        }
    }
}
