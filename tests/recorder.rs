//! What a recorder promises: how soon a hop is kept, what a hanging disk costs, and that a flight
//! recorder's window is bounded and whole.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hopscope::store::{Keep, Load, Reader, Store, StoreRecorder};
use hopscope::trace::{
    Body, ConnectionId, Event, Exchange, Filter, Frames, Headers, Hop, HopId, Outcome, Recorder,
    Request, Response, TapId, Testimony, Time, Timing,
};

/// A hop of `size` bytes that are like no other's, asked `at` seconds after the epoch.
fn hop(id: HopId, at: i64, size: usize) -> Hop {
    let mut body = vec![0; size];
    for (n, piece) in body.chunks_mut(8).enumerate() {
        let word = (id.sequence << 20 | n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        piece.copy_from_slice(&word.to_le_bytes()[..piece.len()]);
    }
    let started = Time(at * 1_000_000);
    Hop {
        id,
        tap: TapId(0),
        exchange: Exchange::Http,
        connection: Some(ConnectionId(1)),
        started,
        ended: Some(started.plus(10)),
        request: Request {
            method: "GET".to_owned(),
            url: format!("http://a.test/{}", id.sequence),
            headers: Headers::pack([("host", b"a.test".as_slice())]),
            ..Request::default()
        },
        outcome: Outcome::Answered(Response {
            status: 200,
            body: Body::full(body),
            ..Response::default()
        }),
        timing: Timing::default(),
        own_changes: Vec::new(),
        testimony: Testimony::default(),
        interim: Vec::new(),
        frames: Frames::default(),
        tls: None,
        trailers: None,
    }
}

fn trace(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("x.hops")
}

/// Bytes of the file and its log.
fn on_disk(path: &Path) -> u64 {
    let log = PathBuf::from(format!("{}-wal", path.display()));
    let size = |it: &Path| std::fs::metadata(it).map_or(0, |it| it.len());
    size(path) + size(&log)
}

/// Read all that is there, and find every hop whole.
fn whole(reader: &Reader) -> Vec<u64> {
    let hops: Vec<Hop> = reader.hops(Load::Bodies).map(Result::unwrap).collect();
    for it in &hops {
        let body = &it.response().unwrap().body;
        assert_eq!(it.request.url, format!("http://a.test/{}", it.id.sequence));
        assert_eq!(*body, hop(it.id, 0, body.bytes.len()).response().unwrap().body);
        assert_eq!(body.bytes.len() as u64, body.length);
    }
    hops.iter().map(|it| it.id.sequence).collect()
}

#[test]
fn a_window_of_a_size_is_never_larger() {
    const LIMIT: u64 = 16 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = trace(&folder);
    let keep = Keep { bytes: Some(LIMIT), time: None };
    let (recorder, writer) = Store::create_window(&path, &[], keep).unwrap();
    let follower = Reader::open(&path).unwrap();
    let (mut revision, mut seen, mut largest) = (0, BTreeSet::new(), 0);
    // Four times the window, in bodies from tiny to large, while somebody follows.
    let mut written = 0;
    while written < 4 * LIMIT {
        let id = recorder.next_id();
        let size = match id.sequence % 3 {
            0 => 10,
            1 => 5_000,
            _ => 300_000,
        };
        recorder.insert_blocking(hop(id, id.sequence.cast_signed(), size));
        written += size as u64;
        if id.sequence.is_multiple_of(16) {
            largest = largest.max(on_disk(&path));
            let changes = follower.changes_since(revision, 100, Load::Bodies).unwrap();
            revision = changes.revision;
            for it in changes.hops {
                let body = it.response().unwrap().body.clone();
                assert_eq!(body.bytes.len() as u64, body.length, "{:?}", it.id);
                seen.insert(it.id.sequence);
            }
        }
    }
    let last = recorder.next_id().sequence - 1;
    assert_eq!(writer.finish().count, 0);
    largest = largest.max(on_disk(&path));
    assert!(largest <= LIMIT, "{largest} bytes");
    assert!(seen.len() > 100, "{}", seen.len());
    // What is left is the latest, without a gap, and the rest is accounted for.
    let reader = Reader::open(&path).unwrap();
    let (kept, info) = (whole(&reader), reader.info().unwrap());
    let first = kept[0];
    assert!(kept.iter().copied().eq(first..=last), "{kept:?}");
    assert!(kept.len() > 40, "the window is used: {}", kept.len());
    assert_eq!(info.dropped.count + kept.len() as u64, last);
    assert_eq!(info.dropped.why, "the window of 16 MiB was full");
    assert!(info.dropped.until.unwrap() <= info.first.unwrap());
    assert_eq!(reader.hop(HopId { recorder: recorder.random(), sequence: 1 }).unwrap(), None);
}

#[test]
fn what_began_in_one_epoch_and_ended_in_the_next_goes_whole() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep { bytes: Some(16 << 20), time: None };
    let (recorder, _writer) = Store::create_window(&trace(&folder), &[], keep).unwrap();
    let reader = Reader::open(&trace(&folder)).unwrap();
    let id = recorder.next_id();
    assert!(recorder.offer(asked(&recorder, id, Headers::new())).is_none());
    let (kept, length) = (vec![1; 1000], 1000);
    let body = Event::RequestBody { id, kept, length, end: true };
    assert!(recorder.offer(body).is_none());
    let begun = Instant::now();
    let is_kept = |id| {
        while reader.hop(id).unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "never kept");
            std::thread::yield_now();
        }
    };
    is_kept(id);
    // One at a time, so that no commit lets several epochs go.
    let insert = || {
        let id = recorder.next_id();
        recorder.insert_blocking(hop(id, id.sequence.cast_signed(), 300_000));
        is_kept(id);
    };
    (0..5).for_each(|_| insert());
    assert!(recorder.offer(Event::Ended { id, at: recorder.now(), failure: None }).is_none());
    while let Some(it) = reader.hop(id).unwrap() {
        let body = it.request.body;
        assert_eq!(body.bytes.len() as u64, body.length, "its beginning is gone");
        insert();
        assert!(begun.elapsed() < Duration::from_secs(60), "it never goes");
    }
}

#[test]
fn a_window_of_a_time_lets_old_hops_go() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep { bytes: None, time: Some(Duration::from_secs(3200)) };
    let (recorder, writer) = Store::create_window(&trace(&folder), &[], keep).unwrap();
    // One hop that never ends goes along.
    let open = recorder.next_id();
    recorder.insert_blocking(Hop { ended: None, outcome: Outcome::Pending, ..hop(open, 0, 0) });
    let reader = Reader::open(&trace(&folder)).unwrap();
    let mut last = 0;
    // A commit every now and then, or all would be one.
    for burst in 0..10 {
        for n in 0..100 {
            last = burst * 1000 + n * 10;
            recorder.insert_blocking(hop(recorder.next_id(), last, 20));
        }
        let seen = || reader.info().unwrap().last >= Some(Time(last * 1_000_000));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !seen() {
            assert!(Instant::now() < deadline, "no commit");
            std::thread::yield_now();
        }
    }
    writer.finish();
    let info = reader.info().unwrap();
    let begins = |seconds: i64| info.dropped.until.unwrap() > Time(seconds * 1_000_000);
    assert!(begins(last - 5000) && !begins(last - 3200), "{info:?}");
    assert_eq!(info.dropped.why, "older than 3200 s");
    assert_eq!(info.dropped.count + info.hops, 1001);
}

#[test]
fn a_hop_is_kept_within_a_tenth_of_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, _writer) = Store::create(&trace(&folder), &[]).unwrap();
    let reader = Reader::open(&trace(&folder)).unwrap();
    // A machine that is busy with something else makes anything late now and then; a recorder
    // that breaks its promise makes everything late.
    let best = (1..=20_u32).map(|n| {
        let (id, begun) = (recorder.next_id(), Instant::now());
        recorder.insert_blocking(hop(id, n.into(), 100));
        while reader.revision().unwrap() < n.into() {
            assert!(begun.elapsed() < Duration::from_secs(20), "never kept");
            std::thread::yield_now();
        }
        begun.elapsed()
    });
    let best = best.min().unwrap();
    assert!(best <= Duration::from_millis(100), "{best:?}");
}

/// Tells of an exchange that asks and is not answered.
fn ask(recorder: &StoreRecorder, kept: Vec<u8>) -> bool {
    let id = recorder.next_id();
    let length = kept.len() as u64;
    let asked = asked(recorder, id, Headers::new());
    let body = Event::RequestBody { id, kept, length, end: true };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        recorder.record(asked).await;
        recorder.record(body).await;
    });
    recorder.offer(Event::Ended { id, at: recorder.now(), failure: None }).is_none()
}

#[test]
fn a_hanging_disk_holds_traffic_up_for_a_second_once() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, writer) = Store::create(&trace(&folder), &[]).unwrap();
    // The writer cannot write while somebody else does, as on a disk that hangs.
    let other = rusqlite::Connection::open(trace(&folder)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut asked, mut longest) = (0, Duration::ZERO);
    let mut late = 0;
    while late < 200 {
        let begun = Instant::now();
        ask(&recorder, vec![0; 1 << 20]);
        longest = longest.max(begun.elapsed());
        asked += 1;
        assert!(asked < 1000, "nothing was ever lost");
        late += u64::from(recorder.unrecorded().count > 0);
    }
    // It waits once, then it knows.
    assert!(longest >= Duration::from_secs(1), "{longest:?}");
    let begun = Instant::now();
    ask(&recorder, vec![0; 1 << 20]);
    assert!(begun.elapsed() < Duration::from_millis(500));
    other.execute_batch("ROLLBACK").unwrap();
    let lost = writer.finish();
    let kept = Reader::open(&trace(&folder)).unwrap().info().unwrap();
    assert_eq!(kept.hops + lost.count, asked + 1);
    assert!(kept.hops >= 20 && lost.count > 0, "{lost:?}");
    assert_eq!(kept.unrecorded, lost);
}

fn asked(recorder: &StoreRecorder, id: HopId, headers: Headers) -> Event {
    Event::Asked {
        id,
        tap: TapId(0),
        connection: ConnectionId(1),
        exchange: Exchange::Http,
        at: recorder.now(),
        request: Request { headers, ..Request::default() },
        own_changes: Vec::new(),
    }
}

#[test]
fn large_heads_that_wait_are_bounded_as_bodies_are() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, _writer) = Store::create(&trace(&folder), &[]).unwrap();
    let other = rusqlite::Connection::open(trace(&folder)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let large = vec![b'x'; 1 << 20];
    let taken = (0..200).take_while(|_| {
        let headers = Headers::pack([("x", large.as_slice())]);
        recorder.offer(asked(&recorder, recorder.next_id(), headers)).is_none()
    });
    // What the writer took before it hung, and what its queue holds.
    assert!(taken.count() <= 100);
    other.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn however_many_hops_are_open_others_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, writer) = Store::create(&trace(&folder), &[]).unwrap();
    let reader = Reader::open(&trace(&folder)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let open: Vec<HopId> = (0..20_000).map(|_| recorder.next_id()).collect();
    runtime.block_on(async {
        for id in &open {
            recorder.record(asked(&recorder, *id, Headers::new())).await;
        }
    });
    let begun = Instant::now();
    while reader.info().unwrap().hops < open.len() as u64 {
        assert!(begun.elapsed() < Duration::from_secs(20), "never kept");
        std::thread::yield_now();
    }
    recorder.insert_blocking(hop(recorder.next_id(), 1, 100));
    while reader.info().unwrap().hops <= open.len() as u64 {
        assert!(begun.elapsed() < Duration::from_secs(40), "never kept");
        std::thread::yield_now();
    }
    assert_eq!(writer.finish().count, 0);
}

/// Tap, method (after `>` what a preflight asks for), URL, status with `Location`, begin and end.
type Seen = (u16, &'static str, &'static str, &'static str, i64, i64);

fn seen(recorder: &StoreRecorder, it: &Seen) -> Hop {
    let (tap, method, url, answer, started, ended) = *it;
    let (method, asks) = method.split_once('>').unwrap_or((method, ""));
    let (status, location) = answer.split_once(' ').unwrap_or((answer, ""));
    let mut fields = vec![("origin", b"http://page.test".as_slice())];
    if !asks.is_empty() {
        fields.push(("access-control-request-method", asks.as_bytes()));
    }
    let mut hop = hop(recorder.next_id(), 0, 10);
    (hop.tap, hop.started, hop.ended) = (TapId(tap), Time(started), Some(Time(ended)));
    (hop.request.method, hop.request.url) = (method.to_owned(), url.to_owned());
    hop.request.headers = Headers::pack(fields);
    hop.outcome = Outcome::Answered(Response {
        status: status.parse().unwrap(),
        headers: match location {
            "" => Headers::default(),
            to => Headers::pack([("location", to.as_bytes())]),
        },
        ..Response::default()
    });
    hop
}

/// The story of a lost prefix at two taps, with other traffic around it.
const STORY: &[Seen] = &[
    (0, "GET", "http://gw.test/health", "200", 1, 900),
    (0, "OPTIONS>GET", "http://gw.test/prod/items", "200", 10, 20),
    (1, "OPTIONS>GET", "http://app.test/items", "200", 12, 18),
    (0, "GET", "http://gw.test/prod/other", "200", 25, 40),
    (0, "GET", "http://gw.test/prod/items", "301 /items/", 30, 50),
    (1, "GET", "http://app.test/", "200", 31, 32),
    (1, "GET", "http://app.test/items", "301 /items/", 33, 48),
    (0, "OPTIONS>GET", "http://gw.test/items/", "403", 60, 70),
    (0, "GET", "http://gw.test/prod/late", "200", 80, 90),
];

#[test]
fn a_choosing_recorder_keeps_what_belongs_to_what_it_wants() {
    for (only, kept) in [
        ("403", vec![2, 3, 5, 7, 8]),
        ("GET /prod/items", vec![2, 3, 5, 7, 8]),
        ("prod/other", vec![4]),
        ("app.test/ 301", vec![2, 3, 5, 7, 8]),
        ("health", vec![1, 6]),
        ("nothing of it", vec![]),
        ("", (1..=9).collect()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = trace(&folder);
        let only = Filter::new(only);
        let (recorder, writer) =
            Store::create_choosing(&path, &[], Keep::default(), only.clone()).unwrap();
        let mut hops: Vec<Hop> = STORY.iter().map(|it| seen(&recorder, it)).collect();
        // They are told when they end.
        hops.sort_by_key(|it| it.ended);
        for hop in hops {
            recorder.insert_blocking(hop);
        }
        assert_eq!(writer.finish().count, 0);
        let reader = Reader::open(&path).unwrap();
        let mut found: Vec<u64> =
            reader.hops(Load::Heads).map(|it| it.unwrap().id.sequence).collect();
        found.sort_unstable();
        assert_eq!(found, kept, "{only:?}");
        let info = reader.info().unwrap();
        assert_eq!(info.skipped.count, STORY.len() as u64 - info.hops, "{only:?}");
        assert_eq!(info.skipped.only, only.text());
    }
}

#[tokio::test]
async fn a_choosing_recorder_holds_what_runs_and_forgets_what_it_does_not_want() {
    let folder = tempfile::tempdir().unwrap();
    let path = trace(&folder);
    let only = Filter::new("500");
    let (recorder, writer) = Store::create_choosing(&path, &[], Keep::default(), only).unwrap();
    let asked = |url: &str| {
        let Hop { id, tap, request, .. } = hop(recorder.next_id(), 0, 0);
        let request = Request { url: url.to_owned(), ..request };
        let (exchange, at, own_changes) = (Exchange::Http, Time(1), Vec::new());
        let connection = ConnectionId(1);
        (id, Event::Asked { id, tap, connection, exchange, at, request, own_changes })
    };
    let answered = |id, status| {
        let response = Response { status, ..Response::default() };
        Event::Answered { id, at: Time(2), response, own_changes: Vec::new() }
    };
    let (wanted, first) = asked("http://a.test/1");
    let (unwanted, second) = asked("http://a.test/2");
    for event in [first, second, answered(wanted, 500), answered(unwanted, 200)] {
        recorder.record(event).await;
    }
    // The one that is wanted is there while it runs.
    let deadline = Instant::now() + Duration::from_secs(10);
    let reader = Reader::open(&path).unwrap();
    while reader.hop(wanted).unwrap().is_none() {
        assert!(Instant::now() < deadline, "it is never written");
        std::thread::sleep(Duration::from_millis(5));
    }
    // More than may wait to be written: what is passed over must not count.
    for _ in 0..80 {
        let big = hop(recorder.next_id(), 1, 1 << 20);
        recorder.insert(big).await;
    }
    recorder.record(Event::Ended { id: wanted, at: Time(3), failure: None }).await;
    recorder.record(Event::Ended { id: unwanted, at: Time(3), failure: None }).await;
    let lost = tokio::task::spawn_blocking(move || writer.finish()).await.unwrap();
    assert_eq!(lost.count, 0, "{}", lost.why);
    let info = reader.info().unwrap();
    assert_eq!((info.hops, info.skipped.count), (1, 81));
}
