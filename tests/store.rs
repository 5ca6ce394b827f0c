//! Traces on a real disk: what is written is read again, whatever happens in between.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hopscope::store::{Error, Load, Reader, State, Store, StoreRecorder, TICK};
use hopscope::trace::{
    Body, Certificate, ConnectionId, Event, Exchange, Failure, FailureKind, Frame, Headers, Hop,
    HopId, HopTls, Interim, Note, Outcome, OwnChange, Recorder, Request, Response, Tap, TapId,
    TapKind, Testimony, Time, Timing, TlsSession, Trailers, Version,
};

fn taps() -> Vec<Tap> {
    let tap = |name: &str, kind, upstream: Option<&str>| Tap {
        name: name.to_owned(),
        kind,
        address: "127.0.0.1:8080".to_owned(),
        upstream: upstream.map(str::to_owned),
    };
    vec![
        tap("edge", TapKind::Forward, None),
        tap("origin", TapKind::Reverse, Some("http://127.0.0.1:8000")),
    ]
}

fn hop(recorder: u64, sequence: u64) -> Hop {
    let mut headers: Headers = [("Host", "a.test"), ("x", "\u{1b}[31m")].into_iter().collect();
    headers.push("x", vec![0xff, 0xfe, 0x00]);
    let mut answer: Headers = [("Server", "nginx")].into_iter().collect();
    answer.push("x-request-id", format!("id-{sequence}"));
    Hop {
        id: HopId { recorder, sequence },
        tap: TapId(1),
        exchange: Exchange::Http,
        connection: Some(ConnectionId(3)),
        started: Time(1_700_000_000_000_000 + sequence.cast_signed()),
        ended: Some(Time(1_700_000_000_000_900 + sequence.cast_signed())),
        request: Request {
            method: "POST".to_owned(),
            url: "http://a.test/prod/items?x=ü".to_owned(),
            version: Version::Http11,
            headers,
            body: Body::full("{\"a\":1}"),
        },
        outcome: Outcome::Answered(Response {
            status: 301,
            reason: b"Moved \xff".to_vec(),
            version: Version::Http10,
            headers: answer,
            body: Body { bytes: vec![7; 5000], length: 9000, complete: false },
            truncated: Some(Failure {
                kind: FailureKind::Reset,
                detail: "connection reset by peer".to_owned(),
            }),
        }),
        interim: vec![Interim {
            at: Time(1_700_000_000_000_002),
            status: 103,
            headers: [("Link", b"</a\xff>".to_vec())].into_iter().collect(),
        }],
        frames: <_>::default(),
        timing: Timing { connect: Some(10), tls: Some(7), wait: Some(500), receive: Some(400) },
        tls: Some(Arc::new(HopTls {
            client: Some(Arc::new(session())),
            upstream: None,
            passed: Some("why".to_owned()),
        })),
        trailers: Some(Box::new(Trailers {
            request: Headers::new(),
            response: [("grpc-status", "0")].into_iter().collect(),
        })),
        own_changes: vec![OwnChange {
            place: "request host".to_owned(),
            from: Some("a.test".to_owned()),
            to: None,
        }],
        testimony: Testimony {
            api: Some("xhr".to_owned()),
            from_cache: true,
            ..Testimony::default()
        },
    }
}

fn session() -> TlsSession {
    let certificate = Certificate {
        subject: "CN=a.test".to_owned(),
        issuer: "CN=World".to_owned(),
        not_after: 1_800_000_000,
        fingerprint: "ab".to_owned(),
    };
    TlsSession {
        version: "TLS 1.3".to_owned(),
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        alpn: Some("h2".to_owned()),
        sni: None,
        certificates: vec![certificate],
    }
}

fn failed(recorder: u64, sequence: u64, kind: FailureKind) -> Hop {
    let failure = Failure { kind, detail: "why".to_owned() };
    Hop { outcome: Outcome::Failed(failure), ..hop(recorder, sequence) }
}

fn all(reader: &Reader, load: Load) -> Vec<Hop> {
    reader.hops(load).map(Result::unwrap).collect()
}

fn frame(text: &str) -> Frame {
    let (length, payload) = (text.len() as u64, text.as_bytes().to_vec());
    Frame { opcode: 1, is_last: true, length, payload, ..Frame::default() }
}

/// Wait until `holds`, and say what was waited for when it never does.
fn eventually<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(it) = holds() {
            return it;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn reads_every_byte_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let open = Hop { ended: None, outcome: Outcome::Pending, ..hop(8, 1) };
    let tunnel = Hop { exchange: Exchange::Tunnel, ..hop(8, 2) };
    let frames = [frame("one"), frame("two")].into_iter().collect();
    let socket = Hop { exchange: Exchange::WebSocket, frames, ..hop(8, 3) };
    let hops = [
        hop(u64::MAX, 1),
        hop(u64::MAX, 2),
        failed(u64::MAX, 3, FailureKind::RefusedByTap),
        open,
        tunnel,
        socket,
    ];
    let info = Store::import(&path, &taps(), hops.clone()).unwrap();
    assert_eq!((info.hops, info.state, info.taps), (6, State::Finished, taps()));
    assert_eq!(info.first, Some(Time(1_700_000_000_000_001)));
    assert_eq!(info.last, Some(Time(1_700_000_000_000_903)));

    let reader = Reader::open(&path).unwrap();
    let mut read = all(&reader, Load::Bodies);
    read.sort_by_key(|it| (std::cmp::Reverse(it.id.recorder), it.id.sequence));
    assert_eq!(read, hops);
    assert_eq!(reader.hop(hops[1].id).unwrap().as_ref(), Some(&hops[1]));
    assert_eq!(reader.hop(HopId { recorder: 8, sequence: 9 }).unwrap(), None);
    let heads = all(&reader, Load::Heads);
    assert!(heads.iter().all(|it| it.request.body.bytes.is_empty()));
    assert!(heads.iter().all(|it| it.request.body.length == 7));

    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "one self-contained file: {left:?}");

    let in_memory = Store::in_memory(&taps(), hops.clone()).unwrap();
    assert_eq!(all(&in_memory, Load::Bodies), all(&reader, Load::Bodies));
    assert_eq!(in_memory.taps().unwrap(), taps());
}

#[test]
fn notes_and_derived_values_are_kept_while_others_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (recorder, writer) = Store::create(&path, &taps()).unwrap();
    recorder.insert_blocking(hop(recorder.random(), 1));
    let reader = Reader::open(&path).unwrap();
    let note = Note {
        hop: HopId { recorder: recorder.random(), sequence: 1 },
        at: Time(5),
        author: "eve".to_owned(),
        text: "here \u{1b}[2J".to_owned(),
    };
    reader.add_note(&note).unwrap();
    reader.put_derived("chain", 1, 2, b"new").unwrap();
    reader.put_derived("chain", 2, 1, b"old").unwrap();
    assert_eq!(writer.finish().count, 0);
    drop(reader);
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.notes().unwrap(), [note]);
    assert_eq!(reader.derived("chain", 2).unwrap(), [(1, b"new".to_vec())]);
}

fn asked(recorder: &StoreRecorder) -> HopId {
    asked_for(recorder, Exchange::Http)
}

fn asked_for(recorder: &StoreRecorder, exchange: Exchange) -> HopId {
    let id = recorder.next_id();
    let request = Request {
        method: "GET".to_owned(),
        url: "http://a.test/".to_owned(),
        headers: [("Host", "a.test")].into_iter().collect(),
        ..Request::default()
    };
    let event = Event::Asked {
        id,
        tap: TapId(0),
        connection: ConnectionId(1),
        exchange,
        at: recorder.now(),
        request,
        own_changes: Vec::new(),
    };
    assert_eq!(recorder.offer(event), None);
    id
}

fn answered(recorder: &StoreRecorder, id: HopId) {
    let response = Response { status: 200, ..Response::default() };
    let at = recorder.now();
    assert_eq!(recorder.offer(Event::Answered { id, at, response, own_changes: vec![] }), None);
}

fn body(recorder: &StoreRecorder, id: HopId, text: &str) {
    let (kept, length) = (text.as_bytes().to_vec(), text.len() as u64);
    assert_eq!(recorder.offer(Event::ResponseBody { id, kept, length, end: false }), None);
}

fn ended(recorder: &StoreRecorder, id: HopId) {
    let at = recorder.now();
    assert_eq!(recorder.offer(Event::Ended { id, at, failure: None }), None);
}

#[test]
fn a_follower_sees_a_hop_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (recorder, writer) = Store::create(&path, &taps()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let mut revision = reader.revision().unwrap();
    let mut next = |what: &str, wanted: &dyn Fn(&Hop) -> bool| {
        eventually(what, || {
            let changes = reader.changes_since(revision, 100, Load::Bodies).unwrap();
            revision = changes.revision;
            changes.hops.into_iter().find(|it| wanted(it))
        })
    };

    let id = asked(&recorder);
    let seen = next("an open hop", &|it| it.outcome == Outcome::Pending);
    assert_eq!((seen.id, seen.ended), (id, None));
    answered(&recorder, id);
    body(&recorder, id, "one ");
    let seen = next("the first chunk", &|it| it.status() == Some(200));
    assert_eq!(seen.response().unwrap().body.text(), "one ");
    body(&recorder, id, "two");
    let seen = next("the second chunk", &|it| it.response().is_some_and(|it| it.body.length == 7));
    assert_eq!(seen.response().unwrap().body.text(), "one two");
    ended(&recorder, id);
    let seen = next("the end", &|it| it.ended.is_some());
    assert_eq!(seen.response().unwrap().body.text(), "one two");
    assert_eq!(writer.finish().count, 0);
    assert_eq!(reader.hop(id).unwrap(), Some(seen));
}

#[test]
fn a_follower_sees_frames_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (recorder, writer) = Store::create(&path, &taps()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let id = asked_for(&recorder, Exchange::WebSocket);
    answered(&recorder, id);
    let mut said = Vec::new();
    for text in ["one", "two", "three"] {
        said.push(frame(text));
        let frames = [frame(text)].into_iter().collect();
        assert_eq!(recorder.offer(Event::Frames { id, frames }), None);
        eventually("the frame", || {
            let seen = reader.hop(id).unwrap()?;
            (seen.frames.iter().collect::<Vec<_>>() == said).then_some(())
        });
    }
    ended(&recorder, id);
    assert_eq!(writer.finish().count, 0);
    let seen = reader.hop(id).unwrap().unwrap();
    assert_eq!((seen.frames.iter().count(), seen.ended.is_some()), (3, true));
}

type Expected<'a> = &'a dyn Fn(&Error) -> bool;

#[test]
fn hops_are_in_order_wherever_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (recorder, writer) = Store::create(&path, &taps()).unwrap();
    let follower = Reader::open(&path).unwrap();
    let slow = asked(&recorder);
    // Late ones, one twice, and more than a pack holds.
    let mut sequences: Vec<u64> = (100..900).collect();
    sequences.extend([50, 51, 99, 100]);
    for sequence in sequences {
        recorder.insert_blocking(hop(recorder.random(), sequence));
    }
    eventually("a commit", || follower_has(&path, 804));
    answered(&recorder, slow);
    ended(&recorder, slow);
    writer.finish();
    let expected: Vec<u64> = [slow.sequence, 50, 51].into_iter().chain(99..900).collect();
    for load in [Load::Heads, Load::Bodies] {
        let read: Vec<u64> = all(&follower, load).iter().map(|it| it.id.sequence).collect();
        assert_eq!(read, expected, "{load:?}");
    }
    for sequence in [slow.sequence, 50, 99, 100, 355, 356, 899] {
        let id = HopId { recorder: recorder.random(), sequence };
        assert_eq!(follower.hop(id).unwrap().unwrap().id, id);
        assert!(follower.has(id).unwrap(), "{sequence}");
    }
    for (recorder, sequence) in [(recorder.random(), 52), (recorder.random(), 900), (7, 50)] {
        let id = HopId { recorder, sequence };
        assert_eq!((follower.hop(id).unwrap(), follower.has(id).unwrap()), (None, false));
    }
    let (mut revision, mut seen) = (0, BTreeSet::new());
    loop {
        let changes = follower.changes_since(revision, 7, Load::Heads).unwrap();
        seen.extend(changes.hops.iter().map(|it| it.id.sequence));
        if changes.hops.is_empty() {
            break;
        }
        assert!(changes.revision > revision);
        revision = changes.revision;
    }
    assert_eq!(revision, follower.revision().unwrap());
    assert!(seen.into_iter().eq(expected));
}

fn follower_has(path: &Path, hops: u64) -> Option<()> {
    (Reader::open(path).unwrap().info().unwrap().hops >= hops).then_some(())
}

#[test]
fn reads_a_trace_of_the_first_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (recorder, writer) = Store::create(&path, &taps()).unwrap();
    let id = asked(&recorder);
    let follower = Reader::open(&path).unwrap();
    eventually("its row", || (follower.info().unwrap().hops == 1).then_some(()));
    answered(&recorder, id);
    ended(&recorder, id);
    writer.finish();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("DROP TABLE pack; PRAGMA user_version = 1").unwrap();
    let old = Reader::open(&path).unwrap();
    assert_eq!(old.hop(id).unwrap().unwrap().status(), Some(200));
    assert_eq!(all(&old, Load::Bodies).len(), 1);
    assert_eq!(old.info().unwrap().hops, 1);
    assert_eq!(old.changes_since(0, 9, Load::Heads).unwrap().revision, old.revision().unwrap());
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let good = at("good.hops");
    Store::import(&good, &taps(), (1..200).map(|it| hop(1, it))).unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let mut newer = bytes.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut foreign = bytes.clone();
    foreign[68..72].copy_from_slice(&[0; 4]);
    let mut scrambled = bytes.clone();
    scrambled[100..].fill(0xaa);
    let is_corrupt = |it: &Error| matches!(it, Error::Corrupt { .. });
    let is_foreign = |it: &Error| matches!(it, Error::NotATrace { .. });
    let cases: [(&str, &[u8], Expected<'_>); 8] = [
        ("text", b"{\"log\": {}}", &is_foreign),
        ("empty", b"", &is_foreign),
        ("tiny", &bytes[..10], &is_corrupt),
        ("head", &bytes[..90], &is_corrupt),
        ("cut", &bytes[..bytes.len() / 2], &is_corrupt),
        ("scrambled", &scrambled, &is_corrupt),
        ("foreign", &foreign, &is_foreign),
        ("newer", &newer, &|it| matches!(it, Error::Newer { found: 99, .. })),
    ];
    for (name, bytes, expected) in cases {
        std::fs::write(at(name), bytes).unwrap();
        let error = Reader::open(&at(name)).unwrap_err();
        assert!(expected(&error), "{name}: {error:?}");
        assert!(error.hint().is_some(), "{name}");
        assert!(!error.to_string().contains('\n') && !error.to_string().ends_with('.'), "{error}");
    }
    let missing = Reader::open(&at("nowhere")).unwrap_err();
    assert!(matches!(missing, Error::Missing { .. }), "{missing:?}");
    let directory = Reader::open(folder.path()).unwrap_err();
    assert!(is_foreign(&directory), "{directory:?}");
    let exists = Store::create(&good, &taps()).unwrap_err();
    assert!(matches!(exists, Error::Exists { .. }), "{exists:?}");
    let nowhere = Store::create(&at("no/folder/x.hops"), &taps()).unwrap_err();
    assert!(matches!(nowhere, Error::Create { .. }), "{nowhere:?}");
}

#[test]
fn a_removed_trace_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (recorder, writer) = Store::create(&path, &taps()).unwrap();
    recorder.insert_blocking(hop(recorder.random(), recorder.next_id().sequence));
    let reader = Reader::open(&path).unwrap();
    eventually("the first hop", || (reader.info().unwrap().hops == 1).then_some(()));
    std::fs::remove_file(&path).unwrap();
    let vanished = reader.changes_since(u64::MAX >> 1, 1, Load::Heads).unwrap_err();
    assert!(matches!(vanished, Error::Vanished { .. }), "{vanished:?}");
    eventually("the file", || path.exists().then_some(()));
    recorder.insert_blocking(hop(recorder.random(), recorder.next_id().sequence));
    assert_eq!(writer.finish().count, 0);
    drop(reader);
    assert_eq!(Reader::open(&path).unwrap().info().unwrap().hops, 2);
}

/// What the child does, when this test binary is started as one (see [`child`]).
#[test]
fn child_process() {
    let Ok(path) = std::env::var("HOPSCOPE_TEST_TRACE") else { return };
    let (recorder, writer) = Store::create(Path::new(&path), &taps()).unwrap();
    let mut out = std::io::stdout();
    let mut input = std::io::stdin();
    let burst: u64 = std::env::var("HOPSCOPE_TEST_HOPS").unwrap().parse().unwrap();
    let mut body = vec![0; 1024];
    loop {
        for _ in 0..burst {
            let id = recorder.next_id();
            // Bodies that do not compress into one another fill a small disk.
            body[..8].copy_from_slice(&id.sequence.to_le_bytes());
            let mut hop = hop(id.recorder, id.sequence);
            hop.request.body = Body::full(body.clone());
            recorder.insert_blocking(hop);
        }
        let next = recorder.next_id().sequence;
        writeln!(out, "\n@{next} {}", recorder.unrecorded().count).unwrap();
        let mut line = [0];
        if input.read(&mut line).unwrap() == 0 || line[0] == b'q' {
            break;
        }
    }
    let unrecorded = writer.finish();
    writeln!(out, "\n@end {} {}", unrecorded.count, unrecorded.why).unwrap();
}

/// This binary again, as a process that records into `path`; `limit` is put before it.
fn child(path: &Path, burst: u64, limit: &str) -> (Child, impl FnMut() -> String + use<>) {
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", &format!("{limit} exec \"$0\" child_process --exact --nocapture")])
        .arg(this)
        .env("HOPSCOPE_TEST_TRACE", path)
        .env("HOPSCOPE_TEST_HOPS", burst.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = move || {
        let line = lines.find(|it| it.as_ref().is_ok_and(|it| it.starts_with('@')));
        line.unwrap().unwrap()
    };
    (child, said)
}

#[test]
fn after_kill_9_all_but_the_last_moment_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    let (mut process, mut said) = child(&path, 50, "");
    said();
    // A commit comes every tick, and leaves room for slow disks within the promised 100 ms. How
    // long the machine lets the writer wait is not the trace's doing, so no clock is asked here.
    assert!(TICK <= Duration::from_millis(50));
    let follower = Reader::open(&path).unwrap();
    eventually("a commit", || (follower.info().unwrap().hops == 50).then_some(()));
    drop(follower);
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(place_of_log(&path).exists(), "it was killed in the middle");
    let reader = Reader::open(&path).unwrap();
    let info = reader.info().unwrap();
    assert_eq!((info.hops, info.state), (50, State::Open));
    let sequences: BTreeSet<u64> =
        all(&reader, Load::Bodies).iter().map(|it| it.id.sequence).collect();
    assert_eq!(sequences.len(), 50);
}

#[test]
fn a_full_disk_costs_hops_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hops");
    // No file may grow beyond 2 MB (blocks of 512 bytes), and the signal for it is ignored.
    let (mut process, mut said) = child(&path, 30_000, "trap '' XFSZ; ulimit -f 4096;");
    let begun = Instant::now();
    said();
    assert!(begun.elapsed() < Duration::from_secs(20), "traffic went on");
    process.stdin.take().unwrap().write_all(b"q").unwrap();
    let last = said();
    process.wait().unwrap();
    let mut words = last.split(' ').skip(1);
    let count: u64 = words.next().unwrap().parse().unwrap();
    assert!(count > 0 && words.next().is_some(), "{last}");
    let reader = Reader::open(&path).unwrap();
    let kept = all(&reader, Load::Bodies).len() as u64;
    assert!(kept > 0);
    assert_eq!(kept + count, 30_000, "{last}");
}

fn place_of_log(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}
