//! The threads that clients are served on. A client stays on one of them, with all that is done
//! for it, from its first byte to its last.
//!
//! What is done for one client is a chain of small steps, each of which waits for the one before
//! it. A runtime that may give each step to another thread pays for that at every step: locks,
//! other threads woken, memory that is hot on another core. The threads here have a runtime each,
//! and whatever else the program does (drawing, linking) has its own.
//!
//! **Invariant:** a client is served also where no such thread could be started: by the runtime
//! that accepted it.

use std::future::pending;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};

/// The lanes of all taps, one for each core, begun with the first client.
#[derive(Debug)]
struct Lanes(Vec<Lane>);

/// One thread, and how many clients it serves.
#[derive(Debug)]
struct Lane {
    handle: Handle,
    clients: AtomicUsize,
}

/// A client's place on a lane, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Option<&'static Lane>);

impl Place {
    /// On the lane with the fewest clients.
    pub(super) fn take() -> Place {
        static LANES: LazyLock<Lanes> =
            LazyLock::new(|| Lanes::start(thread::available_parallelism().map_or(1, usize::from)));
        LANES.place()
    }

    /// Serve the client that has it. Must be called within a tokio runtime.
    pub(super) fn spawn(self, serving: impl Future<Output = ()> + Send + 'static) {
        // Whatever awaits a future that it was given has room for it twice.
        let (lane, serving) = (self.0, Box::pin(serving));
        let serving = async move {
            serving.await;
            drop(self);
        };
        match lane {
            Some(lane) => lane.handle.spawn(serving),
            None => tokio::spawn(serving),
        };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(lane) = self.0 {
            lane.clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Lanes {
    /// So many lanes, or as many as the system has threads for.
    fn start(count: usize) -> Lanes {
        Lanes((0..count).map_while(|_| Lane::start()).collect())
    }

    fn place(&'static self) -> Place {
        let lane = self.0.iter().min_by_key(|it| it.clients.load(Ordering::Relaxed));
        if let Some(lane) = lane {
            lane.clients.fetch_add(1, Ordering::Relaxed);
        }
        Place(lane)
    }
}

impl Lane {
    fn start() -> Option<Lane> {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new().name("hopscope-clients".to_owned());
        thread.spawn(move || runtime.block_on(pending::<()>())).ok()?;
        Some(Lane { handle, clients: AtomicUsize::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(lanes: &Lanes) -> Vec<usize> {
        lanes.0.iter().map(|it| it.clients.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn clients_go_where_the_fewest_are() {
        let lanes: &'static Lanes = Box::leak(Box::new(Lanes::start(3)));
        let mut places: Vec<_> = (0..7).map(|_| lanes.place()).collect();
        assert_eq!(clients(lanes), [3, 2, 2]);
        places.drain(1..3);
        assert_eq!(clients(lanes), [3, 1, 1]);
        places.extend([lanes.place(), lanes.place()]);
        assert_eq!(clients(lanes), [3, 2, 2]);
        drop(places);
        assert_eq!(clients(lanes), [0, 0, 0]);
    }

    #[tokio::test]
    async fn a_client_stays_on_its_thread() {
        let here = thread::current().id();
        for (lanes, elsewhere) in [(1, true), (0, false)] {
            let lanes: &'static Lanes = Box::leak(Box::new(Lanes::start(lanes)));
            let (tell, told) = tokio::sync::oneshot::channel();
            lanes.place().spawn(async move {
                let first = thread::current().id();
                let inner = tokio::spawn(async { thread::current().id() }).await.unwrap();
                tell.send((first, inner)).unwrap();
            });
            let (first, inner) = told.await.unwrap();
            assert_eq!(first, inner);
            assert_eq!(first != here, elsewhere);
        }
    }
}
