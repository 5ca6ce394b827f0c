//! The figures as one table, as a page with the machine's facts, and as charts.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::chart::{self, Bar, number};
use crate::load::{self, Load, Round};
use crate::peers::{BARE, DIRECT, HOPSCOPE, Peer};
use crate::traces::Figures;
use crate::{Outcome, process};

pub(crate) struct Report<'a> {
    pub(crate) peers: &'a [Peer],
    pub(crate) absent: &'a [&'static str],
    /// Bytes a hop on disk.
    pub(crate) kept: Option<f64>,
    pub(crate) traces: &'a [Figures],
    pub(crate) rounds: usize,
}

const C1: Load = Load::Small(1);
const C32: Load = Load::Small(32);
const C256: Load = Load::Small(256);

impl Report<'_> {
    /// Everything side by side, as Markdown that is readable as it stands.
    pub(crate) fn table(&self) -> String {
        let mut rows = vec![HEAD.map(ToOwned::to_owned).to_vec()];
        rows.extend(self.peers.iter().map(|it| self.row(it)));
        let mut text = aligned(&rows);
        for name in self.absent {
            let _ = writeln!(text, "\n{name} is not installed, or could not be.");
        }
        let _ = write!(text, "\n\n{}\n\n{}", self.targets(), self.scales());
        text
    }

    fn row(&self, peer: &Peer) -> Vec<String> {
        let throughput = |load| number(peer.median(load, per_second));
        let ratio =
            self.bare().map_or_else(dash, |it| format!("{:.2}", peer.ratio(it, C32, per_second)));
        let added = match self.peer(DIRECT) {
            Some(direct) if peer.name != DIRECT => {
                let added = peer.median(C1, |it| it.p50) - direct.median(C1, |it| it.p50);
                format!("{:.0}", added * 1000.0)
            }
            _ => dash(),
        };
        let milliseconds =
            |load, figure: fn(&Round) -> f64| format!("{:.2}", peer.median(load, figure));
        vec![
            peer.name.to_owned(),
            peer.keeps.to_owned(),
            throughput(C32),
            ratio,
            format!("{:.1}", peer.median(C32, micros)),
            milliseconds(C32, |it| it.p50),
            milliseconds(C32, |it| it.p99),
            throughput(C1),
            added,
            throughput(C256),
            milliseconds(C256, |it| it.p99),
            number(peer.median(Load::Large, per_second)),
            format!("{:.0}", peer.peak),
            peer.per_idle.map_or_else(dash, |it| format!("{it:.1}")),
        ]
    }

    /// What is aimed at, and what was met.
    fn targets(&self) -> String {
        let mut rows = vec![["target", "aim", "measured"].map(ToOwned::to_owned).to_vec()];
        let Some(own) = self.peer(HOPSCOPE) else { return String::new() };
        for (name, aim) in [(BARE, 0.85), ("proxelar", 1.3), ("mitmdump -w", 40.0)] {
            let measured = self.peer(name).map_or_else(
                || "not installed".to_owned(),
                |it| format!("{:.2}", own.ratio(it, C32, per_second)),
            );
            let what = format!("requests/s at c=32, as a multiple of {name}");
            rows.push(vec![what, format!("≥ {aim}"), measured]);
        }
        if let (Some(bare), Some(direct)) = (self.bare(), self.peer(DIRECT)) {
            let p50 = |it: &Peer| it.median(C1, |it| it.p50);
            let ratio = (p50(own) - p50(direct)) / (p50(bare) - p50(direct));
            let what = "p50 added at c=1, as a multiple of what the bare proxy adds".to_owned();
            rows.push(vec![what, "≤ 1.5".to_owned(), format!("{ratio:.2}")]);
        }
        let what = format!("MB held at most, after {} hops", number(own.requests()));
        rows.push(vec![what, "≤ 60".to_owned(), format!("{:.0}", own.peak)]);
        let kept = self.kept.map_or_else(dash, |it| format!("{it:.0}"));
        rows.push(vec!["bytes a hop on disk".to_owned(), "≤ 250".to_owned(), kept]);
        aligned(&rows)
    }

    fn scales(&self) -> String {
        let head = ["trace", "bytes a hop", "first thousand hops", "all linked", "MB at most"];
        let mut rows = vec![head.map(ToOwned::to_owned).to_vec()];
        rows.extend(self.traces.iter().map(|it| {
            vec![
                format!("{} hops", number(it.hops as f64)),
                it.bytes.to_string(),
                format!("{:.1} ms", it.first),
                format!("{:.2} s", it.linked),
                format!("{:.0}", it.peak),
            ]
        }));
        aligned(&rows)
    }

    /// Write the page and the charts into the project at `root`.
    pub(crate) fn write(&self, root: &Path) -> Outcome<()> {
        let assets = root.join("assets");
        let page = format!(
            "# What recording costs\n\n\
             Made by `tests/run bench`. {}.\n\n\
             One nginx answers with 784 bytes of JSON that differ in `Date` and one request id. \
             All proxies stand in front of it on the same machine as the clients (`wrk`) and take \
             turns; figures are medians of {} rounds, ratios are taken round by round. hopscope \
             records every hop, with bodies, to disk. The bare hyper proxy is the same HTTP \
             library, pooled, recording nothing. Idle: {} open connections.\n\n{}\n",
            process::machine(),
            self.rounds,
            number(load::IDLE as f64),
            self.table()
        );
        fs::write(assets.join("bench.md"), page)?;
        let chart = |title: &str, unit: &str, figure: &dyn Fn(&Peer) -> f64| {
            let shown = self.peers.iter().filter(|it| it.name != DIRECT);
            let bars: Vec<Bar<'_>> = shown
                .map(|it| Bar { name: it.name, value: figure(it), own: it.name == HOPSCOPE })
                .collect();
            chart::bars(title, unit, &bars)
        };
        let throughput =
            chart("Requests per second, 32 connections", "", &|it| it.median(C32, per_second));
        fs::write(assets.join("bench-throughput.svg"), throughput)?;
        let cpu =
            chart("Processor time of the proxy per request", "µs", &|it| it.median(C32, micros));
        fs::write(assets.join("bench-cpu.svg"), cpu)?;
        Ok(())
    }

    fn peer(&self, name: &str) -> Option<&Peer> {
        self.peers.iter().find(|it| it.name == name)
    }

    fn bare(&self) -> Option<&Peer> {
        self.peer(BARE)
    }
}

fn per_second(round: &Round) -> f64 {
    round.requests / round.seconds
}

fn micros(round: &Round) -> f64 {
    round.cpu * 1e6 / round.requests
}

fn dash() -> String {
    "-".to_owned()
}

/// Rows as a Markdown table, the first one its head, columns under one another.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter().filter_map(|it| it.get(column)).map(|it| it.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(width(column).saturating_sub(cell.chars().count()));
            let (left, right) = if column == 0 { ("", pad.as_str()) } else { (pad.as_str(), "") };
            let _ = write!(text, "| {left}{cell}{right} ");
        }
        text.push_str("|\n");
        if n == 0 {
            for column in 0..columns {
                let line = "-".repeat(width(column).saturating_sub(1));
                let _ = write!(
                    text,
                    "| {}{line}{} ",
                    if column == 0 { "-" } else { "" },
                    if column == 0 { "" } else { ":" }
                );
            }
            text.push_str("|\n");
        }
    }
    text.truncate(text.trim_end().len());
    text
}

const HEAD: [&str; 14] = [
    "",
    "keeps",
    "req/s c=32",
    "× bare",
    "CPU µs/req",
    "p50 ms",
    "p99 ms",
    "req/s c=1",
    "added µs",
    "req/s c=256",
    "p99 ms c=256",
    "1 MB/s",
    "peak MB",
    "KB/idle",
];
