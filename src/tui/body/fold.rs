//! Folding: what is nested deeper than a level becomes one line.
//!
//! **Invariant:** only lines are put together; what is left of them is as it was.

use std::fmt::Write as _;

/// `lines`, indented by two cells a level, with every block below `depth` folded.
pub(super) fn fold(lines: Vec<String>, depth: usize) -> Vec<String> {
    let mut folded: Vec<String> = Vec::with_capacity(lines.len());
    let mut hidden = 0;
    for line in lines {
        let level = (line.len() - line.trim_start_matches(' ').len()) / 2;
        let closes = hidden > 0 && level == depth && line.trim_start().starts_with(['}', ']']);
        match folded.last_mut() {
            Some(opening) if level > depth && (hidden > 0 || opening.ends_with(['{', '['])) => {
                hidden += 1;
            }
            Some(opening) if closes => {
                let lines = if hidden == 1 { "line" } else { "lines" };
                // Writing to a string cannot fail.
                let _ = write!(opening, " {hidden} {lines} {}", line.trim_start());
                hidden = 0;
            }
            _ => {
                hidden = 0;
                folded.push(line);
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    #[test]
    fn puts_blocks_on_one_line() {
        let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
        let json = "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": {},\n  \"d\": {\n    \"e\": 1\n  }\n}";
        for (depth, folded) in [
            (0, "{ 10 lines }"),
            (1, "{\n  \"a\": [ 4 lines ],\n  \"c\": {},\n  \"d\": { 1 line }\n}"),
            (
                2,
                "{\n  \"a\": [\n    1,\n    { 1 line }\n  ],\n  \"c\": {},\n  \"d\": {\n    \"e\": 1\n  }\n}",
            ),
            (9, json),
        ] {
            assert_eq!(super::fold(lines(json), depth), lines(folded), "{depth}");
        }
        assert_eq!(super::fold(lines("a\n    b\nc"), 0), lines("a\n    b\nc"));
    }
}
