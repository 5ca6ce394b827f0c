//! `hopscope demo`: the incident, alive, in one process.
//!
//! ```text
//! browser ──▶ edge (forward tap) ──▶ lab's gateway ──▶ origin (reverse tap) ──▶ lab's app
//! ```
//!
//! The browser is the `fetch` machine over real sockets; everything between is what a user would
//! have, recorded by the taps a user would set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::analyst::Analyst;
use super::desk::Source;
use super::open::{line, show};
use super::opened::Opened;
use super::opened::file_name;
use super::print::Printer;
use super::progress::Progress;
use super::study::Study;
use super::{Console, Error, scratch};
use crate::cli::{Demo, Input};
use crate::drive;
use crate::fetch::{Api, Known, Page, PageRequest};
use crate::lab::{self, Knobs, Lab, Try};
use crate::proxy::{self, Proxy, TapSpec};
use crate::store::{Load, Reader, Store, StoreRecorder};
use crate::trace::{Headers, Hop, Recorder as _, Tap, Time};
use crate::tui::{Feed, Message, Status};

/// Play the story, then explain it or show it.
pub(crate) fn run(options: &Demo, mut console: Console) -> Result<u8, Error> {
    if !options.headless {
        console.can_draw()?;
    }
    let scratch = scratch::File::new("demo.hops");
    let path: PathBuf = options.output.clone().unwrap_or_else(|| scratch.path().to_owned());
    let runtime = super::runtime()?;
    if options.headless {
        let times = runtime.block_on(play(&path))?;
        return explain(&path, &times, options, &mut console);
    }
    runtime.block_on(watch(&path, options, &mut console))?;
    if options.output.is_some() {
        console.line(&format!("the trace is kept in {}", path.display()))?;
    }
    Ok(0)
}

/// When each try began.
type Times = Vec<(Time, &'static Try)>;

/// The stage, set: lab, taps and trace.
struct Set {
    lab: Lab,
    proxy: Proxy,
    recorder: StoreRecorder,
    writer: crate::store::Writer,
    taps: Vec<Tap>,
    edge: SocketAddr,
}

async fn set_up(path: &Path) -> Result<Set, Error> {
    let lab = Lab::start(Knobs::default()).await?;
    let app = lab.addresses().app;
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let specs = [format!("edge=forward:{free}"), format!("origin=reverse:{free}=http://{app}")];
    let specs = specs.iter().filter_map(|it| it.parse::<TapSpec>().ok()).collect();
    let bound = Proxy::bind(specs, proxy::Options::default()).await?;
    let (taps, addresses) = (bound.taps(), bound.addresses());
    let (recorder, writer) = Store::create(path, &taps)?;
    let proxy = bound.start(&recorder);
    if let Some(origin) = addresses.get(1) {
        lab.handle().set("backend", &origin.to_string()).await?;
    }
    let edge = addresses.first().copied().unwrap_or(free);
    Ok(Set { lab, proxy, recorder, writer, taps, edge })
}

/// Every try of the story, one after the other.
async fn tries(set: &Set) -> Result<Times, Error> {
    let mut times = Vec::new();
    let at = set.lab.addresses();
    for it in lab::tries() {
        let handle = set.lab.handle();
        let knobs = it.knobs(&handle.knobs());
        let stage = knobs.stage.clone();
        handle.change(knobs).await?;
        times.push((set.recorder.now(), it));
        let url = it.request.url(
            &stage,
            &format!("http://{}", at.gateway),
            &format!("http://{}", at.app),
        );
        let page = page(&format!("http://{}", at.page), it, url);
        let options = drive::Options { via: Some(set.edge.into()), ..drive::Options::default() };
        drive::run(&page, &options).await;
    }
    Ok(times)
}

fn page(origin: &str, it: &Try, url: String) -> Page {
    let mut request = PageRequest::get(url);
    request.api = Api::parse(it.request.api).unwrap_or(Api::Fetch);
    it.request.method.clone_into(&mut request.method);
    request.headers = it.request.headers.iter().copied().collect::<Headers>();
    request.body = it.request.body.map(ToOwned::to_owned);
    Page { origin: origin.to_owned(), requests: vec![request], ..Page::default() }
}

/// Set up, play, end the recording.
async fn play(path: &Path) -> Result<Times, Error> {
    let set = set_up(path).await?;
    let times = tries(&set).await?;
    strike(set).await;
    Ok(times)
}

async fn strike(set: Set) {
    set.proxy.shutdown(Duration::from_secs(2)).await;
    set.lab.stop().await;
    let writer = set.writer;
    // What could not be kept is in the trace itself.
    let _ = tokio::task::spawn_blocking(move || writer.finish()).await;
}

/// Play while the screen shows what is recorded.
async fn watch(path: &Path, options: &Demo, console: &mut Console) -> Result<(), Error> {
    let set = set_up(path).await?;
    let status = Status {
        feed: Feed::Recording,
        file: match &options.output {
            Some(path) => file_name(path),
            None => "demo".to_owned(),
        },
        taps: set.taps.clone(),
        ..Status::default()
    };
    let analyst = Analyst::new(Known::default(), console);
    let source = Source::trace(Reader::open(path)?);
    let look = options.look();
    let line = line();
    let to_screen = line.0.clone();
    let played = async {
        let times = tries(&set).await?;
        present(path, &times, to_screen).await
    };
    let shown = show(source, analyst, status, &look, line);
    let (played, shown) = tokio::join!(played, shown);
    strike(set).await;
    played?;
    shown
}

/// Turn the screen to the try that the story is about.
async fn present(path: &Path, times: &Times, to_screen: Sender<Message>) -> Result<(), Error> {
    let Some(at) = times.iter().position(|(_, it)| it.name == HEADLINE) else { return Ok(()) };
    let (Some(headline), Some(last)) = (times.get(at), times.last()) else { return Ok(()) };
    let reader = Reader::open(path)?;
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    for _ in 0..50 {
        ticks.tick().await;
        let hops: Vec<Hop> = reader.hops(Load::Heads).collect::<Result<_, _>>()?;
        let first_since = |time: Time| hops.iter().filter(move |it| time <= it.started);
        if first_since(last.0).next().is_none() {
            continue;
        }
        if let Some(hop) = first_since(headline.0).min_by_key(|it| (it.tap, it.started)) {
            let at = u64::try_from(at).unwrap_or_default();
            // A screen that is gone needs no turning.
            let _ = to_screen.send(Message::Show { id: hop.id, at }).await;
        }
        break;
    }
    Ok(())
}

/// The try that is shown first.
const HEADLINE: &str = "get";

fn explain(path: &Path, times: &Times, options: &Demo, console: &mut Console) -> Result<u8, Error> {
    let mut progress = Progress::on(console);
    let opened = Opened::open(&[Input { name: None, path: path.to_owned() }], &mut progress)?;
    let analyst = Analyst::new(Known::default(), console);
    progress.part("linking hops", opened.facts.hops);
    let study = Study::of(opened.source, &opened.facts.taps, analyst, &mut progress)?;
    drop(progress);
    let secrets = super::secrets(options.print.reveal);
    let mut printer =
        Printer::begin(console, &options.print, &study.taps, &[], study.places(), &secrets)?;
    study.each(None, |number, analysis| {
        let began = analysis.chain.hops.first().map(|it| Arc::as_ref(&it.hop).started);
        let title = times.iter().rev().find(|(at, _)| Some(*at) <= began).map(|(_, it)| it.title);
        printer.chain(number, title, analysis)
    })?;
    printer.end("nothing was recorded")
}
