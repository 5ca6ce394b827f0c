//! `hopscope explain`: what recorded hops mean, as text, JSON or Markdown.

use super::analyst::Analyst;
use super::print::Printer;
use super::recording::Recording;
use super::study::{self, Study};
use super::{Console, Error};
use crate::cli::Explain;
use crate::diagnose::Analysis;
use crate::formats::Secrets;

/// Read, link, judge, diagnose, print.
pub(crate) fn run(options: &Explain, mut console: Console) -> Result<u8, Error> {
    let recording = Recording::read(&options.inputs)?;
    for warning in &recording.warnings {
        console.warn(warning);
    }
    let lost = &recording.unrecorded;
    if lost.count > 0 {
        let (n, why) = (lost.count, &lost.why);
        console.warn(&format!("{n} hops were seen but could not be recorded: {why}"));
    }
    let analyst = Analyst::new(study::known(&options.assume, options.browser), &mut console);
    let study = Study::of(&recording, analyst);
    let n = study.chains.len();
    if let Some(wanted) = options.chain.filter(|it| *it == 0 || *it > n) {
        return Err(Error::NoSuchChain { wanted, chains: n });
    }
    let secrets = super::secrets(options.print.reveal);
    let mut printer =
        Printer::begin(&mut console, &options.print, &study.taps, &study.places, &secrets)?;
    for idx in 0..n {
        if options.chain.is_some_and(|it| it != idx + 1) {
            continue;
        }
        let Some(analysis) = study.analyse(idx) else { continue };
        if options.filter.as_deref().is_none_or(|it| matches(&analysis, it, &secrets)) {
            printer.chain(idx + 1, None, &analysis)?;
        }
    }
    printer.end(if options.filter.is_some() { "no chain matches" } else { "no hops recorded" })
}

/// Whether a chain has `text` in what is printed of it.
fn matches(analysis: &Analysis, text: &str, secrets: &Secrets) -> bool {
    let verdict = &analysis.judgement.verdict;
    let hops = analysis.chain.hops.iter().flat_map(|it| {
        let hop = &it.hop;
        let status = hop.status().map(|it| it.to_string()).unwrap_or_default();
        [hop.request.method.clone(), secrets.url(&hop.request.url), status]
    });
    let findings = analysis.findings.iter().map(|it| it.code.to_owned());
    let verdict = [verdict.outcome.as_str(), verdict.chromium.code.unwrap_or_default()];
    let text = text.to_lowercase();
    hops.chain(findings)
        .chain(verdict.map(ToOwned::to_owned))
        .any(|it| it.to_lowercase().contains(&text))
}
