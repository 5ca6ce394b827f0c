//! The table that a person reads: a line for every scenario.

/// What one scenario gave: a line for each table, and what was not as expected.
#[derive(Default)]
pub(crate) struct Row {
    /// Pair, mistake, finding, who answered, fixed.
    pub(crate) cells: Vec<[String; 5]>,
    pub(crate) wrong: Vec<String>,
}

impl Row {
    pub(crate) fn failed(why: String) -> Row {
        Row { wrong: vec![why], ..Row::default() }
    }
}

/// Print a table under each title; then fail, if anything was wrong.
pub(crate) fn print(titles: &[String], rows: &[Row]) {
    for (idx, title) in titles.iter().enumerate() {
        let lines: Vec<&[String; 5]> = rows.iter().filter_map(|it| it.cells.get(idx)).collect();
        println!("\n{title}");
        let mut widths = [0; 5];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(*line) {
                *width = cell.chars().count().max(*width);
            }
        }
        for line in &lines {
            let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
    let wrong: Vec<&str> = rows.iter().flat_map(|it| &it.wrong).map(String::as_str).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
