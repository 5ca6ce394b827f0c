//! Searching the hop view: what is looked for, and which match the next frame must show.

/// A search in the hop view.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Search {
    /// What is looked for, without case; empty when nothing is.
    pub words: String,
    /// The match that the next frame must scroll to.
    pub seek: Option<Seek>,
}

/// Which match, seen from the first visible line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seek {
    /// The first one there or below.
    Here,
    Next,
    Previous,
}

impl Seek {
    /// The line to go to, of the lines that match; from the last match back to the first.
    pub(super) fn line(self, matches: &[usize], top: usize, last_top: usize) -> Option<usize> {
        let mut before = matches.iter().filter(|it| **it < top);
        let mut after = matches.iter().filter(|it| match self {
            Seek::Next => **it > top && top < last_top,
            Seek::Here | Seek::Previous => **it >= top,
        });
        let found = match self {
            Seek::Here | Seek::Next => after.next().or_else(|| matches.first()),
            Seek::Previous => before.next_back().or_else(|| matches.last()),
        };
        found.copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Seek;

    #[test]
    fn goes_from_match_to_match() {
        for (seek, top, line) in [
            (Seek::Here, 0, Some(3)),
            (Seek::Here, 3, Some(3)),
            (Seek::Here, 50, Some(3)),
            (Seek::Next, 3, Some(9)),
            (Seek::Next, 40, Some(3)),
            (Seek::Previous, 9, Some(3)),
            (Seek::Previous, 3, Some(40)),
        ] {
            assert_eq!(seek.line(&[3, 9, 40], top, 40), line, "{seek:?} {top}");
            assert_eq!(seek.line(&[], top, 40), None);
        }
    }
}
