//! What a tap does with a client that breaks the rules of HTTP/2: raw frames, section by section
//! of [RFC 9113](https://www.rfc-editor.org/rfc/rfc9113), after the classic conformance suite
//! h2spec. Prints a table: rule, what has to come, what came.
//!
//! `cargo test --test h2_rules -- --nocapture`

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::print_stdout, reason = "the table is what this test is for")]

#[path = "h2_rules/rules.rs"]
mod rules;
#[path = "support/secure.rs"]
mod secure;
#[path = "support/wire.rs"]
mod wire;

use hopscope::proxy::{Options, Proxy};
use rules::{Due, GOAWAY, HEADERS, OTHERWISE, PING, PREFACE, RST_STREAM, SETTINGS, all, frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wire::{DEADLINE, Notebook};

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_kept_and_breaches_answered() {
    let upstream = secure::plain(false).await.address;
    let spec = format!("edge=reverse:127.0.0.1:0=http://{upstream},http=1.1");
    let specs = vec![spec.parse().unwrap()];
    let proxy = Proxy::start(specs, &Notebook::new(), Options::default()).await.unwrap();
    let (mut wrong, mut kept, mut known) = (Vec::new(), 0, Vec::new());
    for (section, what, bytes, due) in all() {
        let mut stream = TcpStream::connect(proxy.addresses()[0]).await.unwrap();
        let ping = frame(PING, 0, 0, b"the-end!");
        let whole = [PREFACE, &frame(SETTINGS, 0, 0, ""), &bytes, &ping].concat();
        // It may be cut off in the middle.
        let _gone = stream.write_all(&whole).await;
        let came = hear(&mut stream, due).await;
        let fits = match due {
            Due::Connection(why) => came == "closed" || came == format!("GOAWAY {why}"),
            Due::Stream(why) => {
                came == "closed"
                    || came.starts_with("GOAWAY ")
                    || came == format!("RST_STREAM {why}")
            }
            Due::Ignored => came == "goes on",
            Due::Answer => came == "200",
        };
        let is_known = !fits && OTHERWISE.contains(&(what, &came));
        let note = if is_known { "  (the HTTP library)" } else { "" };
        println!("{section:<6} {what:<50} {:<32} {came}{note}", format!("{due:?}"));
        match (fits, is_known) {
            (true, _) => kept += 1,
            (_, true) => known.push(what),
            _ => wrong.push(format!("{section} {what}: {came}")),
        }
    }
    let (n, others) = (kept + known.len() + wrong.len(), known.len());
    println!("{kept} of {n} to the letter, {others} with another reason of the HTTP library");
    assert_eq!(wrong, [""; 0]);
    assert_eq!(known.len(), OTHERWISE.len(), "{known:?}");
}

/// What comes of it: the first thing that decides.
async fn hear(stream: &mut TcpStream, due: Due) -> String {
    loop {
        let mut head = [0; 9];
        let reading = tokio::time::timeout(DEADLINE, stream.read_exact(&mut head));
        if reading.await.expect("nothing came").is_err() {
            return "closed".to_owned();
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if stream.read_exact(&mut payload).await.is_err() {
            return "closed".to_owned();
        }
        match head[3] {
            GOAWAY => return format!("GOAWAY {}", reason(&payload[4..])),
            RST_STREAM => return format!("RST_STREAM {}", reason(&payload)),
            PING if payload == b"the-end!" && matches!(due, Due::Ignored) => {
                return "goes on".to_owned();
            }
            HEADERS if matches!(due, Due::Answer | Due::Stream(_)) => {
                return match payload.first() {
                    Some(0x88) => "200".to_owned(),
                    Some(0x8c) => "400".to_owned(),
                    other => format!("an answer, {other:?}"),
                };
            }
            _ => {}
        }
    }
}

fn reason(payload: &[u8]) -> &'static str {
    match payload {
        [0, 0, 0, 0, ..] => "NO_ERROR",
        [0, 0, 0, 1, ..] => "PROTOCOL_ERROR",
        [0, 0, 0, 2, ..] => "INTERNAL_ERROR",
        [0, 0, 0, 3, ..] => "FLOW_CONTROL_ERROR",
        [0, 0, 0, 5, ..] => "STREAM_CLOSED",
        [0, 0, 0, 6, ..] => "FRAME_SIZE_ERROR",
        [0, 0, 0, 9, ..] => "COMPRESSION_ERROR",
        _ => "another",
    }
}
