//! `hopscope explain`: what recorded hops mean, as text, JSON or Markdown, one chain at a time.

use super::analyst::Analyst;
use super::opened::Opened;
use super::print::Printer;
use super::progress::Progress;
use super::study::{self, Study};
use super::{Console, Error};
use crate::cli::Explain;
use crate::diagnose::Analysis;
use crate::formats::Secrets;
use crate::trace::Filter;

/// Read, link, judge, diagnose, print.
pub(crate) fn run(options: &Explain, mut console: Console) -> Result<u8, Error> {
    let mut progress = Progress::on(&mut console);
    let opened = Opened::open(&options.inputs, &mut progress)?;
    let Opened { source, facts, warnings, .. } = opened;
    for warning in &warnings {
        console.warn(warning);
    }
    let lost = &facts.unrecorded;
    if lost.count > 0 {
        let (n, why) = (lost.count, &lost.why);
        console.warn(&format!("{n} hops were seen but could not be recorded: {why}"));
    }
    if let Some(until) = facts.dropped.until {
        let (n, why, until) = (facts.dropped.count, &facts.dropped.why, until.rfc3339());
        console.warn(&format!("{n} hops from before {until} were let go: {why}"));
    }
    let analyst = Analyst::new(study::known(&options.assume, options.browser), &mut console);
    progress.part("linking hops", facts.hops);
    let notes = source.notes()?;
    let study = Study::of(source, &facts.taps, analyst, &mut progress)?;
    let n = study.len();
    if let Some(wanted) = options.chain.filter(|it| *it == 0 || *it > n) {
        return Err(Error::NoSuchChain { wanted, chains: n });
    }
    let secrets = super::secrets(options.print.reveal);
    progress.clear();
    // On a terminal the chains themselves show how far it is.
    let mut progress = (!console.terminal).then_some(progress);
    if let Some(progress) = &mut progress {
        progress.part("explaining chains", n as u64);
    }
    let mut printer = Printer::begin(
        &mut console,
        &options.print,
        &study.taps,
        &notes,
        study.places(),
        &secrets,
    )?;
    study.each(options.chain, |number, analysis| {
        if let Some(progress) = &mut progress {
            progress.add(1);
        }
        if options.filter.as_ref().is_none_or(|it| matches(analysis, it, &secrets)) {
            printer.chain(number, None, analysis)?;
        }
        Ok(())
    })?;
    drop(progress);
    printer.end(if options.filter.is_some() { "no chain matches" } else { "no hops recorded" })
}

/// Whether a chain has what the filter asks for in what is printed of it.
fn matches(analysis: &Analysis, filter: &Filter, secrets: &Secrets) -> bool {
    let verdict = &analysis.judgement.verdict;
    let hops = analysis.chain.hops.iter().flat_map(|it| {
        let hop = &it.hop;
        let status = hop.status().map(|it| it.to_string()).unwrap_or_default();
        [hop.request.method.clone(), secrets.url(&hop.request.url), status]
    });
    let findings = analysis.findings.iter().map(|it| it.code.to_owned());
    let verdict = [verdict.outcome.as_str(), verdict.chromium.code.unwrap_or_default()];
    let all: Vec<String> = hops.chain(findings).chain(verdict.map(ToOwned::to_owned)).collect();
    filter.lets_through(&all.join(" "))
}
