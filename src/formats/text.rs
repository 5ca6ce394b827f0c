//! An explanation as plain text, for terminals, logs and tickets.
//!
//! **Invariant:** whatever came over the wire passes the [`Secrets`] and then
//! [`visible`](crate::trace::visible), so that no recorded byte can write an escape sequence.

mod besides;
mod ladder;
mod markdown;
mod wrap;

use std::fmt::Write as _;

use crate::diagnose::{Analysis, Finding};
use crate::fetch::{Verdict, VerdictOutcome};
use crate::formats::Secrets;
use crate::ladder::Ladder;
use crate::trace::{Note, Tap, visible};

pub use wrap::wrap;

/// Characters that drawings are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Glyphs {
    Unicode,
    Ascii,
}

impl Glyphs {
    fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Glyphs::Unicode => unicode,
            Glyphs::Ascii => ascii,
        }
    }
}

/// What the text of a chain needs beside the analysis.
pub struct Text<'a> {
    pub taps: &'a [Tap],
    /// What people pinned to hops.
    pub notes: &'a [Note],
    pub secrets: &'a Secrets,
    pub glyphs: Glyphs,
    /// Cells a line may take.
    pub width: usize,
}

impl Text<'_> {
    /// One chain: head line, ladder, verdict, findings.
    pub fn chain(&self, id: usize, title: Option<&str>, analysis: &Analysis) -> String {
        let request = &analysis.judgement.request;
        let verdict = &analysis.judgement.verdict;
        let mut out = String::new();
        let origin = request.origin.as_deref().map(|it| format!("  from {it}")).unwrap_or_default();
        let url = clean(&self.secrets.url(&request.url));
        let method = clean(&request.method);
        let badge = badge(analysis, self.glyphs);
        let _ = writeln!(out, "chain {id}  {method} {url}{}  {badge}", clean(&origin));
        if let Some(title) = title {
            let _ = writeln!(out, "  {title}");
        }
        out.push('\n');
        let drawn = ladder::draw(&Ladder::of(analysis, self.taps), self);
        if !drawn.is_empty() {
            out.push_str(&drawn);
            out.push('\n');
        }
        for (idx, it) in analysis.chain.hops.iter().enumerate() {
            for (label, line) in besides::lines(self, idx + 1, it) {
                self.lines(&mut out, &label, &line);
            }
        }
        self.verdict(&mut out, verdict);
        let n = analysis.findings.len();
        for (idx, finding) in analysis.findings.iter().enumerate() {
            self.finding(&mut out, idx + 1, n, finding);
        }
        out
    }

    /// One chain as Markdown, for a ticket.
    pub fn markdown(&self, id: usize, title: Option<&str>, analysis: &Analysis) -> String {
        markdown::chain(self, id, title, analysis)
    }

    fn verdict(&self, out: &mut String, verdict: &Verdict) {
        let at = verdict.hop.map(|it| format!(" at hop {}", it + 1)).unwrap_or_default();
        let code = verdict.chromium.code.map(|it| format!(": {it}")).unwrap_or_default();
        let by = verdict.failed.map(|it| format!(" by {}", it.as_str())).unwrap_or_default();
        let mut head = format!("{}{by}{at}{code}", verdict.outcome.as_str());
        if !verdict.chromium.parameter.is_empty() {
            let _ = write!(head, " ({})", verdict.chromium.parameter);
        }
        self.field(out, "verdict", &head);
        self.field(out, "", &verdict.reading);
        if let Some(console) = &verdict.chromium.console {
            self.field(out, "Chromium", console);
        }
        let is_said = |it: &str| verdict.chromium.console.as_ref().is_some_and(|c| c.contains(it));
        if let Some(net_error) = &verdict.chromium.net_error
            && verdict.outcome == VerdictOutcome::Failed
            && !is_said(net_error)
        {
            self.field(out, "Chromium", net_error);
        }
        if let Some(reason) = &verdict.firefox.reason {
            let code = verdict.firefox.code.map(|it| format!(" ({it})")).unwrap_or_default();
            self.field(out, "Firefox", &format!("Reason: {reason}{code}"));
        }
        for branch in &verdict.depends {
            let code = branch.code.map(|it| format!(": {it}")).unwrap_or_default();
            let text = format!(
                "if {} is {}: {}{code}",
                branch.on.as_str(),
                branch.value,
                branch.outcome.as_str()
            );
            self.field(out, "depends", &text);
        }
    }

    fn finding(&self, out: &mut String, n: usize, of: usize, finding: &Finding) {
        let by = finding.by.as_str().map(|it| format!("  by {it}")).unwrap_or_default();
        let because = finding.because.map(|it| format!("  because of {it}")).unwrap_or_default();
        let head =
            format!("finding {n} of {of}  {}  hop {}{by}{because}", finding.code, finding.hop + 1);
        out.push('\n');
        for (row, line) in wrap(&head, self.width.saturating_sub(2)).into_iter().enumerate() {
            let _ = writeln!(out, "{}{line}", if row == 0 { "  " } else { "              " });
        }
        self.field(out, "", &finding.title);
        for it in &finding.evidence {
            let tap = self.taps.get(usize::from(it.tap.0)).map_or("", |it| it.name.as_str());
            let text = self.secrets.quoted(&it.place, &it.text);
            self.lines(out, "evidence", &format!("hop {} {tap}, {}: {text}", it.hop + 1, it.place));
        }
        self.lines(out, "fix", &self.secrets.advice(&finding.fix));
        for source in &finding.sources {
            self.lines(out, "", source);
        }
    }

    /// A line of text that may quote what was recorded.
    fn field(&self, out: &mut String, label: &str, text: &str) {
        self.lines(out, label, &self.secrets.text(text));
    }

    /// `  label     text`, wrapped under itself.
    fn lines(&self, out: &mut String, label: &str, text: &str) {
        for (idx, part) in text.lines().enumerate() {
            let room = self.width.saturating_sub(14).max(20);
            for (row, line) in wrap(&clean(part), room).into_iter().enumerate() {
                let label = if idx + row == 0 { label } else { "" };
                let _ = writeln!(out, "    {label:<8}  {line}");
            }
        }
    }
}

/// Safe for a terminal.
fn clean(text: &str) -> String {
    visible(text).into_owned()
}

/// `✓ 200`, `✗ cors 403`, `✗ net`, `?`.
pub fn badge(analysis: &Analysis, glyphs: Glyphs) -> String {
    let verdict = &analysis.judgement.verdict;
    let hops = &analysis.chain.hops;
    let at = verdict.hop.or_else(|| hops.len().checked_sub(1));
    let status = at.and_then(|it| hops.get(it)).and_then(|it| it.hop.status());
    let status = status.map(|it| format!(" {it}")).unwrap_or_default();
    match verdict.outcome {
        VerdictOutcome::Allowed => format!("{} allowed{status}", glyphs.pick("✓", "ok")),
        VerdictOutcome::Blocked => format!("{} cors{status}", glyphs.pick("✗", "x")),
        VerdictOutcome::Failed => match verdict.failed {
            Some(by) => format!("{} {}", glyphs.pick("✗", "x"), by.as_str()),
            None => format!("{} failed", glyphs.pick("✗", "x")),
        },
        VerdictOutcome::Depends => "? depends".to_owned(),
    }
}
