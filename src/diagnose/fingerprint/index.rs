//! The quick look: which fingerprints could fit an answer at all.
//!
//! Every header condition of the set (a name and what its value is like) is one bit. An answer's
//! fields are gone through once; what they do not show rules out most fingerprints, and its
//! status most others.
//!
//! **Invariant:** it never rules out a fingerprint whose conditions hold. Those that are left are
//! looked at in full.

use std::borrow::Cow;
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
    /// The bytes that such names begin with, in lower case; `None` where one begins with a star.
    begin: Option<Vec<u8>>,
    /// For each fingerprint, the conditions that it cannot do without.
    needs: Vec<Bits>,
    /// For each status from [`FIRST`] on, the numbers of the fingerprints that it suits, as bits.
    suited: Vec<Vec<u64>>,
    /// The numbers of all fingerprints, as bits.
    all: Vec<u64>,
}

/// What a field's value must be like.
#[derive(Clone, Debug)]
struct Condition {
    value: Vec<u8>,
    bit: Bits,
}

/// A set of conditions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Bits([u128; 2]);

impl Bits {
    /// The `n`th condition. Beyond 256 there are no bits, and the full look alone decides.
    fn one(n: usize) -> Bits {
        let bit = |from: usize| {
            let shift = n.checked_sub(from).and_then(|it| u32::try_from(it).ok());
            shift.and_then(|it| 1_u128.checked_shl(it)).unwrap_or(0)
        };
        Bits([bit(0), bit(128)])
    }

    fn add(&mut self, other: Bits) {
        self.0[0] |= other.0[0];
        self.0[1] |= other.0[1];
    }

    fn has_all(self, other: Bits) -> bool {
        other.0[0] & !self.0[0] == 0 && other.0[1] & !self.0[1] == 0
    }
}

impl Index {
    pub(super) fn of(prints: &[Fingerprint]) -> Index {
        let mut index = Index { begin: Some(Vec::new()), ..Index::default() };
        let mut known: HashMap<(Vec<u8>, &str), Bits> = HashMap::new();
        for print in prints {
            let mut need = Bits::default();
            for (name, value) in &print.when.headers {
                let name = name.to_ascii_lowercase().into_bytes();
                let next = Bits::one(known.len());
                let bit = *known.entry((name.clone(), value)).or_insert_with(|| {
                    index.add(name, Condition { value: value.clone().into_bytes(), bit: next });
                    next
                });
                need.add(bit);
            }
            index.needs.push(need);
        }
        let suited = |is: &dyn Fn(&When) -> bool| {
            let mut words = vec![0; prints.len().div_ceil(64)];
            for (number, _) in prints.iter().enumerate().filter(|(_, it)| is(&it.when)) {
                words[number / 64] |= 1 << (number % 64);
            }
            words
        };
        index.suited = (FIRST..=LAST).map(|status| suited(&|it| it.suits_status(status))).collect();
        index.all = suited(&|_| true);
        index
    }

    fn add(&mut self, name: Vec<u8>, condition: Condition) {
        if !name.contains(&b'*') {
            self.fields.entry(name).or_default().push(condition);
            return;
        }
        match (name.first(), &mut self.begin) {
            (Some(first), Some(begin)) if *first != b'*' => begin.push(*first),
            _ => self.begin = None,
        }
        self.wild.push((name, condition));
    }

    /// The numbers of the fingerprints that could fit, in their order.
    pub(super) fn likely<'a>(
        &'a self,
        response: &Response,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let shown = self.shown(response);
        let at = response.status.checked_sub(FIRST).map(usize::from);
        let suited = at.and_then(|it| self.suited.get(it)).unwrap_or(&self.all);
        let numbers = suited.iter().enumerate().flat_map(|(at, word)| ones(*word, at * 64));
        numbers.filter(move |it| self.needs.get(*it).is_some_and(|need| shown.has_all(*need)))
    }

    /// The conditions that an answer's fields meet.
    fn shown(&self, response: &Response) -> Bits {
        let mut shown = Bits::default();
        for (name, value) in response.headers.pairs() {
            let name = if name.iter().any(u8::is_ascii_uppercase) {
                Cow::Owned(name.to_ascii_lowercase())
            } else {
                Cow::Borrowed(name)
            };
            for it in self.fields.get(&*name).into_iter().flatten() {
                shown.add_if(it, value);
            }
            let may_be_wild = |begin: &Vec<u8>| name.first().is_some_and(|it| begin.contains(it));
            if self.begin.as_ref().is_none_or(may_be_wild) {
                for (_, it) in self.wild.iter().filter(|it| glob_bytes(&it.0, &name)) {
                    shown.add_if(it, value);
                }
            }
        }
        shown
    }
}

impl Bits {
    fn add_if(&mut self, condition: &Condition, value: &[u8]) {
        if glob_bytes(&condition.value, value) {
            self.add(condition.bit);
        }
    }
}

/// The places of a word's ones, counted from `from`.
fn ones(mut word: u64, from: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = usize::try_from(word.trailing_zeros()).ok().filter(|_| word != 0)?;
        word &= word - 1;
        Some(from + at)
    })
}

/// The statuses that are prepared for; any other is left to the full look.
const FIRST: u16 = 100;
const LAST: u16 = 599;

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;

    use super::super::Fingerprints;
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
                let whole = prints.iter().filter(|it| it.when.holds(&hop, &body));
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
