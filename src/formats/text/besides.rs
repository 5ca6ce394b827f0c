//! What a ladder has no room for, as lines under a chain: what was said on a WebSocket connection,
//! the fields after a body, the notes that somebody pinned to a hop.

use super::Text;
use crate::content::{self, Message, Said};
use crate::trace::{ChainHop, Exchange, Headers, Note};

/// Label and text of each line about one hop of the chain.
pub(super) fn lines(text: &Text<'_>, n: usize, step: &ChainHop) -> Vec<(String, String)> {
    let (hop, mut lines) = (&step.hop, Vec::new());
    if hop.exchange == Exchange::WebSocket {
        let latest = content::latest(hop, MOST);
        if latest.left_out > 0 {
            lines.push(format!("{} frames before these", latest.left_out));
        }
        lines.extend(latest.messages.iter().map(|it| message(text, it)));
    }
    if let Some(trailers) = &hop.trailers {
        lines.extend(fields(text, "request", &trailers.request));
        lines.extend(fields(text, "response", &trailers.response));
    }
    for (note, _) in Note::on(text.notes, step) {
        let by = if note.author.is_empty() { "" } else { " by " };
        lines.push(format!("note{by}{}: {}", note.author, text.secrets.text(&note.text)));
    }
    let label = |idx| if idx == 0 { format!("hop {n}") } else { String::new() };
    lines.into_iter().enumerate().map(|(idx, it)| (label(idx), it)).collect()
}

/// `client text, 5 bytes: hello`.
fn message(text: &Text<'_>, message: &Message) -> String {
    let (from, kind) = (message.from.as_str(), message.said.as_str());
    let code = match message.said {
        Said::Close(Some(code)) => format!(" {code}"),
        _ => String::new(),
    };
    let said = message.text().filter(|_| matches!(message.said, Said::Text | Said::Close(_)));
    let said = said.map(|it| text.secrets.message(&it)).filter(|it| !it.is_empty());
    let shown = said.map(|it| {
        let dots = if it.chars().count() > LONGEST { "…" } else { "" };
        format!(": {}{dots}", it.chars().take(LONGEST).collect::<String>())
    });
    let note = message.note.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    let length = message.length;
    format!("{from} {kind}{code}, {length} bytes{}{note}", shown.unwrap_or_default())
}

fn fields(text: &Text<'_>, side: &str, trailers: &Headers) -> Vec<String> {
    let all = trailers.iter();
    all.map(|it| {
        format!("{side} trailer {}: {}", it.name, text.secrets.header(&it.name, &it.text()))
    })
    .collect()
}

/// Frames of one hop that are printed, the latest.
const MOST: usize = 20;
/// Characters of a message that are printed.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Secrets;
    use crate::formats::text::Glyphs;
    use crate::trace::{
        ConnectionId, Event, Frame, Frames, From, HopId, HopKind, Request, TapId, Time, Trailers,
    };

    #[test]
    fn says_who_said_what() {
        let mut frames = Frames::default();
        for (from, opcode, payload) in [
            (From::Client, 1, b"hello\x1b[2J".to_vec()),
            (From::Server, 2, vec![0; 300]),
            (From::Server, 1, vec![b'x'; 300]),
            (From::Server, 8, b"\x03\xe8bye".to_vec()),
        ] {
            let (length, is_last) = (payload.len() as u64, true);
            frames.push(&Frame { from, opcode, is_last, length, payload, ..Frame::default() });
        }
        let mut hop = None;
        Event::Asked {
            id: HopId::default(),
            tap: TapId(0),
            connection: ConnectionId(1),
            exchange: Exchange::WebSocket,
            at: Time(1),
            request: Request::default(),
            own_changes: Vec::new(),
        }
        .apply(&mut hop);
        let mut hop = hop.unwrap();
        hop.frames = frames;
        let response = Headers::pack([("grpc-status", b"7".as_slice())]);
        hop.trailers = Some(Box::new(Trailers { response, ..Trailers::default() }));
        let secrets = Secrets::Revealed;
        let note = |sequence: u64, author: &str| Note {
            hop: HopId { sequence, ..HopId::default() },
            at: Time(2),
            author: author.to_owned(),
            text: "look!".to_owned(),
        };
        let notes = [note(0, ""), note(0, "ann"), note(9, "of another hop")];
        let text =
            Text { taps: &[], notes: &notes, secrets: &secrets, glyphs: Glyphs::Ascii, width: 80 };
        let (hop, kind) = (std::sync::Arc::new(hop), HopKind::WebSocket);
        let step = ChainHop { hop, kind, link: None, sightings: Vec::new() };
        let told: Vec<String> =
            lines(&text, 2, &step).into_iter().map(|(label, it)| format!("{label}|{it}")).collect();
        let long = format!("|server text, 300 bytes: {}…", "x".repeat(200));
        let wanted = [
            "hop 2|client text, 9 bytes: hello\u{1b}[2J",
            "|server binary, 300 bytes",
            &long,
            "|server close 1000, 5 bytes: bye",
            "|response trailer grpc-status: 7",
            "|note: look!",
            "|note by ann: look!",
        ];
        assert_eq!(told, wanted);
    }
}
