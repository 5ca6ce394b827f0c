//! The quick look: which fingerprints could fit an answer at all.
//!
//! Every header condition of the set (a name and what its value is like) is one bit. An answer's
//! fields are gone through once; what they do not show rules out most fingerprints, and its
//! status most others.
//!
//! **Invariant:** it never rules out a fingerprint whose conditions hold. Those that are left are
//! looked at in full.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Fingerprint, When, glob_bytes};
use crate::trace::Response;

/// What a set of fingerprints asks of answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// The conditions on fields, by their name in lower case.
    fields: HashMap<Vec<u8>, Vec<Condition>, RandomState>,
    /// Those of names with stars.
    wild: Vec<(Vec<u8>, Condition)>,
    /// For each fingerprint, the conditions that it cannot do without.
    needs: Vec<Bits>,
    /// The fingerprints without any.
    free: Bits,
    /// The fingerprints whose conditions on fields all have their bits.
    whole: Bits,
    /// For each status from [`FIRST`] on, the fingerprints that it suits.
    suited: Vec<Bits>,
}

/// What a field's value must be like.
#[derive(Clone, Debug)]
struct Condition {
    value: Vec<u8>,
    bit: Bits,
    /// The fingerprints that have it.
    of: Bits,
}

/// A set of small numbers: conditions or fingerprints. What is beyond [`MOST`] is never in it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Bits([u64; 4]);

/// How many numbers there are bits for. The full look alone decides upon the others.
const MOST: usize = 256;

impl Bits {
    const ALL: Bits = Bits([u64::MAX; 4]);

    fn one(n: usize) -> Bits {
        let mut bits = Bits::default();
        if let Some(word) = bits.0.get_mut(n / 64) {
            *word = 1 << (n % 64);
        }
        bits
    }

    fn add(&mut self, other: Bits) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
    }

    fn both(self, other: Bits) -> Bits {
        Bits(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    fn numbers(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(at, mut word)| {
            std::iter::from_fn(move || {
                let bit = usize::try_from(word.trailing_zeros()).ok().filter(|_| word != 0)?;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

impl Condition {
    /// Whether a value meets it. Most differ in their first byte.
    fn is_met(&self, value: &[u8]) -> bool {
        match (self.value.first(), value.first()) {
            (Some(b'*'), _) if self.value.len() == 1 => true,
            (Some(a), Some(b)) if *a != b'*' && !a.eq_ignore_ascii_case(b) => false,
            _ => glob_bytes(&self.value, value),
        }
    }
}

impl Index {
    pub(super) fn of(prints: &[Fingerprint]) -> Index {
        let mut index = Index::default();
        let mut known: HashMap<(Vec<u8>, &str), usize> = HashMap::new();
        for (number, print) in prints.iter().enumerate() {
            let (mut need, mut is_whole) = (Bits::default(), true);
            for (name, value) in &print.when.headers {
                let name = name.to_ascii_lowercase().into_bytes();
                let next = known.len();
                let bit = Bits::one(*known.entry((name.clone(), value)).or_insert(next));
                need.add(bit);
                is_whole &= bit != Bits::default();
                index.put(name, value, bit, Bits::one(number));
            }
            if print.when.headers.is_empty() {
                index.free.add(Bits::one(number));
            }
            if is_whole {
                index.whole.add(Bits::one(number));
            }
            index.needs.push(need);
        }
        let suits = |it: &When, status| it.suits_status(status);
        let suited = |status| {
            let mut bits = Bits::default();
            let fitting = prints.iter().enumerate().filter(|(_, it)| suits(&it.when, status));
            fitting.for_each(|(number, _)| bits.add(Bits::one(number)));
            bits
        };
        index.suited = (FIRST..=LAST).map(suited).collect();
        index
    }

    /// Note that a fingerprint has this condition.
    fn put(&mut self, name: Vec<u8>, value: &str, bit: Bits, of: Bits) {
        let condition = Condition { value: value.as_bytes().to_vec(), bit, of };
        if name.contains(&b'*') {
            self.wild.push((name, condition));
            return;
        }
        let conditions = self.fields.entry(name).or_default();
        match conditions.iter_mut().find(|it| it.value == condition.value) {
            Some(known) => known.of.add(of),
            None => conditions.push(condition),
        }
    }

    /// The numbers of the fingerprints that could fit, in their order.
    pub(super) fn likely<'a>(
        &'a self,
        response: &Response,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let (shown, asked) = self.shown(response);
        let at = response.status.checked_sub(FIRST).map(usize::from);
        let suited = at.and_then(|it| self.suited.get(it)).copied().unwrap_or(Bits::ALL);
        let has_all = move |it: &usize| self.needs.get(*it).is_some_and(|it| it.both(shown) == *it);
        asked.both(suited).numbers().filter(has_all).chain(MOST..self.needs.len())
    }

    /// Whether a likely fingerprint needs no second look at an answer's fields.
    pub(super) fn knows_fields_of(&self, number: usize) -> bool {
        self.whole.both(Bits::one(number)) != Bits::default()
    }

    /// The conditions that an answer's fields meet, and who has one of them or none at all.
    fn shown(&self, response: &Response) -> (Bits, Bits) {
        let (mut shown, mut asked) = (Bits::default(), self.free);
        let mut meet = |it: &Condition, value: &[u8]| {
            if it.is_met(value) {
                shown.add(it.bit);
                asked.add(it.of);
            }
        };
        for (name, value) in response.headers.pairs() {
            let mut conditions = self.fields.get(name);
            if conditions.is_none() && name.iter().any(u8::is_ascii_uppercase) {
                conditions = self.fields.get(&name.to_ascii_lowercase());
            }
            for it in conditions.into_iter().flatten() {
                meet(it, value);
            }
            let begins = |it: &[u8]| match (it.first(), name.first()) {
                (Some(a), Some(b)) => *a == b'*' || a.eq_ignore_ascii_case(b),
                _ => true,
            };
            for (_, it) in self.wild.iter().filter(|it| begins(&it.0) && glob_bytes(&it.0, name)) {
                meet(it, value);
            }
        }
        (shown, asked)
    }
}

/// The statuses that are prepared for; any other is left to the full look.
const FIRST: u16 = 100;
const LAST: u16 = 599;

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use super::super::{Fingerprint, Fingerprints};
    use crate::diagnose::testing::story;
    use crate::trace::{Hop, Outcome};

    /// Answers that have what some fingerprint asks for, and answers that lack a part of it.
    fn answers(prints: &Fingerprints) -> Vec<Hop> {
        let plain = Hop::clone(&story(&["edge GET http://a/ 200"]).0.hops[0].hop);
        let mut all = Vec::new();
        for (number, print) in prints.iter().enumerate() {
            for status in [99, 100, 204, 301, 403, 404, 500, 503, 599, 600] {
                for lacks in 0..=print.when.headers.len() {
                    let mut hop = plain.clone();
                    let Outcome::Answered(answer) = &mut hop.outcome else { continue };
                    answer.status = status;
                    for (at, (name, value)) in print.when.headers.iter().enumerate() {
                        let name = name.replace('*', "Any");
                        let name = if number % 2 == 0 { name.to_uppercase() } else { name };
                        if at != lacks {
                            answer.headers.push(name, value.replace('*', "\u{e4}x"));
                        }
                    }
                    all.push(hop);
                }
            }
        }
        all
    }

    #[test]
    fn the_quick_look_rules_nothing_out_that_fits() {
        // More conditions than there are bits.
        let own: Vec<String> = (0..300)
            .map(|it| format!("[[fingerprint]]\nproduct = \"p{it}\"\nactor = \"app\"\nheaders = {{ x-{it} = \"a*{it}\" }}\n"))
            .collect();
        let star = "[[fingerprint]]\nproduct = \"star\"\nactor = \"app\"\nheaders = { \"*-any\" = \"1\" }\n";
        for own in [own.concat(), star.to_owned()] {
            let (prints, errors) = Fingerprints::with_user_file(&own, "own.toml");
            assert_eq!(errors, []);
            let mut found = 0;
            for hop in answers(&prints) {
                let body = OnceCell::new();
                let fits =
                    |it: &&Fingerprint| it.when.has_fields(&hop) && it.when.suits(&hop, &body);
                let whole = prints.iter().filter(fits);
                let whole: Vec<&str> = whole.map(|it| it.product.as_str()).collect();
                let quick: Vec<&str> =
                    prints.recognise(&hop).map(|it| it.product.as_str()).collect();
                assert_eq!(quick, whole, "{hop:?}");
                found += quick.len();
            }
            assert!(found > 300, "{found}");
        }
    }
}
