//! `hopscope info`: what is in a trace.

use serde::Serialize;

use super::opened::Opened;
use super::progress::Progress;
use super::{Console, Error, census};
use crate::cli::Info;
use crate::trace::{Tap, Time, size, visible};

/// The contract's JSON of `info`.
#[derive(Serialize)]
struct InfoJson<'a> {
    schema: u32,
    hops: u64,
    chains: u64,
    taps: Vec<TapJson<'a>>,
    first: Option<String>,
    last: Option<String>,
    bytes: u64,
    unrecorded: Unrecorded,
    dropped: Dropped,
    skipped: Skipped,
}

#[derive(Serialize)]
struct TapJson<'a> {
    name: &'a str,
    kind: &'static str,
    address: &'a str,
    upstream: Option<&'a str>,
}

#[derive(Serialize)]
struct Unrecorded {
    count: u64,
    why: Option<String>,
}

/// What a flight recorder has let go.
#[derive(Serialize)]
struct Dropped {
    count: u64,
    until: Option<String>,
    why: Option<String>,
}

/// What the user did not want to be kept.
#[derive(Serialize)]
struct Skipped {
    count: u64,
    only: Option<String>,
}

/// Print it.
pub(crate) fn run(options: &Info, mut console: Console) -> Result<u8, Error> {
    let mut progress = Progress::on(&mut console);
    let opened = Opened::open(&options.inputs, &mut progress)?;
    let Opened { mut source, facts, warnings, .. } = opened;
    for warning in &warnings {
        console.warn(warning);
    }
    progress.part("counting chains, hops", facts.hops);
    let chains = census::chains(&mut source, &facts.taps, &mut progress)?;
    drop(progress);
    let info = InfoJson {
        schema: 1,
        hops: facts.hops,
        chains,
        taps: facts.taps.iter().map(tap).collect(),
        first: facts.first.map(Time::rfc3339),
        last: facts.last.map(Time::rfc3339),
        bytes: facts.bytes,
        unrecorded: Unrecorded {
            count: facts.unrecorded.count,
            why: (facts.unrecorded.count > 0).then(|| facts.unrecorded.why.clone()),
        },
        dropped: Dropped {
            count: facts.dropped.count,
            until: facts.dropped.until.map(Time::rfc3339),
            why: facts.dropped.until.map(|_| facts.dropped.why.clone()),
        },
        skipped: Skipped {
            count: facts.skipped.count,
            only: Some(facts.skipped.only.clone()).filter(|it| !it.is_empty()),
        },
    };
    if options.json {
        let text =
            serde_json::to_string_pretty(&info).map_err(|it| Error::Write { source: it.into() })?;
        console.line(&crate::formats::json::plain(&text))?;
    } else {
        console.line(&text(&info))?;
    }
    Ok(0)
}

fn tap(tap: &Tap) -> TapJson<'_> {
    TapJson {
        name: &tap.name,
        kind: tap.kind.as_str(),
        address: &tap.address,
        upstream: tap.upstream.as_deref(),
    }
}

fn text(info: &InfoJson<'_>) -> String {
    let mut lines = vec![format!("{} in {}", count(info.hops, "hop"), count(info.chains, "chain"))];
    for tap in &info.taps {
        let to = tap.upstream.map(|it| format!(" -> {it}")).unwrap_or_default();
        lines.push(format!("tap    {}  {} {}{to}", tap.name, tap.kind, tap.address));
    }
    if let (Some(first), Some(last)) = (&info.first, &info.last) {
        lines.push(format!("first  {first}"));
        lines.push(format!("last   {last}"));
    }
    lines.push(format!("size   {}", sized(info.bytes)));
    if let (Some(until), Some(why)) = (&info.dropped.until, &info.dropped.why) {
        let hops = count(info.dropped.count, "hop");
        lines.push(format!("gone   {hops} from before {until}: {why}"));
    }
    if let Some(only) = &info.skipped.only {
        let hops = count(info.skipped.count, "hop");
        lines.push(format!("other  {hops} passed over: recorded with --only '{only}'"));
    }
    if info.unrecorded.count > 0 {
        let why = info.unrecorded.why.as_deref().unwrap_or("unknown");
        lines.push(format!(
            "lost   {} seen but not recorded: {why}",
            count(info.unrecorded.count, "hop")
        ));
    }
    lines.iter().map(|it| visible(it).into_owned()).collect::<Vec<_>>().join("\n")
}

/// `9.4 MiB (9887744 bytes)`.
fn sized(bytes: u64) -> String {
    if bytes < 1024 { size(bytes) } else { format!("{} ({bytes} bytes)", size(bytes)) }
}

/// `1 hop`, `2 hops`.
fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
