//! The figures as tables, as a page with the machine's facts, and as charts.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use crate::chart::{self, Bar, number};
use crate::load::{self, Load, Round};
use crate::peers::{BARE, DIRECT, Field, HOPSCOPE, MITMDUMP, POOLED, PROXELAR, Peer};
use crate::traces::Figures;
use crate::{Outcome, median, process};

pub(crate) struct Report<'a> {
    pub(crate) field: &'a Field,
    /// How busy the machine was before it all began.
    pub(crate) load: String,
    /// Bytes a hop on disk, while all answers were small.
    pub(crate) kept: f64,
    /// Requests recorded when the memory for small answers was read.
    pub(crate) small: f64,
    pub(crate) traces: &'a [Figures],
    pub(crate) rounds: usize,
}

const C1: Load = Load::Small(1);
const C32: Load = Load::Small(32);

/// Which side of a target is the good one.
#[derive(Clone, Copy)]
enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Report<'_> {
    /// Everything side by side, as Markdown that is readable as it stands.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for load in Load::SMALL.into_iter().chain(Load::OTHERS) {
            let _ = writeln!(text, "## {}\n\n{}\n", load.title(), self.of_load(load));
        }
        let _ = writeln!(text, "## Memory\n\n{}\n", self.memory());
        for name in &self.field.absent {
            let _ = writeln!(text, "{name} is not installed, could not be, or does not start.\n");
        }
        for trouble in self.field.peers.iter().filter_map(|it| it.trouble.as_ref()) {
            let _ = writeln!(text, "{}\n", trouble.lines().next().unwrap_or_default());
        }
        let _ = writeln!(text, "## Saved traces\n\n{}\n", self.scales());
        let _ = write!(text, "## Targets\n\n{}", self.targets());
        text
    }

    /// The same of these loads alone, and of the traces that there are.
    pub(crate) fn some(&self, loads: &[Load]) -> String {
        let mut text = String::new();
        for load in loads {
            let _ = writeln!(text, "## {}\n\n{}\n", load.title(), self.of_load(*load));
        }
        if !loads.is_empty() {
            let _ = writeln!(text, "## Memory\n\n{}\n", self.memory());
        }
        if !self.traces.is_empty() {
            let _ = writeln!(text, "## Saved traces\n\n{}", self.scales());
        }
        text
    }

    fn of_load(&self, load: Load) -> String {
        let head = ["", "keeps", "req/s", "× bare", "p50 ms", "p99 ms", "CPU µs/req"];
        let mut rows = vec![head.map(ToOwned::to_owned).to_vec()];
        if load == C1 {
            rows[0].push("p50 added µs".to_owned());
        }
        let taking_part =
            self.field.peers.iter().filter(|it| it.median(load, per_second).is_some());
        rows.extend(taking_part.map(|it| {
            let ratio = self.peer(BARE).and_then(|bare| it.ratio(bare, load, per_second));
            let mut row = vec![
                it.name.to_owned(),
                it.keeps.to_owned(),
                it.median(load, per_second).map_or_else(dash, number),
                or_dash(ratio, 2),
                or_dash(it.median(load, |it| it.p50), 2),
                or_dash(it.median(load, |it| it.p99), 2),
                or_dash(it.median(load, micros), 1),
            ];
            if load == C1 {
                let added = self.added(it).into_iter().map(|it| it.1 * 1000.0).collect();
                let is_proxy = it.name != DIRECT;
                row.push(or_dash(median(added).filter(|_| is_proxy), 0));
            }
            row
        }));
        aligned(&rows)
    }

    /// Milliseconds that a proxy adds to the p50 of one connection, turn by turn.
    fn added(&self, peer: &Peer) -> Vec<(usize, f64)> {
        let Some(direct) = self.peer(DIRECT) else { return Vec::new() };
        peer.beside(direct, C1).map(|(n, it, direct)| (n, it.p50 - direct.p50)).collect()
    }

    fn memory(&self) -> String {
        let head = ["", "MB at most, small answers", "MB at most, all", "KB per idle connection"];
        let mut rows = vec![head.map(ToOwned::to_owned).to_vec()];
        rows.extend(self.field.peers.iter().map(|it| {
            let [small, all] = [it.peak_small, it.peak].map(|it| format!("{it:.0}"));
            vec![it.name.to_owned(), small, all, or_dash(it.per_idle, 1)]
        }));
        aligned(&rows)
    }

    fn scales(&self) -> String {
        let head = ["trace", "bytes a hop", "first screen", "info", "MB", "explain", "MB"];
        let mut rows = vec![head.map(ToOwned::to_owned).to_vec()];
        rows.extend(self.traces.iter().map(|it| {
            vec![
                format!("{} hops", number(it.hops as f64)),
                it.bytes.to_string(),
                format!("{:.1} ms", it.first),
                format!("{:.2} s", it.info.seconds),
                format!("{:.0}", it.info.peak),
                format!("{:.2} s", it.explain.seconds),
                format!("{:.0}", it.explain.peak),
            ]
        }));
        aligned(&rows)
    }

    /// What is aimed at, and whether it was met.
    fn targets(&self) -> String {
        use Aim::{AtLeast, AtMost};
        let own = self.peer(HOPSCOPE);
        let ratio = |name, load| own?.ratio(self.peer(name)?, load, per_second);
        let requests = |of: &str, name| format!("requests/s{of}, as a multiple of {name}");
        let memory = format!("MB at most while {} hops are recorded", number(self.small));
        let repetitive = self.traces.last().map(|it| it.bytes as f64);
        let mut rows = vec![["target", "aim", "measured", ""].map(ToOwned::to_owned).to_vec()];
        for (what, aim, measured) in [
            (requests("", BARE), AtLeast(0.85), ratio(BARE, C32)),
            (requests("", "bare with a pool"), AtLeast(0.85), ratio(POOLED, C32)),
            (requests("", PROXELAR), AtLeast(1.3), ratio(PROXELAR, C32)),
            (requests("", MITMDUMP), AtLeast(40.0), ratio(MITMDUMP, C32)),
            (requests(" in TLS", BARE), AtLeast(0.8), ratio(BARE, Load::Tls)),
            (requests(" in HTTP/2", BARE), AtLeast(0.8), ratio(BARE, Load::Http2)),
            ("p50 added, as a multiple of bare hyper's".to_owned(), AtMost(1.5), self.slower()),
            (memory, AtMost(60.0), own.map(|it| it.peak_small)),
            ("bytes a hop, small answers".to_owned(), AtMost(250.0), Some(self.kept)),
            ("bytes a hop, largest saved trace".to_owned(), AtMost(250.0), repetitive),
        ] {
            let (aimed, met) = match aim {
                AtLeast(least) => (format!("≥ {least}"), measured.map(|it| it >= least)),
                AtMost(most) => (format!("≤ {most}"), measured.map(|it| it <= most)),
            };
            let outcome = match met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "not measured",
            };
            rows.push(vec![what, aimed, or_dash(measured, 2), outcome.to_owned()]);
        }
        aligned(&rows)
    }

    /// The median over the turns of what hopscope adds to the p50 by what the bare proxy adds.
    fn slower(&self) -> Option<f64> {
        let [own, bare] = [HOPSCOPE, BARE].map(|it| self.peer(it).map(|it| self.added(it)));
        let bare = bare?;
        let same = |n| bare.iter().find(|it| it.0 == n).map(|it| it.1);
        let ratios = own?.into_iter().filter_map(|(n, own)| Some(own / same(n)?));
        median(ratios.collect())
    }

    /// Write the page and the charts into the project at `root`, or where `BENCH_TO` says.
    pub(crate) fn write(&self, root: &Path) -> Outcome<()> {
        let to = root.join(env::var("BENCH_TO").unwrap_or_else(|_| "assets".to_owned()));
        fs::create_dir_all(&to)?;
        let page = format!(
            "# What recording costs\n\n\
             Made by `tests/run bench`. {}, load {} before it began.\n\n\
             One nginx answers with 784 bytes of JSON that differ in `Date` and one request id. \
             All proxies stand in front of it on the same machine as the clients (`wrk`, \
             `h2load`) and take turns; figures are medians of {} turns, ratios are taken turn by \
             turn. hopscope records every hop, with bodies, to disk. The bare hyper proxy is the \
             same HTTP library (and the same TLS), recording nothing: it holds a connection to the \
             server for each client, and writes names of fields in lower case; one beside it keeps \
             them as they were written, as a tap has to, and one takes connections from \
             hyper-util's pool. TLS is between \
             client and proxy; HTTP/2 is spoken on both sides by hopscope and the bare proxy, \
             and to the client by the others. Idle: {} open connections. First screen: facts \
             and the first thousand hops of a saved trace; `info` links all of it into chains, \
             `explain` judges each chain.\n\n{}\n",
            process::machine(),
            self.load,
            self.rounds,
            number(load::IDLE as f64),
            self.text()
        );
        fs::write(to.join("bench.md"), page)?;
        let chart = |title: &str, unit: &str, load: Load, figure: &dyn Fn(&Round) -> f64| {
            let shown = self.field.peers.iter().filter(|it| it.name != DIRECT);
            let bars: Vec<Bar<'_>> = shown
                .filter_map(|it| {
                    let (name, value) = (it.name, it.median(load, figure)?);
                    Some(Bar { name, value, own: name == HOPSCOPE })
                })
                .collect();
            chart::bars(title, unit, &bars)
        };
        let throughput = chart("Requests per second, 32 connections", "", C32, &per_second);
        fs::write(to.join("bench-throughput.svg"), throughput)?;
        let cpu = chart("Processor time of the proxy per request", "µs", C32, &micros);
        fs::write(to.join("bench-cpu.svg"), cpu)?;
        Ok(())
    }

    fn peer(&self, name: &str) -> Option<&Peer> {
        self.field.peers.iter().find(|it| it.name == name)
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

fn or_dash(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(dash, |it| format!("{it:.digits$}"))
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
