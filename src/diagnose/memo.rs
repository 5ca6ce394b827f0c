//! Chains concluded upon once a shape.
//!
//! A million hops are a few thousand [shapes](super::shape). The first chain of a shape is judged
//! and diagnosed as its shape shows it; what came of it stands for all others, with their own
//! values in the place of the tokens.
//!
//! **Invariant:** what is concluded is what [`judge`] and [`analyse_with`](super::analyse_with)
//! conclude of the whole chain; a chain whose verdict turns on times has no shape.

mod texts;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::answered::Fits;
use super::shape::unpack::{Unpacked, in_order, unpack};
use super::shape::{Packer, Tokens};
use super::{Analysis, Fingerprints, Servers, analyse_fitting, analyse_with};
use crate::fetch::{Judgement, Known, judge, judge_timeless};
use crate::trace::{Chain, HopId, Tap};
use texts::Worded;

/// Concludes chains, and remembers what it concluded of each shape.
#[derive(Debug)]
pub struct Memo {
    known: Known,
    prints: Cow<'static, Fingerprints>,
    taps: Vec<Tap>,
    packer: Packer,
    /// What shapes end in; `None` where times come into it.
    ends: HashMap<Box<[u8]>, Option<Conclusion>, foldhash::fast::RandomState>,
    /// Bytes of all shapes.
    held: usize,
    worked_out: u64,
}

/// What is concluded of a shape.
#[derive(Debug)]
struct Conclusion {
    /// Of the chain that the shape shows, without that chain.
    analysis: Analysis,
    /// Which of its texts have tokens.
    worded: Worded,
}

impl Memo {
    pub fn new(known: Known, prints: Cow<'static, Fingerprints>) -> Memo {
        Memo {
            known,
            prints,
            taps: Vec::new(),
            packer: Packer::default(),
            ends: HashMap::default(),
            held: 0,
            worked_out: 0,
        }
    }

    /// How many chains were worked out, rather than known by their shape.
    pub fn worked_out(&self) -> u64 {
        self.worked_out
    }

    /// What is concluded of `chain`.
    pub fn conclude(&mut self, chain: Arc<Chain>, taps: &[Tap], servers: &Servers) -> Analysis {
        if self.taps != taps {
            self.ends.clear();
            self.held = 0;
            taps.clone_into(&mut self.taps);
        }
        let Memo { known, prints, packer, ends, held, worked_out, .. } = self;
        if let Some((shape, tokens)) = packer.pack(&chain, servers, prints) {
            if !ends.contains_key(shape) {
                if *held > LIMIT {
                    ends.clear();
                    *held = 0;
                }
                *held += shape.len() + CONCLUSION;
                *worked_out += 1;
                ends.insert(shape.into(), Conclusion::of(shape, taps, known, prints));
            }
            if let Some(Some(end)) = ends.get(shape) {
                return end.fill(&chain, &tokens);
            }
        }
        *worked_out += 1;
        let judgement = judge(&chain, known);
        analyse_with(prints, chain, taps, judgement, servers)
    }

    /// The same for a chain whose judgement is there already.
    pub fn diagnose(
        &self,
        chain: Arc<Chain>,
        taps: &[Tap],
        judgement: Judgement,
        servers: &Servers,
    ) -> Analysis {
        analyse_with(&self.prints, chain, taps, judgement, servers)
    }
}

impl Conclusion {
    /// `None` when times come into it.
    fn of(shape: &[u8], taps: &[Tap], known: &Known, prints: &Fingerprints) -> Option<Conclusion> {
        let Unpacked { chain, servers, prints: numbers } = unpack(shape)?;
        let judgement = judge_timeless(&chain, known)?;
        let fits: Vec<Fits<'_>> = numbers.iter().map(|it| Fits::numbered(it, prints)).collect();
        let mut analysis = analyse_fitting(&fits, Arc::new(chain), taps, judgement, &servers);
        analysis.chain = Arc::default();
        let worded = Worded::of(&mut analysis);
        Some(Conclusion { analysis, worded })
    }

    /// What it means for `chain`.
    fn fill(&self, chain: &Arc<Chain>, tokens: &Tokens<'_>) -> Analysis {
        let mut analysis = self.analysis.clone();
        self.worded.fill(&mut analysis, tokens);
        for unseen in &mut analysis.judgement.unseen {
            unseen.from = unseen.from.and_then(|it| named(chain, it));
        }
        analysis.chain = Arc::clone(chain);
        analysis
    }
}

/// The hop that a shape calls `id`.
fn named(chain: &Chain, id: HopId) -> Option<HopId> {
    let at = usize::try_from(id.sequence.checked_sub(1)?).ok()?;
    in_order(chain).nth(at).map(|it| it.id)
}

/// Bytes that shapes and what they end in may take.
const LIMIT: usize = 32 << 20;
/// About what a conclusion takes.
const CONCLUSION: usize = 4096;
