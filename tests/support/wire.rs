//! Real sockets for tests: servers that say exactly what a test wrote, clients that show exactly
//! what came back, and a recorder that keeps hops in memory.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hopscope::trace::{Event, Hop, HopId, Recorder, Time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// One end of a connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    /// Which connection of its server this is, from 0.
    pub(crate) nth: usize,
    read: Vec<u8>,
}

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Wire {
        Wire::over(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn over(stream: TcpStream) -> Wire {
        Wire { stream, nth: 0, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Everything up to and including `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            let at = self.read.windows(end.len()).position(|it| it == end.as_bytes());
            if let Some(at) = at {
                let rest = self.read.split_off(at + end.len());
                let taken = std::mem::replace(&mut self.read, rest);
                return latin1(&taken);
            }
            self.more(end).await;
        }
    }

    /// So many bytes.
    pub(crate) async fn exactly(&mut self, n: usize) -> String {
        while self.read.len() < n {
            self.more("so many bytes").await;
        }
        let rest = self.read.split_off(n);
        latin1(&std::mem::replace(&mut self.read, rest))
    }

    async fn more(&mut self, wanted: &str) {
        let mut buf = vec![0; 65_536];
        let reading = tokio::time::timeout(DEADLINE, self.stream.read(&mut buf));
        let n = match reading.await.expect("nothing more came").unwrap_or(0) {
            0 => panic!("ended before {wanted:?}: {:?}", latin1(&self.read)),
            n => n,
        };
        self.read.extend_from_slice(&buf[..n]);
    }

    /// A head, up to its empty line.
    pub(crate) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// What is left until the end, and whether the end was clean.
    pub(crate) async fn rest(&mut self) -> (String, End) {
        let mut all = std::mem::take(&mut self.read);
        let reading = tokio::time::timeout(DEADLINE, self.stream.read_to_end(&mut all));
        let end = match reading.await.expect("the end never came") {
            Ok(_) => End::Clean,
            Err(_) => End::Reset,
        };
        (latin1(&all), end)
    }

    /// End the connection with a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Clean,
    Reset,
}

/// Every byte as one character, so that no byte is lost in a comparison.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|it| char::from(*it)).collect()
}

/// A server that hands every connection to `serve`.
pub(crate) async fn server<F, S>(serve: S) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(Wire) -> F + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for nth in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(Wire { stream, nth, read: Vec::new() }));
        }
    });
    address
}

/// An address where nobody listens, and nobody else can as long as the test runs.
pub(crate) fn nobody() -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    address
}

/// A recorder that keeps hops in memory.
#[derive(Clone)]
pub(crate) struct Notebook(Arc<Inner>);

struct Inner {
    hops: Mutex<BTreeMap<HopId, Option<Hop>>>,
    sequence: AtomicU64,
    begun: Instant,
}

impl Notebook {
    pub(crate) fn new() -> Notebook {
        let (hops, sequence) = (Mutex::default(), AtomicU64::new(1));
        Notebook(Arc::new(Inner { hops, sequence, begun: Instant::now() }))
    }

    /// Begin anew.
    pub(crate) fn forget(&self) {
        self.0.hops.lock().unwrap().clear();
    }

    pub(crate) fn hops(&self) -> Vec<Hop> {
        self.0.hops.lock().unwrap().values().flatten().cloned().collect()
    }

    /// All hops, once there are `n` and `ready` holds for each.
    pub(crate) async fn when(&self, n: usize, ready: impl Fn(&Hop) -> bool) -> Vec<Hop> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let hops = self.hops();
            if hops.len() >= n && hops.iter().all(&ready) {
                return hops;
            }
            assert!(Instant::now() < deadline, "never {n} such hops: {hops:#?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// All hops, once `n` have ended.
    pub(crate) async fn ended(&self, n: usize) -> Vec<Hop> {
        self.when(n, |it| it.ended.is_some()).await
    }
}

impl Recorder for Notebook {
    fn next_id(&self) -> HopId {
        HopId { recorder: 7, sequence: self.0.sequence.fetch_add(1, Ordering::Relaxed) }
    }

    fn now(&self) -> Time {
        Time(i64::try_from(self.0.begun.elapsed().as_micros()).unwrap())
    }

    async fn record(&self, event: Event) {
        let mut hops = self.0.hops.lock().unwrap();
        event.clone().apply(hops.entry(event.id()).or_default());
    }
}
