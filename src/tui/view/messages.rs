//! What was said on a WebSocket connection, in the hop view: a line a message.

use ratatui::text::{Line, Span};

use super::bodies::Room;
use super::cells::{pad, wrap};
use super::panel::Content;
use crate::content::{self, Message, Said};
use crate::trace::{Exchange, Hop, visible};

/// The messages under their heading; nothing for a hop that is no WebSocket.
pub(super) fn section(
    hop: &Hop,
    zone: chrono::FixedOffset,
    room: &Room<'_>,
    content: &mut Content,
) {
    if hop.exchange != Exchange::WebSocket {
        return;
    }
    let theme = &room.look.theme;
    let latest = content::latest(hop, MOST);
    content.heading("Messages", room.look);
    if latest.left_out > 0 {
        let text = format!("{} frames before these are recorded", latest.left_out);
        content.push(Span::styled(text, theme.dim));
    }
    if latest.messages.is_empty() {
        content.push(Span::styled("none yet", theme.dim));
    }
    for message in &latest.messages {
        let time = message.at.utc().with_timezone(&zone).format("%H:%M:%S%.3f");
        let who = pad(message.from.as_str(), 8);
        let head = format!("{time}  {who}{}", pad(message.said.as_str(), 8));
        let text = text(message);
        let cells = room.cells.saturating_sub(HEAD).max(20);
        let lines = wrap(&text, cells);
        let lines = if lines.is_empty() { vec![String::new()] } else { lines };
        let style = if message.said == Said::Broken { theme.failed } else { theme.text };
        for (n, line) in lines.into_iter().enumerate() {
            let head = if n == 0 { pad(&head, HEAD) } else { " ".repeat(HEAD) };
            content
                .push(Line::from(vec![Span::styled(head, theme.dim), Span::styled(line, style)]));
        }
    }
    content.blank();
}

/// What it says, and what stands in the way of reading it.
fn text(message: &Message) -> String {
    let said = match message.said {
        Said::Close(code) => {
            let code = code.map_or("without a code".to_owned(), |it| it.to_string());
            format!("{code} {}", String::from_utf8_lossy(&message.bytes)).trim_end().to_owned()
        }
        Said::Text => String::from_utf8_lossy(&message.bytes).into_owned(),
        _ if message.bytes.is_empty() => String::new(),
        _ => crate::trace::visible_bytes(
            message.bytes.get(..BYTES.min(message.bytes.len())).unwrap_or_default(),
        )
        .into_owned(),
    };
    let size = if message.said == Said::Binary {
        format!("{} bytes ", message.length)
    } else {
        String::new()
    };
    let note = message.note.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    format!("{size}{}{note}", visible(&said))
}

/// Frames of which messages are shown.
const MOST: usize = 1000;
/// Bytes of a binary message that are shown.
const BYTES: usize = 64;
/// Cells before a message's text.
const HEAD: usize = 30;
