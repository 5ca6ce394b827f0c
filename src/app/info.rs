//! `hopscope info`: what is in a trace.

use serde::Serialize;

use super::recording::Recording;
use super::{Console, Error};
use crate::cli::Info;
use crate::link;
use crate::trace::{Tap, visible};

/// The contract's JSON of `info`.
#[derive(Serialize)]
struct InfoJson<'a> {
    schema: u32,
    hops: usize,
    chains: usize,
    taps: Vec<TapJson<'a>>,
    first: Option<String>,
    last: Option<String>,
    bytes: u64,
    unrecorded: Unrecorded,
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

/// Print it.
pub(crate) fn run(options: &Info, mut console: Console) -> Result<u8, Error> {
    let recording = Recording::read(&options.inputs)?;
    for warning in &recording.warnings {
        console.warn(warning);
    }
    let info = gather(&recording);
    if options.json {
        let text =
            serde_json::to_string_pretty(&info).map_err(|it| Error::Write { source: it.into() })?;
        console.line(&text)?;
    } else {
        console.line(&text(&info))?;
    }
    Ok(0)
}

fn gather(recording: &Recording) -> InfoJson<'_> {
    let started = recording.hops.iter().map(|it| it.started);
    let last = recording.hops.iter().map(|it| it.ended.unwrap_or(it.started)).max();
    let (count, why) = recording.unrecorded.clone().map_or((0, None), |(n, why)| (n, Some(why)));
    InfoJson {
        schema: 1,
        hops: recording.hops.len(),
        chains: link::chains(&recording.hops, &recording.taps).len(),
        taps: recording.taps.iter().map(tap).collect(),
        first: started.min().map(crate::trace::Time::rfc3339),
        last: last.map(crate::trace::Time::rfc3339),
        bytes: recording.bytes,
        unrecorded: Unrecorded { count, why },
    }
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
    let mut lines = vec![format!("{} hops in {} chains", info.hops, info.chains)];
    for tap in &info.taps {
        let to = tap.upstream.map(|it| format!(" -> {it}")).unwrap_or_default();
        lines.push(format!("tap    {}  {} {}{to}", tap.name, tap.kind, tap.address));
    }
    if let (Some(first), Some(last)) = (&info.first, &info.last) {
        lines.push(format!("first  {first}"));
        lines.push(format!("last   {last}"));
    }
    lines.push(format!("size   {} bytes", info.bytes));
    if info.unrecorded.count > 0 {
        let why = info.unrecorded.why.as_deref().unwrap_or("unknown");
        lines.push(format!(
            "lost   {} hops were seen but not recorded: {why}",
            info.unrecorded.count
        ));
    }
    lines.iter().map(|it| visible(it).into_owned()).collect::<Vec<_>>().join("\n")
}
