//! What is fuzzed: every place where bytes from outside are read. Each takes any bytes at all and
//! checks what must hold for all of them; a panic is a finding.

mod taps;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use hopscope::cli::{Assume, Input};
use hopscope::content;
use hopscope::diagnose::{self, Fingerprints, Servers};
use hopscope::drive::{page_file, wire};
use hopscope::fetch::redirect::{Location, location_url};
use hopscope::fetch::{Browser, Known, cookies::CookieJar, csp, judge};
use hopscope::formats::json::{ChainWriter, places};
use hopscope::formats::text::{Glyphs, Text};
use hopscope::formats::{Secrets, har, mitm};
use hopscope::link;
use hopscope::proxy::{OnFailure, TapSpec, Upstream};
use hopscope::redact::Redactor;
use hopscope::store::{Load, Reader, Store};
use hopscope::trace::{
    Body, Chain, Exchange, Failure, FailureKind, Filter, Frames, Headers, Hop, HopId, Outcome,
    Request, Response, Tap, TapId, TapKind, Target, Testimony, Time, Timing, visible,
    visible_bytes,
};
use url::Url;

pub use taps::{client, socks};

/// A name, which is also that of its corpus, and what to do with bytes.
pub type FuzzTarget = (&'static str, fn(&[u8]));

pub const TARGETS: &[FuzzTarget] = &[
    ("heads", heads),
    ("chunks", chunks),
    ("location", location),
    ("fields", fields),
    ("content", contents),
    ("frames", frames),
    ("har", har_file),
    ("trace", trace_file),
    ("chain", chain),
    ("redact", redact),
    ("fingerprints", fingerprints),
    ("page", page),
    ("command", command),
    ("filter", filter),
    ("flows", flow_file),
    ("client", client),
    ("socks", socks),
];

/// An answer, whole and in pieces: the pieces must not matter.
pub fn heads(data: &[u8]) {
    let (size, data) = data.split_first().unwrap_or((&1, &[]));
    for method in ["GET", "HEAD"] {
        let whole = wire::read_all(data, method);
        let mut reader = wire::Reader::new(method);
        for piece in data.chunks(usize::from(*size).max(1)) {
            reader.feed(piece);
        }
        if !reader.is_done() {
            reader.close();
        }
        assert_eq!(reader.finish().0, whole, "in pieces of {size}");
    }
}

/// A body in chunks.
pub fn chunks(data: &[u8]) {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    if let Ok(answer) = wire::read_all(&[head, data].concat(), "GET") {
        assert!(answer.body.length <= data.len() as u64, "a body out of nothing");
    }
}

/// Two lines: a URL, and a `Location` that it answers with.
pub fn location(data: &[u8]) {
    let mut lines = data.splitn(2, |it| *it == b'\n');
    let current = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let location = lines.next().unwrap_or_default();
    let target = Target::parse(&current);
    let _ = (target.host().len(), target.origin(), target.path_and_query());
    let Ok(url) = Url::parse(&current) else { return };
    let mut answer = Response { status: 302, ..Response::default() };
    answer.headers.push("location", location);
    for browser in [Browser::Chromium, Browser::Firefox] {
        if let Location::Url(next) = location_url(&url, &answer, browser) {
            let _ = Target::parse(next.as_str()).origin();
        }
    }
}

/// Fields that have a grammar of their own.
pub fn fields(data: &[u8]) {
    let names = ["set-cookie", "content-security-policy", "vary", "cache-control"];
    let headers: Headers =
        names.into_iter().flat_map(|name| lines(data).map(move |it| (name, it))).collect();
    let _ = csp::parse(&headers);
    let (mut jar, url) = (CookieJar::default(), Url::parse("https://a.test/b/c").unwrap());
    jar.receive(&url, &headers, true, Time(0));
    let _ = jar.header(&url, true, Time(1));
    let packed = Headers::from_packed(data);
    assert_eq!(packed.pairs().count(), packed.len(), "packed fields are read in two ways");
}

/// A body: which codings in the first byte, then the coded bytes.
pub fn contents(data: &[u8]) {
    const LIMIT: usize = 1 << 16;
    let (which, data) = data.split_first().unwrap_or((&0, &[]));
    let codings = ["gzip", "br", "zstd", "deflate", "gzip, br", "identity", "x-gzip, zstd, zstd"];
    let types = ["application/json", "text/html; charset=utf-16", "text/plain; charset=\"x"];
    let coding = codings[usize::from(*which) % codings.len()];
    let kind = types[usize::from(*which) / codings.len() % types.len()];
    let headers: Headers =
        [("content-encoding", coding), ("content-type", kind)].into_iter().collect();
    let body = Body::full(data);
    let decoded = content::decode(&body, &headers, LIMIT);
    assert!(decoded.bytes.len() <= LIMIT, "{} bytes", decoded.bytes.len());
    let _ = (decoded.note(), content::text(&body, &headers), content::as_text(data, &headers));
}

/// Recorded WebSocket frames, which may be compressed.
pub fn frames(data: &[u8]) {
    let answer = b"GET ws://a.test/\n\x1fHTTP/1.1 101 S\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let mut hop = hop(answer, 0).unwrap();
    hop.exchange = Exchange::WebSocket;
    hop.frames = Frames::from_packed(data.to_vec());
    let messages: Vec<_> = content::messages(&hop).collect();
    assert!(messages.len() <= hop.frames.len() && hop.frames.len() <= data.len());
    let said = messages.iter().filter_map(|it| it.text().map(|it| it.len())).sum::<usize>();
    assert!(said <= data.len() * 1200 + 4096, "{said} characters out of {} bytes", data.len());
    let _ = content::latest(&hop, 3);
    explain(vec![hop], &taps());
}

/// A HAR, and what is made of its hops.
pub fn har_file(data: &[u8]) {
    let Ok(file) = har::read(data) else { return };
    let taps = taps();
    let _ = file.remarks.iter().map(String::len).sum::<usize>();
    explain(file.hops.into_iter().take(8).collect(), &taps[..1]);
}

/// A flow file of mitmproxy, and what is made of its hops.
pub fn flow_file(data: &[u8]) {
    let Ok(file) = mitm::read(data) else { return };
    let taps = taps();
    explain(file.hops.into_iter().take(8).collect(), &taps[..1]);
}

/// A filter in the first line, and what it may let through.
pub fn filter(data: &[u8]) {
    let mut lines = lines(data);
    let [words, text] =
        [(); 2].map(|()| String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned());
    let filter = Filter::new(&words);
    assert_eq!(filter, Filter::new(&filter.text()), "its own words are another filter");
    let _ = filter.lets_through(&text);
    let _ = words.parse::<Filter>();
}

/// A trace with some bytes changed: two bytes for the place and one for the value each, or, with
/// its usual beginning, a file of its own.
pub fn trace_file(data: &[u8]) {
    let mut bytes = if data.starts_with(b"SQLite format 3\0") {
        data.to_vec()
    } else {
        let mut bytes = good_trace().to_vec();
        for change in data.chunks_exact(3) {
            let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
            bytes[at] = change[2];
        }
        bytes
    };
    // An odd number of bytes cuts the file off, too.
    if data.len() % 3 == 1 {
        bytes.truncate(bytes.len() * usize::from(data[0]) / 256);
    }
    let mut name = DefaultHasher::new();
    (data, std::process::id(), std::thread::current().id()).hash(&mut name);
    let path = std::env::temp_dir().join(format!("hopscope-fuzz-{:x}.hops", name.finish()));
    std::fs::write(&path, bytes).unwrap();
    read_trace(&path);
    for end in ["", "-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

fn read_trace(path: &Path) {
    let Ok(reader) = Reader::open(path) else { return };
    let _ = (reader.info(), reader.notes(), reader.taps(), reader.derived("chain", 1));
    let hops: Vec<Hop> = reader.hops(Load::Bodies).map_while(Result::ok).take(16).collect();
    let _ = reader.changes_since(0, 16, Load::Heads);
    let taps = reader.taps().unwrap_or_default();
    explain(hops, &taps);
}

fn good_trace() -> &'static [u8] {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("good.hops");
        let body = "x".repeat(6000);
        let answer = format!("HTTP/1.1 301 M\r\nLocation: /a/\r\nServer: nginx\r\n\r\n{body}");
        let text = format!("GET http://a.test/a\nOrigin: http://b.test\u{1f}{answer}");
        let hops = (0..9).map(|it| hop(text.as_bytes(), it).unwrap());
        Store::import(&path, &taps(), hops).unwrap();
        std::fs::read(&path).unwrap()
    })
}

/// Up to eight hops as text ([`hop`]), separated by 0x1e.
pub fn chain(data: &[u8]) {
    let texts = data.split(|it| *it == 0x1e).take(8);
    let hops = texts.enumerate().filter_map(|(n, text)| hop(text, n as u64)).collect();
    explain(hops, &taps());
}

/// `METHOD URL`, header lines, and after 0x1f the answer as it came.
fn hop(text: &[u8], n: u64) -> Option<Hop> {
    let mut parts = text.splitn(2, |it| *it == 0x1f);
    let mut asked = lines(parts.next()?);
    let line = String::from_utf8_lossy(asked.next()?).into_owned();
    let (method, url) = line.split_once(' ')?;
    let headers: Headers = asked.filter_map(field).collect();
    let outcome = match parts.next().map(|it| wire::read_all(it, method)) {
        Some(Ok(answer)) => Outcome::Answered(answer),
        Some(Err(failure)) => Outcome::Failed(failure),
        None => Outcome::Failed(Failure {
            kind: FailureKind::Refused,
            detail: String::from_utf8_lossy(text).into_owned(),
        }),
    };
    let started = i64::try_from(n).unwrap_or_default() * 1000;
    let tap = TapId(u16::try_from(n % 2).unwrap_or_default());
    Some(Hop {
        id: HopId { recorder: 1, sequence: n + 1 },
        tap,
        exchange: Exchange::Http,
        started: Time(started),
        ended: Some(Time(started + 900)),
        request: Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers,
            body: Body::full(text),
            ..Request::default()
        },
        outcome,
        timing: Timing::default(),
        testimony: Testimony::default(),
        connection: None,
        own_changes: Vec::new(),
        frames: Frames::default(),
        interim: Vec::new(),
        tls: None,
        trailers: None,
    })
}

fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|it| *it == b':')?;
    let name = String::from_utf8_lossy(&line[..colon]).into_owned();
    Some((name, line[colon + 1..].trim_ascii().to_vec()))
}

/// Link, judge, diagnose and print, as `explain` does, with nothing hidden.
fn explain(hops: Vec<Hop>, taps: &[Tap]) {
    let hops: Vec<Arc<Hop>> = hops.into_iter().map(Arc::new).collect();
    let chains: Vec<Chain> = link::chains(&hops, taps);
    let places = places(&chains);
    let mut servers = Servers::default();
    for chain in &chains {
        servers.learn(chain);
    }
    let secrets = [Secrets::Revealed, Secrets::Redacted(Redactor::new([7; 32]))];
    for (n, chain) in chains.into_iter().enumerate() {
        let judgement = judge(&chain, &Known::default());
        let analysis = diagnose::analyse(Arc::new(chain), taps, judgement, &servers);
        for secrets in &secrets {
            let text = Text { taps, notes: &[], secrets, glyphs: Glyphs::Ascii, width: 100 };
            is_clean("text", &text.chain(n + 1, None, &analysis));
            is_clean("markdown", &text.markdown(n + 1, None, &analysis));
            let mut json = Vec::new();
            let mut writer = ChainWriter::begin(&mut json, taps, &[], &places, secrets).unwrap();
            writer.chain(n + 1, &analysis).unwrap();
            writer.end().unwrap();
            is_clean("JSON", std::str::from_utf8(&json).unwrap());
            serde_json::from_slice::<serde_json::Value>(&json).unwrap();
        }
    }
}

/// Nothing recorded may steer a terminal, end a line early or hide what stands there.
fn is_clean(what: &str, printed: &str) {
    let steers = |it: &char| {
        (it.is_control() && *it != '\n')
            || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some(bad) = printed.chars().find(steers) {
        panic!("{what} has {bad:?}: {printed:?}");
    }
}

/// Text that leaves the machine.
pub fn redact(data: &[u8]) {
    let redactor = Redactor::new([7; 32]);
    let text = String::from_utf8_lossy(data);
    let _ = (redactor.url(&text), redactor.text(&text), redactor.advice(&text));
    let _ = redactor.quoted("response body", &text);
    for kind in ["application/json", "application/x-www-form-urlencoded", "text/html"] {
        let headers: Headers = [("content-type", kind)].into_iter().collect();
        let _ = redactor.request_body(&headers, &Body::full(data));
        let _ = redactor.response_body(200, &headers, &Body::full(data));
    }
    let names = ["set-cookie", "authorization", "location", "link", "x-other"];
    let headers: Headers = names.into_iter().map(|it| (it, data)).collect();
    let _ = redactor.headers(&headers);
    is_clean("visible", &visible(&text).replace('\n', ""));
    is_clean("visible bytes", &visible_bytes(data));
}

pub fn fingerprints(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (prints, errors) = Fingerprints::with_user_file(&text, "own.toml");
    let _ = errors.iter().map(ToString::to_string).map(|it| it.len()).sum::<usize>();
    let answer = "GET http://a.test/a\u{1f}HTTP/1.1 403 F\r\nServer: x\r\n\r\n{\"message\":1}";
    let hop = hop(answer.as_bytes(), 0).unwrap();
    let answer = hop.response().unwrap();
    let _ = prints.recognise(&hop).map(|it| it.why(answer).len()).sum::<usize>();
}

pub fn page(data: &[u8]) {
    if let Err(error) = page_file::parse(&String::from_utf8_lossy(data)) {
        let _ = (error.to_string(), error.hint());
    }
}

/// Words of the command line.
pub fn command(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = (text.parse::<TapSpec>().map_err(|it| it.to_string()), text.parse::<Upstream>());
    let _ = (text.parse::<OnFailure>(), text.parse::<Assume>().map_err(|it| it.clone()));
    let _ = text.parse::<Input>();
}

fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|it| *it == b'\n').map(|it| it.strip_suffix(b"\r").unwrap_or(it))
}

fn taps() -> Vec<Tap> {
    let tap = |name: &str, kind| Tap {
        name: name.to_owned(),
        kind,
        address: "127.0.0.1:8080".to_owned(),
        upstream: (kind == TapKind::Reverse).then(|| "http://127.0.0.1:8000".to_owned()),
    };
    vec![tap("edge", TapKind::Forward), tap("origin", TapKind::Reverse)]
}
