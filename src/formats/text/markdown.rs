//! An explanation as Markdown, for a ticket.

use std::fmt::Write as _;

use super::{Text, badge, besides, clean, ladder};
use crate::diagnose::Analysis;
use crate::ladder::Ladder;

/// One chain as a section: ladder, messages, verdict, findings.
pub(super) fn chain(
    text: &Text<'_>,
    id: usize,
    title: Option<&str>,
    analysis: &Analysis,
) -> String {
    let request = &analysis.judgement.request;
    let verdict = &analysis.judgement.verdict;
    let mut out = String::new();
    let url = text.secrets.url(&request.url);
    let head = format!("Chain {id}: {} {url}", request.method);
    let _ = writeln!(out, "## {}\n", escape(&clean(&head)));
    if let Some(title) = title {
        let _ = writeln!(out, "{}\n", escape(title));
    }
    let drawn = ladder::draw(&Ladder::of(analysis, text.taps), text);
    if !drawn.is_empty() {
        let _ = writeln!(out, "{}\n", fenced(drawn.trim_end()));
    }
    let messages = messages(text, analysis);
    if !messages.is_empty() {
        let _ = writeln!(out, "{}\n", fenced(messages.trim_end()));
    }
    let origin = request.origin.as_deref().unwrap_or("no origin");
    let hop = verdict.hop.map(|it| format!(" at hop {}", it + 1)).unwrap_or_default();
    let _ = writeln!(
        out,
        "**{}**{hop}, page origin {}. {}\n",
        badge(analysis, text.glyphs),
        code(&clean(origin)),
        escape(&clean(&text.secrets.text(&verdict.reading)))
    );
    if let Some(console) = &verdict.chromium.console {
        let _ = writeln!(out, "{}\n", fenced(&clean(&text.secrets.text(console))));
    }
    for finding in &analysis.findings {
        let by = finding.by.as_str().map(|it| format!(", by {it}")).unwrap_or_default();
        let because = finding.because.map(|it| format!(", because of `{it}`")).unwrap_or_default();
        let _ = writeln!(out, "### `{}` at hop {}{by}{because}\n", finding.code, finding.hop + 1);
        let _ = writeln!(out, "{}\n", escape(&clean(&text.secrets.text(&finding.title))));
        for it in &finding.evidence {
            let quote = clean(&text.secrets.quoted(&it.place, &it.text));
            let _ = writeln!(out, "* hop {}, {}: {}", it.hop + 1, it.place, code(&quote));
        }
        let fix = advice(&clean(&text.secrets.advice(&finding.fix)));
        let _ = writeln!(out, "\n**Fix:** {fix}\n");
        for source in &finding.sources {
            let _ = writeln!(out, "<{source}>\n");
        }
    }
    out
}

/// What was said on WebSocket connections, and the fields after bodies.
fn messages(text: &Text<'_>, analysis: &Analysis) -> String {
    let mut out = String::new();
    for (idx, it) in analysis.chain.hops.iter().enumerate() {
        for (label, line) in besides::lines(text, idx + 1, it) {
            for (row, line) in line.lines().enumerate() {
                let label = if row == 0 { label.as_str() } else { "" };
                let _ = writeln!(out, "{label:<8}  {}", clean(line));
            }
        }
    }
    out
}

/// A fix, with its settings as code.
fn advice(text: &str) -> String {
    let part = |(idx, it)| if idx % 2 == 1 { code(it) } else { escape(it) };
    text.split('`').enumerate().map(part).collect()
}

/// Markdown's own signs, made plain.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A code span whose fence is longer than any run of backquotes inside.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn fenced(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    format!("{fence}text\n{text}\n{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_break_out() {
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`x"), "`` `x ``");
        assert_eq!(escape("<img> [a](b)"), "\\<img\\> \\[a\\](b)");
        assert_eq!(advice("set `a_b: *` in c_d"), "set `a_b: *` in c\\_d");
    }
}
