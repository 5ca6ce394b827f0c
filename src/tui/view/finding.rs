//! A finding: what happened, on what evidence, what to change, and what it led to.

use ratatui::text::{Line, Span};

use super::cells::wrap;
use super::panel::Content;
use crate::diagnose::{Evidence, Finding};
use crate::trace::{Tap, visible};
use crate::tui::row::Badge;
use crate::tui::theme::Look;

/// Parts of the panel's title.
pub(super) fn title(findings: &[Finding], selected: usize, look: &Look) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let Some(it) = findings.get(selected) else {
        return vec![Line::styled("finding", theme.title)];
    };
    let count = match findings.len() {
        1 => "finding".to_owned(),
        all => format!("finding {} of {all}", selected + 1),
    };
    let mut title = vec![
        Line::styled(count, theme.title),
        Line::styled(it.code, theme.lost),
        Line::styled(format!("hop {}", it.hop + 1), theme.text),
    ];
    if let Some(by) = it.by.as_str() {
        title.push(Line::styled(format!("by {by}"), theme.text));
    }
    title
}

/// The finding itself.
pub(super) fn content(
    findings: &[Finding],
    selected: usize,
    badge: Badge,
    taps: &[Tap],
    cells: usize,
    look: &Look,
) -> Content {
    let theme = &look.theme;
    let mut content = Content::default();
    let Some(it) = findings.get(selected) else {
        let text = match badge {
            Badge::Allowed { error: None } => "Nothing to fix in this chain.".to_owned(),
            Badge::Allowed { error: Some(status) } => {
                format!("The page can read the {status}. No rule names its cause.")
            }
            Badge::Open => "Still open.".to_owned(),
            Badge::Depends => {
                "No rule names a cause. The verdict says what it turns on.".to_owned()
            }
            Badge::Blocked { .. } | Badge::Failed(_) => {
                "No rule names the cause. The verdict says what refused.".to_owned()
            }
        };
        content.paragraph(&text, 0, cells, theme.dim);
        return content;
    };
    content.paragraph(&visible(&it.title), 0, cells, theme.strong);
    content.blank();
    labelled("Fix", &it.fix, cells, look, &mut content);
    for source in &it.sources {
        content.paragraph(source, FIX, cells, theme.dim);
    }
    if !it.evidence.is_empty() {
        content.blank();
        content.push(Span::styled("Evidence", theme.dim));
        let place = it.evidence.iter().map(|it| place(it, taps).chars().count()).max();
        for evidence in &it.evidence {
            quote(evidence, taps, place.unwrap_or_default(), cells, look, &mut content);
        }
    }
    if findings.len() > 1 {
        content.blank();
        content.push(Span::styled("Causes and what they led to", theme.dim));
        Tree { findings, selected, cells, look }.below(None, "", 0, &mut content);
    }
    content
}

/// A word in the margin and a wrapped text beside it.
fn labelled(word: &str, text: &str, cells: usize, look: &Look, content: &mut Content) {
    let theme = &look.theme;
    let indent = word.len() + 2;
    for (n, line) in wrap(&visible(text), cells.saturating_sub(indent)).into_iter().enumerate() {
        let margin = if n == 0 { format!("{word}: ") } else { " ".repeat(indent) };
        content.push(Line::from(vec![
            Span::styled(margin, theme.fix.bold()),
            Span::styled(line, theme.fix),
        ]));
    }
}

fn place(evidence: &Evidence, taps: &[Tap]) -> String {
    let tap = taps.get(usize::from(evidence.tap.0)).map_or("", |it| it.name.as_str());
    format!("hop {} {tap} {}", evidence.hop + 1, evidence.place).replace("  ", " ")
}

/// Where it was seen, and the recorded text itself.
fn quote(
    evidence: &Evidence,
    taps: &[Tap],
    column: usize,
    cells: usize,
    look: &Look,
    content: &mut Content,
) {
    let theme = &look.theme;
    let place = visible(&place(evidence, taps)).into_owned();
    let beside = column + 4 + MIN_QUOTE <= cells;
    let indent = if beside { column + 4 } else { 4 };
    if !beside {
        content.push(Span::styled(format!("  {place}"), theme.dim));
    }
    let text = visible(&evidence.text);
    let text = if text.is_empty() { "(empty)".into() } else { text };
    for (n, line) in wrap(&text, cells.saturating_sub(indent)).into_iter().enumerate() {
        let margin =
            if n == 0 && beside { format!("  {place:<column$}  ") } else { " ".repeat(indent) };
        content.push(Line::from(vec![
            Span::styled(margin, theme.dim),
            Span::styled(line, theme.text),
        ]));
    }
}

/// Findings under the finding that caused them.
struct Tree<'a> {
    findings: &'a [Finding],
    selected: usize,
    cells: usize,
    look: &'a Look,
}

impl Tree<'_> {
    /// The findings that `parent` caused, or those with no cause; `stem` stands before them.
    fn below(&self, parent: Option<usize>, stem: &str, depth: usize, content: &mut Content) {
        // A circle of causes would never end; no chain has more causes than findings.
        if depth > self.findings.len() {
            return;
        }
        let children: Vec<usize> =
            (0..self.findings.len()).filter(|it| self.cause(*it) == parent).collect();
        for (n, idx) in children.iter().enumerate() {
            let is_last = n + 1 == children.len();
            let glyphs = self.look.glyphs;
            let (branch, next) = match (depth, is_last) {
                (0, _) => ("", ""),
                (_, true) => (glyphs.tree, "   "),
                (_, false) => (glyphs.tree_more, glyphs.tree_line),
            };
            self.line(*idx, &format!("{stem}{branch}"), content);
            self.below(Some(*idx), &format!("{stem}{next}"), depth + 1, content);
        }
    }

    fn line(&self, idx: usize, branch: &str, content: &mut Content) {
        let theme = &self.look.theme;
        let Some(it) = self.findings.get(idx) else { return };
        let is_selected = idx == self.selected;
        let mark = if is_selected { self.look.glyphs.selected } else { " " };
        let style = if is_selected { theme.strong } else { theme.text };
        content.push(Line::from(vec![
            Span::styled(format!("{mark} "), theme.focus),
            Span::styled(branch.to_owned(), theme.dim),
            Span::styled(super::cells::cut(it.code, self.cells, self.look.glyphs), style),
            Span::styled(format!("  hop {}", it.hop + 1), theme.dim),
        ]));
    }

    /// The finding that caused another: the first with the code it names.
    fn cause(&self, idx: usize) -> Option<usize> {
        let code = self.findings.get(idx)?.because?;
        self.findings.iter().position(|it| it.code == code).filter(|it| *it != idx)
    }
}

/// Cells that a quotation needs to stand beside its place.
const MIN_QUOTE: usize = 24;

/// Cells of the margin beside a fix.
const FIX: usize = 5;
