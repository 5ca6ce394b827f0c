//! The empty screen: what to set, so that the first hop comes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::panel::{Content, scrolled};
use crate::trace::{Tap, TapKind, visible};
use crate::tui::message::{Feed, Status};
use crate::tui::model::Pane;
use crate::tui::theme::Look;

/// Draw it into the middle of the screen.
pub(super) fn empty(status: &Status, area: Rect, buf: &mut Buffer, look: &Look) {
    let cells = CELLS.min(area.width.saturating_sub(4));
    let content = content(status, usize::from(cells), look);
    let lines = u16::try_from(content.lines.len()).unwrap_or(u16::MAX).min(area.height);
    let inner = Rect {
        x: area.x + (area.width - cells) / 2,
        y: area.y + (area.height - lines) / 3,
        width: cells,
        height: lines,
    };
    scrolled(Pane::Chain, &content, 0, inner, buf, look);
}

fn content(status: &Status, cells: usize, look: &Look) -> Content {
    let theme = &look.theme;
    let mut content = Content::default();
    let headline = match status.feed {
        Feed::Recording => "Waiting for the first request",
        Feed::Following => "Waiting for the other process to record something",
        Feed::Saved => "This trace has no hops",
    };
    content.push(Span::styled(headline, theme.strong));
    if !status.only.is_empty() {
        let words = visible(&status.only);
        let kept = format!("Only what has these words is kept, with what led to it: {words}");
        content.paragraph(&kept, 0, cells, theme.text);
    }
    if status.feed != Feed::Recording {
        return content;
    }
    for tap in &status.taps {
        content.blank();
        match tap.kind {
            TapKind::Forward => forward(tap, cells, look, &mut content),
            TapKind::Reverse => reverse(tap, cells, look, &mut content),
            TapKind::File | TapKind::Direct => {}
        }
    }
    content
}

fn forward(tap: &Tap, cells: usize, look: &Look, content: &mut Content) {
    let theme = &look.theme;
    let (name, address) = (visible(&tap.name), visible(&tap.address));
    let line = format!("{name} is an HTTP proxy on {address}. Point a client at it:");
    content.paragraph(&line, 0, cells, theme.text);
    content.blank();
    let proxy = format!("http://{address}");
    let (host, port) = address.rsplit_once(':').unwrap_or((&address, ""));
    command("curl", &format!("curl -x {proxy} http://HOST/PATH"), cells, look, content);
    command(
        "Chromium",
        &format!(
            "chromium --proxy-server={proxy} --proxy-bypass-list='<-loopback>' \
             --user-data-dir=$(mktemp -d)"
        ),
        cells,
        look,
        content,
    );
    command(
        "Firefox",
        &format!("Settings, Network Settings, Manual proxy: {host} port {port}"),
        cells,
        look,
        content,
    );
    command("others", &format!("export http_proxy={proxy}"), cells, look, content);
    content.blank();
    let tls = "https is read where the client trusts hopscope (`hopscope ca install`, `hopscope \
               browser`). Or stand in front of the gateway instead:";
    content.paragraph(tls, 0, cells, theme.dim);
    let reverse = "hopscope record --tap edge=reverse:127.0.0.1:9000=https://GATEWAY";
    content.paragraph(reverse, 2, cells, theme.dim);
}

fn reverse(tap: &Tap, cells: usize, look: &Look, content: &mut Content) {
    let (name, address) = (visible(&tap.name), visible(&tap.address));
    let upstream = tap.upstream.as_deref().map(visible).unwrap_or_default();
    let line = format!("{name} stands before {upstream}. Ask it instead:");
    content.paragraph(&line, 0, cells, look.theme.text);
    content.blank();
    command("curl", &format!("curl -i http://{address}/"), cells, look, content);
}

/// A name, and beside it what to type.
fn command(name: &str, text: &str, cells: usize, look: &Look, content: &mut Content) {
    let lines = super::cells::wrap(text, cells.saturating_sub(NAME + 2));
    for (n, line) in lines.into_iter().enumerate() {
        let name = if n == 0 { name } else { "" };
        let spans: [(String, Style); 2] =
            [(format!("  {name:<NAME$}"), look.theme.dim), (line, look.theme.key)];
        let spans = spans.into_iter().map(|(text, style)| Span::styled(text, style));
        content.push(spans.collect::<ratatui::text::Line<'_>>());
    }
}

/// Cells of the text.
const CELLS: u16 = 74;

/// Cells of the clients' names.
const NAME: usize = 10;
