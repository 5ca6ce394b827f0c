//! Accepting clients, one task each, until the taps are told to end.
//!
//! **Invariant:** trouble with one client never reaches another, and never ends the listener.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::exchange::Client;
use super::io::{ClientIo, Control};
use super::own::Mark;
use super::scribe::Scribe;
use super::{Options, TapSpec, failure, refused};
use crate::tls::Tls;
use crate::trace::{ConnectionId, Event, Exchange, FailureKind, Recorder, TapId};

/// One tap at work.
pub(super) struct TapState<R: Recorder> {
    pub(super) id: TapId,
    pub(super) spec: TapSpec,
    pub(super) address: SocketAddr,
    /// The address as text, which every request needs.
    pub(super) address_text: String,
    pub(super) mark: Mark,
    pub(super) options: Arc<Options>,
    pub(super) recorder: R,
    /// Numbers the connections of all taps.
    pub(super) connections: Arc<AtomicU64>,
    /// Made when the first upstream wants it: reading the platform's roots takes time.
    pub(super) tls: Arc<OnceLock<Option<Tls>>>,
    pub(super) life: Life,
}

impl<R: Recorder> TapState<R> {
    pub(super) fn tls(&self) -> Option<&Tls> {
        let given = || self.options.tls.clone().or_else(|| Tls::new(None).ok());
        self.tls.get_or_init(given).as_ref()
    }
}

/// What the taps are doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    Serve,
    /// Nothing new; what is open comes to its end.
    Drain,
    /// Everything ends now.
    Stop,
}

/// Tells a task when to end, and tells the taps when it has.
#[derive(Clone)]
pub(super) struct Life {
    pub(super) phases: watch::Receiver<Phase>,
    pub(super) _alive: mpsc::Sender<()>,
}

impl Life {
    async fn draining(&mut self) {
        // An error means that the taps were dropped, which stops them too.
        let _ = self.phases.wait_for(|it| *it != Phase::Serve).await;
    }

    pub(super) async fn stopped(&mut self) {
        let _ = self.phases.wait_for(|it| *it == Phase::Stop).await;
    }
}

/// Accept clients until the taps end.
pub(super) async fn accept<R: Recorder>(listener: TcpListener, tap: Arc<TapState<R>>) {
    let mut life = tap.life.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = life.draining() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&tap)));
            }
            // Usually too many open files: some will be closed soon.
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

async fn serve<R: Recorder>(stream: TcpStream, tap: Arc<TapState<R>>) {
    // A tap that collects small writes would be a tap that slows them down.
    let _ = stream.set_nodelay(true);
    let control = Arc::new(Control::default());
    let connection = ConnectionId(tap.connections.fetch_add(1, Ordering::Relaxed));
    let io = TokioIo::new(ClientIo::new(stream, Arc::clone(&control)));
    let client = Arc::new(Client::new(Arc::clone(&tap), connection, Arc::clone(&control)));
    let service = service_fn(move |request| {
        let client = Arc::clone(&client);
        async move { client.serve(request).await }
    });
    let mut life = tap.life.clone();
    let serving = http1::Builder::new()
        .preserve_header_case(true)
        .auto_date_header(false)
        .serve_connection(io, service)
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = life.draining() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving.as_mut() => ended,
                () = life.stopped() => return,
            }
        }
    };
    let Err(error) = ended else { return };
    if error.is_parse() || error.is_parse_too_large() {
        record_refused(&tap, connection, &control, &error).await;
    }
}

/// What hyper answered with a 4xx of its own was asked all the same.
async fn record_refused<R: Recorder>(
    tap: &TapState<R>,
    connection: ConnectionId,
    control: &Control,
    error: &hyper::Error,
) {
    let head = control.take_head();
    let Some(request) = refused::request(&head, &tap.address_text) else { return };
    let mut scribe = Scribe::new(&tap.recorder);
    let asked = Event::Asked {
        id: scribe.id(),
        tap: tap.id,
        connection,
        exchange: Exchange::Http,
        at: tap.recorder.now(),
        request,
        own_changes: Vec::new(),
    };
    scribe.tell(asked).await;
    let why = refused::why(&head, &error.to_string());
    scribe.end(Some(failure::failure(FailureKind::RefusedByTap, &why)));
}

const BREATH: Duration = Duration::from_millis(50);
