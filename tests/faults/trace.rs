//! What happens to the file under a recording.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hopscope::store::{Reader, State, Unrecorded};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{OTHER, clients, line, servers};
use crate::program::{DEADLINE, Program};

pub(crate) async fn killed() {
    let program = Program::start(&[]);
    let upstream = servers::start(&servers::FINE).await;
    let load = clients::load(program.tap(), &upstream, 16);
    program.recorded(200).await;
    let held = program.resident();
    program.signal("-KILL");
    let answered = load.end().await;
    let kept = program.hops().len();
    let opens = Reader::open(&program.trace).is_ok();
    let recorded = format!("{kept} hops of {answered} answers; it opens: {opens}");
    line("kill -9 under load", &format!("{answered} answers"), &recorded, held);
    // The last moment may be lost: what came within 100 ms, and some for a busy machine.
    assert!(opens && kept >= 200, "{recorded}");
}

/// Under more large bodies, each of its own, than can be written.
pub(crate) async fn killed_under_large_bodies() {
    let program = Program::start(&[]);
    let upstream = large_bodies().await;
    let answered = Arc::<Mutex<Vec<(String, Instant)>>>::default();
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let (tap, upstream) = (program.tap().to_owned(), upstream.clone());
        let answered = Arc::clone(&answered);
        clients.spawn(async move {
            for n in 0.. {
                let url = format!("http://{upstream}/{client}-{n}");
                if clients::get(&tap, &url).await != format!("200 and {LARGE} bytes") {
                    return;
                }
                answered.lock().unwrap().push((url, Instant::now()));
            }
        });
    }
    until("there is load", || answered.lock().unwrap().len() > 300).await;
    let held = program.resident();
    let killed = Instant::now();
    program.signal("-KILL");
    while clients.join_next().await.is_some() {}
    let whole = program.hops().into_iter().filter(|it| it.ended.is_some());
    let kept: HashSet<_> = whole.map(|it| it.request.url).collect();
    let answered = std::mem::take(&mut *answered.lock().unwrap());
    let lost = answered.iter().filter(|it| !kept.contains(&it.0));
    let age = lost.map(|it| killed.saturating_duration_since(it.1)).max().unwrap_or_default();
    let recorded = format!("{} hops; the oldest lost one was {age:?} old", kept.len());
    line("kill -9 under large bodies", &format!("{} answers", answered.len()), &recorded, held);
    assert!(age < PROMISE, "{recorded}");
}

/// A server whose answers are large and never the same.
async fn large_bodies() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        for n in 0_u64.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
                let mut answer = head.into_bytes();
                answer.resize(answer.len() + LARGE, b'x');
                let end = answer.len() - 8;
                answer[end..].copy_from_slice(&n.to_be_bytes());
                let _gone = stream.write_all(&answer).await;
            });
        }
    });
    address
}

pub(crate) async fn removed() {
    let program = Program::start(&[]);
    let upstream = servers::start(&servers::FINE).await;
    clients::ask(program.tap(), &upstream, OTHER).await;
    program.recorded(1).await;
    std::fs::remove_file(&program.trace).unwrap();
    let got = clients::ask(program.tap(), &upstream, OTHER).await;
    until("the file is there again", || program.trace.exists() && program.hops().len() == 2).await;
    line("is deleted", &got, "both hops, in a new file", program.resident());
    assert_eq!(got, "200 and 2 bytes");
    program.end("-INT").await;
}

/// A disk that hangs: somebody else holds the file's lock.
pub(crate) async fn locked() {
    let program = Program::start(&[]);
    let upstream = servers::start(&servers::FINE).await;
    clients::ask(program.tap(), &upstream, OTHER).await;
    program.recorded(1).await;
    let other = rusqlite::Connection::open(&program.trace).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let mut got = String::new();
    for _ in 0..50 {
        got = clients::ask(program.tap(), &upstream, OTHER).await;
        assert_eq!(got, "200 and 2 bytes");
    }
    let waited = begun.elapsed();
    drop(other);
    let n = program.recorded(50).await.len();
    let recorded = format!("all {n} hops, when it could be written");
    line("cannot be written for a while", &got, &recorded, program.resident());
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    program.end("-INT").await;
}

/// A disk that hangs for longer than the queue has room: traffic goes on, and what was not kept
/// is counted.
pub(crate) async fn hanging() {
    const ASKED: u64 = 120;
    let mut program = Program::start(&[]);
    let upstream = servers::start(&servers::FINE).await;
    let other = rusqlite::Connection::open(&program.trace).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut got, mut longest) = (String::new(), Duration::ZERO);
    for n in 0..ASKED {
        let body = noise(n).repeat(16);
        let begun = Instant::now();
        got = clients::upload(program.tap(), &upstream, &body).await;
        longest = longest.max(begun.elapsed());
        assert_eq!(got, "200 and 2 bytes", "traffic goes on");
    }
    let held = program.resident();
    drop(other);
    program.signal("-INT");
    let code = program.exit_code().await;
    let (kept, Unrecorded { count: lost, why }) = accounts(&program);
    let recorded = format!("{kept} hops, {lost} lost ({why}), exit {code}");
    line("cannot be written for long", &got, &recorded, held);
    assert!(lost > 0 && code == 1, "{recorded}");
    assert_eq!(kept as u64 + lost, ASKED, "each is kept or counted");
    assert!(longest < Duration::from_secs(5), "one waited {longest:?}");
}

pub(crate) async fn full() {
    // No file may grow beyond 1 MB (blocks of 512 bytes), and the signal for it is ignored.
    let mut program = Program::start_in("trap '' XFSZ; ulimit -f 2048;", &[]);
    let upstream = servers::start(&servers::FINE).await;
    let mut got = String::new();
    let big = format!("A: {}\r\n", "x".repeat(60_000));
    for n in 0..60 {
        let fields = format!("{big}B: {n}{}\r\n", noise(n));
        got = clients::ask(program.tap(), &upstream, &fields).await;
        assert_eq!(got, "200 and 2 bytes", "traffic goes on");
    }
    let held = program.resident();
    program.signal("-INT");
    let code = program.exit_code().await;
    let (kept, Unrecorded { count: lost, why }) = accounts(&program);
    line("fills the disk", &got, &format!("{kept} hops, {lost} lost ({why}), exit {code}"), held);
    assert_eq!(code, 1);
    let said = format!("{} hops", 60 - kept);
    assert!(program.errors().contains(&said), "not {said}: {}", program.errors());
    // There may be no room for one more page. Then the trace does not say that it is finished.
    let state = Reader::open(&program.trace).unwrap().info().unwrap().state;
    let counted = kept as u64 + lost;
    assert!(counted == 60 || state == State::Open, "{counted} are kept or counted: {state:?}");
}

/// Hops that are there with their end, and what was lost; one that is there without is lost, too.
fn accounts(program: &Program) -> (usize, Unrecorded) {
    let kept = program.hops().iter().filter(|it| it.ended.is_some()).count();
    (kept, Reader::open(&program.trace).unwrap().info().unwrap().unrecorded)
}

/// What passed so long before the death of the program is in the file.
const PROMISE: Duration = Duration::from_millis(100);
const LARGE: usize = 1_000_000;

/// Bytes that do not compress.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        format!("{state:016x}")
    };
    (0..4000).map(|_| next(&mut state)).collect()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
