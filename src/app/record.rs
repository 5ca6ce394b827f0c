//! `hopscope record`, and bare `hopscope`: taps, a trace, and the screen on top of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::analyst::Analyst;
use super::desk::Source;
use super::open::{line, show};
use super::opened::file_name;
use super::{Console, Error};
use crate::cli::{Certificates, Keep, Record, WayOut};
use crate::fetch::Known;
use crate::proxy::{self, Bound, Environment, Limits, Mode, Proxy, TapSpec, Via};
use crate::store::{self, Reader, Store};
use crate::tls::{Authority, Identity, Tls, Trust};
use crate::trace::{Filter, Tap, TapKind};
use crate::tui::{Feed, Status, Window};

/// How long exchanges that are open when the recording ends may still take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Record until the user quits the screen, or a signal comes.
pub(crate) fn run(options: &Record, mut console: Console) -> Result<u8, Error> {
    if !options.headless {
        console.can_draw()?;
    }
    let path = options.output.clone().unwrap_or_else(default_name);
    let mut limits = Limits::default();
    options.limits.iter().for_each(|it| limits.set(*it));
    let proxy_options = proxy::Options {
        on_failure: options.on_failure.unwrap_or_default(),
        open: options.open,
        auth: options.auth.clone(),
        via: via(options, &mut console),
        mark: options.mark,
        keep_redirects: options.keep_redirects,
        tls: upstream_tls(options)?,
        authority: authority(options, &mut console)?,
        pass: options.pass.clone(),
        limits,
        identity: identity(options)?,
        ..proxy::Options::default()
    };
    // Every connection is a file. What the system lets a program have it mostly keeps from it.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let bound = Proxy::bind(specs(options), proxy_options).await?;
        record(bound, path, options, &mut console).await
    })
}

/// How upstreams are reached: as the user says, else as the environment does.
fn via(options: &Record, console: &mut Console) -> Via {
    let without = options.no_proxy.clone().unwrap_or_default();
    match options.upstream_proxy.clone() {
        Some(WayOut::Straight) => Via::default(),
        Some(WayOut::Through(proxy)) => Via::through(proxy, without),
        None => {
            let taps: Vec<_> = specs(options).iter().map(|it| it.listen).collect();
            let mut found = Environment::read(|it| std::env::var(it).ok(), &taps);
            found.remarks.iter().for_each(|it| console.warn(it));
            found.via.without.and(without);
            found.via
        }
    }
}

/// What the user says about upstreams. Without a word the platform's roots are read when the
/// first upstream needs them.
fn upstream_tls(options: &Record) -> Result<Option<Tls>, Error> {
    let Record { certificates, client_cert, .. } = options;
    if certificates.is_usual() && client_cert.is_empty() {
        return Ok(None);
    }
    let Certificates { ca, insecure } = certificates;
    let ca = ca.iter().cloned().collect();
    let trust = Trust { ca, insecure: insecure.clone(), clients: client_cert.clone() };
    Ok(Some(Tls::with(&trust)?))
}

/// The local authority, where a tap may need it. A forward tap does without one, but reads no
/// TLS then.
fn authority(options: &Record, console: &mut Console) -> Result<Option<Authority>, Error> {
    let specs = specs(options);
    let shown = specs.iter().any(TapSpec::listens_with_tls) && options.cert.is_none();
    let reads = specs.iter().any(|it| matches!(it.mode, Mode::Forward { .. }));
    if !shown && !reads {
        return Ok(None);
    }
    match Authority::folder().and_then(|it| Authority::open(&it)) {
        Ok(authority) => Ok(Some(authority)),
        Err(error) if shown => Err(error.into()),
        Err(error) => {
            let hint = error.hint().map(|it| format!("; {it}")).unwrap_or_default();
            console.warn(&format!("https passes through unread: {error}{hint}"));
            Ok(None)
        }
    }
}

fn identity(options: &Record) -> Result<Option<Arc<Identity>>, Error> {
    let Some(certificate) = &options.cert else { return Ok(None) };
    let key = options.key.as_ref().unwrap_or(certificate);
    Ok(Some(Arc::new(Identity::read(certificate, key)?)))
}

async fn record(
    bound: Bound,
    path: PathBuf,
    options: &Record,
    console: &mut Console,
) -> Result<u8, Error> {
    let taps = bound.taps();
    let (recorder, writer) = {
        let (keep, only) = (window(&options.keep), options.only.clone().unwrap_or_default());
        Store::create_choosing(&path, &taps, keep, only)?
    };
    let proxy = bound.start(&recorder);
    if options.headless {
        announce(&taps, &path, console)?;
        super::told_to_stop().await;
    } else {
        let status = Status {
            feed: Feed::Recording,
            file: file_name(&path),
            taps: taps.clone(),
            only: options.only.as_ref().map(Filter::text).unwrap_or_default(),
            window: Window {
                limits: options.keep.iter().map(Keep::to_string).collect::<Vec<_>>().join(", "),
                bytes: window(&options.keep).bytes,
                ..Window::default()
            },
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

/// Of several limits of one kind the tightest counts.
fn window(limits: &[Keep]) -> store::Keep {
    let bytes = limits.iter().filter_map(|it| match it {
        Keep::Bytes(bytes) => Some(*bytes),
        Keep::Time(_) => None,
    });
    let time = limits.iter().filter_map(|it| match it {
        Keep::Time(time) => Some(*time),
        Keep::Bytes(_) => None,
    });
    store::Keep { bytes: bytes.min(), time: time.min() }
}

/// `hopscope-YYYYmmdd-HHMMSS.hops`, in local time.
fn default_name() -> PathBuf {
    chrono::Local::now().format("hopscope-%Y%m%d-%H%M%S.hops").to_string().into()
}
