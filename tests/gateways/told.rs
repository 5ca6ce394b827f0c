//! What hopscope tells of recorded hops, in short words that a table can hold.

use std::sync::Arc;

use hopscope::diagnose::{Analysis, Finding, Servers, analyse};
use hopscope::fetch::{Known, judge};
use hopscope::link;
use hopscope::trace::{Hop, Tap, TapId};

/// Every chain of the hops, linked, judged and diagnosed.
pub(crate) fn analyses(hops: &[Arc<Hop>], taps: &[Tap]) -> Vec<Analysis> {
    let chains = link::chains(hops, taps);
    let mut servers = Servers::default();
    for chain in &chains {
        servers.learn(chain);
    }
    let analyse = |chain| {
        let chain = Arc::new(chain);
        let judgement = judge(&chain, &Known::default());
        analyse(chain, taps, judgement, &servers)
    };
    chains.into_iter().map(analyse).collect()
}

/// The same, had only the tap at `index` been there.
pub(crate) fn with_one_tap(hops: &[Arc<Hop>], taps: &[Tap], index: u16) -> Vec<Analysis> {
    let here = hops.iter().filter(|it| it.tap == TapId(index));
    let here: Vec<_> = here.map(|it| Arc::new(alone(Hop::clone(it)))).collect();
    analyses(&here, &taps[usize::from(index)..=usize::from(index)])
}

/// As a reverse tap records it that has no other before it: the layer before tells the scheme, or
/// a browser's own fields do, which it does not send to a name over http.
fn alone(mut hop: Hop) -> Hop {
    hop.tap = TapId(0);
    let headers = &hop.request.headers;
    let by_name = !hop.request.url.starts_with("http://127.");
    let given_away = || (by_name && headers.has("sec-fetch-mode")).then(|| "https".to_owned());
    let told = headers.text("x-forwarded-proto").or_else(given_away);
    if let Some((_, rest)) = hop.request.url.split_once("://").filter(|_| told.is_some()) {
        hop.request.url = format!("{}://{rest}", told.unwrap_or_default());
    }
    hop
}

/// `2 stage-prefix-lost app`, then symptoms: `3 gateway-error-without-cors proxy < its-cause`.
/// Of several chains, those after the first say so: `c2/1 …`.
pub(crate) fn findings(analyses: &[Analysis]) -> Vec<String> {
    let mut all = Vec::new();
    for (idx, analysis) in analyses.iter().enumerate() {
        let chain = if idx == 0 { String::new() } else { format!("c{}/", idx + 1) };
        for it in &analysis.findings {
            let by = it.by.as_str().unwrap_or("?");
            let because = it.because.map(|it| format!(" < {it}")).unwrap_or_default();
            all.push(format!("{chain}{} {} {by}{because}", it.hop + 1, it.code));
        }
    }
    all
}

/// The first finding of all.
pub(crate) fn headline(analyses: &[Analysis]) -> Option<&Finding> {
    analyses.iter().flat_map(|it| &it.findings).next()
}

/// `app:Django proxy:nginx | app`: hops with blanks, chains with bars between. `?` after an
/// actor: not sure; `*3`: three times.
pub(crate) fn answered(analyses: &[Analysis]) -> String {
    let hop = |it: &hopscope::diagnose::Answered| {
        let by = it.by.and_then(hopscope::lineage::Actor::as_str).unwrap_or("-");
        let sure = if it.sure || it.by.is_none() { "" } else { "?" };
        let product = it.product.as_ref().map(|it| format!(":{}", it.replace(' ', "-")));
        format!("{by}{sure}{}", product.unwrap_or_default())
    };
    let chain = |it: &Analysis| {
        let hops: Vec<String> = it.answered.iter().map(hop).collect();
        let same = hops.chunk_by(|a, b| a == b).map(|it| match it {
            [one] => one.clone(),
            all => format!("{}*{}", it[0], all.len()),
        });
        same.collect::<Vec<_>>().join(" ")
    };
    analyses.iter().map(chain).collect::<Vec<_>>().join(" | ")
}

/// Every hop in a line, for a person who wonders.
pub(crate) fn traffic(analyses: &[Analysis]) -> String {
    let mut lines = Vec::new();
    for (idx, analysis) in analyses.iter().enumerate() {
        let verdict = &analysis.judgement.verdict;
        let code = verdict.chromium.code.unwrap_or_default();
        lines.push(format!("  chain {}: {} {code}", idx + 1, verdict.outcome.as_str()));
        for (n, hop) in analysis.chain.hops.iter().enumerate() {
            for it in hop.seen() {
                lines.push(format!("    {} {}", n + 1, line(it)));
            }
        }
        for it in &analysis.findings {
            lines.push(format!("    > {} {}: {} FIX {}", it.hop + 1, it.code, it.title, it.fix));
        }
    }
    lines.join("\n")
}

fn line(hop: &Hop) -> String {
    let status = hop.status().map_or_else(
        || hop.failure().map_or("-", |it| it.kind.as_str()).to_owned(),
        |it| it.to_string(),
    );
    let mut line = format!("[{}] {} {} {status}", hop.tap.0, hop.request.method, hop.request.url);
    let headers = hop.response().into_iter().flat_map(|it| it.headers.iter());
    for header in headers {
        let shown = ["location", "server", "vary", "via"].contains(&header.name.as_str())
            || header.name.starts_with("access-control-");
        if shown {
            line.extend([" ", &header.name, "=", &header.text()]);
        }
    }
    line
}
