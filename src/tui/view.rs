//! The whole frame.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::Model;
use super::seen::Seen;
use super::theme::Look;

/// Draw the model. Gives back where everything stands.
pub fn draw(_model: &Model, _look: &Look, _area: Rect, _buf: &mut Buffer) -> Seen {
    Seen::default()
}

/// How far the help can be scrolled.
pub(super) fn help_last_top(_model: &Model) -> usize {
    0
}
