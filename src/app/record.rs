//! `hopscope record`, and bare `hopscope`: taps, a trace, and the screen on top of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::analyst::Analyst;
use super::desk::Source;
use super::open::{line, show};
use super::opened::file_name;
use super::{Console, Error};
use crate::cli::Record;
use crate::fetch::Known;
use crate::proxy::{self, Bound, Proxy, TapSpec};
use crate::store::{Reader, Store};
use crate::tls::Tls;
use crate::trace::{Tap, TapKind};
use crate::tui::{Feed, Status};

/// How long exchanges that are open when the recording ends may still take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Record until the user quits the screen, or a signal comes.
pub(crate) fn run(options: &Record, mut console: Console) -> Result<u8, Error> {
    if !options.headless && !console.terminal {
        return Err(Error::NoTerminal);
    }
    let path = options.output.clone().unwrap_or_else(default_name);
    let proxy_options = proxy::Options {
        on_failure: options.on_failure.unwrap_or_default(),
        open: options.open,
        mark: options.mark,
        keep_redirects: options.keep_redirects,
        // Without a file the platform's roots are read when the first upstream needs them.
        tls: options.ca.as_deref().map(|it| Tls::new(Some(it))).transpose()?,
        ..proxy::Options::default()
    };
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let bound = Proxy::bind(specs(options), proxy_options).await?;
        record(bound, path, options, &mut console).await
    })
}

async fn record(
    bound: Bound,
    path: PathBuf,
    options: &Record,
    console: &mut Console,
) -> Result<u8, Error> {
    let taps = bound.taps();
    let (recorder, writer) = Store::create(&path, &taps)?;
    let proxy = bound.start(&recorder);
    if options.headless {
        announce(&taps, &path, console)?;
        super::told_to_stop().await;
    } else {
        let status = Status {
            feed: Feed::Recording,
            file: file_name(&path),
            taps: taps.clone(),
            ..Status::default()
        };
        let analyst = Analyst::new(Known::default(), console);
        let source = Source::trace(Reader::open(&path)?);
        show(source, analyst, status, &options.look, line()).await?;
    }
    proxy.shutdown(PATIENCE).await;
    let finished = tokio::task::spawn_blocking(move || writer.finish()).await;
    let lost = finished.unwrap_or_default();
    let hops = Reader::open(&path)?.info()?.hops;
    if !options.headless {
        console.line(&summary(hops, &path))?;
    }
    if lost.count == 0 {
        return Ok(0);
    }
    console.warn(&format!("{} hops could not be recorded: {}", lost.count, lost.why));
    Ok(1)
}

/// One line a tap, then the trace: what a script waits for.
fn announce(taps: &[Tap], path: &std::path::Path, console: &mut Console) -> Result<(), Error> {
    for tap in taps {
        console.line(&format!("listening {} {}", tap.name, tap.address))?;
    }
    console.line(&path.display().to_string())?;
    for tap in taps.iter().filter(|it| it.kind == TapKind::Forward) {
        if console.terminal {
            console.line(&format!("\nTry:  curl --proxy http://{} http://…", tap.address))?;
        }
    }
    Ok(())
}

fn summary(hops: u64, path: &std::path::Path) -> String {
    let path = path.display();
    match hops {
        0 => format!("nothing was recorded; {path} is empty"),
        1 => format!("1 hop in {path}; step through it again with: hopscope open {path}"),
        _ => format!("{hops} hops in {path}; step through them again with: hopscope open {path}"),
    }
}

/// What the user asked for, or a forward tap where browsers expect a proxy.
fn specs(options: &Record) -> Vec<TapSpec> {
    if options.taps.is_empty() {
        return vec![TapSpec::forward("edge", SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))];
    }
    options.taps.clone()
}

/// `hopscope-YYYYmmdd-HHMMSS.hops`, in local time.
fn default_name() -> PathBuf {
    chrono::Local::now().format("hopscope-%Y%m%d-%H%M%S.hops").to_string().into()
}
