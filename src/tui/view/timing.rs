//! Timing as a bar: connect, TLS, wait, receive.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::cells::pad;
use super::panel::Content;
use crate::trace::{Hop, Timing};
use crate::tui::theme::Look;

/// The bar and its legend; nothing when no step was timed.
pub(super) fn lines(hop: &Hop, cells: usize, margin: usize, look: &Look, content: &mut Content) {
    let theme = &look.theme;
    let timing = &hop.timing;
    let steps: Vec<(&str, u64, Style)> = [
        ("connect", timing.connect, theme.warn),
        ("tls", timing.tls, theme.changed),
        ("wait", waited(timing), theme.focus),
        ("receive", timing.receive, theme.ok),
    ]
    .into_iter()
    .filter_map(|(name, micros, style)| Some((name, micros?, style)))
    .collect();
    let total: u64 = steps.iter().map(|(_, micros, _)| *micros).sum();
    if total == 0 {
        return;
    }
    let room = cells.saturating_sub(margin + TOTAL).min(BAR);
    let mut bar = vec![Span::styled(pad("time", margin), theme.dim)];
    for (n, (_, micros, style)) in steps.iter().enumerate() {
        let share = u128::from(*micros) * room as u128 / u128::from(total);
        let length = usize::try_from(share).unwrap_or(room).max(usize::from(*micros > 0));
        // Neighbours differ by their sign as well as by colour.
        let sign = if n % 2 == 0 { look.glyphs.bar } else { look.glyphs.bar_light };
        bar.push(Span::styled(sign.repeat(length), *style));
    }
    bar.push(Span::styled(format!(" {}", duration(total)), theme.text));
    content.push(Line::from(bar));
    let mut legend = Line::default();
    for (n, (name, micros, style)) in steps.iter().enumerate() {
        let sign = if n % 2 == 0 { look.glyphs.bar } else { look.glyphs.bar_light };
        let text = format!("{name} {}  ", duration(*micros));
        if legend.width() + 1 + text.trim_end().chars().count() + 1 > cells.saturating_sub(margin) {
            content.push(indented(std::mem::take(&mut legend), margin));
        }
        legend.push_span(Span::styled(format!("{sign} "), *style));
        legend.push_span(Span::styled(text, theme.dim));
    }
    content.push(indented(legend, margin));
}

/// Waiting counts from the request's head, so it includes connecting; unless the connection was
/// opened ahead of the request, for a tunnel's handshake, which shows where that took longer.
fn waited(timing: &Timing) -> Option<u64> {
    let connecting = timing.connect.unwrap_or(0) + timing.tls.unwrap_or(0);
    timing.wait.map(|it| it.checked_sub(connecting).unwrap_or(it))
}

fn indented(mut line: Line<'static>, margin: usize) -> Line<'static> {
    line.spans.insert(0, Span::raw(" ".repeat(margin)));
    line
}

/// Microseconds for a person.
fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("0.{:02} ms", micros / 10),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

/// Cells of the longest bar.
const BAR: usize = 60;

/// Cells of the sum behind it.
const TOTAL: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connecting_is_no_waiting() {
        for (connect, tls, wait, shown) in [
            (Some(70), None, Some(1_370), Some(1_300)),
            (None, None, Some(1_370), Some(1_370)),
            // Opened before the request came.
            (Some(390), Some(2_500), Some(300), Some(300)),
            (Some(390), None, None, None),
        ] {
            assert_eq!(waited(&Timing { connect, tls, wait, receive: None }), shown);
        }
    }
}
