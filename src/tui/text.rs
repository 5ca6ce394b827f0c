//! What the copy key puts on the clipboard: plain text of what a pane shows.
//!
//! **Invariant:** secrets are redacted: what is copied ends in tickets and chats.

use std::fmt::Write;

use super::model::{Open, Pane};
use crate::fetch::Judgement;
use crate::redact::Redactor;
use crate::trace::{Frames, Hop, Outcome, visible, visible_bytes};

/// The text and what it is, for the notice.
pub(super) fn to_copy(open: &Open, pane: Pane, redactor: &Redactor) -> (&'static str, String) {
    match pane {
        Pane::Chains | Pane::Chain | Pane::Lineage => {
            let url = redactor.url(&open.analysis.judgement.request.url);
            ("the request's URL", visible(&url).into_owned())
        }
        Pane::Finding => ("the finding", finding(open, redactor)),
        Pane::Verdict => ("the verdict", verdict(&open.analysis.judgement, redactor)),
        Pane::Hop => ("the hop's heads", hop(open, redactor)),
    }
}

fn finding(open: &Open, redactor: &Redactor) -> String {
    let Some(finding) = open.finding() else { return String::new() };
    let mut out = format!("{} at hop {}", finding.code, finding.hop + 1);
    if let Some(by) = finding.by.as_str() {
        let _ = write!(out, ", by {by}");
    }
    let _ = write!(out, "\n{}\n", visible(&redactor.text(&finding.title)));
    for it in &finding.evidence {
        let text = redactor.quoted(&it.place, &it.text);
        let _ = writeln!(out, "  hop {} {}: {}", it.hop + 1, it.place, visible(&text));
    }
    let _ = writeln!(out, "Fix: {}", visible(&redactor.advice(&finding.fix)));
    out
}

fn verdict(judgement: &Judgement, redactor: &Redactor) -> String {
    let verdict = &judgement.verdict;
    let mut out =
        format!("{}: {}\n", verdict.outcome.as_str(), visible(&redactor.text(&verdict.reading)));
    if let Some(console) = &verdict.chromium.console {
        let _ = writeln!(out, "{}", visible(&redactor.text(console)));
    }
    if let Some(reason) = &verdict.firefox.reason {
        let _ = writeln!(out, "Reason: {}", visible(&redactor.text(reason)));
    }
    out
}

fn hop(open: &Open, redactor: &Redactor) -> String {
    let Some(it) = open.analysis.chain.hops.get(open.hop) else { return String::new() };
    // Of a long conversation nothing is copied, so none of it is read.
    heads(&redactor.hop(&Hop { frames: Frames::default(), ..Hop::clone(&it.hop) }))
}

/// Request and response head as text.
fn heads(hop: &Hop) -> String {
    let mut out = format!("{} {}\n", visible(&hop.request.method), visible(&hop.request.url));
    let fields = |headers: &crate::trace::Headers, out: &mut String| {
        for it in headers.iter() {
            let _ = writeln!(out, "{}: {}", visible(&it.name), visible_bytes(&it.value));
        }
    };
    fields(&hop.request.headers, &mut out);
    match &hop.outcome {
        Outcome::Answered(response) => {
            let version = response.version.as_str();
            let _ = writeln!(out, "\n{version} {}", response.status);
            fields(&response.headers, &mut out);
        }
        Outcome::Failed(failure) => {
            let _ = writeln!(out, "\n{}: {}", failure.kind.as_str(), visible(&failure.detail));
        }
        Outcome::Pending => out.push_str("\nno answer yet\n"),
    }
    out
}
