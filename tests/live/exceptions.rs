//! Where a live run may differ, and why: `exceptions.tsv`.

use hopscope::fetch::Browser;

use super::compare::What;

const FILE: &str = include_str!("exceptions.tsv");

/// Those of one browser.
pub(crate) struct Exceptions(Vec<Exception>);

struct Exception {
    id: &'static str,
    what: &'static str,
    reason: &'static str,
}

impl Exceptions {
    pub(crate) fn read(browser: Browser) -> Exceptions {
        let rows = FILE.lines().filter(|it| !it.starts_with('#') && !it.is_empty());
        let exceptions = rows.filter_map(|row| {
            let mut cells = row.split('\t');
            let mut cell = || cells.next().unwrap_or_else(|| panic!("too few cells: {row}"));
            let (who, id, what, reason) = (cell(), cell(), cell(), cell());
            assert!(case_exists(id), "no such case: {row}");
            let applies = who == "both" || who == browser.as_str();
            applies.then_some(Exception { id, what, reason })
        });
        Exceptions(exceptions.collect())
    }

    /// The reason, if this part of this case is an exception.
    pub(crate) fn name(&self, id: &str, what: What) -> Option<&'static str> {
        let of_case = self.0.iter().filter(|it| it.id == id);
        let mut named = of_case.filter(|it| it.what.split(',').any(|it| it == what.as_str()));
        named.next().map(|it| it.reason)
    }
}

fn case_exists(id: &str) -> bool {
    let start = format!("{{\"id\":\"{id}\",");
    super::case::RECORDED.lines().any(|it| it.starts_with(&start))
}
