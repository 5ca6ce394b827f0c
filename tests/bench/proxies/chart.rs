//! Bars as SVG: few enough to write by hand.

use std::fmt::Write as _;

/// One bar.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: f64,
    /// Ours, which stands out.
    pub(crate) own: bool,
}

/// A chart of horizontal bars, readable on a light and on a dark page.
pub(crate) fn bars(title: &str, unit: &str, bars: &[Bar<'_>]) -> String {
    let most = bars.iter().map(|it| it.value).fold(f64::MIN_POSITIVE, f64::max);
    let height = TOP + STEP * bars.len() as f64 + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>text {{ fill: #24292f }} @media (prefers-color-scheme: dark) \
         {{ text {{ fill: #e6edf3 }} }}</style>\n\
         <text x=\"10\" y=\"22\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    for (n, bar) in bars.iter().enumerate() {
        let y = TOP + STEP * n as f64;
        let length = (bar.value / most * ROOM).max(1.0);
        let fill = if bar.own { "#1f883d" } else { "#8c959f" };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"18\" rx=\"2\" fill=\"{fill}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{} {}</text>",
            LEFT - 8.0,
            y + 14.0,
            escaped(bar.name),
            LEFT + length + 6.0,
            y + 14.0,
            number(bar.value),
            escaped(unit),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// With as many digits as mean something, thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut apart = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const ROOM: f64 = 440.0;
const TOP: f64 = 36.0;
const STEP: f64 = 26.0;
