//! Bytes sent to taps over sockets, from either side: what a client says in HTTP/1.1, in HTTP/2
//! or after an upgrade to WebSocket, and what a SOCKS proxy answers.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hopscope::proxy::{Options, Proxy, TapSpec, Via};
use hopscope::trace::{Event, HopId, Recorder, Time};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// What a client begins with, by the first byte of an input; the input follows.
const BEGINNINGS: [&[u8]; 4] = [
    b"",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
];

/// A client says this to a tap before an upstream that sends everything back.
pub fn client(data: &[u8]) {
    let taps = taps();
    let (which, data) = data.split_first().unwrap_or((&0, &[]));
    let begin = BEGINNINGS[usize::from(*which) % BEGINNINGS.len()];
    let _turn = lock(&taps.turn);
    taps.ask(taps.plain.addresses()[0], &[begin, data].concat());
}

/// A proxy on the way out answers this.
pub fn socks(data: &[u8]) {
    let taps = taps();
    let _turn = lock(&taps.turn);
    *lock(&taps.answer) = data.to_vec();
    taps.ask(
        taps.through.addresses()[0],
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
}

struct Taps {
    runtime: Runtime,
    plain: Proxy,
    /// Reaches its upstream through a proxy that gives `answer`.
    through: Proxy,
    answer: Arc<Mutex<Vec<u8>>>,
    /// One input at a time.
    turn: Mutex<()>,
}

impl Taps {
    /// Send, and wait until the tap has had enough.
    fn ask(&self, tap: std::net::SocketAddr, bytes: &[u8]) {
        let ended = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                let stream = TcpStream::connect(tap).await.unwrap();
                let (mut from, mut to) = stream.into_split();
                // It may have enough before all is sent.
                let sending = async {
                    let _gone = to.write_all(bytes).await;
                    let _gone = to.shutdown().await;
                };
                let mut all = Vec::new();
                let ((), _end) = tokio::join!(sending, from.read_to_end(&mut all));
            })
            .await
        });
        assert!(ended.is_ok(), "the tap holds on to a client that has left");
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "a task of the tap panicked");
    }
}

/// Tasks that panic take nobody with them, so they are counted.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn taps() -> &'static Taps {
    static TAPS: OnceLock<Taps> = OnceLock::new();
    TAPS.get_or_init(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |it| {
            if std::thread::current().name() == Some(THREAD) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(it);
        }));
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name(THREAD).enable_all().build().unwrap();
        let (told, answer) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (plain, through) = runtime.block_on(async {
            // What libFuzzer starts would die of it; who is listened to has let go of its default.
            let _heard = signal(SignalKind::pipe()).unwrap();
            let echo = upstream(None).await;
            let socks = upstream(Some(Arc::clone(&answer))).await;
            let via =
                Via { http: Some(format!("socks5h://{socks}").parse().unwrap()), ..Via::default() };
            let start = |to: String, via| {
                let spec: TapSpec =
                    format!("origin=reverse:127.0.0.1:0=http://{to}").parse().unwrap();
                let recorder = Counts(Arc::clone(&told));
                let options = Options { via, ..Options::default() };
                async move { Proxy::start(vec![spec], &recorder, options).await.unwrap() }
            };
            (start(echo, Via::default()).await, start("a.test".to_owned(), via).await)
        });
        Taps { runtime, plain, through, answer, turn: Mutex::default() }
    })
}

/// Sends back what comes, after a head where one was asked for; or gives `answer` at once.
async fn upstream(answer: Option<Arc<Mutex<Vec<u8>>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.as_ref().map(|it| lock(it).clone());
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                let mut said = false;
                while let Ok(n @ 1..) = stream.read(&mut piece).await {
                    let text = &piece[..n];
                    let is_upgrade = text.windows(8).any(|it| it.eq_ignore_ascii_case(b"upgrade:"));
                    let reply: &[u8] = match &answer {
                        Some(answer) => answer,
                        None if !said && is_upgrade => AGREED,
                        None if !said => ANSWER,
                        None => text,
                    };
                    let sent = stream.write_all(reply).await;
                    let is_over = answer.is_some() || (!said && !is_upgrade);
                    said = true;
                    if sent.is_err() || is_over {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A recorder that only counts.
#[derive(Clone)]
struct Counts(Arc<AtomicUsize>);

impl Recorder for Counts {
    fn next_id(&self) -> HopId {
        HopId { recorder: 1, sequence: self.0.fetch_add(1, Ordering::Relaxed) as u64 }
    }

    fn now(&self) -> Time {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        let begun = BEGUN.get_or_init(Instant::now);
        Time(i64::try_from(begun.elapsed().as_micros()).unwrap())
    }

    async fn record(&self, event: Event) {
        drop(event);
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
const AGREED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const THREAD: &str = "fuzzed-tap";
const PATIENCE: Duration = Duration::from_secs(10);
