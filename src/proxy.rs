//! The taps: forward and reverse proxies that record every hop and change nothing.
//!
//! ```text
//! client ══ one connection ══▶ tap ══ its own connections ══▶ upstream(s)
//!                               │
//!                               └──▶ trace::Recorder
//! ```
//!
//! **Invariant:** a transport failure stays one. What a browser asked for and did not get ends
//! in a network failure for it too, never in an answer that a CORS check could refuse
//! ([`OnFailure`]).
//!
//! **Invariant:** upstream connections belong to one client connection and are never shared, so
//! a tap invents no failure, and authentication that is bound to a connection keeps working.
//!
//! **Invariant:** recording may slow traffic down for a moment, but never stops or changes it.

mod answer;
mod auth;
mod body;
mod connect;
mod driver;
mod error;
mod exchange;
mod failure;
mod first_head;
mod frames;
mod greeting;
mod guard;
mod h2;
mod handshake;
mod heads;
#[cfg(feature = "http3")]
mod http3;
mod intercept;
mod interim;
mod io;
mod lanes;
mod leg;
mod limits;
mod listener;
mod options;
mod overheard;
mod own;
mod pages;
mod refusals;
mod refused;
mod relay;
mod rewound;
mod route;
mod scheme;
mod scribe;
mod secure;
mod serve;
mod sniff;
mod socket;
mod socks;
mod spec;
mod through;
mod tunnel;
mod unread;
mod via;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub use auth::Credentials;
pub use error::Error;
pub use leg::Protocol;
pub use limits::{Limit, Limits};
pub use options::{OnFailure, Options};
pub use spec::{HostHeader, Mode, SpecError, TapSpec, Upstream};
pub use via::{Environment, NoProxy, UpstreamProxy, Via};

use self::intercept::Intercept;
use self::listener::Phase;
use self::refusals::Refusals;
use self::scribe::Held;
use self::secure::ServerIdentity;
use crate::tls::LazyTls;
use crate::trace::{Recorder, Tap, TapId};

/// Taps that listen already, but do not serve yet: their addresses are known, so that a trace
/// can be made for them.
#[derive(Debug)]
pub struct Bound {
    taps: Vec<(TapSpec, TcpListener, SocketAddr)>,
    /// Where taps take QUIC beside TLS, in the same order.
    #[cfg(feature = "http3")]
    quic: Vec<Option<quinn::Endpoint>>,
    options: Options,
}

impl Bound {
    /// The taps with their real addresses, outermost first.
    pub fn taps(&self) -> Vec<Tap> {
        self.taps.iter().map(|(spec, _, address)| spec.tap(*address)).collect()
    }

    /// Where they listen, in the same order.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.taps.iter().map(|(_, _, address)| *address).collect()
    }

    /// Serve, and tell `recorder` what passes. Must be called within a tokio runtime.
    pub fn start<R: Recorder>(self, recorder: &R) -> Proxy {
        let (taps, addresses) = (self.taps(), self.addresses());
        let (phase, phases) = watch::channel(Phase::Serve);
        let (alive, done) = mpsc::channel(1);
        let connections = Arc::new(AtomicU64::new(1));
        let options = Arc::new(self.options);
        let tls = Arc::new(LazyTls::new(options.tls.clone()));
        let intercept = options.authority.clone().map(|authority| {
            let pass = options.pass.clone();
            Arc::new(Intercept { authority, pass, refusals: Refusals::default() })
        });
        let last = self.taps.len().saturating_sub(1);
        #[cfg(feature = "http3")]
        let mut quic = self.quic.into_iter();
        for (n, (spec, listener, address)) in self.taps.into_iter().enumerate() {
            let tap = listener::TapState {
                id: TapId(u16::try_from(n).unwrap_or(u16::MAX)),
                mark: own::Mark::of(&options, &spec, n, last),
                spec,
                address,
                address_text: address.to_string(),
                options: Arc::clone(&options),
                recorder: recorder.clone(),
                held: Held::default(),
                connections: Arc::clone(&connections),
                live: AtomicUsize::default(),
                tls: Arc::clone(&tls),
                intercept: intercept.clone(),
                identity: ServerIdentity::of(&options),
                life: listener::Life { phases: phases.clone(), _alive: alive.clone() },
            };
            let tap = Arc::new(tap);
            #[cfg(feature = "http3")]
            if let Some(endpoint) = quic.next().flatten() {
                tokio::spawn(http3::accept(endpoint, Arc::clone(&tap)));
            }
            tokio::spawn(listener::accept(listener, tap));
        }
        Proxy { taps, addresses, phase, done }
    }
}

/// Running taps. Dropping it cuts everything off; see [`Proxy::shutdown`] for the gentle way.
#[derive(Debug)]
pub struct Proxy {
    taps: Vec<Tap>,
    addresses: Vec<SocketAddr>,
    phase: watch::Sender<Phase>,
    done: mpsc::Receiver<()>,
}

impl Proxy {
    /// Listen for every tap, or for none.
    pub async fn bind(specs: Vec<TapSpec>, options: Options) -> Result<Bound, Error> {
        spec::check_together(&specs, &options)?;
        let mut taps = Vec::new();
        #[cfg(feature = "http3")]
        let mut quic = Vec::new();
        for spec in specs {
            let listening = TcpListener::bind(spec.listen).await;
            let found = listening.and_then(|it| it.local_addr().map(|address| (it, address)));
            let failed =
                |source| Error::Listen { name: spec.name.clone(), address: spec.listen, source };
            let (listener, address) = found.map_err(failed)?;
            #[cfg(feature = "http3")]
            quic.push(http3::bind(&spec, address, &options).map_err(failed)?);
            taps.push((spec, listener, address));
        }
        let bound = Bound {
            taps,
            #[cfg(feature = "http3")]
            quic,
            options,
        };
        own::check_loops(&bound.taps)?;
        Ok(bound)
    }

    /// [`Proxy::bind`] and [`Bound::start`] at once.
    pub async fn start<R: Recorder>(
        specs: Vec<TapSpec>,
        recorder: &R,
        options: Options,
    ) -> Result<Proxy, Error> {
        Ok(Proxy::bind(specs, options).await?.start(recorder))
    }

    /// The taps with their real addresses, outermost first.
    pub fn taps(&self) -> &[Tap] {
        &self.taps
    }

    /// Where they listen, in the same order.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Accept nothing new, let what is open come to its end for at most `patience`, then cut off
    /// the rest. When this returns, the recorder has heard of every end.
    pub async fn shutdown(mut self, patience: Duration) {
        let _ = self.phase.send(Phase::Drain);
        if tokio::time::timeout(patience, self.done.recv()).await.is_err() {
            self.kill().await;
        }
    }

    /// Cut off everything now.
    pub async fn kill(mut self) {
        let _ = self.phase.send(Phase::Stop);
        // The channel ends when the last connection has.
        let _ = tokio::time::timeout(LAST_WORDS, self.done.recv()).await;
    }
}

const LAST_WORDS: Duration = Duration::from_secs(2);
