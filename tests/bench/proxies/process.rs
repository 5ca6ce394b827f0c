//! Processes: whether one is installed, what it has worked, what it holds.

use std::str::FromStr;
use std::{env, fs};

pub(crate) fn is_installed(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // A path joined to a folder is that path.
    env::split_paths(&path).any(|it| it.join(name).is_file())
}

/// The number in the environment, or `default`.
pub(crate) fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

/// Seconds that a process has worked, to a hundredth.
pub(crate) fn busy(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Megabytes that a process holds: `VmRSS` now, `VmHWM` at most so far.
pub(crate) fn memory(process: u32, what: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix(what)?.strip_prefix(':'));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}

/// Processor, cores, memory, kernel.
pub(crate) fn machine() -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (text("/proc/cpuinfo"), text("/proc/meminfo"));
    let model = processors.lines().find_map(|it| it.strip_prefix("model name")?.split(": ").nth(1));
    let cores = processors.lines().filter(|it| it.starts_with("processor")).count();
    let kilobytes = memory.split_whitespace().nth(1).and_then(|it| it.parse::<f64>().ok());
    let kernel = text("/proc/sys/kernel/osrelease");
    format!(
        "{} × {}, {:.0} GB memory, Linux {}",
        cores,
        model.unwrap_or("processor"),
        kilobytes.unwrap_or(0.0) / 1e6,
        kernel.trim()
    )
}

/// How busy the machine is: the load of the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
