//! Two header lists side by side, each line with a sign: kept, changed, added, lost.

use ratatui::style::Style;

use super::cells::{Row, cut, pad, width, wrap};
use super::panel::Content;
use crate::trace::{Headers, visible, visible_bytes};
use crate::tui::compare::{Difference, Later, pairs};
use crate::tui::theme::Look;

/// What the tables of one hop have in common.
pub(super) struct Sides {
    /// Which place is on the left, and which on the right.
    pub(super) names: [String; 2],
    /// Cells of the longest field name.
    pub(super) widest: usize,
}

impl Sides {
    /// Sides whose columns suit all of these lists.
    pub(super) fn new<'a>(
        names: [String; 2],
        lists: impl IntoIterator<Item = Option<&'a Headers>>,
    ) -> Sides {
        let fields = lists.into_iter().flatten().flat_map(Headers::iter);
        let widest = fields.map(|it| width(&visible(&it.name))).max().unwrap_or_default();
        Sides { names, widest }
    }
}

/// The table of `here`, with `beside` next to it where there is one.
pub(super) fn table(
    here: &Headers,
    beside: Option<(&Headers, Later)>,
    sides: &Sides,
    cells: usize,
    look: &Look,
    content: &mut Content,
) {
    let Some((beside, later)) = beside else {
        let columns = Columns::new(sides.widest, cells, false);
        for it in here.iter() {
            let value = visible_bytes(&it.value);
            let field = Field {
                sign: " ",
                name: &it.name,
                here: Some(&value),
                there: None,
                styles: [look.theme.text; 2],
            };
            columns.lines(&field, look, content);
        }
        return;
    };
    let pairs = pairs(here, beside);
    let columns = Columns::new(sides.widest, cells, true);
    let [here_name, there_name] = &sides.names;
    let mut head = Row::new(cells);
    head.put(columns.value, &cut(here_name, columns.each, look.glyphs), look.theme.dim);
    head.put(columns.other(), &cut(there_name, columns.each, look.glyphs), look.theme.dim);
    content.push(head.line());
    for pair in &pairs {
        let (sign, styles) = match pair.difference(later) {
            Difference::Same => (" ", [look.theme.text, look.theme.dim]),
            Difference::Changed => ("~", [look.theme.changed; 2]),
            Difference::Added => ("+", [look.theme.added; 2]),
            Difference::Lost => ("-", [look.theme.lost; 2]),
        };
        let here = pair.here.as_deref().map(visible_bytes);
        let there = pair.there.as_deref().map(visible_bytes);
        let name = pair.name.as_str();
        let (here, there) = (here.as_deref(), there.as_deref());
        columns.lines(&Field { sign, name, here, there, styles }, look, content);
    }
}

/// One line of the table.
struct Field<'a> {
    sign: &'a str,
    name: &'a str,
    here: Option<&'a str>,
    there: Option<&'a str>,
    styles: [Style; 2],
}

/// Columns of a table, in cells.
struct Columns {
    name: usize,
    /// Where the first value begins.
    value: usize,
    /// Width of a value.
    each: usize,
    cells: usize,
}

impl Columns {
    fn new(widest: usize, cells: usize, two: bool) -> Columns {
        let name = widest.min(if two { cells * 3 / 10 } else { cells * 2 / 5 }).max(8);
        let value = 2 + name + 2;
        let room = cells.saturating_sub(value);
        let each = if two { room.saturating_sub(2) / 2 } else { room };
        Columns { name, value, each: each.max(4), cells }
    }

    fn other(&self) -> usize {
        self.value + self.each + 2
    }

    fn lines(&self, it: &Field<'_>, look: &Look, content: &mut Content) {
        let (sign, name, [ours, theirs]) = (it.sign, it.name, it.styles);
        let names = wrap_name(&visible(name), self.name);
        let wrapped = |it: Option<&str>| it.map(|it| wrap(it, self.each)).unwrap_or_default();
        let (here, there) = (wrapped(it.here), wrapped(it.there));
        let height = names.len().max(here.len()).max(there.len());
        for n in 0..height {
            let mut row = Row::new(self.cells);
            if n == 0 {
                row.put(0, sign, ours);
            }
            if let Some(name) = names.get(n) {
                let style = if sign == " " { look.theme.dim } else { ours };
                row.put(2, &pad(name, self.name), style);
            }
            if let Some(text) = here.get(n) {
                row.put(self.value, text, ours);
            }
            if let Some(text) = there.get(n) {
                row.put(self.other(), text, theirs);
            }
            content.push(row.line());
        }
    }
}

/// A header's name over several lines, broken after a dash where there is one.
fn wrap_name(name: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for part in name.split_inclusive('-') {
        if !line.is_empty() && width(&line) + width(part) > cells {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(part);
    }
    lines.push(line);
    lines.iter().flat_map(|it| wrap(it, cells)).collect()
}
