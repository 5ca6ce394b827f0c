//! HTTP/2 frames by hand: libraries refuse to write what nobody should send
//! ([RFC 9113 §4](https://www.rfc-editor.org/rfc/rfc9113#section-4)).

use std::collections::BTreeMap;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::clients::SILENCE;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `GET /` of `authority`, whole, as the only block of its stream.
pub(crate) fn get(stream: u32, authority: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &asks(authority))
}

/// The fields of `GET /`: three of the static table, and `:authority`
/// ([RFC 7541 §A](https://www.rfc-editor.org/rfc/rfc7541#appendix-A)).
pub(crate) fn asks(authority: &str) -> Vec<u8> {
    let length = u8::try_from(authority.len()).unwrap();
    [&[0x82, 0x86, 0x84, 0x41, length], authority.as_bytes()].concat()
}

/// A field that goes into no table; its value has so many bytes.
pub(crate) fn field(name: u8, length: usize) -> Vec<u8> {
    let mut field = vec![0, 1, name, 0x7f];
    let mut rest = length - 127;
    while rest >= 128 {
        field.push(u8::try_from(rest % 128).unwrap() | 0x80);
        rest /= 128;
    }
    field.push(u8::try_from(rest).unwrap());
    field.resize(field.len() + length, b'v');
    field
}

/// All that comes, until it ends or nothing more does, in words: the frames that tell something,
/// each kind with its last code and how many there were.
pub(crate) async fn hear(from: &mut (impl AsyncRead + Unpin)) -> String {
    let mut told: BTreeMap<(u8, u32), usize> = BTreeMap::new();
    let end = loop {
        let reading = tokio::time::timeout(SILENCE, read(from)).await;
        let Ok(frame) = reading else { break "silence" };
        match frame {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break "closed",
            Err(_) => break "reset",
            Ok((kind, payload)) => {
                let code = match kind {
                    RST_STREAM => code(&payload),
                    GOAWAY => code(&payload[4..]),
                    HEADERS => payload.first().copied().unwrap_or_default().into(),
                    _ => continue,
                };
                *told.entry((kind, code)).or_default() += 1;
            }
        }
    };
    let mut words: Vec<_> = told.into_iter().map(|((kind, code), n)| name(kind, code, n)).collect();
    words.push(end.to_owned());
    words.join(", ")
}

fn name(kind: u8, code: u32, n: usize) -> String {
    let times = if n > 1 { format!(" × {n}") } else { String::new() };
    let codes = ["no error", "protocol", "internal", "flow control", "settings", "closed"];
    let more = ["frame size", "refused", "cancel", "compression", "connect", "calm"];
    let code_name = codes.iter().chain(&more).nth(code as usize).copied().unwrap_or("other");
    match kind {
        RST_STREAM => format!("RST {code_name}{times}"),
        GOAWAY => format!("GOAWAY {code_name}{times}"),
        // Indexed: 200, 204, 400 and 500 stand in the static table.
        _ if code == 0x88 => format!("200{times}"),
        _ if code == 0x8c => format!("400{times}"),
        _ => format!("another head{times}"),
    }
}

fn code(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(0, |it| u32::from_be_bytes(*it))
}

/// A frame: its kind and payload.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    from.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).await?;
    Ok((head[3], payload))
}
