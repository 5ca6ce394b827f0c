//! The verdict: what each browser concludes, in its own words, and what it turns on.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::cells::wrap;
use super::panel::Content;
use crate::fetch::{Branch, Browser, Judged, Judgement, On, VerdictOutcome};
use crate::trace::visible;
use crate::tui::theme::Look;

/// Parts of the panel's title.
pub(super) fn title(judgement: &Judgement, look: &Look) -> Vec<Line<'static>> {
    let verdict = &judgement.verdict;
    let (_, style) = sign(verdict.outcome, look);
    let mut title = vec![
        Line::styled("verdict", look.theme.title),
        Line::styled(verdict.outcome.as_str(), style),
    ];
    if let Some(hop) = verdict.hop {
        title.push(Line::styled(format!("hop {}", hop + 1), look.theme.text));
    }
    title
}

/// The sign and style of an outcome.
pub(super) fn sign(outcome: VerdictOutcome, look: &Look) -> (&'static str, Style) {
    let (theme, glyphs) = (&look.theme, look.glyphs);
    match outcome {
        VerdictOutcome::Allowed => (glyphs.allowed, theme.ok),
        VerdictOutcome::Blocked => (glyphs.refused, theme.blocked),
        VerdictOutcome::Failed => (glyphs.refused, theme.failed),
        VerdictOutcome::Depends => ("?", theme.warn),
    }
}

pub(super) fn content(judgement: &Judgement, cells: usize, look: &Look) -> Content {
    let theme = &look.theme;
    let verdict = &judgement.verdict;
    let mut content = Content::default();
    if !verdict.reading.is_empty() {
        content.paragraph(&visible(&verdict.reading), 0, cells, theme.strong);
        content.blank();
    }
    let (chromium, firefox) = (&verdict.chromium, &verdict.firefox);
    let default = |browser| if verdict.browser == browser { Some(verdict.outcome) } else { None };
    let outcome = chromium.outcome.or(default(Browser::Chromium)).unwrap_or(verdict.outcome);
    let names = [chromium.code, chromium.net_error.as_deref()];
    browser("Chromium", outcome, &names, cells, look, &mut content);
    if let Some(console) = &chromium.console {
        content.paragraph(&visible(console), MARGIN, cells, theme.text);
    }
    let outcome = firefox.outcome.or(default(Browser::Firefox)).unwrap_or(verdict.outcome);
    browser("Firefox", outcome, &[firefox.code], cells, look, &mut content);
    if let Some(reason) = &firefox.reason {
        content.paragraph(&format!("Reason: {}", visible(reason)), MARGIN, cells, theme.text);
    }
    if !verdict.depends.is_empty() {
        content.blank();
        content.push(Span::styled("It turns on what is not on the wire", theme.dim));
        for branch in &verdict.depends {
            depends(branch, cells, look, &mut content);
        }
    }
    content.blank();
    request(&judgement.request, cells, look, &mut content);
    content
}

fn browser(
    name: &str,
    outcome: VerdictOutcome,
    names: &[Option<&str>],
    cells: usize,
    look: &Look,
    content: &mut Content,
) {
    let (sign, style) = sign(outcome, look);
    let names: Vec<&str> = names.iter().flatten().copied().collect();
    let names =
        super::cells::cut(&visible(&names.join("  ")), cells.saturating_sub(24), look.glyphs);
    content.push(Line::from(vec![
        Span::styled(format!("{name:<MARGIN$}"), look.theme.dim),
        Span::styled(format!("{sign} {}  ", outcome.as_str()), style),
        Span::styled(names, look.theme.text),
    ]));
}

/// `if credentials were include: blocked  WildcardOriginNotAllowed`.
fn depends(branch: &Branch, cells: usize, look: &Look, content: &mut Content) {
    let value = visible(&branch.value);
    let when = match branch.on {
        On::Credentials => format!("if credentials were {value}"),
        On::Mode => format!("if the mode were {value}"),
        On::Redirect => format!("if the redirect mode were {value}"),
        On::Api => format!("if it was asked by {value}"),
        On::Recording => format!("if the rest were {value}"),
    };
    let (sign, style) = sign(branch.outcome, look);
    let code = branch.code.unwrap_or_default();
    for (n, line) in wrap(&when, cells.saturating_sub(2)).into_iter().enumerate() {
        content.push(Span::styled(
            format!("{}{line}", if n == 0 { "" } else { "  " }),
            look.theme.text,
        ));
    }
    content.push(Line::from(vec![
        Span::styled(format!("{}{sign} {}  ", " ".repeat(MARGIN), branch.outcome.as_str()), style),
        Span::styled(code, look.theme.text),
    ]));
}

/// The request as it was understood; what was only assumed says so.
fn request(it: &Judged, cells: usize, look: &Look, content: &mut Content) {
    let theme = &look.theme;
    content.push(Span::styled("Judged as", theme.dim));
    let origin = it.origin.as_deref().unwrap_or("an unknown origin");
    let line = format!("{} {} from {}", visible(&it.method), visible(&it.url), visible(origin));
    content.paragraph(&line, 2, cells, theme.text);
    let assumed = |name| if it.assumed.contains(&name) { " (assumed)" } else { "" };
    let modes = format!(
        "api {}{}, mode {}{}, credentials {}{}, redirect {}{}",
        it.api.as_str(),
        assumed("api"),
        it.mode.as_str(),
        assumed("mode"),
        it.credentials.as_str(),
        assumed("credentials"),
        it.redirect.as_str(),
        assumed("redirect"),
    );
    content.paragraph(&modes, 2, cells, theme.dim);
}

/// Cells of the browsers' names.
const MARGIN: usize = 10;
