//! What a hop has besides a request and an answer: answers before the answer, fields after the
//! bodies, and what was said after an upgrade to WebSocket.

use serde::Serialize;

use crate::content::{self, Message, Said};
use crate::formats::Secrets;
use crate::trace::{self, Exchange, Hop};

#[derive(Serialize)]
pub(super) struct Interim {
    status: u16,
    at: String,
    headers: Vec<(String, String)>,
}

impl Interim {
    pub(super) fn of(interim: &trace::Interim, secrets: &Secrets) -> Interim {
        let headers = shown(&interim.headers, secrets);
        Interim { status: interim.status, at: interim.at.rfc3339(), headers }
    }
}

/// Fields after the bodies.
#[derive(Serialize)]
pub(super) struct Trailers {
    request: Vec<(String, String)>,
    response: Vec<(String, String)>,
}

impl Trailers {
    pub(super) fn of(trailers: &trace::Trailers, secrets: &Secrets) -> Trailers {
        let [request, response] =
            [&trailers.request, &trailers.response].map(|it| shown(it, secrets));
        Trailers { request, response }
    }
}

fn shown(headers: &trace::Headers, secrets: &Secrets) -> Vec<(String, String)> {
    let all = headers.iter();
    all.map(|it| (it.name.clone(), secrets.header(&it.name, &it.text()))).collect()
}

#[derive(Serialize)]
pub(super) struct Socket {
    /// Frames before the first of these messages.
    left_out: usize,
    messages: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    from: &'static str,
    at: String,
    kind: &'static str,
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Socket {
    pub(super) fn of(hop: &Hop, secrets: &Secrets) -> Option<Socket> {
        if hop.exchange != Exchange::WebSocket {
            return None;
        }
        let latest = content::latest(hop, MOST);
        let told = latest.messages.iter().map(|it| Told::of(it, secrets));
        Some(Socket { left_out: latest.left_out, messages: told.collect() })
    }
}

impl Told {
    fn of(message: &Message, secrets: &Secrets) -> Told {
        let is_text = matches!(message.said, Said::Text | Said::Close(_));
        let text = message.text().filter(|it| is_text && !it.is_empty());
        Told {
            from: message.from.as_str(),
            at: message.at.rfc3339(),
            kind: message.said.as_str(),
            length: message.length,
            code: if let Said::Close(code) = message.said { code } else { None },
            text: text.map(|it| secrets.message(&it)),
            note: message.note.clone(),
        }
    }
}

/// Frames of one hop that are printed.
const MOST: usize = 1000;
