//! Accepting clients, one task each, until the taps are told to end.
//!
//! **Invariant:** trouble with one client never reaches another, and never ends the listener.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::intercept::Intercept;
use super::lanes::Place;
use super::own::Mark;
use super::scribe::Held;
use super::secure::ServerIdentity;
use super::{Options, TapSpec, failure, serve};
use crate::tls::LazyTls;
use crate::trace::{Recorder, TapId};

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
    pub(super) held: Held,
    /// Numbers the connections of all taps.
    pub(super) connections: Arc<AtomicU64>,
    /// Connections that clients have to this tap now.
    pub(super) live: AtomicUsize,
    pub(super) tls: Arc<LazyTls>,
    /// For reading tunnels; `None` to leave them alone.
    pub(super) intercept: Option<Arc<Intercept>>,
    /// What a tap that listens with TLS shows.
    pub(super) identity: ServerIdentity,
    pub(super) life: Life,
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
    pub(super) async fn draining(&mut self) {
        let seen = self.phases.clone();
        // An error means that the taps were dropped, which stops them too.
        let waiting = self.phases.wait_for(|it| *it != Phase::Serve);
        tokio::pin!(waiting);
        let mut queued = false;
        poll_fn(|cx| {
            // A busy connection asks at every turn. Looking for a change is cheap, queueing for
            // one is not, and the place in the queue stays.
            if queued && seen.has_changed().is_ok_and(|it| !it) {
                return Poll::Pending;
            }
            queued = true;
            waiting.as_mut().poll(cx).map(drop)
        })
        .await;
    }

    pub(super) async fn stopped(&mut self) {
        let _ = self.phases.wait_for(|it| *it == Phase::Stop).await;
    }
}

/// Accept clients until the taps end.
pub(super) async fn accept<R: Recorder>(listener: TcpListener, tap: Arc<TapState<R>>) {
    let mut life = tap.life.clone();
    let mut said: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = life.draining() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let tap = Arc::clone(&tap);
                if tap.live.fetch_add(1, Ordering::Relaxed) < tap.options.limits.connections {
                    let leaves = Leaves(Arc::clone(&tap));
                    Place::take().spawn(async move {
                        // The socket was made known to the runtime that accepted it.
                        match stream.into_std().and_then(TcpStream::from_std) {
                            Ok(stream) => serve::client(stream, peer, tap).await,
                            Err(error) => serve::no_room(&tap, &error.to_string()).await,
                        }
                        drop(leaves);
                    });
                } else {
                    // Closing is all there is to say: it may be an attack.
                    drop(stream);
                    tokio::spawn(async move {
                        let leaves = Leaves(tap);
                        serve::one_too_many(&leaves.0).await;
                    });
                }
            }
            Err(error) => {
                // Clients wait where the system holds them. Said now and then.
                let is_news = said.is_none_or(|it| it.elapsed() > SILENCE);
                if failure::is_out_of_files(&error) && is_news {
                    said = Some(Instant::now());
                    let why = format!("{}; clients wait", failure::OUT_OF_FILES);
                    serve::no_room(&tap, &why).await;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// A place for one more client, if there is one.
#[cfg(feature = "http3")]
pub(super) fn enter<R: Recorder>(tap: &Arc<TapState<R>>) -> Option<Leaves<R>> {
    let live = tap.live.fetch_add(1, Ordering::Relaxed);
    let leaves = Leaves(Arc::clone(tap));
    (live < tap.options.limits.connections).then_some(leaves)
}

/// Counts a client out, whatever ends its task.
pub(super) struct Leaves<R: Recorder>(Arc<TapState<R>>);

impl<R: Recorder> Drop for Leaves<R> {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

const BREATH: Duration = Duration::from_millis(50);
/// After something was said that may go on.
const SILENCE: Duration = Duration::from_secs(60);
